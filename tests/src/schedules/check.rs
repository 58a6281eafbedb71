//! Checks during a schedule and after it.

use super::{actors, database, findings, storage};
use filefield::db::Db;
use filefield::{FileName, Storage, StorageExt, Sweeper};
use std::collections::BTreeSet;

/// A file appears under a name. No committed row may have named it before, unless it got the name when there
/// was no such file.
pub(super) fn publishing(name: &str) {
    if actors::is_named(name) {
        missing(name);
    }
}

/// A committed row names a missing file. If the file was missing when the row got the name by hand, the user
/// did it. If it was deleted afterwards, it is a violation.
fn missing(name: &str) {
    let began = database::with_commits(|commits| {
        commits
            .iter()
            .rev()
            .find(|commit| commit.texts.iter().any(|text| text == name))
            .map(|commit| commit.began)
    });
    // Rows from before the start were written at step 0.
    let began = began.unwrap_or(0);
    match storage::deleted_after(name, began) {
        Some(died) => findings::violation(
            "R1",
            format!("a row has named `{name}` since step {began}, and it was deleted at step {died}"),
        ),
        None => findings::fired("name of no file given by hand"),
    }
}

/// Sweeps as if days had passed, then compares rows, files and journal.
pub(super) async fn after(db: &Db) -> super::Result {
    for seconds in [3600, 86_401, 86_401, 86_401] {
        database::advance(seconds);
        Sweeper::new(db).run().await?;
        if database::texts("SELECT name FROM filefield_journal LIMIT 1", &[])?.is_empty() {
            break;
        }
    }
    let foreign = actors::foreign();
    let left = "SELECT kind || ' ' || state || ' ' || name || ': ' || coalesce(last_error, '') FROM filefield_journal \
                WHERE state <> 'dead' OR name <> ?";
    for entry in database::texts(left, &[foreign.first().map_or("", String::as_str)])? {
        findings::violation("R4", format!("left in the journal: {entry}"));
    }
    let loose = actors::loose();
    let sql = "SELECT image FROM photo UNION SELECT image FROM card";
    let named: BTreeSet<String> =
        database::texts(sql, &[])?.into_iter().filter(|name| !name.is_empty()).collect();
    let files = storage::Stepped.list("p").await.unwrap_or_default().files;
    let files: BTreeSet<String> = files.iter().map(|file| format!("p/{file}")).collect();
    let others = |file: &String| named.contains(file) || foreign.contains(file) || loose.contains(file);
    for orphan in files.iter().filter(|file| !others(file)) {
        findings::violation("R2", format!("no row names `{orphan}`"));
    }
    for name in named.iter().filter(|name| !files.contains(*name)) {
        missing(name);
    }
    for name in foreign.iter().filter(|name| files.contains(*name)) {
        if read(name).await? != "foreign" {
            findings::violation("R8", format!("the foreign `{name}` was overwritten"));
        }
    }
    acknowledged().await
}

/// R6: inserted rows that no other actor changes exist, with their own bytes.
async fn acknowledged() -> super::Result {
    let mut owners = BTreeSet::new();
    for (id, name, bytes) in actors::created() {
        let found =
            database::texts("SELECT image FROM photo WHERE id = CAST(? AS INTEGER)", &[&id.to_string()])?;
        if found != [name.clone()] {
            findings::violation("R6", format!("row {id} holds {found:?}, not `{name}`"));
        }
        if storage::is_deleted_by_hand(&name) {
            continue;
        }
        match read(&name).await {
            Ok(held) if held == bytes => {}
            Ok(held) => findings::violation("R1", format!("`{name}` holds `{held}`, not `{bytes}`")),
            Err(error) => findings::violation("R1", format!("`{name}`: {error}")),
        }
        if !owners.insert(name.clone()) {
            findings::violation("one owner", format!("two rows were given `{name}`"));
        }
    }
    Ok(())
}

async fn read(name: &str) -> super::Result<String> {
    let bytes = storage::Stepped.open(FileName::new(name)?).await?.read_all(1 << 20).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

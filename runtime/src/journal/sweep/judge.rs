//! What is to become of one fenced entry: is the name still in use, and is the file ours (G2, G3).

use super::super::entry::{Entry, any, dialect, rows, sql, text, token};
use super::super::{database, is_missing_table};
use crate::failpoints::{planted, step};
use crate::field::FieldDef;
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, name, registry};
use sea_orm::DatabaseConnection;

/// What became of one entry.
pub(super) enum Outcome {
    Deleted,
    Referenced,
    Absent,
    Dead(String),
}

/// A column of the database that holds names of files of the storage in question, and what it calls the file.
#[derive(PartialEq)]
struct Place {
    table: String,
    column: String,
    called: String,
}

/// Decides about the file of a fenced entry, and deletes it where that is proven right.
pub(super) async fn judge(db: &DatabaseConnection, entry: &Entry) -> Result<Outcome> {
    step!("G2.judging");
    let name = match FileName::new(&entry.name) {
        Ok(name) => name,
        Err(error) => return Ok(Outcome::Dead(error.to_string())),
    };
    let columns = file_columns();
    let storage = storage_of(&entry.storage, &columns)?;
    if !entry.is_delete {
        storage.abandon(&entry.token).await?;
    }
    // Asked before the rows: from now on such a save either has its entry or has its row.
    let mut writer = None;
    if entry.is_delete {
        let aliases = registry::aliases(&entry.storage, &storage);
        writer = token(db, &sql(db)?.writer, vec![aliases.into(), name.as_str().into()]).await?;
    }
    if !planted!("no-probe") && is_referenced(db, entry, name, &storage, &columns).await? {
        return Ok(Outcome::Referenced);
    }
    step!("G2.probed");
    match storage.owner(name).await {
        // The file to be deleted was gone already, and a save has taken its name.
        Ok(Some(token)) if writer.as_ref() == Some(&token) => return Ok(Outcome::Absent),
        // A save reserved the name before this deletion was queued, and will find it taken. It must not find it free:
        // no deletion may be under way of a name that is being given away.
        Ok(_) if writer.is_some() => {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                "a save is about to find out that the name is taken",
            ));
        }
        Ok(Some(token)) if entry.is_delete || token == entry.token => {}
        // Another save of ours owns it, so what this entry announced was never published (F11).
        Ok(Some(_)) if !planted!("no-owner-check") => return Ok(Outcome::Absent),
        Ok(None) if !planted!("no-owner-check") => {
            return Ok(Outcome::Dead("the file carries no proof that it is ours".to_owned()));
        }
        Ok(_) => {}
        Err(error) => match error.kind() {
            ErrorKind::NotFound => return Ok(Outcome::Absent),
            ErrorKind::Unsupported if writer.is_none() && is_token_in_name(entry) => {}
            ErrorKind::Unsupported => {
                return Ok(Outcome::Dead("the storage cannot prove that the file is ours".to_owned()));
            }
            _ => return Err(error),
        },
    }
    step!("G3.proven");
    storage.delete(name).await?;
    step!("G4.deleted");
    Ok(Outcome::Deleted)
}

/// Where no owner is kept with a file, a token in its name proves that it is ours.
fn is_token_in_name(entry: &Entry) -> bool {
    if entry.is_delete { name::token_in(&entry.name).is_some() } else { entry.name.contains(&entry.token) }
}

/// G2: whether the entry's own column names the file, or any other that is known to this program or to the database,
/// by whatever name its storage has for it.
async fn is_referenced(
    db: &DatabaseConnection,
    entry: &Entry,
    name: FileName<'_>,
    storage: &SharedStorage,
    columns: &[(&'static str, &'static FieldDef)],
) -> Result<bool> {
    let own = Place { table: entry.table.clone(), column: entry.column.clone(), called: name.to_string() };
    if names(db, &own).await? {
        return Ok(true);
    }
    if planted!("probe-own-column-only") {
        return Ok(false);
    }
    let mut seen = vec![own];
    for (table, def) in columns {
        let (called, unknown) = match def.storage() {
            Ok(handle) => match name_in(&handle, storage, name) {
                Some(called) => (called, None),
                None => (String::new(), None),
            },
            Err(error) => (name.to_string(), Some(error)),
        };
        let place = Place { table: (*table).to_owned(), column: def.spec().column.to_owned(), called };
        if seen.contains(&place) {
            continue;
        }
        let found = if place.called.is_empty() { Ok(false) } else { names(db, &place).await };
        seen.push(place);
        match (found, unknown) {
            (Ok(false), _) => {}
            (Ok(true), None) => return Ok(true),
            // The row may mean this file.
            (Ok(true), Some(error)) => return Err(error),
            // A model of this program may live in another database; the entry's own table may not be missing
            // (requirement 92).
            (Err(error), _) if is_missing_table(&error) => {}
            (Err(error), _) => return Err(error),
        }
    }
    // Models of other programs.
    let location = storage.location();
    for row in rows(db, &sql(db)?.columns, vec![]).await? {
        let (table, column) = (text(&row, "model_table")?, text(&row, "model_column")?);
        if seen.iter().any(|place| place.table == table && place.column == column) {
            continue;
        }
        let place: Option<String> = row.try_get("", "location").map_err(database)?;
        let called = match (&location, &place) {
            (Some(here), Some(there)) => name_below(there, here, name),
            _ => {
                let alias = text(&row, "storage")?;
                (alias.is_empty() || alias == entry.storage).then(|| name.to_string())
            }
        };
        let Some(called) = called else { continue };
        if names(db, &Place { table, column, called }).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn names(db: &DatabaseConnection, place: &Place) -> Result<bool> {
    let probe = dialect(db)?.probe(&place.table, &place.column);
    let values = probe.matches(['?', '$']).map(|_| place.called.as_str().into()).collect();
    any(db, &probe, values).await
}

/// Every file column of every registered model with a table.
fn file_columns() -> Vec<(&'static str, &'static FieldDef)> {
    let mut columns = Vec::new();
    for model in registry::models() {
        if let Some(table) = model.table() {
            columns.extend(model.fields().iter().map(|def| (table, *def)));
        }
    }
    columns
}

/// The storage that an alias of the journal stands for: that of a registered field, or of the settings. Never
/// another one (F34); one that is not known here may be in another process, so that is no reason to give up at once.
fn storage_of(alias: &str, columns: &[(&'static str, &'static FieldDef)]) -> Result<SharedStorage> {
    let evaluated = columns.iter().filter_map(|(_, def)| def.storage().ok());
    match evaluated.into_iter().find(|handle| handle.alias() == alias) {
        Some(handle) => Ok(handle.storage().clone()),
        None => registry::storage(alias),
    }
}

/// What `storage` calls the file that `other` calls `name`; `None` where it does not show it.
fn name_in(storage: &SharedStorage, other: &SharedStorage, name: FileName<'_>) -> Option<String> {
    if registry::is_same(storage, other) {
        return Some(name.to_string());
    }
    name_below(&storage.location()?, &other.location()?, name)
}

/// What the storage at `root` calls the file that the one at `place` calls `name`.
fn name_below(root: &str, place: &str, name: FileName<'_>) -> Option<String> {
    let file = format!("{}/{}", place.trim_end_matches('/'), name::filepath_to_uri(name.as_str()));
    let below = file.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
    name::uri_to_filepath(below)
}

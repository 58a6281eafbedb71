//! From the rows to the files: R1, R6, R7.

use super::places::{Place, Places};
use super::report::InvariantReport;
use super::{Content, Invariants};
use crate::db::{Db, Ordering, Table, Value};
use crate::inspect::hex;
use crate::testing::Invariant;
use crate::{ErrorKind, FileMeta, FileName, Result, SharedStorage, StorageExt};
use sea_query::{Alias, Expr, ExprTrait};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::pin::Pin;

/// Rows per page, if whole rows are read.
const ROWS: u64 = 500;
/// Bytes per read.
const CHUNK: usize = 256 * 1024;
/// Names per column for which R7 is checked.
const PROBED: usize = 100;

/// A file that a row names, with what the row records about it.
pub(super) struct Known {
    column: &'static str,
    called: String,
    meta: Option<FileMeta>,
}

/// The next rows of a model, and the key of the last one.
type Rows = Pin<Box<dyn Future<Output = Result<(Vec<Known>, Option<Value>)>> + Send>>;

/// A model whose rows can be read with all that they record about their files.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypedModel {
    pub(super) table: &'static str,
    rows: fn(Db, Option<Value>) -> Rows,
}

impl TypedModel {
    pub(super) fn of<M: Table>() -> Self {
        TypedModel { table: M::TABLE, rows: |db, after| Box::pin(rows::<M>(db, after)) }
    }
}

async fn rows<M: Table>(db: Db, after: Option<Value>) -> Result<(Vec<Known>, Option<Value>)> {
    let key = M::key_column();
    let column = || Expr::col((Alias::new(M::TABLE), Alias::new(key.spec().name)));
    let mut objects = M::objects(&db);
    if let Some(after) = after {
        objects = objects.filter(column().gt(after));
    }
    let rows = objects.order_by(Ordering::ascending(column())).limit(ROWS).all().await?;
    let (mut known, mut last) = (Vec::new(), None);
    for row in rows {
        last = Some(key.value(&row));
        for field in M::FIELDS.iter() {
            if let Some(called) = field.value(&row).file().name().filter(|name| !name.is_empty()) {
                let meta = field.meta().and_then(|meta| meta.get(&row).meta()).cloned();
                known.push(Known { column: field.def().spec().column, called: called.to_owned(), meta });
            }
        }
    }
    Ok((known, last))
}

/// Checks R1 for all columns, and R6 for the acknowledged names.
pub(super) async fn check_files(
    options: &Invariants<'_>,
    places: &Places<'_>,
    report: &mut InvariantReport,
) -> Result<()> {
    for model in &options.models {
        let mut after = None;
        loop {
            let (known, last) = (model.rows)(options.db.clone(), after).await?;
            for known in known {
                let place = places.places.iter().find(|p| p.table == model.table && p.column == known.column);
                if let Some(place) = place {
                    check_file(options, places, place, &known, report).await?;
                }
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
    }
    for place in &places.places {
        if options.models.iter().any(|model| model.table == place.table) {
            continue;
        }
        let why = format!("size and hash of {place}, whose model was not named with `Invariants::model`");
        report.unchecked(Invariant::R1, why);
        let mut after = String::new();
        loop {
            let names = places.sql.page(place.table, place.column, &after).await?;
            let Some(last) = names.last() else { break };
            after.clone_from(last);
            // Other names that the database treats as equal to one of these are on another page.
            let found = places.sql.holding(place, &names).await?;
            for (called, stated) in found.into_iter().filter(|(called, _)| names.contains(called)) {
                let meta = Some(FileMeta { storage: Some(stated), ..FileMeta::default() });
                check_file(options, places, place, &Known { column: place.column, called, meta }, report)
                    .await?;
            }
        }
    }
    for (name, content) in &options.acknowledged {
        if let Some(wrong) = differs(options.storage, name, content).await? {
            report.broken(Invariant::R6, name.clone(), format!("acknowledged, but {wrong}"));
        } else if places.referencing(name).await?.is_none() {
            report.broken(Invariant::R6, name.clone(), "acknowledged, but no row names it");
        }
    }
    Ok(())
}

async fn check_file(
    options: &Invariants<'_>,
    places: &Places<'_>,
    place: &Place,
    known: &Known,
    report: &mut InvariantReport,
) -> Result<()> {
    let (called, meta) = (&known.called, known.meta.as_ref());
    let stated = meta.and_then(|meta| meta.storage.as_deref()).filter(|_| place.meta.is_some());
    // The checked storage shows only a part of the field's storage, or the file is in another one.
    let Some(name) = places.here(place, called, stated)? else { return Ok(()) };
    report.referenced += 1;
    let expected =
        meta.map(|meta| Content { size: meta.size, sha256: meta.sha256.clone() }).unwrap_or_default();
    if expected.sha256.is_some() {
        report.hashed += 1;
    }
    let storage = options.storage;
    // A row may release its file during the check. Only what the row still names afterwards counts.
    if differs(storage, &name, &expected).await?.is_some()
        && places.holds(place, called, stated).await?
        && let Some(wrong) = differs(storage, &name, &expected).await?
    {
        report.broken(Invariant::R1, name, format!("{place} names it, but {wrong}"));
    }
    Ok(())
}

/// Describes how a stored file differs from what it should be; `None` if it does not.
pub(super) async fn differs(
    storage: &SharedStorage,
    name: &str,
    expected: &Content,
) -> Result<Option<String>> {
    let checked = match FileName::new(name) {
        Ok(checked) => checked,
        Err(error) => return Ok(Some(format!("no storage takes that name: {error}"))),
    };
    let broken = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotAFile);
    let size = match storage.metadata(checked).await {
        Ok(metadata) => metadata.size,
        Err(error) if broken(error.kind()) => {
            return Ok(Some(format!("the file is not there: {:?}", error.kind())));
        }
        Err(error) => return Err(error),
    };
    if let Some(expected) = expected.size.filter(|expected| *expected != size) {
        return Ok(Some(format!("the file has {size} bytes, not {expected}")));
    }
    let Some(sha256) = &expected.sha256 else { return Ok(None) };
    let mut reader = match storage.open(checked).await {
        Ok(reader) => reader,
        Err(error) if broken(error.kind()) => return Ok(Some("the file is gone".to_owned())),
        Err(error) => return Err(error),
    };
    let mut hash = Sha256::new();
    while let Some(chunk) = reader.next_chunk(CHUNK).await? {
        hash.update(&chunk);
    }
    let found = hex(&hash.finalize());
    Ok((found != *sha256).then(|| format!("the bytes have the hash {found}, not {sha256}")))
}

/// Checks R7: queries names that differ slightly from existing ones.
pub(super) async fn check_equality(places: &Places<'_>, report: &mut InvariantReport) -> Result<()> {
    for place in &places.places {
        let names = places.sql.page(place.table, place.column, "").await?;
        for name in names.iter().take(PROBED) {
            let asked = variants(name);
            let found = places.sql.holding(place, &asked).await?;
            let found = found.into_iter().map(|(name, _)| name).collect();
            report_equal(&place.to_string(), &found, &asked, report);
        }
    }
    if places.journal {
        for entry in places.sql.journal(&[], PROBED).await? {
            let asked = variants(&entry.name);
            let entries = places.sql.journal(&asked, PROBED).await?;
            let found = entries.into_iter().map(|entry| entry.name).collect();
            report_equal("the journal", &found, &asked, report);
        }
    }
    Ok(())
}

fn report_equal(place: &str, found: &BTreeSet<String>, asked: &[String], report: &mut InvariantReport) {
    for name in found.iter().filter(|name| !asked.contains(name)) {
        let seen = format!("{place} takes it for equal to another name; one of {asked:?}");
        report.broken(Invariant::R7, name.clone(), seen);
    }
}

/// Names that a lax collation treats as equal to `name`: other case, trailing blanks, accents, other
/// compositions.
fn variants(name: &str) -> Vec<String> {
    use unicode_normalization::UnicodeNormalization;
    let mut all = vec![
        name.to_lowercase(),
        name.to_uppercase(),
        format!("{name} "),
        format!("{name}\u{301}"),
        format!("{name}\u{200b}"),
        name.trim_end().to_owned(),
        name.nfd().collect(),
        name.nfkc().collect(),
    ];
    for (plain, accented) in [('a', 'á'), ('e', 'é'), ('o', 'ö'), ('n', 'ñ'), ('A', 'Á'), ('E', 'É')] {
        all.push(name.replacen(plain, &accented.to_string(), 1));
        all.push(name.replacen(accented, &plain.to_string(), 1));
    }
    all.retain(|variant| variant != name && !variant.is_empty());
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_from_the_name_and_from_each_other() {
        for name in ["cars/a.jpg", "É.jpg", "1", "ß ", "CARS/A.JPG"] {
            let found = variants(name);
            assert!(found.len() >= 3, "{name}: {found:?}");
            assert!(!found.contains(&name.to_owned()));
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
        }
    }
}

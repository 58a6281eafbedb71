//! Reconciling files with a database that was restored from a backup.

use super::super::connection::{Connection, Journal, is_missing_table};
use super::super::statements::{Entry, any, execute, insert, refused, rows, sql};
use super::super::{grace, identity, release, roots};
use super::judge::file_columns;
use super::referenced::is_referenced;
use crate::field::FieldDef;
use crate::registry::{self, StorageHandle};
use crate::{ErrorKind, FileName, Result, StorageExt, name};

/// How many names are read from the database at a time.
const PAGE: i64 = 10_000;

/// What [`after_restore`](crate::db::after_restore) found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Names of files in rows, each counted once per column.
    pub names: u64,
    /// Names among these whose file is missing. They are reserved: no new file gets such a name while the row
    /// has it. [`Sweeper::dead`](super::Sweeper::dead) lists them.
    pub missing: u64,
    /// Files examined in the storages.
    pub files: u64,
    /// Files among these that this database has stored and no row names: they were saved after the backup.
    /// They are deleted after `DELETE_AFTER`, unless a row names them by then.
    pub queued: u64,
    /// Files among these whose owner token another database has issued. They are kept. If no other
    /// application uses the storage, they were saved after an earlier restore from the same backup, and no
    /// sweep deletes them.
    pub foreign: u64,
    /// Storages that cannot list their files. They were not searched for newer files.
    pub unlisted: u64,
}

/// See [`crate::db::after_restore`].
pub(crate) async fn after_restore(db: &Journal) -> Result<RestoreReport> {
    let columns = file_columns();
    for (_, def) in &columns {
        // If the root is missing, every file would count as missing.
        let storage = def.storage().map_err(|error| def.blame(error))?;
        roots::is_in_place(db, storage.alias(), storage.storage()).await.map_err(|error| def.blame(error))?;
    }
    identity::renew(db).await?;
    give_back(db).await?;
    let mut report = RestoreReport::default();
    let mut storages: Vec<(StorageHandle<'static>, &str, &FieldDef)> = Vec::new();
    for &(table, def) in &columns {
        let own = def.storage().map_err(|error| def.blame(error))?;
        match reserve_missing(db, table, def, &own, &mut report).await {
            // The table of a registered model may be in another database.
            Err(error) if is_missing_table(&error) => continue,
            result => result.map_err(|error| def.blame(error))?,
        }
        if !storages.iter().any(|(known, ..)| registry::is_same(known, &own)) {
            storages.push((own, table, def));
        }
    }
    for (storage, table, def) in storages {
        match queue_newer(db, &storage, (table, def), &columns, &mut report).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => report.unlisted += 1,
            result => result.map_err(|error| error.with_storage(storage.alias()))?,
        }
    }
    Ok(report)
}

/// Releases the reserved names whose files are back.
async fn give_back(db: &Journal) -> Result<()> {
    let sql = sql(db)?;
    let mut after = 0_i64;
    loop {
        let found = rows(db, &sql.missing, vec![after.into(), PAGE.into()]).await?;
        if found.is_empty() {
            return Ok(());
        }
        for row in &found {
            after = row.int("id")?;
            let (alias, name) = (row.text("storage")?, row.text("name")?);
            // If the settings do not know the storage any more, the name stays reserved.
            let (Ok(storage), Ok(file)) = (registry::handle(&alias), FileName::existing(&name)) else {
                continue;
            };
            match storage.metadata(file).await {
                Ok(_) => drop(execute(db, &sql.drop_dead, vec![after.into()]).await?),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {}
                Err(error) => return Err(error.with_name(&name).with_storage(&alias)),
            }
        }
    }
}

/// Reserves the names in the rows of one column whose files are missing.
async fn reserve_missing(
    db: &Journal,
    table: &'static str,
    def: &'static FieldDef,
    own: &StorageHandle<'static>,
    report: &mut RestoreReport,
) -> Result<()> {
    let dialect = db.dialect();
    let spec = def.spec();
    let (page, probe) =
        (dialect.names_after(table, spec.column), dialect.probe(table, spec.column, spec.meta_column));
    let mut after = String::new();
    loop {
        let found = rows(db, &page, vec![after.as_str().into(), PAGE.into()]).await?;
        let names = found.iter().map(|row| row.text("name")).collect::<Result<Vec<_>>>()?;
        let Some(last) = names.last() else { return Ok(()) };
        after.clone_from(last);
        for name in names {
            report.names += 1;
            let values = vec![name.as_str().into(); dialect.probe_values()];
            for row in rows(db, &probe, values).await? {
                let stated = row.text_or_null("stated")?;
                let home = match stated.filter(|stated| !stated.is_empty()) {
                    Some(alias) => registry::elsewhere(own.clone(), &alias)?,
                    None => own.clone(),
                };
                // No file can get a name that every storage refuses.
                let Ok(file) = FileName::existing(&name) else { continue };
                match home.metadata(file).await {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) if error.kind() == ErrorKind::Unsupported => continue,
                    result => {
                        result.map_err(|error| error.with_name(&name).with_storage(home.alias()))?;
                        continue;
                    }
                }
                let values = vec![
                    home.alias().into(),
                    file.as_str().into(),
                    name::token()?.into(),
                    table.into(),
                    spec.column.into(),
                ];
                if insert(db, &sql(db)?.reserve_missing, values).await?.is_none() {
                    return Err(refused(db).await);
                }
                report.missing += 1;
            }
        }
    }
}

/// Queues the deletion of files that this database has stored and no row names.
async fn queue_newer(
    db: &Journal,
    storage: &StorageHandle<'static>,
    (table, def): (&'static str, &'static FieldDef),
    columns: &[(&'static str, &'static FieldDef)],
    report: &mut RestoreReport,
) -> Result<()> {
    let aliases = registry::aliases(storage.alias(), storage);
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        let listing = match storage.list(&directory).await {
            // The directory was removed after it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_empty() => continue,
            listing => listing?,
        };
        let below =
            |name: &String| if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        directories.extend(listing.dirs.iter().map(below));
        for name in listing.files.iter().map(below) {
            let Ok(file) = FileName::existing(&name) else { continue };
            report.files += 1;
            let owner = match storage.owner(file).await {
                Ok(owner) => owner,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {
                    continue;
                }
                Err(error) => return Err(error.with_name(&name)),
            };
            // Any database may have issued a token without an identity.
            let Some(owner) = owner.filter(|owner| !identity::identity_in(owner).is_empty()) else {
                continue;
            };
            let known = vec![aliases.as_str().into(), name.as_str().into()];
            if !identity::is_own(db, &owner).await? {
                report.foreign += u64::from(identity::identity_in(&owner) != name::NOBODY);
                continue;
            }
            if any(db, &sql(db)?.is_known, known).await? {
                continue;
            }
            let entry = Entry {
                id: 0,
                storage: storage.alias().to_owned(),
                name: name.clone(),
                is_delete: true,
                is_tombstone: false,
                token: owner,
                multipart_id: None,
                attempts: 0,
                table: table.to_owned(),
                column: def.spec().column.to_owned(),
            };
            if is_referenced(db, &entry, file, storage.storage(), columns).await? {
                continue;
            }
            release(db, storage.alias(), &name, (table, def.spec().column), grace()).await?;
            report.queued += 1;
        }
    }
    Ok(())
}

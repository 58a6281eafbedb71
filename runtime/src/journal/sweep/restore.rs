//! What has to be done after a database was restored from a backup.

use super::super::entry::{Entry, any, dialect, execute, insert, refused, rows, sql, text};
use super::super::error::{database, is_missing_table};
use super::super::write::grace;
use super::super::{identity, roots};
use super::judge::file_columns;
use super::referenced::is_referenced;
use crate::field::FieldDef;
use crate::registry::{self, StorageHandle};
use crate::{ErrorKind, FileName, Result, StorageExt, name};
use sea_orm::DatabaseConnection;

/// How many names are read from the database at a time.
const PAGE: i64 = 10_000;

/// What [`after_restore`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Names of files that rows have, each counted once for a column.
    pub names: u64,
    /// Of these, names whose file is not there. They are reserved: no other file gets such a name as long as the row
    /// has it. [`Sweeper::dead`](super::Sweeper::dead) lists them.
    pub missing: u64,
    /// Files looked at in the storages.
    pub files: u64,
    /// Of these, files of this database that no row names: they were saved after the backup was made. They are deleted
    /// after `DELETE_AFTER`, unless a row names them by then.
    pub queued: u64,
    /// Of these, files whose owner token another database has issued. They are left alone. If no other application uses the
    /// storage, they were saved after an earlier restore from the same backup, and no sweep deletes them.
    pub foreign: u64,
    /// Storages that cannot list their files, where no newer file was looked for.
    pub unlisted: u64,
}

/// Brings the files and a database that was restored from a backup together again. Register all models first, and call
/// this before the program serves. It may be called again at any time.
///
/// 1. The database gets one more identity, which the owner tokens of new files carry.
/// 2. The name of every file that a row has and that is not in the storage is reserved, so that no new file gets it and
///    shows its bytes in the restored row. A name whose file is there again is given back.
/// 3. Every file in the storages of the registered fields that this database has stored and that no row names is queued
///    for deletion, after the time that the setting `DELETE_AFTER` says.
///
/// Files are compared by name alone. [`FieldFile::read_verified`](crate::field::FieldFile::read_verified) compares the
/// bytes with the hash that a row has of them.
///
/// # Errors
/// [`StorageUnavailable`](ErrorKind::StorageUnavailable) where the root of a storage is not in its place: then nothing is
/// done. Those of the database and of the storages. What was done before stays done; call it again.
pub async fn after_restore(db: &DatabaseConnection) -> Result<RestoreReport> {
    let columns = file_columns();
    for (_, def) in &columns {
        // Where no root is, every file would count as missing.
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
            // A model of this program may live in another database.
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

/// Gives back the reserved names whose files are there again.
async fn give_back(db: &DatabaseConnection) -> Result<()> {
    let sql = sql(db)?;
    let mut after = 0_i64;
    loop {
        let found = rows(db, &sql.missing, vec![after.into(), PAGE.into()]).await?;
        if found.is_empty() {
            return Ok(());
        }
        for row in &found {
            after = row.try_get("", "id").map_err(database)?;
            let (alias, name) = (text(row, "storage")?, text(row, "name")?);
            // What no setting knows any more stays reserved.
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

/// Reserves the names that rows have in one column and that no file has.
async fn reserve_missing(
    db: &DatabaseConnection,
    table: &'static str,
    def: &'static FieldDef,
    own: &StorageHandle<'static>,
    report: &mut RestoreReport,
) -> Result<()> {
    let dialect = dialect(db)?;
    let spec = def.spec();
    let (page, probe) =
        (dialect.names_after(table, spec.column), dialect.probe(table, spec.column, spec.meta_column));
    let mut after = String::new();
    loop {
        let found = rows(db, &page, vec![after.as_str().into(), PAGE.into()]).await?;
        let names = found.iter().map(|row| text(row, "name")).collect::<Result<Vec<_>>>()?;
        let Some(last) = names.last() else { return Ok(()) };
        after.clone_from(last);
        for name in names {
            report.names += 1;
            let values = vec![name.as_str().into(); dialect.probe_values()];
            for row in rows(db, &probe, values).await? {
                let stated: Option<String> = row.try_get("", "stated").map_err(database)?;
                let home = match stated.filter(|stated| !stated.is_empty()) {
                    Some(alias) => registry::elsewhere(own.clone(), &alias)?,
                    None => own.clone(),
                };
                // A name that no storage takes no file can get.
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
    db: &DatabaseConnection,
    storage: &StorageHandle<'static>,
    (table, def): (&'static str, &'static FieldDef),
    columns: &[(&'static str, &'static FieldDef)],
    report: &mut RestoreReport,
) -> Result<()> {
    let aliases = registry::aliases(storage.alias(), storage);
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        let listing = match storage.list(&directory).await {
            // Removed meanwhile.
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
            // A token without an identity may be that of any database.
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
            queue(db, storage.alias(), file, (table, def.spec().column)).await?;
            report.queued += 1;
        }
    }
    Ok(())
}

/// Queues the deletion of a file that no row names any more, after the time that `DELETE_AFTER` says.
pub(crate) async fn queue(
    db: &DatabaseConnection,
    alias: &str,
    file: FileName<'_>,
    (table, column): (&str, &str),
) -> Result<()> {
    let values = vec![
        alias.into(),
        file.as_str().into(),
        name::token()?.into(),
        grace().into(),
        table.into(),
        column.into(),
    ];
    match insert(db, &sql(db)?.queue, values).await? {
        Some(_) => Ok(()),
        None => Err(refused(db).await),
    }
}

//! Records which root a storage had when files were first saved in it through a database.
//!
//! A storage that can be missing, or be mistaken for another one, has an identity:
//! [`Place::root`](crate::storage::Place::root). The first save through a database records it. From then on, while
//! the root is missing or another one is in its place, no file is stored and no entry is processed. A sweeper
//! never records a root, because it may run while the disk is not mounted.

use super::connection::{Connection, Journal};
use super::reserve::run;
use super::statements::{execute, rows, sql};
use super::{create, is_missing_table, known, transaction};
use crate::inspect::hex;
use crate::registry::StorageHandle;
use crate::settings::OVERRIDE;
use crate::storage::WhichRoot;
use crate::{Error, ErrorKind, Result, SharedStorage, StorageExt};
use sha2::{Digest, Sha256};

const TABLE: &str = "filefield_roots";

/// Called before files are stored: checks that the root is the recorded one. Records the first one.
pub(crate) async fn ensure(db: &Journal, handle: &StorageHandle<'_>) -> Result<()> {
    let (alias, storage) = (handle.alias(), handle.storage());
    if known::is_compared(db, storage, alias) {
        return Ok(());
    }
    if !has_table(db, TABLE).await? {
        if !has_table(db, "filefield_journal").await? {
            // The database was never migrated; the journal reports that.
            return Ok(());
        }
        // The database was migrated by a version without this table.
        if let Err(error) = create(db).await
            && !has_table(db, TABLE).await?
        {
            return Err(error);
        }
    }
    let is_it = match recorded(db, alias, storage).await? {
        Some(known) => require(storage, alias, known).await?,
        None => record(db, alias, storage, WhichRoot::First).await.map(|()| true)?,
    };
    if is_it {
        known::set_compared(db, storage, alias);
    }
    Ok(())
}

/// Called before a row names a file that was stored without the journal: checks that the root is not another
/// one than the recorded one.
pub(crate) async fn compare(db: &dyn Connection, alias: &str, storage: &SharedStorage) -> Result<()> {
    if !has_table(db, TABLE).await? {
        return Ok(());
    }
    match recorded(db, alias, storage).await? {
        Some(known) => require(storage, alias, known).await.map(drop),
        None => Ok(()),
    }
}

/// How far a sweeper may trust what it sees in a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A missing file is gone.
    Full,
    /// The database has recorded no root of the storage, or has recorded one and the storage has none now, as
    /// after a change of the settings. A missing file may be elsewhere.
    OnlyWhatIsThere,
}

/// Called before entries are processed. Creates and records nothing.
///
/// # Errors
/// Returns [`StorageUnavailable`](ErrorKind::StorageUnavailable) if the root is not the recorded one.
pub(super) async fn trust(db: &Journal, alias: &str, storage: &SharedStorage) -> Result<Trust> {
    if known::is_compared(db, storage, alias) {
        return Ok(Trust::Full);
    }
    let known = match recorded(db, alias, storage).await {
        Err(error) if is_missing_table(&error) => None,
        known => known?,
    };
    match known {
        Some(known) => {
            if !require(storage, alias, known).await? {
                return Ok(Trust::OnlyWhatIsThere);
            }
        }
        None => match storage.root(WhichRoot::Standing).await {
            Ok(None) => {}
            Err(error) if error.kind() != ErrorKind::StorageUnavailable => return Err(error),
            _ => return Ok(Trust::OnlyWhatIsThere),
        },
    }
    known::set_compared(db, storage, alias);
    Ok(Trust::Full)
}

/// Checks that the storage can be used: if a root is recorded, it is in its place. Asks the storage every
/// time.
pub(super) async fn is_in_place(db: &Journal, alias: &str, storage: &SharedStorage) -> Result<()> {
    match recorded(db, alias, storage).await {
        Ok(Some(known)) => require(storage, alias, known).await.map(drop),
        Err(error) if !is_missing_table(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Accepts the present root as that of the storage, for this database and this process.
pub(crate) async fn accept(db: &Journal, alias: &str) -> Result<()> {
    let handle = crate::registry::handle(alias)?;
    let (alias, storage) = (handle.alias(), handle.storage());
    create(db).await?;
    known::forget_compared(storage);
    record(db, alias, storage, WhichRoot::Accepted).await?;
    known::set_compared(db, storage, alias);
    Ok(())
}

/// Whether the root is the known one. `false` for a storage without an identity, such as one that the
/// application implements.
///
/// # Errors
/// Returns [`StorageUnavailable`](ErrorKind::StorageUnavailable) for another root, and says what to do.
async fn require(storage: &SharedStorage, alias: &str, known: String) -> Result<bool> {
    let found = storage.root(WhichRoot::Known(known.clone())).await;
    let error = match found {
        Ok(None) => return Ok(false),
        Ok(Some(found)) if found == known => return Ok(true),
        Ok(Some(_)) => {
            Error::new(ErrorKind::StorageUnavailable, "the storage has another root than the database knows")
        }
        Err(error) if error.kind() == ErrorKind::StorageUnavailable => error,
        Err(error) => return Err(error),
    };
    let alias = alias.escape_debug();
    let text = format!(
        "{error}; to let what stands there be the root from now on, call `filefield::db::accept_root(&db, \"{alias}\")`"
    );
    Err(Error::new(ErrorKind::StorageUnavailable, text).with_source(error).retryable())
}

/// Records the identity of the root, if the storage has one.
async fn record(db: &Journal, alias: &str, storage: &SharedStorage, which: WhichRoot) -> Result<()> {
    let replaces = which == WhichRoot::Accepted;
    let identity = storage.root(which).await?;
    let sql = sql(db)?;
    if replaces {
        let alias = key(alias, storage);
        return Ok(transaction::own(db, move |tx| {
            let (alias, identity) = (alias.clone(), identity.clone());
            Box::pin(async move {
                execute(tx, &sql.forget_root, vec![alias.as_str().into()]).await?;
                if let Some(identity) = identity {
                    execute(tx, &sql.add_root, vec![alias.into(), identity.into()]).await?;
                }
                Ok(())
            })
        })
        .await?);
    }
    let Some(identity) = identity else { return Ok(()) };
    let added = run(db, &sql.add_root, vec![key(alias, storage).into(), identity.as_str().into()]).await;
    match recorded(db, alias, storage).await? {
        Some(known) if known == identity => Ok(()),
        // Another process was first, with another root.
        Some(known) => require(storage, alias, known).await.map(drop),
        None => Err(added.err().unwrap_or_else(|| {
            Error::new(ErrorKind::Database, "the root of the storage was not recorded").retryable()
        })),
    }
}

async fn recorded(db: &dyn Connection, alias: &str, storage: &SharedStorage) -> Result<Option<String>> {
    let found = rows(db, &sql(db)?.root, vec![key(alias, storage).into()]).await?;
    found.first().map(|row| row.text("identity")).transpose()
}

/// The key under which a root is recorded: the alias. In tests one storage can replace all others; it is
/// another one in every test, so its location is part of the key.
fn key(alias: &str, storage: &SharedStorage) -> String {
    match storage.location() {
        Some(location) if alias == OVERRIDE => {
            let digest = Sha256::digest(location.as_bytes());
            format!("{alias} {}", hex(&digest[..16]))
        }
        _ => alias.to_owned(),
    }
}

/// Whether a table exists. The query does not fail, since an error would end a transaction.
async fn has_table(db: &dyn Connection, table: &str) -> Result<bool> {
    Ok(!rows(db, db.dialect().columns_of(), vec![table.into()]).await?.is_empty())
}

//! Staging: reserve a name in the journal, then put the bytes under it (W1–W3).

use super::entry::{check_backend, execute, insert};
use super::sql;
use crate::field::FieldDef;
use crate::field::store::{Prepared, Stored};
use crate::name::Candidates;
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileName, Result};
use sea_orm::DatabaseConnection;
use std::time::Duration;

/// How long a reservation holds without a renewal, in seconds. Bytes still on their way renew it.
const LEASE: i64 = 15 * 60;

/// How many names of other programs' files one save may run into.
const MAX_TRIES: usize = 16;

/// A file that is stored whole and durable, reserved in the journal, and owned by no row yet.
pub(crate) struct Staged {
    pub(crate) id: i64,
    pub(crate) stored: Stored,
}

/// Stores `prepared` for the column `column` of `table`.
///
/// On a failure that is certain nothing is left behind, in the storage or in the journal; otherwise the entry stays,
/// due at once, for the sweeper.
pub(crate) async fn stage(
    db: &DatabaseConnection,
    def: &'static FieldDef,
    table: &'static str,
    handle: &StorageHandle<'_>,
    mut prepared: Prepared,
) -> Result<Staged> {
    let blame = |error: Error| def.blame(error.with_operation("save").with_storage(handle.alias()));
    check_backend(db).map_err(blame)?;
    let (id, reserved) =
        reserve(db, def, table, handle, (&prepared.name, &prepared.token)).await.map_err(blame)?;
    prepared.name = reserved;
    match renewing(db, id, prepared.store(def, handle, true)).await {
        Ok(stored) => Ok(Staged { id, stored }),
        Err(error) => {
            // Another program took the name after all; the next try takes another one.
            let error = if error.kind() == ErrorKind::AlreadyExists { error.retryable() } else { error };
            // A journal that cannot be reached now is swept when the lease is over.
            let _ = if error.is_uncertain() {
                execute(db, sql::EXPIRE, vec![error.to_string().into(), id.into()]).await
            } else {
                execute(db, sql::RELEASE, vec![id.into()]).await
            };
            Err(error)
        }
    }
}

/// W1. No other saver can take the reserved name, so after the look at the storage only a program that knows nothing
/// of the journal could. `wanted` is the name and the token. Where no name is free nothing stays reserved.
async fn reserve(
    db: &DatabaseConnection,
    def: &'static FieldDef,
    table: &'static str,
    handle: &StorageHandle<'_>,
    wanted: (&str, &str),
) -> Result<(i64, String)> {
    let mut id = None;
    let reserved = reserve_free(db, def, table, handle, wanted, &mut id).await;
    if let (Err(_), Some(id)) = (&reserved, id) {
        execute(db, sql::RELEASE, vec![id.into()]).await?;
    }
    reserved
}

/// `id` becomes the entry as soon as there is one.
async fn reserve_free(
    db: &DatabaseConnection,
    def: &'static FieldDef,
    table: &'static str,
    handle: &StorageHandle<'_>,
    (wanted, token): (&str, &str),
    id: &mut Option<i64>,
) -> Result<(i64, String)> {
    let (aliases, mut obstacle) = (registry::aliases(handle.alias(), handle), None);
    for candidate in Candidates::new(FileName::new(wanted)?, Some(def.spec().max_length)).take(MAX_TRIES) {
        let candidate = candidate?.into_owned();
        match is_free(handle, &candidate).await {
            Ok(true) => {}
            Ok(false) => continue,
            // No file, but it is in the way, and would be every time. In the way of all names it may be the folder.
            Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::NotAFile) => {
                obstacle = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        }
        let reserved = match *id {
            None => {
                let values = vec![
                    handle.alias().into(),
                    candidate.as_str().into(),
                    token.into(),
                    LEASE.into(),
                    table.into(),
                    def.spec().column.into(),
                    aliases.as_str().into(),
                    candidate.as_str().into(),
                ];
                *id = insert(db, sql::RESERVE, values).await?;
                *id
            }
            Some(entry) => {
                let values = vec![
                    candidate.as_str().into(),
                    entry.into(),
                    aliases.as_str().into(),
                    candidate.as_str().into(),
                ];
                (execute(db, sql::RESERVE_ANOTHER, values).await? == 1).then_some(entry)
            }
        };
        // The name may have been stored and attached between the look and the reservation: look again.
        if let Some(entry) = reserved
            && is_free(handle, &candidate).await?
        {
            return Ok((entry, candidate));
        }
    }
    Err(obstacle.unwrap_or_else(|| {
        Error::new(ErrorKind::NoAvailableName, format!("{MAX_TRIES} names were tried and all are taken"))
            .with_name(wanted)
    }))
}

async fn is_free(handle: &StorageHandle<'_>, name: &str) -> Result<bool> {
    match handle.metadata(FileName::new(name)?).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Runs `store`, renewing the lease of entry `id` meanwhile. A lease that was lost ends the transfer.
async fn renewing<T>(db: &DatabaseConnection, id: i64, store: impl Future<Output = Result<T>>) -> Result<T> {
    let mut store = std::pin::pin!(store);
    loop {
        let third = Duration::from_secs(LEASE.unsigned_abs() / 3);
        match tokio::time::timeout(third, store.as_mut()).await {
            Ok(result) => return result,
            Err(_) => {
                // What is dropped on its way here may be published all the same.
                let renewed = execute(db, sql::RENEW, vec![LEASE.into(), id.into()]).await;
                if renewed.map_err(Error::uncertain)? != 1 {
                    return Err(expired());
                }
            }
        }
    }
}

/// The error of a file that the sweeper took before its row was written (F16, F46).
pub(super) fn expired() -> Error {
    Error::new(
        ErrorKind::StagedExpired,
        "the stored file was swept before its row was written, or the transaction began before it was staged; save again",
    )
    .retryable()
}

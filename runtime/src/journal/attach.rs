//! What a save does with the journal in the transaction that writes its row.

use super::connection::Connection;
use super::stage::LEASE;
use super::statements::{execute, insert, refused, sql};
use crate::{Result, name};

/// Holds the entry of a staged file until the end of the transaction. Returns `false` if the entry is gone: a
/// sweeper has acquired it, or a row has consumed it.
pub(crate) async fn hold(db: &dyn Connection, entry: i64) -> Result<bool> {
    Ok(execute(db, &sql(db)?.renew, vec![LEASE.into(), entry.into()]).await? == 1)
}

/// Queues the deletion of a file that a row of this table and column stops naming, `grace` seconds from now.
/// Returns the entry. A sweep deletes the file only if no row names it then and its owner token proves that
/// it is ours.
pub(crate) async fn release(
    db: &dyn Connection,
    storage: &str,
    name: &str,
    (table, column): (&str, &str),
    grace: i64,
) -> Result<i64> {
    // If the storage keeps no owner tokens, the token in the name is the proof.
    let token = match name::token_in(name) {
        Some(token) => token.to_owned(),
        None => name::token()?,
    };
    let values = vec![storage.into(), name.into(), token.into(), grace.into(), table.into(), column.into()];
    match insert(db, &sql(db)?.queue, values).await? {
        Some(entry) => Ok(entry),
        None => Err(refused(db).await),
    }
}

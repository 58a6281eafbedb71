//! The journal: a table beside the tables of the models. It lists every file that no row owns yet, and every
//! file that a row has given up.
//!
//! [`crate::db::protocol`] (`runtime/docs/protocol.md`) describes the states of an entry and the steps of a
//! save and of a sweep.

mod attach;
mod connection;
mod identity;
mod known;
mod reserve;
mod roots;
mod schema;
mod sql;
mod stage;
mod statements;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;
mod upload;

pub use sweep::{DeadEntry, RestoreReport, SweepReport, Sweeper, SweeperTask};

pub(crate) use attach::{hold, release};
pub(crate) use connection::{
    Cells, Connection, DbError, DbErrorKind, Journal, Param, Pool, Row, Transaction, is_constraint,
    is_missing_table,
};
pub(crate) use identity::{
    current as identity, identity_in, is_own, owner_token, read as read_identity, token_part,
};
pub(crate) use roots::{accept, compare as compare_root, ensure as ensure_root};
pub(crate) use schema::{columns_of, create, forget_columns, has_triggers, note_columns};
pub use sql::Dialect;
#[cfg(feature = "db-sqlite")]
pub(crate) use sql::{PENDING_WRITE, Sql};
pub(crate) use stage::{Request, Staged, Unstaged, expired, stage};
pub(crate) use statements::{any, execute, insert, refused, sql};
pub(crate) use sweep::{after_restore, is_named, nudge, work_off};
#[cfg(feature = "db-sqlite")]
pub(crate) use transaction::lost_answer;
pub(crate) use transaction::{TransactionError, ended_early, retrying};
pub(crate) use upload::{Taken, announce, give_back, note_parts, settle, take, withdraw};

use crate::settings;

/// The beginning of the error with which a trigger refuses a name that was not staged.
pub(crate) const NOT_STAGED: &str =
    "filefield: no file was staged under this name, or it was swept; stage it and try again";

/// Seconds between the release of a file and its deletion.
pub(crate) fn grace() -> i64 {
    let seconds = settings::settings().delete_after().as_secs();
    i64::try_from(std::cmp::min(seconds, MAX_GRACE.unsigned_abs())).unwrap_or(MAX_GRACE)
}

/// A hundred years in seconds. The limit keeps the sum with the database's clock in range.
const MAX_GRACE: i64 = 100 * 365 * 24 * 60 * 60;

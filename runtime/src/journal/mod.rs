//! The journal: a table beside the models' that remembers every file not yet owned by a row, or no longer owned.
//!
//! The protocol is W0–W6 and G1–G5: an entry is committed before a file can become visible; the row's transaction
//! writes the row, consumes the entry and queues the file it replaces; only the sweeper deletes, after fencing the
//! entry, looking through every known column and proving that the file is ours. So the evidence of a commit is
//! the commit itself, and nothing is ever decided from what this process believes happened.

#[cfg(feature = "db-sqlite")]
mod batch;
mod entry;
mod error;
mod held;
mod identity;
mod named;
mod reserve;
mod roots;
mod row;
mod schema;
mod sql;
mod stage;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;
mod upload;
mod write;

pub use sweep::{DeadEntry, RestoreReport, SweepReport, Sweeper, SweeperTask, after_restore};

pub use error::driver_error;
pub(crate) use error::{NOT_STAGED, database, is_missing_table};
pub(crate) use held::Relocation;
pub(crate) use identity::{
    current as identity, forget as forget_identity, identity_in, is_own, owner_token, token_part,
};
pub(crate) use roots::{accept, ensure as ensure_root};
pub(crate) use schema::{columns_of, create, forget_columns, has_triggers, note_columns};
pub(crate) use sql::Dialect;
pub(crate) use stage::{Request, Staged, Unstaged, stage};
pub(crate) use sweep::{is_named, nudge, queue, work_off};
pub(crate) use transaction::TransactionError;
pub(crate) use upload::{Taken, announce, give_back, note_parts, settle, take, withdraw};
pub(crate) use write::{Change, FileChange, RowWrite, Rows, Written, grace};

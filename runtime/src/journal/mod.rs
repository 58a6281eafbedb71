//! The journal: a table beside the models' that remembers every file not yet owned by a row, or no longer owned.
//!
//! The protocol is W0–W6 and G1–G5: an entry is committed before a file can become visible; the row's transaction
//! consumes the entry, writes the row and queues the file it replaces; only the sweeper deletes, after fencing the
//! entry, looking through every registered column and proving that the file is ours. So the evidence of a commit is
//! the commit itself, and nothing is ever decided from what this process believes happened.

mod entry;
mod error;
mod sql;
mod stage;
mod sweep;
#[cfg(test)]
mod tests;
mod write;

pub use sweep::{SweepReport, Sweeper};

pub(crate) use error::{database, is_missing_table};
pub(crate) use sql::JOURNAL_DDL;
pub(crate) use stage::{Staged, stage};
pub(crate) use sweep::{nudge, work_off};
pub(crate) use write::{Change, FileChange, RowWrite};

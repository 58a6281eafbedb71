//! The report of a move.

use crate::Error;
use std::fmt;

/// The progress or the result of a move. Rows without a file are not counted.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it says which files could not be moved"]
pub struct MoveReport {
    /// Rows with a file in the field when the move started, in any storage.
    pub total: u64,
    /// Files moved; in a dry run, files that would be moved.
    pub moved: u64,
    /// Of these, files that got another name, because theirs was taken in the target storage or had to be
    /// cleaned.
    pub renamed: u64,
    /// Of these, files whose original stays permanently: nothing proves that this database owns it, or
    /// another row names it.
    pub left: u64,
    /// Bytes of the files moved.
    pub bytes: u64,
    /// Rows whose file was not in the source storage.
    pub skipped: u64,
    /// Rows that got another file, or none, while theirs was being copied. The next run processes them again.
    pub overtaken: u64,
    /// Rows whose file could not be moved. They did not change.
    pub failed: u64,
    /// The first 100 errors.
    pub errors: Vec<MoveError>,
    /// Whether the move stopped early because of too many errors.
    pub stopped: bool,
}

impl MoveReport {
    /// Whether every row was processed and nothing failed.
    pub fn is_complete(&self) -> bool {
        !self.stopped && self.failed == 0
    }
}

impl fmt::Display for MoveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MoveReport { total, moved, renamed, left, bytes, skipped, overtaken, failed, .. } = self;
        write!(
            f,
            "{total} rows with a file: {moved} moved ({bytes} bytes, {renamed} under another name, {left} originals left), \
             {skipped} not in that storage, {overtaken} changed meanwhile, {failed} failed"
        )?;
        if self.stopped {
            f.write_str("; stopped early")?;
        }
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

/// A row whose file could not be moved.
#[derive(Debug)]
#[non_exhaustive]
pub struct MoveError {
    /// The row's primary key.
    pub key: String,
    /// The name in the row.
    pub name: String,
    /// The reason.
    pub error: Error,
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}", self.key, self.error)
    }
}

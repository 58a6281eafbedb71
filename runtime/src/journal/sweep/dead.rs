//! Entries that wait for a person.

use super::super::statements::{execute, rows, sql};
use super::Sweeper;
use crate::Result;

/// How many dead entries are listed at a time.
const MAX_LISTED: i64 = 1000;

/// An entry of the journal that sweeps do not process any more, because a person has to decide. No other file
/// gets its name. [`Sweeper::dead`] lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadEntry {
    /// The argument of [`Sweeper::retry`] and [`Sweeper::forget`].
    pub id: i64,
    /// The alias of the storage.
    pub storage: String,
    /// The name of the file in the storage.
    pub name: String,
    /// `true` if a row gave up the file, or if [`after_restore`](crate::db::after_restore) reserved the name
    /// of a missing file. `false` for a save that did not finish.
    pub is_deletion: bool,
    /// Why the sweep gave up.
    pub reason: String,
    /// The table whose row the entry is about.
    pub table: String,
    /// The column of that table.
    pub column: String,
}

impl Sweeper {
    /// Returns the entries that wait for a person, oldest first, at most 1,000.
    ///
    /// # Errors
    /// Propagates database errors.
    pub async fn dead(&self) -> Result<Vec<DeadEntry>> {
        let found = rows(&self.db, &sql(&self.db)?.dead_entries, vec![MAX_LISTED.into()]).await?;
        found
            .iter()
            .map(|row| {
                let reason = row.text_or_null("last_error")?;
                Ok(DeadEntry {
                    id: row.int("id")?,
                    storage: row.text("storage")?,
                    name: row.text("name")?,
                    is_deletion: row.text("kind")? == "delete",
                    reason: reason.unwrap_or_default(),
                    table: row.text("model_table")?,
                    column: row.text("model_column")?,
                })
            })
            .collect()
    }

    /// Makes a dead entry due for the next sweep, for example after the storage was repaired or the file was
    /// [adopted](crate::ops::adopt). Returns `false` if there is no such dead entry, or if it reserves the
    /// name of a missing file: [`after_restore`](crate::db::after_restore) releases the name when the file is
    /// back.
    ///
    /// # Errors
    /// Propagates database errors.
    pub async fn retry(&self, id: i64) -> Result<bool> {
        Ok(execute(&self.db, &sql(&self.db)?.retry, vec![id.into()]).await? == 1)
    }

    /// Drops a dead entry. Its file stays in the storage and is not tracked any more. Its name may be given
    /// to another file if it is free in the storage. Returns `false` if there is no such dead entry.
    ///
    /// # Errors
    /// Propagates database errors.
    pub async fn forget(&self, id: i64) -> Result<bool> {
        Ok(execute(&self.db, &sql(&self.db)?.drop_dead, vec![id.into()]).await? == 1)
    }
}

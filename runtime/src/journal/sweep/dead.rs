//! Entries that wait for a person.

use super::super::statements::{execute, rows, sql};
use super::Sweeper;
use crate::Result;

/// How many dead entries are listed at a time.
const MAX_LISTED: i64 = 1000;

/// An entry of the journal that no sweep works off any more, because a person has to decide. Its name is given to no
/// other file. [`Sweeper::dead`] lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadEntry {
    /// What [`Sweeper::retry`] and [`Sweeper::forget`] take.
    pub id: i64,
    /// The alias of the storage.
    pub storage: String,
    /// The name of the file in it.
    pub name: String,
    /// Whether a row gave up the file, or [`after_restore`](crate::db::after_restore) reserved the name of a missing file.
    /// `false` for a save that did not finish.
    pub is_deletion: bool,
    /// Why the sweep gave up.
    pub reason: String,
    /// The table whose row the entry is about.
    pub table: String,
    /// The column of that table.
    pub column: String,
}

impl Sweeper {
    /// The entries that wait for a person, oldest first, at most 1,000 of them.
    ///
    /// # Errors
    /// Those of the database.
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

    /// Lets the next sweep try a dead entry again, for example after the storage was mended or the file was
    /// [adopted](crate::ops::adopt). `false` if there is no such dead entry, and for one that reserves the name of a
    /// missing file: [`after_restore`](crate::db::after_restore) gives the name back when the file is there again.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn retry(&self, id: i64) -> Result<bool> {
        Ok(execute(&self.db, &sql(&self.db)?.retry, vec![id.into()]).await? == 1)
    }

    /// Drops a dead entry. Its file stays where it is, and nothing remembers it; its name may be given to another file
    /// once it is free in the storage. `false` if there is no such dead entry.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget(&self, id: i64) -> Result<bool> {
        Ok(execute(&self.db, &sql(&self.db)?.drop_dead, vec![id.into()]).await? == 1)
    }
}

//! Entries of storages whose root is not in its place. They are put off before they are acquired, so that a
//! disk which is not mounted does not count as a failed try.

use super::super::statements::{execute, rows, sql};
use super::super::{roots, transaction};
use super::judge::{file_columns, storage_of};
use super::{BATCH, Sweeper};
use crate::Result;

/// How long they are put off, in seconds.
pub(super) const PAUSE: i64 = 30;

impl Sweeper {
    /// Puts off the due entries of such storages, with the reason. Returns how many.
    pub(super) async fn put_off(&self) -> Result<u64> {
        let (db, sql) = (&self.db, sql(&self.db)?);
        let columns = file_columns();
        let mut count = 0;
        for row in rows(db, &sql.due_storages, vec![]).await? {
            let alias = row.text("storage")?;
            // Entries of a storage that is not known here are processed as usual.
            let Ok(storage) = storage_of(&alias, &columns) else { continue };
            let Err(error) = roots::is_in_place(db, &alias, &storage).await else { continue };
            let reason = error.to_string();
            loop {
                let (alias, reason) = (alias.clone(), reason.clone());
                let put_off = transaction::own(db, move |tx| {
                    let (alias, reason) = (alias.clone(), reason.clone());
                    Box::pin(async move {
                        let due = vec![alias.into(), BATCH.cast_signed().into()];
                        let due = rows(tx, &sql.due_of, due).await?;
                        for row in &due {
                            let id = row.int("id")?;
                            let values = vec![reason.as_str().into(), PAUSE.into(), id.into()];
                            execute(tx, &sql.put_off, values).await?;
                        }
                        Ok(due.len() as u64)
                    })
                });
                let put_off = put_off.await?;
                count += put_off;
                if put_off < BATCH {
                    break;
                }
            }
        }
        Ok(count)
    }
}

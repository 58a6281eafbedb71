//! Writing a row and updating the journal, in one transaction. [`super::protocol`] lists the steps.

use super::held::{Held, Relocation};
use super::row::dropped;
use crate::backend::in_transaction;
use crate::backend::sqlx::{Db, Queries, Transaction};
use crate::failpoints::{planted, step};
use crate::journal::{self, TransactionError, any, execute, expired, grace, sql};
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, registry};
use sea_query::{Alias, Expr, ExprTrait, Query, SimpleExpr, Value};
use std::sync::Arc;

/// What to do with one row, in plain values. It outlives the instance and the future of the caller.
#[derive(Debug, Clone)]
pub(crate) struct RowWrite {
    pub(crate) table: &'static str,
    pub(crate) key: (&'static str, Value),
    pub(crate) change: Change,
    pub(crate) files: Vec<FileChange>,
}

/// What happens to the row.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Insert a row; the database makes the key.
    Insert(Vec<(&'static str, Value)>),
    /// Write the row of the key.
    Save {
        values: Vec<(&'static str, Value)>,
        rows: Rows,
        /// If the key was made in a transaction of the caller that may have been rolled back: the staged
        /// files with which the row was written, each with its number in [`RowWrite::files`].
        born: Option<Vec<(usize, String)>>,
    },
    /// Delete the row.
    Delete,
    /// The caller writes the row, in the same transaction.
    Attach,
    /// Record where the file is now, if the row still names the original.
    Relocate(Box<Relocation>),
}

/// What a save expects of the row of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// It must exist.
    Update,
    /// It must not exist.
    Insert,
    /// Update it if it exists, otherwise insert it.
    Either,
}

/// What happens to one file column.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileChange {
    pub(crate) column: &'static str,
    /// The meta column, which records the storage of the file.
    pub(crate) meta: Option<&'static str>,
    /// Alias of the field's own storage, which has the file if the row records no storage.
    pub(crate) storage: String,
    /// The name that the row will have; empty for no file.
    pub(crate) name: String,
    /// Alias of the storage of this name.
    pub(crate) home: String,
    /// All aliases of that storage, if the name was assigned and not staged.
    pub(crate) aliases: String,
    /// The storage, if the name was not staged and its file must be looked up.
    pub(crate) stored: Option<SharedStorage>,
    /// The folder that must contain a name which was assigned as text.
    pub(crate) folder: Option<String>,
    /// Whether an accessor has stored the file.
    pub(crate) is_stored_here: bool,
    /// Whether the column keeps its value, whatever the instance has.
    pub(crate) is_left: bool,
    /// The journal entry of a staged file, to be consumed.
    pub(crate) entry: Option<i64>,
    /// Whether the name came from this row and was not changed since.
    pub(crate) unchanged: bool,
    /// The companion columns.
    pub(crate) beside: Vec<&'static str>,
    /// Whether a file that the row stops naming is deleted.
    pub(crate) delete: bool,
}

impl FileChange {
    /// Whether another writer gave the row another file, or the same one in another storage, which the
    /// instance did not mean to replace.
    pub(super) fn is_overtaken(&self, held: &Held) -> bool {
        self.unchanged && !held.is(self)
    }

    /// Whether the row keeps its present file.
    pub(super) fn keeps(&self, held: &Held) -> bool {
        self.is_left || self.is_overtaken(held)
    }
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The key that the database made.
    pub(crate) inserted: Option<u64>,
    /// Whether a row with a given key was inserted.
    pub(crate) is_created: bool,
    /// Queued deletions that are due at once.
    pub(crate) queued: Vec<i64>,
    /// Whether the row kept a file that the instance did not know of.
    pub(crate) overtaken: bool,
}

impl RowWrite {
    /// Runs in a new transaction.
    pub(crate) async fn run(self, db: &Db) -> Result<Written, TransactionError> {
        #[cfg(feature = "db-sqlite")]
        if let Some(batch) = super::batch::Batch::new(db, &self)
            && let Some(written) = batch.run().await?
        {
            return Ok(written);
        }
        let write = Arc::new(self);
        in_transaction(db, move |tx| {
            let write = write.clone();
            Box::pin(async move { write.steps(tx).await })
        })
        .await
    }

    /// Runs in the caller's transaction, completely or not at all, because the caller may continue and commit
    /// after an error.
    pub(crate) async fn run_in(&self, tx: &Transaction<'_>) -> Result<Written, TransactionError> {
        let unknown = |error| TransactionError { error, rolled_back: false };
        if planted!("no-savepoint") {
            return self.steps(tx).await.map_err(unknown);
        }
        let savepoint = tx.begin().await.map_err(unknown)?;
        match self.steps(&savepoint).await {
            Ok(written) => {
                savepoint.commit().await.map_err(unknown)?;
                Ok(written)
            }
            Err(error) => {
                savepoint.rollback().await.map_err(unknown)?;
                Err(TransactionError::certain(error))
            }
        }
    }

    async fn steps(&self, tx: &Transaction<'_>) -> Result<Written> {
        step!("row.begun");
        let mut written = Written::default();
        let mut held = match self.change {
            Change::Insert(_) => None,
            _ => self.held_files(tx).await?,
        };
        let mut relocated = None;
        if let Change::Relocate(relocation) = &self.change {
            relocated = relocation.apply(held.as_mut().and_then(|held| held.first_mut()));
            if relocated.is_none() {
                return Ok(Written { overtaken: true, ..written });
            }
        }
        let lost = self.is_lost(held.as_deref())?;
        if lost {
            held = None;
        }
        self.hold(tx, held.as_deref().unwrap_or_default()).await?;
        step!("row.read");
        match &self.change {
            Change::Insert(values) => {
                self.check_named(tx, &[]).await?;
                written.inserted = self.insert(tx, values, true).await?;
            }
            Change::Save { values, rows, born } => match &held {
                None => {
                    let lacks_files = born.is_none()
                        && self.files.iter().any(|file| file.unchanged && !file.name.is_empty());
                    if *rows == Rows::Update || lacks_files {
                        let text = "the row is not there: it was deleted meanwhile, and its files with it, or the \
                                    instance was read from another database, or its key was set by hand, for which \
                                    there is `insert` or `upsert`";
                        return Err(Error::new(ErrorKind::DoesNotExist, text));
                    }
                    self.check_named(tx, &[]).await?;
                    let values = values.iter().filter(|(column, _)| !lost || *column != self.key.0);
                    written.inserted = self.insert(tx, &values.cloned().collect::<Vec<_>>(), lost).await?;
                    written.is_created = !lost;
                }
                Some(_) if *rows == Rows::Insert => {
                    let text = "a row with this key is there already";
                    return Err(Error::new(ErrorKind::UniqueViolation, text));
                }
                Some(held) => {
                    self.check_named(tx, held).await?;
                    let is_kept = |file: &FileChange, held: &Held| !file.is_left && file.is_overtaken(held);
                    let overtaken = self.files.iter().zip(held).filter(|(file, held)| is_kept(file, held));
                    let kept: Vec<_> =
                        overtaken.flat_map(|(file, _)| file.beside.iter().chain([&file.column])).collect();
                    written.overtaken = !kept.is_empty();
                    let values: Vec<_> =
                        values.iter().filter(|(column, _)| !kept.contains(&column)).cloned().collect();
                    self.update(tx, &values).await?;
                }
            },
            Change::Delete => {
                if held.is_none() {
                    return Err(Error::new(ErrorKind::DoesNotExist, "the row to be deleted is not there"));
                }
                self.delete(tx).await?;
            }
            Change::Attach => self.check_named(tx, held.as_deref().unwrap_or_default()).await?,
            Change::Relocate(_) => {
                for file in &self.files {
                    let meta = file.meta.map(|column| (column, relocated.clone().unwrap_or_default().into()));
                    let values = [(file.column, file.name.as_str().into())].into_iter().chain(meta);
                    self.update(tx, &values.collect::<Vec<_>>()).await?;
                }
            }
        }
        step!("row.written");
        let made = written.inserted.map(|key| Value::from(key.cast_signed()));
        let key = made.unwrap_or_else(|| self.key.1.clone());
        self.attach(tx, held.as_deref().unwrap_or_default(), &key).await?;
        step!("row.attached");
        written.queued = self.queue(tx, held.take().unwrap_or_default()).await?;
        step!("row.released");
        Ok(written)
    }

    /// Holds the entry of every staged file until the end of the transaction, so that no sweeper acquires it.
    /// If the entry is gone after the row was written, triggers of the table have consumed it. A row that has
    /// the file already needs no entry.
    async fn hold(&self, tx: &Transaction<'_>, held: &[Held]) -> Result<()> {
        for (index, file) in self.files.iter().enumerate() {
            let Some(entry) = file.entry else { continue };
            if !journal::hold(tx, entry).await?
                && held.get(index).is_none_or(|held| !held.is(file))
                && !planted!("no-fence")
            {
                return Err(expired().with_name(&file.name));
            }
        }
        Ok(())
    }

    /// Consumes the entry of every staged file that the row names by now.
    async fn attach(&self, tx: &Transaction<'_>, held: &[Held], key: &Value) -> Result<()> {
        for (index, file) in self.files.iter().enumerate() {
            let Some(entry) = file.entry else { continue };
            if let Change::Attach = self.change {
                // The caller's statement comes later. Triggers, if there are any, consume the entry then.
                if !self.has_triggers(tx, file).await? {
                    execute(tx, &sql(tx)?.attach, vec![entry.into()]).await?;
                }
            } else if self.consume(tx, file, entry, key).await? == 0
                && held.get(index).is_none_or(|held| !held.is(file))
                && any(tx, &sql(tx)?.is_staged, vec![entry.into()]).await?
            {
                // A trigger of the table dropped or changed the row.
                return Err(dropped());
            }
        }
        Ok(())
    }

    async fn consume(&self, tx: &Transaction<'_>, file: &FileChange, entry: i64, key: &Value) -> Result<u64> {
        let attach = tx.dialect().attach_named(self.table, self.key.0, file.column);
        let values = vec![entry.into(), key.clone(), file.name.as_str().into()];
        Ok(Queries::execute(tx, &attach, values).await?.rows)
    }

    pub(super) async fn has_triggers(&self, tx: &Transaction<'_>, file: &FileChange) -> Result<bool> {
        any(tx, &sql(tx)?.has_triggers, vec![self.table.into(), file.column.into()]).await
    }

    pub(super) fn is_row(&self) -> SimpleExpr {
        Expr::col(Alias::new(self.key.0)).eq(self.key.1.clone())
    }

    /// The files that the row has now; `None` if there is no row. Without file columns only the key is read.
    async fn held_files(&self, tx: &Transaction<'_>) -> Result<Option<Vec<Held>>> {
        let mut select = Query::select();
        select.from(Alias::new(self.table)).and_where(self.is_row()).column(Alias::new(self.key.0));
        if !planted!("no-row-lock") {
            select.lock_exclusive();
        }
        for file in &self.files {
            select.column(Alias::new(file.column));
            file.meta.map(|meta| select.column(Alias::new(meta)));
        }
        let rows = tx.fetch(&select).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        self.files.iter().map(|file| Held::read(row, file)).collect::<Result<_>>().map(Some)
    }

    /// Queues the deletion of every file that the row had and stops naming. Returns the deletions that are
    /// due at once.
    async fn queue(&self, tx: &Transaction<'_>, held: Vec<Held>) -> Result<Vec<i64>> {
        let mut queued = Vec::new();
        let deleted = matches!(self.change, Change::Delete);
        for (file, held) in self.files.iter().zip(held) {
            if held.name.is_empty() || !file.delete || (!deleted && (held.is(file) || file.keeps(&held))) {
                continue;
            }
            let grace = match &self.change {
                Change::Relocate(relocation) => relocation.grace,
                _ => grace(),
            };
            if planted!("no-queue") {
                continue;
            }
            if planted!("delete-before-commit") {
                registry::storage(&held.storage)?.delete(FileName::existing(&held.name)?).await?;
            }
            let place = (self.table, file.column);
            let entry = journal::release(tx, &held.storage, &held.name, place, grace).await?;
            // The others wait until they are due.
            if grace == 0 {
                queued.push(entry);
            }
        }
        Ok(queued)
    }
}

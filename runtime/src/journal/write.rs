//! Writing a row and what the journal must know of it, in one transaction (W4, W5).

use super::entry::{self, any, execute};
use super::stage::expired;
use super::{database, sql};
use crate::{Error, ErrorKind, Result, name};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait, Value,
};

/// How long a file outlives the row that let go of it, in seconds.
const GRACE: i64 = 0;

/// What is to be done with one row, in plain values: it outlives the instance it was made from, and the future that
/// asked for it.
#[derive(Debug, Clone)]
pub(crate) struct RowWrite {
    pub(crate) table: &'static str,
    pub(crate) key: (&'static str, Value),
    pub(crate) change: Change,
    pub(crate) files: Vec<FileChange>,
}

/// What becomes of the row.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Insert a row; the database makes the key.
    Insert(Vec<(&'static str, Value)>),
    /// Update the row of the key, or insert it where there is none.
    Save(Vec<(&'static str, Value)>),
    /// Delete the row.
    Delete,
}

/// What becomes of one file column.
#[derive(Debug, Clone)]
pub(crate) struct FileChange {
    pub(crate) column: &'static str,
    /// Alias of the field's storage.
    pub(crate) storage: String,
    /// The storage's aliases, where the name was assigned and not staged.
    pub(crate) aliases: String,
    /// The name the row will hold; empty for none.
    pub(crate) name: String,
    /// The journal entry of a staged file, to be consumed.
    pub(crate) entry: Option<i64>,
    /// Whether the name came from this very row and was not changed since.
    pub(crate) unchanged: bool,
    /// Columns filled with the file.
    pub(crate) beside: Vec<&'static str>,
    /// Whether a file that the row lets go of is to be deleted.
    pub(crate) delete: bool,
}

impl FileChange {
    /// Whether the row holds another file by now, which the instance did not mean to replace (F25).
    fn is_overtaken(&self, held: &str) -> bool {
        self.unchanged && self.name != held
    }
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The key that the database made.
    pub(crate) inserted: Option<u64>,
    /// Deletions that were queued.
    pub(crate) queued: Vec<i64>,
    /// Whether the row kept a file that the instance did not know of.
    pub(crate) overtaken: bool,
}

/// How a transaction of ours failed.
#[derive(Debug)]
pub(crate) struct WriteError {
    pub(crate) error: Error,
    /// Whether it is certain that nothing was committed.
    pub(crate) rolled_back: bool,
}

impl RowWrite {
    /// Runs in a transaction of its own, on a task of its own: a caller that goes away cannot leave it half done.
    pub(crate) async fn run(self, db: &DatabaseConnection) -> Result<Written, WriteError> {
        let db = db.clone();
        let task = tokio::spawn(async move {
            let certain = |error: Error| WriteError { error, rolled_back: true };
            // A transaction that first reads and then writes would fail on SQLite where another writer came between.
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            };
            let tx = db.begin_with_options(options).await.map_err(|error| certain(database(error)))?;
            match self.run_in(&tx).await {
                Ok(written) => match tx.commit().await {
                    Ok(()) => Ok(written),
                    // Nobody needs to know what came of it: the journal does (F14).
                    Err(error) => Err(WriteError { error: database(error).uncertain(), rolled_back: false }),
                },
                Err(error) => {
                    let rolled_back = tx.rollback().await.is_ok();
                    Err(WriteError { error, rolled_back })
                }
            }
        });
        task.await.unwrap_or_else(|error| {
            let error =
                Error::new(ErrorKind::Database, "the transaction's task ended early").with_source(error);
            Err(WriteError { error: error.uncertain(), rolled_back: false })
        })
    }

    /// Runs in the caller's transaction.
    pub(crate) async fn run_in(&self, tx: &impl ConnectionTrait) -> Result<Written> {
        for entry in self.files.iter().filter_map(|file| file.entry) {
            if execute(tx, sql::ATTACH, vec![entry.into()]).await? != 1 {
                return Err(expired());
            }
        }
        let mut written = Written::default();
        match &self.change {
            Change::Insert(values) => {
                self.check_named(tx, &[]).await?;
                written.inserted = Some(self.insert(tx, values).await?);
            }
            Change::Save(values) => {
                let Some(held) = self.held_names(tx).await? else {
                    if self.files.iter().any(|file| file.unchanged && !file.name.is_empty()) {
                        let text = "the row was deleted meanwhile, and its files with it";
                        return Err(Error::new(ErrorKind::DoesNotExist, text));
                    }
                    self.check_named(tx, &[]).await?;
                    self.insert(tx, values).await?;
                    return Ok(written);
                };
                self.check_named(tx, &held).await?;
                let overtaken = self.files.iter().zip(&held).filter(|(file, held)| file.is_overtaken(held));
                let kept: Vec<_> =
                    overtaken.flat_map(|(file, _)| file.beside.iter().chain([&file.column])).collect();
                written.overtaken = !kept.is_empty();
                let values: Vec<_> =
                    values.iter().filter(|(column, _)| !kept.contains(&column)).cloned().collect();
                self.update(tx, &values).await?;
                written.queued = self.queue(tx, held).await?;
            }
            Change::Delete => {
                let Some(held) = self.held_names(tx).await? else {
                    return Err(Error::new(ErrorKind::DoesNotExist, "the row to be deleted is not there"));
                };
                let mut delete = Query::delete();
                delete.from_table(Alias::new(self.table)).and_where(self.is_row());
                tx.execute(&delete).await.map_err(database)?;
                written.queued = self.queue(tx, held).await?;
            }
        }
        Ok(written)
    }

    fn is_row(&self) -> SimpleExpr {
        Expr::col(Alias::new(self.key.0)).eq(self.key.1.clone())
    }

    /// The names that the row holds now, read in this transaction and never from memory (F24); `None` where there is
    /// no row. Without file columns it asks for the key alone.
    async fn held_names(&self, tx: &impl ConnectionTrait) -> Result<Option<Vec<String>>> {
        let mut select = Query::select();
        select.from(Alias::new(self.table)).and_where(self.is_row()).column(Alias::new(self.key.0));
        for file in &self.files {
            select.column(Alias::new(file.column));
        }
        let Some(row) = tx.query_one(&select).await.map_err(database)? else {
            return Ok(None);
        };
        let held =
            |file: &FileChange| row.try_get::<Option<String>>("", file.column).map(Option::unwrap_or_default);
        self.files.iter().map(held).collect::<Result<_, _>>().map(Some).map_err(database)
    }

    /// Refuses a name that was assigned, not staged, where a sweeper that has not seen this row may delete the file yet.
    /// One that has not begun will see it.
    async fn check_named(&self, tx: &impl ConnectionTrait, held: &[String]) -> Result<()> {
        for (index, file) in self.files.iter().enumerate() {
            if file.name.is_empty()
                || file.entry.is_some()
                || held.get(index).is_some_and(|held| *held == file.name || file.is_overtaken(held))
            {
                continue;
            }
            let values = vec![file.aliases.as_str().into(), file.name.as_str().into()];
            if any(tx, sql::IS_GOING, values).await? {
                let text = "a row let go of the file, and a sweep is deleting it or finding out whether to; try again";
                let error = Error::new(ErrorKind::StagedExpired, text).with_name(&file.name);
                return Err(error.with_storage(&file.storage).retryable());
            }
        }
        Ok(())
    }

    /// Queues the deletion of every file that the row held and lets go of.
    async fn queue(&self, tx: &impl ConnectionTrait, held: Vec<String>) -> Result<Vec<i64>> {
        let mut queued = Vec::new();
        let deleted = matches!(self.change, Change::Delete);
        for (file, held) in self.files.iter().zip(held) {
            if held.is_empty()
                || !file.delete
                || (!deleted && (held == file.name || file.is_overtaken(&held)))
            {
                continue;
            }
            let values = vec![
                file.storage.as_str().into(),
                held.as_str().into(),
                // Where no owner is kept with a file, a token in its name proves that it is ours.
                name::token_in(&held).map_or_else(name::token, |token| Ok(token.to_owned()))?.into(),
                GRACE.into(),
                self.table.into(),
                file.column.into(),
            ];
            queued.extend(entry::insert(tx, sql::QUEUE, values).await?);
        }
        Ok(queued)
    }

    async fn update(&self, tx: &impl ConnectionTrait, values: &[(&'static str, Value)]) -> Result<()> {
        let mut update = Query::update();
        update.table(Alias::new(self.table)).and_where(self.is_row());
        for (column, value) in values.iter().filter(|(column, _)| *column != self.key.0) {
            update.value(Alias::new(*column), value.clone());
        }
        if !update.get_values().is_empty() {
            tx.execute(&update).await.map_err(database)?;
        }
        Ok(())
    }

    async fn insert(&self, tx: &impl ConnectionTrait, values: &[(&'static str, Value)]) -> Result<u64> {
        let mut insert = Query::insert();
        insert.into_table(Alias::new(self.table));
        insert.columns(values.iter().map(|(column, _)| Alias::new(*column)));
        insert.values(values.iter().map(|(_, value)| Expr::val(value.clone()))).map_err(|error| {
            Error::new(ErrorKind::Database, "the statement cannot be built").with_source(error)
        })?;
        if values.is_empty() {
            insert.or_default_values();
        }
        let result = tx.execute(&insert).await.map_err(database)?;
        Ok(result.last_insert_id())
    }
}

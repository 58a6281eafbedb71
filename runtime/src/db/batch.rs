//! A new row and its file's journal entry in one request to SQLite.
//!
//! Between two statements the caller and the driver's thread wake each other, which takes longer than the
//! statements. A new row needs no answer in between: that its entry still exists is a condition of the
//! `INSERT`.

use super::row::unreadable_key;
use super::write::{Change, FileChange, RowWrite, Written};
use crate::backend::sqlx::Db;
use crate::backend::{database, is_constraint};
use crate::failpoints;
use crate::journal::{Dialect, PENDING_WRITE, Sql, TransactionError, ended_early, lost_answer};
use crate::{Error, ErrorKind};
use futures_core::Stream;
use sea_query::{Alias, Expr, Query, SqliteQueryBuilder, Value, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Either, Executor, SqliteConnection, SqlitePool};
use std::future::poll_fn;
use std::pin::Pin;

/// The number of statements: `BEGIN`, the row, its entry, a check, `COMMIT`.
const STATEMENTS: usize = 5;

/// Fails if the entry was not consumed. No other statement without a table can fail on a condition.
const IS_CONSUMED: &str = "SELECT CASE changes() WHEN 1 THEN 1 ELSE abs(-9223372036854775807 - 1) END";

/// The insert of a row as SQL text.
pub(super) struct Batch {
    pool: SqlitePool,
    sql: String,
    values: Vec<Value>,
}

impl Batch {
    /// Builds the batch for a new row with one staged file; `None` for anything else.
    pub(super) fn new(db: &Db, write: &RowWrite) -> Option<Batch> {
        let pool = db.sqlite()?;
        let Change::Insert(row) = &write.change else { return None };
        let is_named = |file: &&FileChange| !file.name.is_empty();
        let mut named = write.files.iter().filter(is_named);
        let (Some(file @ FileChange { entry: Some(entry), .. }), None) = (named.next(), named.next()) else {
            return None;
        };
        if failpoints::needs_steps() {
            return None;
        }
        let is_staged = format!("EXISTS (SELECT 1 FROM filefield_journal WHERE {PENDING_WRITE})");
        let mut values = Query::select();
        values.exprs(row.iter().map(|(_, value)| Expr::val(value.clone())));
        values.and_where(Expr::cust_with_values(is_staged, [*entry]));
        let mut insert = Query::insert();
        insert.into_table(Alias::new(write.table)).columns(row.iter().map(|(column, _)| Alias::new(*column)));
        insert.select_from(values).ok()?;
        let (insert, Values(mut values)) = insert.build(SqliteQueryBuilder);
        values.extend([(*entry).into(), file.name.as_str().into()]);
        // The table may drop or change a row without an error.
        let Sql { attach, .. } = Sql::of(Dialect::Sqlite);
        let key = (write.key.0, "last_insert_rowid()");
        let names = Dialect::Sqlite.names(write.table, key, (file.column, "?"));
        let sql = format!(
            "BEGIN IMMEDIATE; {insert}; {attach} AND changes() = 1 AND {names}; {IS_CONSUMED}; COMMIT"
        );
        Some(Batch { pool: pool.clone(), sql, values })
    }

    /// Runs the batch in a spawned task, like a transaction of several requests. `None`: nothing was written,
    /// and the separate steps will find out why.
    pub(super) async fn run(self) -> Result<Option<Written>, TransactionError> {
        tokio::spawn(self.once()).await.unwrap_or_else(|error| Err(ended_early(error)))
    }

    async fn once(self) -> Result<Option<Written>, TransactionError> {
        let failed = |error, rolled_back| Err(TransactionError { error, rolled_back });
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return failed(database(error), true),
        };
        let mut done = Vec::with_capacity(STATEMENTS);
        let mut is_refused = false;
        let error = match (self.statements(&mut connection, &mut done).await, &done[..]) {
            (Ok(()), [_, (1, key), _, _, _]) => {
                lost_answer()?;
                return match u64::try_from(*key) {
                    Ok(key) => Ok(Some(Written { inserted: Some(key), ..Written::default() })),
                    Err(_) => failed(unreadable_key().uncertain(), false),
                };
            }
            (Ok(()), done) => {
                let text = format!("the driver ran {} statements of {STATEMENTS}", done.len());
                Error::new(ErrorKind::Database, text)
            }
            (Err(error), _) => {
                // A deferred constraint is broken.
                is_refused = is_constraint(&error);
                database(error)
            }
        };
        // The driver does not know of this transaction, so nothing else would end it. If there is none, it
        // never began or SQLite has ended it.
        if let Err(error) = connection.execute("ROLLBACK").await
            && !error.to_string().contains("no transaction is active")
        {
            connection.close_on_drop();
        }
        if done.len() == STATEMENTS - 2 {
            return Ok(None);
        }
        // A failed commit may have reached the write-ahead log all the same. The journal shows later whether
        // it did.
        if is_refused || done.len() < STATEMENTS - 1 {
            failed(error, true)
        } else {
            failed(error.uncertain(), false)
        }
    }

    /// Runs the statements. Notes in `done`, for each, how many rows it changed and the key of the newest
    /// row.
    async fn statements(
        &self,
        connection: &mut SqliteConnection,
        done: &mut Vec<(u64, i64)>,
    ) -> sqlx::Result<()> {
        let values = SqlxValues(Values(self.values.clone()));
        let mut answers = connection.fetch_many(sqlx::query_with(AssertSqlSafe(self.sql.as_str()), values));
        while let Some(answer) = poll_fn(|cx| Pin::new(&mut answers).poll_next(cx)).await {
            if let Either::Left(result) = answer? {
                done.push((result.rows_affected(), result.last_insert_rowid()));
            }
        }
        Ok(())
    }
}

//! What the journal needs from a database: three kinds of parameters, statements, transactions, and errors by
//! kind. Each database library implements these traits once, in `backend`.

use super::Dialect;
use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    Null,
    Int(i64),
    Text(String),
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Param::Int(number)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Param::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Param::Text(text)
    }
}

impl<T: Into<Param>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

/// The cells of a row, as a database library holds them.
pub(crate) trait Cells: Send + Sync {
    /// A whole number; `None` for `NULL`.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) if the column is missing or not a whole number.
    fn int(&self, column: &str) -> Result<Option<i64>>;

    /// A text, also one that the database stores as bytes; `None` for `NULL`.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) if the column is missing or not a text.
    fn text(&self, column: &str) -> Result<Option<String>>;
}

/// A row of a query result. Columns are addressed by name.
pub(crate) struct Row(Box<dyn Cells>);

impl Row {
    pub(crate) fn new(cells: impl Cells + 'static) -> Self {
        Row(Box::new(cells))
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64> {
        self.int_or_null(column)?.ok_or_else(|| is_null(column))
    }

    pub(crate) fn int_or_null(&self, column: &str) -> Result<Option<i64>> {
        self.0.int(column)
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        self.text_or_null(column)?.ok_or_else(|| is_null(column))
    }

    pub(crate) fn text_or_null(&self, column: &str) -> Result<Option<String>> {
        self.0.text(column)
    }
}

fn is_null(column: &str) -> Error {
    Error::new(ErrorKind::Database, format!("the column `{column}` is NULL"))
}

/// A connection, a pool of them, or a transaction. Errors have a [`DbError`] as their source.
#[async_trait]
pub(crate) trait Connection: Send + Sync {
    /// The kind of database.
    fn dialect(&self) -> Dialect;

    /// Runs a statement and returns the number of rows that it changed.
    async fn execute(&self, sql: &str, params: Vec<Param>) -> Result<u64>;

    /// Runs an `INSERT` of one row and returns the key that SQLite or MySQL made; `None` if no row was inserted.
    /// PostgreSQL returns keys as rows of a query instead.
    async fn insert(&self, sql: &str, params: Vec<Param>) -> Result<Option<i64>>;

    /// Runs a query to its end and returns all of its rows.
    async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>>;

    /// Runs a statement without parameters and without preparing it.
    async fn run(&self, sql: &str) -> Result<()>;
}

/// A pool that begins transactions.
#[async_trait]
pub(crate) trait Pool: Connection {
    /// Begins a transaction that may write. On SQLite it takes the write lock at once, on MySQL it reads what
    /// is committed.
    async fn begin(&self) -> Result<Box<dyn Transaction>>;

    /// A value that all handles of this pool share, and no other pool does. If it is `None`, nothing is
    /// remembered about the database between two calls.
    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// A transaction of the journal. It is rolled back on drop.
#[async_trait]
pub(crate) trait Transaction: Connection {
    /// Commits. An error is [uncertain](Error::uncertain) unless it is certain that nothing was committed.
    async fn commit(self: Box<Self>) -> Result<()>;

    async fn rollback(self: Box<Self>) -> Result<()>;
}

/// The journal of one database.
#[derive(Clone)]
pub(crate) struct Journal(Arc<dyn Pool>);

impl Journal {
    pub(crate) fn new(pool: impl Pool + 'static) -> Self {
        Journal(Arc::new(pool))
    }
}

#[async_trait]
impl Connection for Journal {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    async fn execute(&self, sql: &str, params: Vec<Param>) -> Result<u64> {
        self.0.execute(sql, params).await
    }

    async fn insert(&self, sql: &str, params: Vec<Param>) -> Result<Option<i64>> {
        self.0.insert(sql, params).await
    }

    async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>> {
        self.0.query(sql, params).await
    }

    async fn run(&self, sql: &str) -> Result<()> {
        self.0.run(sql).await
    }
}

#[async_trait]
impl Pool for Journal {
    async fn begin(&self) -> Result<Box<dyn Transaction>> {
        self.0.begin().await
    }

    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.shared()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

/// What an error of a database means for the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DbErrorKind {
    /// A unique constraint is broken.
    Unique,
    /// Another constraint is broken.
    Constraint,
    MissingTable,
    MissingColumn,
    /// A trigger refused a name that nobody staged.
    NotStaged,
    /// The disk of the database is full.
    Full,
    /// Another connection has written since the transaction began to read (SQLite).
    Stale,
    /// A lock or a connection was not available in time.
    Locked,
    /// The database rolled the transaction back in favour of another one.
    Conflict,
    /// The connection was lost, or the server is busy, starting or stopping.
    Passing,
    Other,
}

/// An error of a database. Its text (in `Display`, `Debug` and the chain of causes) contains names of tables
/// and columns, and no values of rows.
pub(crate) struct DbError {
    kind: DbErrorKind,
    text: String,
    driver: Box<dyn StdError + Send + Sync>,
}

impl DbError {
    /// `text` is shown to users; the error of the driver is not.
    pub(crate) fn new(
        kind: DbErrorKind,
        text: String,
        driver: impl StdError + Send + Sync + 'static,
    ) -> Self {
        DbError { kind, text, driver: Box::new(driver) }
    }

    /// The database error in the chain of causes.
    pub(crate) fn of(error: &Error) -> Option<&DbError> {
        let mut cause = StdError::source(error);
        while let Some(error) = cause {
            match error.downcast_ref::<DbError>() {
                Some(error) => return Some(error),
                None => cause = error.source(),
            }
        }
        None
    }

    /// The error of the driver, whose text may contain values of rows.
    pub(crate) fn driver<E: StdError + 'static>(&self) -> Option<&E> {
        self.driver.downcast_ref()
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl StdError for DbError {}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        let text = &error.text;
        let (kind, text, is_retryable) = match error.kind {
            DbErrorKind::Unique => {
                let text = format!("the row breaks a unique constraint: {text}");
                (ErrorKind::UniqueViolation, text, false)
            }
            DbErrorKind::MissingTable => {
                let hint = "a table is missing; run `filefield::db::migrate::<Model>(&db)` first";
                (ErrorKind::Database, format!("{hint}: {text}"), false)
            }
            DbErrorKind::MissingColumn => {
                let hint = "a table lacks a column; `migrate` leaves a table that is there as it is, so add the column yourself";
                (ErrorKind::Database, format!("{hint}: {text}"), false)
            }
            DbErrorKind::NotStaged => {
                let text =
                    "no file was staged under the name, or it was swept or given to another row meanwhile";
                (ErrorKind::StagedExpired, text.to_owned(), true)
            }
            DbErrorKind::Full => (ErrorKind::StorageFull, text.clone(), true),
            DbErrorKind::Stale => {
                let hint = "another connection has written since this transaction began to read, and it can write no \
                            more: roll it back, and begin anew, with `SqliteTransactionMode::Immediate`";
                (ErrorKind::Database, format!("{hint}: {text}"), true)
            }
            DbErrorKind::Locked => {
                let hint =
                    "if a transaction of yours is open meanwhile, save in it, and stage before it begins";
                (ErrorKind::Database, format!("{text}; {hint}"), true)
            }
            DbErrorKind::Conflict | DbErrorKind::Passing => (ErrorKind::Database, text.clone(), true),
            DbErrorKind::Constraint | DbErrorKind::Other => (ErrorKind::Database, text.clone(), false),
        };
        let error = Error::new(kind, text).with_source(error);
        if is_retryable { error.retryable() } else { error }
    }
}

fn is(error: &Error, kinds: &[DbErrorKind]) -> bool {
    DbError::of(error).is_some_and(|error| kinds.contains(&error.kind))
}

/// Whether a table does not exist.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    is(error, &[DbErrorKind::MissingTable])
}

/// Whether a table or a column does not exist.
pub(super) fn is_missing(error: &Error) -> bool {
    is(error, &[DbErrorKind::MissingTable, DbErrorKind::MissingColumn])
}

/// Whether the database rolled the whole transaction back in favour of another one, so that it can be run again.
pub(crate) fn is_conflict(error: &Error) -> bool {
    is(error, &[DbErrorKind::Conflict])
}

/// Whether a constraint is broken. At a commit that means that nothing was committed.
pub(crate) fn is_constraint(error: &Error) -> bool {
    is(error, &[DbErrorKind::Unique, DbErrorKind::Constraint])
}

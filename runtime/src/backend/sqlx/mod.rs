//! SQLite, PostgreSQL, MariaDB and MySQL through sqlx: one pool, one transaction and one row type for all.

mod connection;
mod driver;
mod read;

pub(crate) use connection::Target;
pub use connection::{Connection, InTransaction};
pub use driver::{Driver, Session};
pub(crate) use read::decimal_of;
pub use read::{DbRow, Read, ReadError};

use crate::journal::{Cells, Connection as JournalConnection, Dialect, Journal, Param, Pool, Row, Sweeper};
use crate::journal::{Transaction as JournalTransaction, TransactionError, is_constraint, retrying};
use crate::{Error, Result};
use async_trait::async_trait;
use sea_query::{
    MysqlQueryBuilder, PostgresQueryBuilder, QueryStatementBuilder, SchemaStatementBuilder, SelectStatement,
    SqliteQueryBuilder, Value, Values,
};
use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A database: a pool of sqlx. Clones share the pool.
///
/// [`connect`](crate::db::connect) creates one from a URL, `Db::from` from an existing pool.
///
/// ```
/// # use filefield::db::Db;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// let db = Db::from(pool);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Db(Arc<dyn Driver>);

/// A transaction, begun by [`Db::begin`], or a savepoint in one. It is rolled back when it is dropped.
pub struct Transaction<'c> {
    session: Arc<Mutex<Box<dyn Session + 'c>>>,
    dialect: Dialect,
    /// Whether to roll back on drop.
    is_open: bool,
    is_savepoint: bool,
}

/// The result of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The number of rows that the statement inserted, updated or deleted.
    pub rows: u64,
    /// The last key that SQLite, MariaDB or MySQL generated on the connection. It is 0 on PostgreSQL.
    pub last_id: i64,
}

impl<D: Driver> From<D> for Db {
    fn from(driver: D) -> Self {
        Db(Arc::new(driver))
    }
}

impl Db {
    /// Returns the kind of database.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    /// Returns the pool, if the database is SQLite.
    #[cfg(feature = "db-sqlite")]
    pub fn sqlite(&self) -> Option<&sqlx::SqlitePool> {
        self.pool()
    }

    /// Returns the pool, if the database is PostgreSQL.
    #[cfg(feature = "db-postgres")]
    pub fn postgres(&self) -> Option<&sqlx::PgPool> {
        self.pool()
    }

    /// Returns the pool, if the database is MariaDB or MySQL.
    #[cfg(feature = "db-mysql")]
    pub fn mysql(&self) -> Option<&sqlx::MySqlPool> {
        self.pool()
    }

    #[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
    fn pool<P: 'static>(&self) -> Option<&P> {
        let driver: &dyn Any = &*self.0;
        driver.downcast_ref()
    }

    /// Begins a transaction.
    ///
    /// On SQLite the transaction takes the write lock with its first write. A transaction that reads first and writes
    /// later fails if another writer commits in between. Begin such a transaction with
    /// [`begin_write`](Self::begin_write).
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database) if the database cannot begin it.
    pub async fn begin(&self) -> Result<Transaction<'static>> {
        self.begin_to_the_end(false).await
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock immediately. On MariaDB and MySQL its isolation
    /// level is `READ COMMITTED`, which does not lock gaps between rows.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database) if the database cannot begin it.
    pub async fn begin_write(&self) -> Result<Transaction<'static>> {
        self.begin_to_the_end(true).await
    }

    /// Begins the transaction in a task, which finishes even if the caller is cancelled. Otherwise sqlx 0.9 would return
    /// the connection to the pool with the transaction open, and statements of the next user would be lost.
    async fn begin_to_the_end(&self, writes: bool) -> Result<Transaction<'static>> {
        let db = self.clone();
        let begun = tokio::spawn(async move { db.begin_here(writes).await }).await;
        begun.unwrap_or_else(|error| Err(crate::journal::ended_early(error).error))
    }

    async fn begin_here(&self, writes: bool) -> Result<Transaction<'static>> {
        let session = Arc::new(Mutex::new(self.0.begin(writes).await?));
        Ok(Transaction { session, dialect: self.dialect(), is_open: true, is_savepoint: false })
    }

    /// Closes all connections and waits until they are closed.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.dialect()).finish()
    }
}

impl<'c> Transaction<'c> {
    /// Wraps a transaction that the caller ends.
    fn of_caller(session: Box<dyn Session + 'c>, dialect: Dialect) -> Self {
        Transaction { session: Arc::new(Mutex::new(session)), dialect, is_open: false, is_savepoint: false }
    }

    /// Begins a savepoint.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database) if the statement fails.
    pub async fn begin(&self) -> Result<Transaction<'c>> {
        self.session.lock().await.savepoint().await?;
        let mut savepoint = self.share();
        savepoint.is_open = true;
        savepoint.is_savepoint = true;
        Ok(savepoint)
    }

    /// Commits the transaction, or releases the savepoint.
    ///
    /// # Errors
    /// Returns [`UniqueViolation`](crate::ErrorKind::UniqueViolation) if a deferred constraint fails, and
    /// [`Database`](crate::ErrorKind::Database) for any other failure. If the error
    /// [is uncertain](Error::is_uncertain), the transaction may have been committed.
    pub async fn commit(mut self) -> Result<()> {
        let committed = self.session.lock().await.commit().await;
        committed.map_err(|error| match self.is_savepoint || is_constraint(&error) {
            true => error,
            false => error.uncertain(),
        })?;
        self.is_open = false;
        Ok(())
    }

    /// Rolls back the transaction, or everything since the savepoint.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database) if the statement fails.
    pub async fn rollback(mut self) -> Result<()> {
        self.session.lock().await.rollback().await?;
        self.is_open = false;
        Ok(())
    }

    /// Returns the same transaction. Dropping the result does not end it.
    fn share(&self) -> Transaction<'c> {
        Transaction {
            session: self.session.clone(),
            dialect: self.dialect,
            is_open: false,
            is_savepoint: false,
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Nobody else holds the lock: a future that holds it borrows this transaction.
        if self.is_open
            && let Ok(mut session) = self.session.try_lock()
        {
            session.start_rollback();
        }
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&self.dialect).finish()
    }
}

/// Runs your own SQL on a [`Db`] or a [`Transaction`].
#[async_trait]
pub trait Queries: Send + Sync {
    /// Returns the kind of database.
    fn dialect(&self) -> Dialect;

    /// Runs one or more statements without parameters. Returns the number of rows that they changed.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database), or a more specific kind such as
    /// [`UniqueViolation`](crate::ErrorKind::UniqueViolation), if a statement fails.
    async fn run(&self, sql: &str) -> Result<u64>;

    /// Runs a statement with parameters. They are written `?` on SQLite, MariaDB and MySQL, and `$1` on PostgreSQL.
    ///
    /// # Errors
    /// Returns the same errors as [`run`](Self::run).
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done>;

    /// Runs a query and returns all rows.
    ///
    /// # Errors
    /// Returns the same errors as [`run`](Self::run).
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>>;

    /// Runs a query of sea-query and returns all rows.
    ///
    /// # Errors
    /// Returns the same errors as [`run`](Self::run).
    async fn fetch(&self, query: &SelectStatement) -> Result<Vec<DbRow>> {
        let (sql, values) = build(self.dialect(), query);
        self.query(&sql, values).await
    }
}

#[async_trait]
impl<Q: Queries + ?Sized> Queries for &Q {
    fn dialect(&self) -> Dialect {
        (**self).dialect()
    }
    async fn run(&self, sql: &str) -> Result<u64> {
        (**self).run(sql).await
    }
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        (**self).execute(sql, values).await
    }
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        (**self).query(sql, values).await
    }
}

#[async_trait]
impl Queries for Db {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }
    async fn run(&self, sql: &str) -> Result<u64> {
        self.0.run(sql).await
    }
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        self.0.execute(sql, values).await
    }
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        self.0.query(sql, values).await
    }
}

#[async_trait]
impl Queries for Transaction<'_> {
    fn dialect(&self) -> Dialect {
        self.dialect
    }
    async fn run(&self, sql: &str) -> Result<u64> {
        self.session.lock().await.run(sql).await
    }
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        self.session.lock().await.execute(sql, values).await
    }
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        self.session.lock().await.query(sql, values).await
    }
}

/// Returns the text of a statement and its parameters.
pub(crate) fn build(dialect: Dialect, statement: &impl QueryStatementBuilder) -> (String, Vec<Value>) {
    let (sql, Values(values)) = match dialect {
        Dialect::Sqlite => statement.build_any(&SqliteQueryBuilder),
        Dialect::Postgres => statement.build_any(&PostgresQueryBuilder),
        Dialect::MySql => statement.build_any(&MysqlQueryBuilder),
    };
    (sql, values)
}

/// Returns the text of a statement that creates a table or an index.
pub(crate) fn build_schema(dialect: Dialect, statement: &impl SchemaStatementBuilder) -> String {
    match dialect {
        Dialect::Sqlite => statement.build(SqliteQueryBuilder),
        Dialect::Postgres => statement.build(PostgresQueryBuilder),
        Dialect::MySql => statement.build(MysqlQueryBuilder),
    }
}

impl Sweeper {
    /// Creates a sweeper for `db`.
    pub fn new(db: &Db) -> Self {
        Sweeper::of(journal_of(db))
    }
}

/// Returns the journal of a database.
pub(crate) fn journal_of(db: &Db) -> Journal {
    Journal::new(db.clone())
}

impl From<Param> for Value {
    fn from(param: Param) -> Self {
        match param {
            Param::Null => Value::String(None),
            Param::Int(number) => number.into(),
            Param::Text(text) => text.into(),
        }
    }
}

fn values(params: Vec<Param>) -> Vec<Value> {
    params.into_iter().map(Value::from).collect()
}

impl Cells for DbRow {
    fn int(&self, column: &str) -> Result<Option<i64>> {
        <Option<i64>>::read(self, column).map_err(Error::from)
    }

    fn text(&self, column: &str) -> Result<Option<String>> {
        <Option<String>>::read(self, column).map_err(Error::from)
    }
}

/// Everything that runs SQL runs the statements of the journal.
#[async_trait]
impl<Q: Queries + ?Sized> JournalConnection for Q {
    fn dialect(&self) -> Dialect {
        Queries::dialect(self)
    }

    async fn execute(&self, sql: &str, params: Vec<Param>) -> Result<u64> {
        Ok(Queries::execute(self, sql, values(params)).await?.rows)
    }

    async fn insert(&self, sql: &str, params: Vec<Param>) -> Result<Option<i64>> {
        let done = Queries::execute(self, sql, values(params)).await?;
        Ok((done.rows > 0).then_some(done.last_id))
    }

    async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>> {
        Ok(Queries::query(self, sql, values(params)).await?.into_iter().map(Row::new).collect())
    }

    async fn run(&self, sql: &str) -> Result<()> {
        Queries::run(self, sql).await.map(drop)
    }
}

#[async_trait]
impl Pool for Db {
    async fn begin(&self) -> Result<Box<dyn JournalTransaction>> {
        Ok(Box::new(self.begin_here(true).await?))
    }

    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.shared()
    }
}

#[async_trait]
impl JournalTransaction for Transaction<'static> {
    async fn commit(self: Box<Self>) -> Result<()> {
        Transaction::commit(*self).await
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        Transaction::rollback(*self).await
    }
}

/// The work that runs in a transaction.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Runs `work` in a transaction, in the same way as the journal.
pub(crate) async fn in_transaction<T: Send + 'static>(
    db: &Db,
    work: impl for<'t> Fn(&'t Transaction<'static>) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, TransactionError> {
    let db = db.clone();
    let work = Arc::new(work);
    retrying(move || {
        let (db, work) = (db.clone(), work.clone());
        async move {
            let tx = db.begin_here(true).await.map_err(TransactionError::certain)?;
            let done = work(&tx).await;
            TransactionError::end(done, Box::new(tx)).await
        }
    })
    .await
}

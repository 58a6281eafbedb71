//! SQLite, PostgreSQL, MariaDB and MySQL through sqlx: one pool, one transaction and one row type for all.

mod connection;
mod read;

pub use connection::{Connection, InTransaction, Target};
pub use read::{Read, ReadError};
pub(crate) use read::decimal_of;

use super::error::database;
use crate::journal::{Cells, Connection as JournalConnection, Dialect, Journal, Param, Pool, Row, Sweeper};
use crate::journal::{Transaction as JournalTransaction, TransactionError, retrying};
use crate::{Error, Result};
use async_trait::async_trait;
use sea_query::{
    MysqlQueryBuilder, PostgresQueryBuilder, QueryStatementBuilder, SchemaStatementBuilder,
    SqliteQueryBuilder, Value, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor};
use sqlx_core::transaction::TransactionManager;
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A `match` over the kinds of databases. `D` is the sqlx type of the kind in `$body`.
macro_rules! each {
    ($on:expr, $kind:ident, $name:pat => $body:expr) => {
        match $on {
            #[cfg(feature = "db-sqlite")]
            $kind::Sqlite($name) => {
                #[allow(dead_code)]
                type D = sqlx::Sqlite;
                $body
            }
            #[cfg(feature = "db-postgres")]
            $kind::Postgres($name) => {
                #[allow(dead_code)]
                type D = sqlx::Postgres;
                $body
            }
            #[cfg(feature = "db-mysql")]
            $kind::MySql($name) => {
                #[allow(dead_code)]
                type D = sqlx::MySql;
                $body
            }
            $kind::None(never, _) => match *never {},
        }
    };
}
pub(super) use each;

type Manager<D> = <D as sqlx::Database>::TransactionManager;

/// A database: a pool of sqlx. A clone is the same pool.
///
/// [`connect`](crate::db::connect) makes one from a URL, `Db::from` from a pool that you have.
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
pub struct Db(Pools);

#[derive(Clone)]
enum Pools {
    #[cfg(feature = "db-sqlite")]
    Sqlite(sqlx::SqlitePool),
    #[cfg(feature = "db-postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "db-mysql")]
    MySql(sqlx::MySqlPool),
    #[allow(dead_code, reason = "a build may have no driver")]
    None(Infallible, PhantomData<()>),
}

/// A transaction, made by [`Db::begin`], or a savepoint in one. If it is dropped, it is rolled back.
pub struct Transaction<'c> {
    session: Arc<Mutex<Session<'c>>>,
    dialect: Dialect,
    /// Whether to roll back on drop.
    is_open: bool,
}

/// The connection of a transaction.
enum Session<'c> {
    #[cfg(feature = "db-sqlite")]
    Sqlite(Lent<'c, sqlx::Sqlite>),
    #[cfg(feature = "db-postgres")]
    Postgres(Lent<'c, sqlx::Postgres>),
    #[cfg(feature = "db-mysql")]
    MySql(Lent<'c, sqlx::MySql>),
    #[allow(dead_code, reason = "a build may have no driver")]
    None(Infallible, PhantomData<&'c ()>),
}

/// A connection that returns to its pool, or one that the caller lends.
enum Lent<'c, D: sqlx::Database> {
    Pool(PoolConnection<D>),
    Caller(&'c mut D::Connection),
}

/// A row of a result.
pub struct DbRow(Rows);

enum Rows {
    #[cfg(feature = "db-sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "db-postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "db-mysql")]
    MySql(sqlx::mysql::MySqlRow),
    #[allow(dead_code, reason = "a build may have no driver")]
    None(Infallible, PhantomData<()>),
}

/// What a statement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// The number of rows that it inserted, updated or deleted.
    pub rows: u64,
    /// The last key that SQLite, MariaDB or MySQL made on the connection. On PostgreSQL it is 0.
    pub last_id: i64,
}

/// Conversions of one kind of database.
macro_rules! kind {
    ($feature:literal, $kind:ident, $pool:ty, $row:ty, $done:ty, $last_id:expr) => {
        #[cfg(feature = $feature)]
        impl From<$pool> for Db {
            fn from(pool: $pool) -> Self {
                Db(Pools::$kind(pool))
            }
        }

        #[cfg(feature = $feature)]
        impl From<PoolConnection<sqlx::$kind>> for Transaction<'static> {
            fn from(connection: PoolConnection<sqlx::$kind>) -> Self {
                let session = Session::$kind(Lent::Pool(connection));
                Transaction { session: Arc::new(Mutex::new(session)), dialect: Dialect::$kind, is_open: true }
            }
        }

        /// The caller's transaction, which the caller ends.
        #[cfg(feature = $feature)]
        impl<'c> From<&'c mut sqlx::Transaction<'_, sqlx::$kind>> for Transaction<'c> {
            fn from(transaction: &'c mut sqlx::Transaction<'_, sqlx::$kind>) -> Self {
                let session = Session::$kind(Lent::Caller(&mut **transaction));
                Transaction { session: Arc::new(Mutex::new(session)), dialect: Dialect::$kind, is_open: false }
            }
        }

        #[cfg(feature = $feature)]
        impl From<$row> for DbRow {
            fn from(row: $row) -> Self {
                DbRow(Rows::$kind(row))
            }
        }

        #[cfg(feature = $feature)]
        impl From<$done> for Done {
            fn from(done: $done) -> Self {
                let last_id: fn(&$done) -> i64 = $last_id;
                Done { rows: done.rows_affected(), last_id: last_id(&done) }
            }
        }
    };
}

kind!(
    "db-sqlite",
    Sqlite,
    sqlx::SqlitePool,
    sqlx::sqlite::SqliteRow,
    sqlx::sqlite::SqliteQueryResult,
    |done| done.last_insert_rowid()
);
kind!(
    "db-postgres",
    Postgres,
    sqlx::PgPool,
    sqlx::postgres::PgRow,
    sqlx::postgres::PgQueryResult,
    |_| 0
);
kind!(
    "db-mysql",
    MySql,
    sqlx::MySqlPool,
    sqlx::mysql::MySqlRow,
    sqlx::mysql::MySqlQueryResult,
    |done| done.last_insert_id().cast_signed()
);

impl<D: sqlx::Database> Deref for Lent<'_, D> {
    type Target = D::Connection;
    fn deref(&self) -> &D::Connection {
        match self {
            Lent::Pool(connection) => connection,
            Lent::Caller(connection) => connection,
        }
    }
}

impl<D: sqlx::Database> DerefMut for Lent<'_, D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        match self {
            Lent::Pool(connection) => connection,
            Lent::Caller(connection) => connection,
        }
    }
}

impl Db {
    /// The kind of database.
    pub fn dialect(&self) -> Dialect {
        match &self.0 {
            #[cfg(feature = "db-sqlite")]
            Pools::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "db-postgres")]
            Pools::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "db-mysql")]
            Pools::MySql(_) => Dialect::MySql,
            Pools::None(never, _) => match *never {},
        }
    }

    /// The pool, if the database is SQLite.
    #[cfg(feature = "db-sqlite")]
    pub fn sqlite(&self) -> Option<&sqlx::SqlitePool> {
        match &self.0 {
            Pools::Sqlite(pool) => Some(pool),
            _ => None,
        }
    }

    /// The pool, if the database is PostgreSQL.
    #[cfg(feature = "db-postgres")]
    pub fn postgres(&self) -> Option<&sqlx::PgPool> {
        match &self.0 {
            Pools::Postgres(pool) => Some(pool),
            _ => None,
        }
    }

    /// The pool, if the database is MariaDB or MySQL.
    #[cfg(feature = "db-mysql")]
    pub fn mysql(&self) -> Option<&sqlx::MySqlPool> {
        match &self.0 {
            Pools::MySql(pool) => Some(pool),
            _ => None,
        }
    }

    /// Begins a transaction.
    ///
    /// On SQLite the transaction takes the write lock with its first write. A transaction that reads first and writes
    /// later fails if another writer comes in between: begin it with [`begin_write`](Self::begin_write).
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database).
    pub async fn begin(&self) -> Result<Transaction<'static>> {
        let db = self.clone();
        finished(async move { db.begin_now(None).await }).await
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once. On MariaDB and MySQL its isolation
    /// level is `READ COMMITTED`, which locks no gaps between rows.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database).
    pub async fn begin_write(&self) -> Result<Transaction<'static>> {
        let db = self.clone();
        finished(async move { db.begin_write_now().await }).await
    }

    async fn begin_write_now(&self) -> Result<Transaction<'static>> {
        match &self.0 {
            #[cfg(feature = "db-sqlite")]
            Pools::Sqlite(_) => self.begin_now(Some("BEGIN IMMEDIATE")).await,
            #[cfg(feature = "db-postgres")]
            Pools::Postgres(_) => self.begin_now(None).await,
            #[cfg(feature = "db-mysql")]
            Pools::MySql(pool) => {
                let mut connection = pool.acquire().await.map_err(database)?;
                // Applies to the next transaction of the connection only.
                let isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
                connection.execute(sqlx::raw_sql(isolation)).await.map_err(database)?;
                Manager::<sqlx::MySql>::begin(&mut connection, None).await.map_err(database)?;
                Ok(connection.into())
            }
            Pools::None(never, _) => match *never {},
        }
    }

    async fn begin_now(&self, statement: Option<&'static str>) -> Result<Transaction<'static>> {
        let statement = statement.map(sqlx::SqlStr::from_static);
        each!(&self.0, Pools, pool => {
            let mut connection = pool.acquire().await.map_err(database)?;
            Manager::<D>::begin(&mut connection, statement).await.map_err(database)?;
            Ok(connection.into())
        })
    }

    /// Closes all connections and waits until they are closed.
    pub async fn close(&self) {
        each!(&self.0, Pools, pool => pool.close().await);
    }
}

/// Runs `begin` to its end even if the caller is cancelled. sqlx 0.9 would return the connection to the pool inside the
/// transaction, and statements of the next user would be lost.
async fn finished(
    begin: impl Future<Output = Result<Transaction<'static>>> + Send + 'static,
) -> Result<Transaction<'static>> {
    tokio::spawn(begin).await.unwrap_or_else(|error| Err(crate::journal::ended_early(error).error))
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.dialect()).finish()
    }
}

impl<'c> Transaction<'c> {
    /// Begins a savepoint.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database).
    pub async fn begin(&self) -> Result<Transaction<'c>> {
        let mut session = self.session.lock().await;
        each!(&mut *session, Session, session => {
            Manager::<D>::begin(session, None).await.map_err(database)?;
        });
        drop(session);
        let mut savepoint = self.share();
        savepoint.is_open = true;
        Ok(savepoint)
    }

    /// Commits the transaction, or releases the savepoint.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database). Unless a constraint is broken, the transaction may have been
    /// committed all the same.
    pub async fn commit(mut self) -> Result<()> {
        let session = self.session.clone();
        let mut session = session.lock().await;
        each!(&mut *session, Session, session => Manager::<D>::commit(session).await.map_err(database)?);
        self.is_open = false;
        Ok(())
    }

    /// Rolls back the transaction, or everything since the savepoint.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database).
    pub async fn rollback(mut self) -> Result<()> {
        let session = self.session.clone();
        let mut session = session.lock().await;
        each!(&mut *session, Session, session => Manager::<D>::rollback(session).await.map_err(database)?);
        self.is_open = false;
        Ok(())
    }

    /// The same transaction. Dropping the result ends nothing.
    fn share(&self) -> Transaction<'c> {
        Transaction { session: self.session.clone(), dialect: self.dialect, is_open: false }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Nobody else has the lock: a future that had it borrowed this transaction.
        if self.is_open
            && let Ok(mut session) = self.session.try_lock()
        {
            each!(&mut *session, Session, session => Manager::<D>::start_rollback(session));
        }
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&self.dialect).finish()
    }
}

impl fmt::Debug for DbRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbRow").finish_non_exhaustive()
    }
}

/// Runs your own SQL on a [`Db`] or a [`Transaction`].
#[async_trait]
pub trait Queries: Send + Sync {
    /// The kind of database.
    fn dialect(&self) -> Dialect;

    /// Runs one or more statements without parameters. Returns the number of rows that they changed.
    ///
    /// # Errors
    /// Returns [`Database`](crate::ErrorKind::Database), or a more specific kind such as
    /// [`UniqueViolation`](crate::ErrorKind::UniqueViolation).
    async fn run(&self, sql: &str) -> Result<u64>;

    /// Runs a statement with parameters: `?` on SQLite, MariaDB and MySQL, `$1` on PostgreSQL.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done>;

    /// Runs a query and returns all rows.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>>;
}

fn query_of<D: sqlx::Database>(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'_, D, SqlxValues>
where
    SqlxValues: sqlx::IntoArguments<D>,
{
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(Values(values)))
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
        Db::dialect(self)
    }

    async fn run(&self, sql: &str) -> Result<u64> {
        each!(&self.0, Pools, pool => {
            Ok(pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(database)?.rows_affected())
        })
    }

    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        each!(&self.0, Pools, pool => {
            Ok(query_of::<D>(sql, values).execute(pool).await.map_err(database)?.into())
        })
    }

    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        each!(&self.0, Pools, pool => {
            let rows = query_of::<D>(sql, values).fetch_all(pool).await.map_err(database)?;
            Ok(rows.into_iter().map(DbRow::from).collect())
        })
    }
}

#[async_trait]
impl Queries for Transaction<'_> {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    async fn run(&self, sql: &str) -> Result<u64> {
        let mut session = self.session.lock().await;
        each!(&mut *session, Session, session => {
            let done = (&mut **session).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
            Ok(done.map_err(database)?.rows_affected())
        })
    }

    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        let mut session = self.session.lock().await;
        each!(&mut *session, Session, session => {
            Ok(query_of::<D>(sql, values).execute(&mut **session).await.map_err(database)?.into())
        })
    }

    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        let mut session = self.session.lock().await;
        each!(&mut *session, Session, session => {
            let rows = query_of::<D>(sql, values).fetch_all(&mut **session).await.map_err(database)?;
            Ok(rows.into_iter().map(DbRow::from).collect())
        })
    }
}

/// Statements of sea-query.
impl dyn Queries + '_ {
    /// Runs a statement. Returns what it did.
    pub(crate) async fn execute_built(&self, statement: &impl QueryStatementBuilder) -> Result<Done> {
        let (sql, values) = build(self.dialect(), statement);
        self.execute(&sql, values).await
    }

    /// Runs a query.
    pub(crate) async fn query_built(&self, statement: &impl QueryStatementBuilder) -> Result<Vec<DbRow>> {
        let (sql, values) = build(self.dialect(), statement);
        self.query(&sql, values).await
    }
}

/// The text of a statement and its parameters.
pub(crate) fn build(dialect: Dialect, statement: &impl QueryStatementBuilder) -> (String, Vec<Value>) {
    let (sql, Values(values)) = match dialect {
        Dialect::Sqlite => statement.build_any(&SqliteQueryBuilder),
        Dialect::Postgres => statement.build_any(&PostgresQueryBuilder),
        Dialect::MySql => statement.build_any(&MysqlQueryBuilder),
    };
    (sql, values)
}

/// The text of a statement that creates a table or an index.
pub(crate) fn build_schema(dialect: Dialect, statement: &impl SchemaStatementBuilder) -> String {
    match dialect {
        Dialect::Sqlite => statement.build(SqliteQueryBuilder),
        Dialect::Postgres => statement.build(PostgresQueryBuilder),
        Dialect::MySql => statement.build(MysqlQueryBuilder),
    }
}

impl Sweeper {
    /// A sweeper of `db`.
    pub fn new(db: &Db) -> Self {
        Sweeper::of(journal_of(db))
    }
}

/// The journal of a database.
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
        match <Option<String>>::read(self, column) {
            Ok(text) => Ok(text),
            // MySQL keeps names as bytes.
            Err(error) => match <Option<Vec<u8>>>::read(self, column) {
                Ok(None) => Ok(None),
                Ok(Some(bytes)) => String::from_utf8(bytes).map(Some).map_err(|_| error.into()),
                Err(_) => Err(error.into()),
            },
        }
    }
}

/// Whatever runs SQL runs the statements of the journal.
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
        Ok(Box::new(self.begin_write_now().await?))
    }

    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(each!(&self.0, Pools, pool => pool.connect_options() as Arc<dyn Any + Send + Sync>))
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

/// What runs in a transaction.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Runs `work` in a transaction, as the journal runs its own.
pub(crate) async fn in_transaction<T: Send + 'static>(
    db: &Db,
    work: impl for<'t> Fn(&'t Transaction<'static>) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, TransactionError> {
    let db = db.clone();
    let work = Arc::new(work);
    retrying(move || {
        let (db, work) = (db.clone(), work.clone());
        async move {
            let tx = db.begin_write_now().await.map_err(TransactionError::certain)?;
            let done = work(&tx).await;
            TransactionError::end(done, Box::new(tx)).await
        }
    })
    .await
}

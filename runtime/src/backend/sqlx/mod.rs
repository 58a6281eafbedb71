//! SQLite, PostgreSQL, MariaDB and MySQL through sqlx: one pool, one transaction and one row for all of them.

mod read;

pub use read::{Read, ReadError};

use super::error::database;
use crate::journal::{Cells, Connection as JournalConnection, Dialect, Journal, Param, Pool, Row, Sweeper};
use crate::journal::{Transaction as JournalTransaction, TransactionError, retrying};
use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use sea_query::{
    MysqlQueryBuilder, PostgresQueryBuilder, QueryStatementBuilder, SchemaStatementBuilder, SqliteQueryBuilder,
    Value, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, TransactionManager};
use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Expands to a `match` over the three kinds of databases.
macro_rules! each {
    ($on:expr, $kind:ident::$variant:ident, $name:pat => $body:expr) => {
        match $on {
            #[cfg(feature = "db-sqlite")]
            $kind::Sqlite($name) => {
                #[allow(unused)]
                type $variant = sqlx::Sqlite;
                $body
            }
            #[cfg(feature = "db-postgres")]
            $kind::Postgres($name) => {
                #[allow(unused)]
                type $variant = sqlx::Postgres;
                $body
            }
            #[cfg(feature = "db-mysql")]
            $kind::MySql($name) => {
                #[allow(unused)]
                type $variant = sqlx::MySql;
                $body
            }
        }
    };
}
pub(super) use each;

type Manager<D> = <D as sqlx::Database>::TransactionManager;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB and MySQL.
    MySql,
}

/// A database: a pool of connections. A clone is the same pool.
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
}

/// One connection.
enum Session {
    #[cfg(feature = "db-sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "db-postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "db-mysql")]
    MySql(PoolConnection<sqlx::MySql>),
}

/// A row of a result.
pub struct DbRow(Kinds);

enum Kinds {
    #[cfg(feature = "db-sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "db-postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "db-mysql")]
    MySql(sqlx::mysql::MySqlRow),
}

/// What a statement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Rows that it inserted, updated or deleted.
    pub rows: u64,
    /// The key that SQLite or MySQL made last on the connection; 0 on PostgreSQL.
    pub last_id: i64,
}

/// A transaction, or a savepoint in one. Dropped, it is rolled back.
pub struct Transaction {
    session: Arc<Mutex<Session>>,
    backend: Backend,
    is_open: bool,
}

#[cfg(feature = "db-sqlite")]
impl From<sqlx::SqlitePool> for Db {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Db(Pools::Sqlite(pool))
    }
}

#[cfg(feature = "db-postgres")]
impl From<sqlx::PgPool> for Db {
    fn from(pool: sqlx::PgPool) -> Self {
        Db(Pools::Postgres(pool))
    }
}

#[cfg(feature = "db-mysql")]
impl From<sqlx::MySqlPool> for Db {
    fn from(pool: sqlx::MySqlPool) -> Self {
        Db(Pools::MySql(pool))
    }
}

impl Db {
    /// The kind of database.
    pub fn backend(&self) -> Backend {
        match &self.0 {
            #[cfg(feature = "db-sqlite")]
            Pools::Sqlite(_) => Backend::Sqlite,
            #[cfg(feature = "db-postgres")]
            Pools::Postgres(_) => Backend::Postgres,
            #[cfg(feature = "db-mysql")]
            Pools::MySql(_) => Backend::MySql,
        }
    }

    /// The pool of sqlx, if the database is SQLite.
    #[cfg(feature = "db-sqlite")]
    pub fn sqlite(&self) -> Option<&sqlx::SqlitePool> {
        match &self.0 {
            Pools::Sqlite(pool) => Some(pool),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// The pool of sqlx, if the database is PostgreSQL.
    #[cfg(feature = "db-postgres")]
    pub fn postgres(&self) -> Option<&sqlx::PgPool> {
        match &self.0 {
            Pools::Postgres(pool) => Some(pool),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// The pool of sqlx, if the database is MariaDB or MySQL.
    #[cfg(feature = "db-mysql")]
    pub fn mysql(&self) -> Option<&sqlx::MySqlPool> {
        match &self.0 {
            Pools::MySql(pool) => Some(pool),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// Begins a transaction. On SQLite it takes the lock for writing with its first write; a transaction that reads before
    /// it writes fails if another writer comes between, so begin it with [`begin_write`](Self::begin_write).
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn begin(&self) -> Result<Transaction> {
        self.begin_with(None).await
    }

    /// Begins a transaction that writes: on SQLite it takes the lock for writing at once, on MariaDB and MySQL it reads
    /// what is committed and locks no gaps between rows.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn begin_write(&self) -> Result<Transaction> {
        match &self.0 {
            #[cfg(feature = "db-sqlite")]
            Pools::Sqlite(_) => self.begin_with(Some("BEGIN IMMEDIATE")).await,
            #[cfg(feature = "db-postgres")]
            Pools::Postgres(_) => self.begin_with(None).await,
            #[cfg(feature = "db-mysql")]
            Pools::MySql(pool) => self.begin_read_committed(pool).await,
        }
    }

    async fn begin_with(&self, statement: Option<&'static str>) -> Result<Transaction> {
        let statement = statement.map(sqlx::SqlStr::from_static);
        let session = each!(&self.0, Pools::D, pool => {
            let mut session = pool.acquire().await.map_err(database)?;
            Manager::<D>::begin(&mut session, statement).await.map_err(database)?;
            Session::from(session)
        });
        Ok(Transaction { session: Arc::new(Mutex::new(session)), backend: self.backend(), is_open: true })
    }

    #[cfg(feature = "db-mysql")]
    async fn begin_read_committed(&self, pool: &sqlx::MySqlPool) -> Result<Transaction> {
        let mut session = pool.acquire().await.map_err(database)?;
        // Of the next transaction on the connection alone.
        let isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
        session.execute(sqlx::raw_sql(isolation)).await.map_err(database)?;
        Manager::<sqlx::MySql>::begin(&mut session, None).await.map_err(database)?;
        let session = Arc::new(Mutex::new(Session::MySql(session)));
        Ok(Transaction { session, backend: Backend::MySql, is_open: true })
    }

    /// Closes all connections and waits until they are closed.
    pub async fn close(&self) {
        each!(&self.0, Pools::D, pool => pool.close().await);
    }
}

#[cfg(feature = "db-sqlite")]
impl From<PoolConnection<sqlx::Sqlite>> for Session {
    fn from(connection: PoolConnection<sqlx::Sqlite>) -> Self {
        Session::Sqlite(connection)
    }
}

#[cfg(feature = "db-postgres")]
impl From<PoolConnection<sqlx::Postgres>> for Session {
    fn from(connection: PoolConnection<sqlx::Postgres>) -> Self {
        Session::Postgres(connection)
    }
}

#[cfg(feature = "db-mysql")]
impl From<PoolConnection<sqlx::MySql>> for Session {
    fn from(connection: PoolConnection<sqlx::MySql>) -> Self {
        Session::MySql(connection)
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.backend()).finish()
    }
}

impl Transaction {
    /// Begins a savepoint.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn begin(&self) -> Result<Transaction> {
        let mut session = self.session.lock().await;
        each!(&mut *session, Session::D, session => {
            Manager::<D>::begin(&mut *session, None).await.map_err(database)?;
        });
        drop(session);
        Ok(Transaction { session: self.session.clone(), backend: self.backend, is_open: true })
    }

    /// Commits the transaction, or releases the savepoint.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database). Unless a constraint is broken, it is not known whether anything was committed.
    pub async fn commit(mut self) -> Result<()> {
        let session = self.session.clone();
        let mut session = session.lock().await;
        each!(&mut *session, Session::D, session => Manager::<D>::commit(&mut *session).await.map_err(database)?);
        self.is_open = false;
        Ok(())
    }

    /// Rolls back, to the savepoint if it is one.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database).
    pub async fn rollback(mut self) -> Result<()> {
        let session = self.session.clone();
        let mut session = session.lock().await;
        each!(&mut *session, Session::D, session => Manager::<D>::rollback(&mut *session).await.map_err(database)?);
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Nobody else has the connection: a future that used it borrowed this.
        if self.is_open
            && let Ok(mut session) = self.session.try_lock()
        {
            each!(&mut *session, Session::D, session => Manager::<D>::start_rollback(&mut *session));
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&self.backend).finish()
    }
}

impl fmt::Debug for DbRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbRow").finish_non_exhaustive()
    }
}

/// What runs statements: a [`Db`] or a [`Transaction`].
#[async_trait]
pub trait Queries: Send + Sync {
    /// The kind of database.
    fn backend(&self) -> Backend;

    /// Runs one or several statements without parameters.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) and the other kinds that say what a database refused.
    async fn run(&self, sql: &str) -> Result<u64>;

    /// Runs a statement with parameters.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done>;

    /// Runs a query to its end.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>>;
}

macro_rules! done {
    ($done:expr) => {{
        let done = $done.map_err(database)?;
        Done::from(done)
    }};
}

#[cfg(feature = "db-sqlite")]
impl From<sqlx::sqlite::SqliteQueryResult> for Done {
    fn from(done: sqlx::sqlite::SqliteQueryResult) -> Self {
        Done { rows: done.rows_affected(), last_id: done.last_insert_rowid() }
    }
}

#[cfg(feature = "db-postgres")]
impl From<sqlx::postgres::PgQueryResult> for Done {
    fn from(done: sqlx::postgres::PgQueryResult) -> Self {
        Done { rows: done.rows_affected(), last_id: 0 }
    }
}

#[cfg(feature = "db-mysql")]
impl From<sqlx::mysql::MySqlQueryResult> for Done {
    fn from(done: sqlx::mysql::MySqlQueryResult) -> Self {
        Done { rows: done.rows_affected(), last_id: done.last_insert_id().cast_signed() }
    }
}

#[cfg(feature = "db-sqlite")]
impl From<sqlx::sqlite::SqliteRow> for DbRow {
    fn from(row: sqlx::sqlite::SqliteRow) -> Self {
        DbRow(Kinds::Sqlite(row))
    }
}

#[cfg(feature = "db-postgres")]
impl From<sqlx::postgres::PgRow> for DbRow {
    fn from(row: sqlx::postgres::PgRow) -> Self {
        DbRow(Kinds::Postgres(row))
    }
}

#[cfg(feature = "db-mysql")]
impl From<sqlx::mysql::MySqlRow> for DbRow {
    fn from(row: sqlx::mysql::MySqlRow) -> Self {
        DbRow(Kinds::MySql(row))
    }
}

fn query_of<D: sqlx::Database>(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'_, D, <D as sqlx::Database>::Arguments>
where
    SqlxValues: sqlx::IntoArguments<D>,
{
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(Values(values)))
}

#[async_trait]
impl Queries for Db {
    fn backend(&self) -> Backend {
        self.backend()
    }

    async fn run(&self, sql: &str) -> Result<u64> {
        let done = each!(&self.0, Pools::D, pool => done!(pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await));
        Ok(done.rows)
    }

    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        Ok(each!(&self.0, Pools::D, pool => done!(query_of::<D>(sql, values).execute(pool).await)))
    }

    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        each!(&self.0, Pools::D, pool => {
            let rows = query_of::<D>(sql, values).fetch_all(pool).await.map_err(database)?;
            Ok(rows.into_iter().map(DbRow::from).collect())
        })
    }
}

#[async_trait]
impl Queries for Transaction {
    fn backend(&self) -> Backend {
        self.backend
    }

    async fn run(&self, sql: &str) -> Result<u64> {
        let mut session = self.session.lock().await;
        let done = each!(&mut *session, Session::D, session => {
            done!((&mut **session).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await)
        });
        Ok(done.rows)
    }

    async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        let mut session = self.session.lock().await;
        Ok(each!(&mut *session, Session::D, session => {
            done!(query_of::<D>(sql, values).execute(&mut **session).await)
        }))
    }

    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
        let mut session = self.session.lock().await;
        each!(&mut *session, Session::D, session => {
            let rows = query_of::<D>(sql, values).fetch_all(&mut **session).await.map_err(database)?;
            Ok(rows.into_iter().map(DbRow::from).collect())
        })
    }
}

/// The text of a statement and its parameters.
pub(crate) fn build(backend: Backend, statement: &impl QueryStatementBuilder) -> (String, Vec<Value>) {
    let (sql, Values(values)) = match backend {
        Backend::Sqlite => statement.build_any(&SqliteQueryBuilder),
        Backend::Postgres => statement.build_any(&PostgresQueryBuilder),
        Backend::MySql => statement.build_any(&MysqlQueryBuilder),
    };
    (sql, values)
}

/// The text of a statement that makes a table or an index.
pub(crate) fn build_schema(backend: Backend, statement: &impl SchemaStatementBuilder) -> String {
    match backend {
        Backend::Sqlite => statement.build(SqliteQueryBuilder),
        Backend::Postgres => statement.build(PostgresQueryBuilder),
        Backend::MySql => statement.build(MysqlQueryBuilder),
    }
}

impl From<Backend> for Dialect {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Dialect::Sqlite,
            Backend::Postgres => Dialect::Postgres,
            Backend::MySql => Dialect::MySql,
        }
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

/// What runs statements runs those of the journal.
#[async_trait]
impl<Q: Queries> JournalConnection for Q {
    fn dialect(&self) -> Dialect {
        Queries::backend(self).into()
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
        Ok(Box::new(self.begin_write().await?))
    }

    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(each!(&self.0, Pools::D, pool => pool.connect_options() as Arc<dyn Any + Send + Sync>))
    }
}

#[async_trait]
impl JournalTransaction for Transaction {
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
    work: impl for<'t> Fn(&'t Transaction) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, TransactionError> {
    let db = db.clone();
    let work = Arc::new(work);
    retrying(move || {
        let (db, work) = (db.clone(), work.clone());
        async move {
            let tx = db.begin_write().await.map_err(TransactionError::certain)?;
            let done = work(&tx).await;
            TransactionError::end(done, Box::new(tx)).await
        }
    })
    .await
}

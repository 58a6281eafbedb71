//! The drivers of sqlx, behind one interface.

use super::{DbRow, Done, Queries, Transaction};
use crate::Result;
use crate::backend::error::database;
use crate::journal::Dialect;
use async_trait::async_trait;
use sea_query::{Value, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, SqlStr};
use sqlx_core::transaction::TransactionManager;
use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A pool of connections.
#[async_trait]
pub trait Driver: Queries + Any {
    /// Begins a transaction. If it `writes`, it takes the write lock of SQLite immediately, and does not lock gaps between
    /// rows on MariaDB and MySQL.
    async fn begin(&self, writes: bool) -> Result<Box<dyn Session>>;

    /// Closes all connections.
    async fn close(&self);

    /// Returns a value that all clones of the pool share, and no other pool.
    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// The connection of a transaction.
#[async_trait]
pub trait Session: Send {
    /// See [`Queries::run`].
    async fn run(&mut self, sql: &str) -> Result<u64>;

    /// See [`Queries::execute`].
    async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<Done>;

    /// See [`Queries::query`].
    async fn query(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>>;

    /// Begins a savepoint.
    async fn savepoint(&mut self) -> Result<()>;

    /// Commits the transaction, or releases the last savepoint.
    async fn commit(&mut self) -> Result<()>;

    /// Rolls back the transaction, or to the last savepoint.
    async fn rollback(&mut self) -> Result<()>;

    /// Schedules a rollback that runs before the next statement of the connection.
    fn start_rollback(&mut self);
}

/// A connection that returns to its pool, or one that the caller lends.
enum Lent<'c, D: sqlx::Database> {
    Pool(PoolConnection<D>),
    Caller(&'c mut D::Connection),
}

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

type Manager<D> = <D as sqlx::Database>::TransactionManager;

fn query_of<D: sqlx::Database>(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'_, D, SqlxValues>
where
    SqlxValues: sqlx::IntoArguments<D>,
{
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(Values(values)))
}

/// Implements a driver. A generic implementation would need a dozen bounds on the types of sqlx.
macro_rules! driver {
    ($feature:literal, $kind:ident, $result:ty, $last_id:expr, $begin_write:expr) => {
        #[cfg(feature = $feature)]
        const _: () = {
            fn done(result: $result) -> Done {
                let last_id: fn(&$result) -> i64 = $last_id;
                Done { rows: result.rows_affected(), last_id: last_id(&result) }
            }

            #[async_trait]
            impl Queries for sqlx::Pool<sqlx::$kind> {
                fn dialect(&self) -> Dialect {
                    Dialect::$kind
                }
                async fn run(&self, sql: &str) -> Result<u64> {
                    let result = Executor::execute(self, sqlx::raw_sql(AssertSqlSafe(sql))).await;
                    Ok(result.map_err(database)?.rows_affected())
                }
                async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
                    query_of::<sqlx::$kind>(sql, values).execute(self).await.map(done).map_err(database)
                }
                async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
                    let rows =
                        query_of::<sqlx::$kind>(sql, values).fetch_all(self).await.map_err(database)?;
                    Ok(rows.into_iter().map(DbRow::from).collect())
                }
            }

            #[async_trait]
            impl Driver for sqlx::Pool<sqlx::$kind> {
                async fn begin(&self, writes: bool) -> Result<Box<dyn Session>> {
                    let mut connection = self.acquire().await.map_err(database)?;
                    let statement: Option<&str> = match $begin_write {
                        BeginWrite::After(isolation) if writes => {
                            let set = connection.execute(sqlx::raw_sql(isolation)).await;
                            set.map_err(database)?;
                            None
                        }
                        BeginWrite::By(statement) if writes => Some(statement),
                        _ => None,
                    };
                    let statement = statement.map(SqlStr::from_static);
                    Manager::<sqlx::$kind>::begin(&mut connection, statement).await.map_err(database)?;
                    Ok(Box::new(Lent::Pool(connection)))
                }
                async fn close(&self) {
                    sqlx::Pool::close(self).await;
                }
                fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
                    Some(self.connect_options())
                }
            }

            #[async_trait]
            impl Session for Lent<'_, sqlx::$kind> {
                async fn run(&mut self, sql: &str) -> Result<u64> {
                    let result = (&mut **self).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
                    Ok(result.map_err(database)?.rows_affected())
                }
                async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<Done> {
                    let query = query_of::<sqlx::$kind>(sql, values);
                    query.execute(&mut **self).await.map(done).map_err(database)
                }
                async fn query(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<DbRow>> {
                    let query = query_of::<sqlx::$kind>(sql, values);
                    let rows = query.fetch_all(&mut **self).await.map_err(database)?;
                    Ok(rows.into_iter().map(DbRow::from).collect())
                }
                async fn savepoint(&mut self) -> Result<()> {
                    Manager::<sqlx::$kind>::begin(self, None).await.map_err(database)
                }
                async fn commit(&mut self) -> Result<()> {
                    Manager::<sqlx::$kind>::commit(self).await.map_err(database)
                }
                async fn rollback(&mut self) -> Result<()> {
                    Manager::<sqlx::$kind>::rollback(self).await.map_err(database)
                }
                fn start_rollback(&mut self) {
                    Manager::<sqlx::$kind>::start_rollback(self);
                }
            }

            impl<'c> From<&'c mut sqlx::Transaction<'_, sqlx::$kind>> for Transaction<'c> {
                fn from(transaction: &'c mut sqlx::Transaction<'_, sqlx::$kind>) -> Self {
                    let session = Lent::<sqlx::$kind>::Caller(&mut **transaction);
                    Transaction::of_caller(Box::new(session), Dialect::$kind)
                }
            }
        };
    };
}

/// How a transaction that writes begins.
#[allow(dead_code, reason = "each is used by some drivers")]
enum BeginWrite {
    /// With this statement.
    By(&'static str),
    /// After this statement, which applies to the next transaction of the connection only.
    After(&'static str),
    /// Like any other transaction.
    Plainly,
}

driver!(
    "db-sqlite",
    Sqlite,
    sqlx::sqlite::SqliteQueryResult,
    |result| result.last_insert_rowid(),
    BeginWrite::By("BEGIN IMMEDIATE")
);
driver!("db-postgres", Postgres, sqlx::postgres::PgQueryResult, |_| 0, BeginWrite::Plainly);
driver!(
    "db-mysql",
    MySql,
    sqlx::mysql::MySqlQueryResult,
    |result| result.last_insert_id().cast_signed(),
    BeginWrite::After("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
);

//! The journal on sea-orm.

use super::error::database;
use crate::journal::{
    Cells, Connection, Dialect, Journal, Param, Pool, Row, Sweeper, Transaction, TransactionError, retrying,
};
use crate::{Error, ErrorKind, Result};
use ::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use async_trait::async_trait;
use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

/// A connection of sea-orm: a `DatabaseConnection`, which is a pool, or a transaction; owned or borrowed.
pub(crate) struct SeaOrm<C>(pub(crate) C);

/// The journal of a database.
pub(crate) fn journal_of(db: &DatabaseConnection) -> Journal {
    Journal::new(SeaOrm(db.clone()))
}

/// The dialect of a kind of database.
pub(crate) fn dialect(backend: DbBackend) -> Result<Dialect> {
    match backend {
        DbBackend::Sqlite => Ok(Dialect::Sqlite),
        DbBackend::Postgres => Ok(Dialect::Postgres),
        DbBackend::MySql => Ok(Dialect::MySql),
        other => Err(Error::new(ErrorKind::Unsupported, format!("the journal does not run on {other:?}"))),
    }
}

impl Sweeper {
    /// A sweeper of `db`.
    pub fn new(db: &DatabaseConnection) -> Self {
        Sweeper::of(journal_of(db))
    }
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

impl Cells for QueryResult {
    fn int(&self, column: &str) -> Result<Option<i64>> {
        self.try_get("", column).map_err(database)
    }

    fn text(&self, column: &str) -> Result<Option<String>> {
        match self.try_get::<Option<String>>("", column) {
            Ok(text) => Ok(text),
            // MySQL keeps names as bytes.
            Err(error) => match self.try_get::<Option<Vec<u8>>>("", column) {
                Ok(None) => Ok(None),
                Ok(Some(bytes)) => String::from_utf8(bytes).map(Some).map_err(|_| database(error)),
                Err(_) => Err(database(error)),
            },
        }
    }
}

/// What is a connection of sea-orm, or refers to one.
pub(crate) trait Inner: Send + Sync {
    type Connection: ConnectionTrait + Sync;
    fn inner(&self) -> &Self::Connection;
}

impl Inner for DatabaseConnection {
    type Connection = Self;
    fn inner(&self) -> &Self {
        self
    }
}

impl Inner for DatabaseTransaction {
    type Connection = Self;
    fn inner(&self) -> &Self {
        self
    }
}

impl<C: ConnectionTrait + Sync> Inner for &C {
    type Connection = C;
    fn inner(&self) -> &C {
        self
    }
}

#[async_trait]
impl<C: Inner> Connection for SeaOrm<C> {
    fn dialect(&self) -> Result<Dialect> {
        dialect(self.0.inner().get_database_backend())
    }

    async fn execute(&self, sql: &str, params: Vec<Param>) -> Result<u64> {
        let done = self.0.inner().execute_raw(self.statement(sql, params)).await.map_err(database)?;
        Ok(done.rows_affected())
    }

    async fn insert(&self, sql: &str, params: Vec<Param>) -> Result<Option<i64>> {
        let done = self.0.inner().execute_raw(self.statement(sql, params)).await.map_err(database)?;
        // sea-orm panics if the last key of the connection is negative, so it is asked only after an insert.
        Ok(if done.rows_affected() > 0 { i64::try_from(done.last_insert_id()).ok() } else { None })
    }

    async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>> {
        let rows = self.0.inner().query_all_raw(self.statement(sql, params)).await.map_err(database)?;
        Ok(rows.into_iter().map(Row::new).collect())
    }

    async fn run(&self, sql: &str) -> Result<()> {
        self.0.inner().execute_unprepared(sql).await.map(drop).map_err(database)
    }
}

impl<C: Inner> SeaOrm<C> {
    fn statement(&self, sql: &str, params: Vec<Param>) -> Statement {
        let backend = self.0.inner().get_database_backend();
        Statement::from_sql_and_values(backend, sql, params.into_iter().map(Value::from))
    }
}

#[async_trait]
impl Pool for SeaOrm<DatabaseConnection> {
    async fn begin(&self) -> Result<Box<dyn Transaction>> {
        Ok(Box::new(SeaOrm(begin(&self.0).await?)))
    }

    fn shared(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let db = &self.0;
        match &db.inner {
            #[cfg(feature = "db-sqlite")]
            ::sea_orm::DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
                Some(db.get_sqlite_connection_pool().connect_options())
            }
            #[cfg(feature = "db-postgres")]
            ::sea_orm::DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
                Some(db.get_postgres_connection_pool().connect_options())
            }
            #[cfg(feature = "db-mysql")]
            ::sea_orm::DatabaseConnectionType::SqlxMySqlPoolConnection(_) => {
                Some(db.get_mysql_connection_pool().connect_options())
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Transaction for SeaOrm<DatabaseTransaction> {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.0.commit().await.map_err(database)
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        self.0.rollback().await.map_err(database)
    }
}

async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options = match db.get_database_backend() {
        // A transaction that reads first and writes later fails on SQLite if another writer comes between.
        DbBackend::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        // With its default MySQL locks the gaps beside the rows too, and unrelated transactions collide.
        DbBackend::MySql => TransactionOptions {
            isolation_level: Some(IsolationLevel::ReadCommitted),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    };
    db.begin_with_options(options).await.map_err(database)
}

/// What runs in a transaction of sea-orm.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Runs `work` in a transaction of sea-orm's, as the journal runs its own.
pub(crate) async fn in_transaction<T: Send + 'static>(
    db: &DatabaseConnection,
    work: impl for<'t> Fn(&'t DatabaseTransaction) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, TransactionError> {
    let db = db.clone();
    let work = Arc::new(work);
    retrying(move || {
        let (db, work) = (db.clone(), work.clone());
        async move {
            let tx = begin(&db).await.map_err(TransactionError::certain)?;
            let done = work(&tx).await;
            TransactionError::end(done, Box::new(SeaOrm(tx))).await
        }
    })
    .await
}

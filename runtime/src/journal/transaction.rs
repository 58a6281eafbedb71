//! Transactions of our own.

use super::error::{database, is_conflict};
use crate::failpoints::step;
use crate::{Error, ErrorKind, Result};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use std::pin::Pin;
use std::time::Duration;

/// How often a transaction that gave way to another one is run again.
const MAX_CONFLICTS: u32 = 8;

/// How a transaction of ours failed.
#[derive(Debug)]
pub(crate) struct TransactionError {
    pub(crate) error: Error,
    /// Whether it is certain that nothing was committed.
    pub(crate) rolled_back: bool,
}

impl From<TransactionError> for Error {
    fn from(failure: TransactionError) -> Self {
        failure.error
    }
}

/// What runs inside.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Runs `work` in a transaction of its own, on a task of its own: a caller that goes away cannot leave it half done,
/// and a connection never goes back to the pool inside a transaction (R10).
pub(crate) async fn own<T: Send + 'static>(
    db: &DatabaseConnection,
    work: impl for<'t> Fn(&'t DatabaseTransaction) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, TransactionError> {
    let db = db.clone();
    let task = tokio::spawn(async move {
        let mut conflicts = 0;
        loop {
            match once(&db, &work).await {
                Err(failure)
                    if failure.rolled_back && conflicts < MAX_CONFLICTS && is_conflict(&failure.error) =>
                {
                    conflicts += 1;
                    tokio::time::sleep(Duration::from_millis(1 << conflicts)).await;
                }
                result => return result,
            }
        }
    });
    task.await.unwrap_or_else(|error| Err(ended_early(error)))
}

pub(super) fn ended_early(error: tokio::task::JoinError) -> TransactionError {
    let error = Error::new(ErrorKind::Database, "the transaction's task ended early").with_source(error);
    TransactionError { error: error.uncertain(), rolled_back: false }
}

async fn once<T>(
    db: &DatabaseConnection,
    work: &impl for<'t> Fn(&'t DatabaseTransaction) -> Work<'t, T>,
) -> Result<T, TransactionError> {
    let certain = |error: Error| TransactionError { error, rolled_back: true };
    let options = match db.get_database_backend() {
        // A transaction that first reads and then writes would fail on SQLite where another writer came between.
        DbBackend::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        // Otherwise MySQL locks the gaps beside the rows too, and strangers run into each other.
        DbBackend::MySql => TransactionOptions {
            isolation_level: Some(IsolationLevel::ReadCommitted),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    };
    let tx = db.begin_with_options(options).await.map_err(|error| certain(database(error)))?;
    match work(&tx).await {
        Ok(done) => match tx.commit().await {
            Ok(()) => {
                lost_answer()?;
                Ok(done)
            }
            // A constraint that waits for the end is broken.
            Err(error) if error.sql_err().is_some() => Err(certain(database(error))),
            // Nobody needs to know what came of it: the journal does (F14).
            Err(error) => Err(TransactionError { error: database(error).uncertain(), rolled_back: false }),
        },
        Err(error) => {
            let rolled_back = tx.rollback().await.is_ok();
            Err(TransactionError { error, rolled_back })
        }
    }
}

/// The step behind a commit.
pub(super) fn lost_answer() -> Result<(), TransactionError> {
    let answer = || {
        step!("W5.committed");
        Ok(())
    };
    answer().map_err(|error: Error| TransactionError { error: error.uncertain(), rolled_back: false })
}

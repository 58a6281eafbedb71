//! Transactions of the journal.

use super::connection::{Connection, Journal, Pool, Transaction, is_conflict};
use crate::failpoints::step;
use crate::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How often a transaction is run again after a conflict with another one.
const MAX_CONFLICTS: u32 = 8;

/// How a transaction failed.
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

impl TransactionError {
    /// An error after which certainly nothing was committed.
    pub(crate) fn certain(error: Error) -> Self {
        TransactionError { error, rolled_back: true }
    }

    /// Commits what is `done`, or rolls back.
    pub(crate) async fn end<T>(done: Result<T>, tx: Box<dyn Transaction>) -> Result<T, TransactionError> {
        match done {
            Ok(done) => match tx.commit().await {
                Ok(()) => {
                    lost_answer()?;
                    Ok(done)
                }
                // If it is not known whether the commit took effect, the journal shows it later.
                Err(error) => Err(TransactionError { rolled_back: !error.is_uncertain(), error }),
            },
            Err(error) => {
                let rolled_back = tx.rollback().await.is_ok();
                Err(TransactionError { error, rolled_back })
            }
        }
    }
}

/// The work of a transaction.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Runs `work` in a transaction of the journal.
pub(crate) async fn own<T: Send + 'static>(
    db: &Journal,
    work: impl for<'t> Fn(&'t dyn Connection) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, TransactionError> {
    let db = db.clone();
    let work = Arc::new(work);
    retrying(move || {
        let (db, work) = (db.clone(), work.clone());
        async move {
            let tx = db.begin().await.map_err(TransactionError::certain)?;
            let done = work(&*tx).await;
            TransactionError::end(done, tx).await
        }
    })
    .await
}

/// Runs a transaction in a spawned task, and again after a conflict. A caller that is dropped cannot leave
/// the transaction half done, and no connection returns to its pool inside a transaction.
pub(crate) async fn retrying<T: Send + 'static, F: Future<Output = Result<T, TransactionError>> + Send>(
    once: impl Fn() -> F + Send + 'static,
) -> Result<T, TransactionError> {
    let task = tokio::spawn(async move {
        let mut conflicts = 0;
        loop {
            match once().await {
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

pub(crate) fn ended_early(error: tokio::task::JoinError) -> TransactionError {
    let error = Error::new(ErrorKind::Database, "the transaction's task ended early").with_source(error);
    TransactionError { error: error.uncertain(), rolled_back: false }
}

/// The fail point after a commit.
pub(crate) fn lost_answer() -> Result<(), TransactionError> {
    let answer = || {
        step!("transaction.committed");
        Ok(())
    };
    answer().map_err(|error: Error| TransactionError { error: error.uncertain(), rolled_back: false })
}

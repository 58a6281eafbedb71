//! A sweeper that runs beside the application.

use super::{SweepReport, Sweeper};
use crate::{Result, registry};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running sweeper. Dropped, it ends at once; what it had in hand is finished by the next one (F43).
#[derive(Debug)]
#[must_use = "a sweeper ends when this is dropped"]
pub struct SweeperTask {
    stop: watch::Sender<bool>,
    last: watch::Receiver<Option<Arc<Result<SweepReport>>>>,
    task: JoinHandle<()>,
}

impl Sweeper {
    /// Sweeps now and then on a task of its own, until the answer is dropped or [stopped](SweeperTask::stop). An error
    /// of the database does not end it.
    pub fn spawn(self) -> SweeperTask {
        let (stop, mut stopped) = watch::channel(false);
        let (reports, last) = watch::channel(None);
        let task = registry::spawn(async move {
            loop {
                let report = self.turn().await;
                let _ = reports.send(Some(Arc::new(report)));
                if tokio::time::timeout(self.every, stopped.changed()).await.is_ok() {
                    break;
                }
            }
        });
        SweeperTask { stop, last, task }
    }
}

impl SweeperTask {
    /// What the last turn did; `None` before the first has ended. Its count of dead entries is of those that it added.
    pub fn last(&self) -> Option<Arc<Result<SweepReport>>> {
        self.last.borrow().clone()
    }

    /// Waits for the end of the next turn.
    pub async fn turned(&mut self) -> Option<Arc<Result<SweepReport>>> {
        self.last.changed().await.ok()?;
        self.last.borrow_and_update().clone()
    }

    /// Ends it after the turn that is under way.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for SweeperTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! A sweeper that runs beside the application.

use super::{SweepReport, Sweeper};
use crate::{Result, registry};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running sweeper. It is aborted on drop; the next sweep finishes what it had acquired.
#[derive(Debug)]
#[must_use = "a sweeper ends when this is dropped"]
pub struct SweeperTask {
    stop: watch::Sender<bool>,
    last: watch::Receiver<Option<Arc<Result<SweepReport>>>>,
    task: JoinHandle<()>,
}

impl Sweeper {
    /// Sweeps regularly in a spawned task, until the returned value is dropped or
    /// [stopped](SweeperTask::stop). The task continues after database errors.
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
    /// Returns the report of the last turn; `None` before the first turn has ended. Its count of dead entries
    /// includes only those that the turn added.
    pub fn last(&self) -> Option<Arc<Result<SweepReport>>> {
        self.last.borrow().clone()
    }

    /// Waits for the end of the next turn.
    pub async fn turned(&mut self) -> Option<Arc<Result<SweepReport>>> {
        self.last.changed().await.ok()?;
        self.last.borrow_and_update().clone()
    }

    /// Stops the task after the present turn.
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

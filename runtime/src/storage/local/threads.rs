//! The way to a thread that may wait, and back.
//!
//! tokio's blocking threads share one lock and one condition variable: a hop takes five to seven futex calls, and a
//! save that follows another wakes a second thread while the first is still telling of its end. So a thread that has
//! done its work offers itself for the next before it tells: the answer wakes the caller, and the caller's next work
//! wakes, or only reaches, the thread that is at hand. The threads remain tokio's. Each leaves soon after there is
//! nothing to do, so that a runtime still ends when its work is done, and no sooner.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

/// How long a thread waits for more work.
const IDLE: Duration = Duration::from_millis(5);
/// How long it takes more, for a runtime may have few threads and other work for them.
const TERM: Duration = Duration::from_millis(100);

/// Work, which at its end offers the thread for more before it tells the result. Says whether it did.
type Job = Box<dyn FnOnce(&Arc<Worker>) -> bool + Send>;

/// The threads without work, the last one that became so at the end.
static IDLERS: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

/// A blocking thread of a runtime.
struct Worker {
    runtime: Id,
    thread: Thread,
    since: Instant,
    job: Mutex<Option<Job>>,
}

/// Why there is no result.
pub(super) enum Lost {
    Panicked(Box<dyn Any + Send>),
    /// The runtime ended before the work began.
    NeverDone,
}

/// Does `work` on a blocking thread of `runtime`.
pub(super) async fn run<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    let (sender, receiver) = oneshot::channel();
    start(
        runtime,
        Box::new(move |worker| {
            let result = catch_unwind(AssertUnwindSafe(work));
            let offered = worker.offer();
            // Nobody may wait for it any more.
            let _ = sender.send(result);
            offered
        }),
    );
    match receiver.await {
        Ok(result) => result.map_err(Lost::Panicked),
        Err(_) => Err(Lost::NeverDone),
    }
}

fn start(runtime: &Handle, job: Job) {
    let id = runtime.id();
    let mut idlers = lock(&IDLERS);
    let found = idlers.iter().rposition(|worker| worker.runtime == id);
    let worker = found.map(|at| idlers.remove(at));
    drop(idlers);
    match worker {
        Some(worker) => {
            *lock(&worker.job) = Some(job);
            worker.thread.unpark();
        }
        None => drop(runtime.spawn_blocking(move || work(id, job))),
    }
}

fn work(runtime: Id, mut job: Job) {
    let worker =
        Arc::new(Worker { runtime, thread: thread::current(), since: Instant::now(), job: Mutex::new(None) });
    while job(&worker) {
        match worker.next() {
            Some(next) => job = next,
            None => return,
        }
    }
}

impl Worker {
    /// Offers this thread for more work, unless its term is over.
    fn offer(self: &Arc<Self>) -> bool {
        let stays = self.since.elapsed() < TERM;
        if stays {
            lock(&IDLERS).push(self.clone());
        }
        stays
    }

    /// Takes the offer back, unless somebody has accepted it.
    fn withdraw(self: &Arc<Self>) -> bool {
        let mut idlers = lock(&IDLERS);
        let found = idlers.iter().position(|worker| Arc::ptr_eq(worker, self));
        found.map(|at| idlers.remove(at)).is_some()
    }

    /// Waits for work; `None` where there is none.
    fn next(self: &Arc<Self>) -> Option<Job> {
        let begun = Instant::now();
        loop {
            if let Some(job) = lock(&self.job).take() {
                return Some(job);
            }
            let left = IDLE.saturating_sub(begun.elapsed());
            if !left.is_zero() {
                thread::park_timeout(left);
            } else if self.withdraw() {
                return None;
            } else {
                // The job is on its way.
                thread::park();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

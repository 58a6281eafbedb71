//! Running blocking work on other threads.
//!
//! tokio's blocking threads share one lock and one condition variable: a round trip takes five to seven futex
//! calls, and a save that follows another wakes a second thread while the first is still reporting its
//! result. So a thread that has finished its work offers itself for the next before it reports: the caller
//! wakes, and its next work goes to the thread that is available. The threads remain tokio's. Each leaves
//! soon after its last work, so that a runtime shuts down normally once its work is done.
//!
//! A reader of the application may block indefinitely and cannot be woken. It gets a dedicated thread, of
//! which there is a fixed number. tokio's blocking threads thus stay free for the application and for other
//! file work, and a runtime does not wait at shutdown for a reader that never returns.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Id};
use tokio::sync::{Semaphore, oneshot};

/// How long an idle thread waits for more work.
const IDLE: Duration = Duration::from_millis(5);
/// How long a thread accepts more work, because a runtime may have few threads and other work for them.
const TERM: Duration = Duration::from_millis(100);
/// The maximum number of concurrent readers.
const MOST_READERS: usize = 128;

/// Work that offers its thread for more before it reports its result. Returns whether it did.
type Job = Box<dyn FnOnce(&Arc<Worker>) -> bool + Send>;

/// The idle threads, the most recent one last.
static IDLERS: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

/// The permits for reader threads.
static READERS: Semaphore = Semaphore::const_new(MOST_READERS);

thread_local! {
    /// Whether this is a reader thread. A save started by its reader must not wait for another permit.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// The owner of a thread: a runtime, or `None` for a dedicated thread.
type Pool = Option<Id>;

/// A thread for blocking work.
struct Worker {
    pool: Pool,
    thread: Thread,
    since: Instant,
    job: Mutex<Option<Job>>,
}

/// The reason for a missing result.
pub(crate) enum Lost {
    Panicked,
    /// The runtime shut down before the work began, or no thread could be started.
    NeverDone,
}

/// Runs `work` on a blocking thread of `runtime`.
pub(crate) async fn run<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    hand_over(Some(runtime), work).await
}

/// Runs `work`, which reads for the application, on a dedicated thread as soon as one is free. Runs it inline
/// if there is no runtime.
pub(crate) async fn run_reader<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    let Ok(runtime) = Handle::try_current() else {
        return catch_unwind(AssertUnwindSafe(work)).map_err(|_| Lost::Panicked);
    };
    let place = if READS.get() { None } else { READERS.acquire().await.ok() };
    let read = move || {
        // Timers and sockets look up the runtime on the thread that uses them.
        let _entered = runtime.enter();
        let _place = place;
        work()
    };
    hand_over(None, read).await
}

async fn hand_over<T: Send + 'static>(
    runtime: Option<&Handle>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    let (sender, receiver) = oneshot::channel();
    start(
        runtime,
        Box::new(move |worker| {
            let result = catch_unwind(AssertUnwindSafe(work));
            let offered = worker.offer();
            // The receiver may be gone.
            let _ = sender.send(result);
            offered
        }),
    );
    match receiver.await {
        Ok(result) => result.map_err(|_| Lost::Panicked),
        Err(_) => Err(Lost::NeverDone),
    }
}

fn start(runtime: Option<&Handle>, job: Job) {
    let pool = runtime.map(Handle::id);
    let mut idlers = lock(&IDLERS);
    let found = idlers.iter().rposition(|worker| worker.pool == pool);
    let worker = found.map(|at| idlers.remove(at));
    drop(idlers);
    match (worker, runtime) {
        (Some(worker), _) => {
            *lock(&worker.job) = Some(job);
            worker.thread.unpark();
        }
        (None, Some(runtime)) => drop(runtime.spawn_blocking(move || work(pool, job))),
        (None, None) => {
            let builder = thread::Builder::new().name("filefield-reader".to_owned());
            // If no thread can be started, the job is dropped and its caller gets an error.
            let _ = builder.spawn(move || {
                READS.set(true);
                work(pool, job);
            });
        }
    }
}

fn work(pool: Pool, mut job: Job) {
    let worker =
        Arc::new(Worker { pool, thread: thread::current(), since: Instant::now(), job: Mutex::new(None) });
    while job(&worker) {
        match worker.next() {
            Some(next) => job = next,
            None => return,
        }
    }
}

impl Worker {
    /// Offers this thread for more work, unless its time is up.
    fn offer(self: &Arc<Self>) -> bool {
        let stays = self.since.elapsed() < TERM;
        if stays {
            lock(&IDLERS).push(self.clone());
        }
        stays
    }

    /// Withdraws the offer, unless it was accepted.
    fn withdraw(self: &Arc<Self>) -> bool {
        let mut idlers = lock(&IDLERS);
        let found = idlers.iter().position(|worker| Arc::ptr_eq(worker, self));
        found.map(|at| idlers.remove(at)).is_some()
    }

    /// Waits for work. Returns `None` if none arrives.
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
                // The job is about to arrive.
                thread::park();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

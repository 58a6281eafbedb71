//! The way to a thread that may wait, and back.
//!
//! tokio's blocking threads share one lock and one condition variable: a hop takes five to seven futex calls, and a
//! save that follows another wakes a second thread while the first is still telling of its end. So a thread that has
//! done its work offers itself for the next before it tells: the answer wakes the caller, and the caller's next work
//! wakes, or only reaches, the thread that is at hand. The threads remain tokio's. Each leaves soon after there is
//! nothing to do, so that a runtime still ends when its work is done, and no sooner.
//!
//! A reader of the application may wait for as long as it likes, and nobody can wake it. It gets a thread of our own, of
//! which there is a fixed number: tokio's blocking threads stay free for the application and for other work on files,
//! and a runtime does not wait at its end for a reader that never returns.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Id};
use tokio::sync::{Semaphore, oneshot};

/// How long a thread waits for more work.
const IDLE: Duration = Duration::from_millis(5);
/// How long it takes more, for a runtime may have few threads and other work for them.
const TERM: Duration = Duration::from_millis(100);
/// The most readers that are read at the same time.
const MOST_READERS: usize = 128;

/// Work, which at its end offers the thread for more before it tells the result. Says whether it did.
type Job = Box<dyn FnOnce(&Arc<Worker>) -> bool + Send>;

/// The threads without work, the last one that became so at the end.
static IDLERS: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

/// What a reader needs to get a thread.
static READERS: Semaphore = Semaphore::const_new(MOST_READERS);

thread_local! {
    /// Whether this thread reads for somebody: a save that its reader begins must not wait for a place of its own.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// Whose a thread is: a runtime's, or our own where there is no id.
type Pool = Option<Id>;

/// A thread that may wait.
struct Worker {
    pool: Pool,
    thread: Thread,
    since: Instant,
    job: Mutex<Option<Job>>,
}

/// Why there is no result.
pub(crate) enum Lost {
    Panicked,
    /// The runtime ended before the work began, or there is no thread to be had.
    NeverDone,
}

/// Does `work` on a blocking thread of `runtime`.
pub(crate) async fn run<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    hand_over(Some(runtime), work).await
}

/// Does `work`, which reads for the application, on a thread of our own, as soon as one is free; here where there is no
/// runtime.
pub(crate) async fn run_reader<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    let Ok(runtime) = Handle::try_current() else {
        return catch_unwind(AssertUnwindSafe(work)).map_err(|_| Lost::Panicked);
    };
    let place = if READS.get() { None } else { READERS.acquire().await.ok() };
    let read = move || {
        // Timers and sockets look for the runtime on the thread that uses them.
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
            // Nobody may wait for it any more.
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
            // Without a thread the job is dropped, and whoever waits for it is told.
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

//! Limits on how long a content may keep its storage waiting.

use crate::{Error, ErrorKind, Result};
use futures_timer::Delay;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The time limits of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// The maximum wait for the next byte; `None` for no limit.
    pub(crate) idle: Option<Duration>,
    /// The maximum time from the request for the first byte to the end; `None` for no limit.
    pub(crate) total: Option<Duration>,
}

impl Timeouts {
    pub(crate) const NONE: Timeouts = Timeouts { idle: None, total: None };
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { idle: Some(Duration::from_secs(30)), total: Some(Duration::from_secs(6 * 60 * 60)) }
    }
}

/// Measures the time of one content. Clones share one clock, for the reading thread and the waiting task.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<State>);

#[derive(Debug)]
struct State {
    timeouts: Timeouts,
    start: Instant,
    /// Start of the current wait for a byte, in microseconds after `start`, plus one; 0 if nothing is
    /// waiting.
    waiting: AtomicU64,
    /// Which came first: the end of the content or its time limit.
    outcome: AtomicU8,
}

/// The maximum time of an alarm.
const LONGEST: Duration = Duration::from_secs(60 * 60);

const OPEN: u8 = 0;
const ENDED: u8 = 1;
const EXPIRED: u8 = 2;

impl Clock {
    /// Creates a clock that starts now.
    pub(super) fn new(timeouts: Timeouts) -> Self {
        let (waiting, outcome) = (AtomicU64::new(0), AtomicU8::new(OPEN));
        Clock(Arc::new(State { timeouts, start: Instant::now(), waiting, outcome }))
    }

    fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Starts waiting for a byte.
    pub(crate) fn wait(&self) {
        let now = u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX - 1);
        self.0.waiting.store(now.saturating_add(1), Ordering::SeqCst);
    }

    /// Like [`wait`](Self::wait), unless a wait is already running.
    pub(super) fn go_on_waiting(&self) {
        if self.0.waiting.load(Ordering::SeqCst) == 0 {
            self.wait();
        }
    }

    /// Records that bytes have arrived.
    pub(crate) fn moved(&self) {
        // Usually there was no wait.
        if self.0.waiting.load(Ordering::SeqCst) != 0 {
            self.0.waiting.store(0, Ordering::SeqCst);
        }
    }

    /// Records the end of the content.
    ///
    /// # Errors
    /// Returns [`TimedOut`](ErrorKind::TimedOut) if its time expired before.
    pub(super) fn end(&self) -> Result<()> {
        let outcome = &self.0.outcome;
        match outcome.compare_exchange(OPEN, ENDED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) | Err(ENDED) => Ok(()),
            Err(_) => Err(self.too_late()),
        }
    }

    /// # Errors
    /// Returns [`TimedOut`](ErrorKind::TimedOut) once the time has expired. After that the content cannot
    /// end.
    pub(super) fn check(&self) -> Result<()> {
        let over = |due: Option<Duration>, now: Duration| due.is_some_and(|due| now >= due);
        if self.0.timeouts == Timeouts::NONE {
            return Ok(());
        }
        let now = self.now();
        // With a limit of zero, even content that is ready at once is too late.
        let never = self.0.timeouts.idle == Some(Duration::ZERO);
        if never || over(self.idle_due(), now) || over(self.0.timeouts.total, now) {
            let outcome = &self.0.outcome;
            let _ = outcome.compare_exchange(OPEN, EXPIRED, Ordering::SeqCst, Ordering::SeqCst);
        }
        match self.0.outcome.load(Ordering::SeqCst) {
            EXPIRED => Err(self.too_late()),
            _ => Ok(()),
        }
    }

    /// When the wait for a byte becomes too long, relative to `start`.
    fn idle_due(&self) -> Option<Duration> {
        match self.0.waiting.load(Ordering::SeqCst) {
            0 => None,
            since => self.0.timeouts.idle?.checked_add(Duration::from_micros(since - 1)),
        }
    }

    /// A lower bound of the time left; `None` if it never expires.
    pub(super) fn left(&self) -> Option<Duration> {
        if self.0.outcome.load(Ordering::SeqCst) == ENDED {
            return None;
        }
        let now = self.now();
        let idle = match self.idle_due() {
            Some(due) => Some(due.saturating_sub(now)),
            None => self.0.timeouts.idle,
        };
        let total = self.0.timeouts.total.map(|total| total.saturating_sub(now));
        idle.into_iter().chain(total).min()
    }

    fn too_late(&self) -> Error {
        let text = match (self.0.timeouts.total, self.0.timeouts.idle) {
            (Some(total), _) if self.now() >= total => {
                format!("the content took longer than {total:?} as a whole")
            }
            (_, Some(idle)) => format!("no byte of the content came for {idle:?}"),
            _ => "the content took too long".to_owned(),
        };
        Error::new(ErrorKind::TimedOut, text).retryable()
    }
}

/// Wakes a task when the time of a content expires.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Clock,
    /// Fires no later than the limit, and is rearmed if it fires too early. This way arriving bytes need no
    /// timer.
    delay: Option<Delay>,
}

impl Alarm {
    pub(crate) fn new(clock: Clock) -> Self {
        Alarm { clock, delay: None }
    }

    /// The clock it watches.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the error once the time has expired.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            if let Err(error) = self.clock.check() {
                return Poll::Ready(error);
            }
            let delay = match (&mut self.delay, self.clock.left()) {
                (_, None) => return Poll::Pending,
                (Some(delay), _) => delay,
                (none, Some(left)) => none.insert(Delay::new(left.min(LONGEST))),
            };
            match Pin::new(delay).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.delay = None,
            }
        }
    }

    /// Returns the result of `work`, or the error once the time has expired.
    pub(crate) async fn guard<T>(&mut self, work: impl Future<Output = T>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(cx).map(Err),
        })
        .await
    }
}

//! How long a content may keep its storage waiting.

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
    /// The longest wait for the next byte; `None` for no limit.
    pub(crate) idle: Option<Duration>,
    /// The longest time from the first byte asked for to the end; `None` for no limit.
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

/// Watches the time of one content. Its clones are one clock, for the thread that reads and for the task that waits.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<State>);

#[derive(Debug)]
struct State {
    timeouts: Timeouts,
    start: Instant,
    /// Since when a byte is waited for, in microseconds after `start`, plus one; 0 while none is.
    waiting: AtomicU64,
    /// Who was first: the end of the content or its time limit.
    outcome: AtomicU8,
}

/// No alarm is set for longer than this.
const LONGEST: Duration = Duration::from_secs(60 * 60);

const OPEN: u8 = 0;
const ENDED: u8 = 1;
const EXPIRED: u8 = 2;

impl Clock {
    /// A clock that runs from now on.
    pub(super) fn new(timeouts: Timeouts) -> Self {
        let (waiting, outcome) = (AtomicU64::new(0), AtomicU8::new(OPEN));
        Clock(Arc::new(State { timeouts, start: Instant::now(), waiting, outcome }))
    }

    fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Notes that a byte is waited for from now on.
    pub(crate) fn wait(&self) {
        let now = u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX - 1);
        self.0.waiting.store(now.saturating_add(1), Ordering::SeqCst);
    }

    /// As [`wait`](Self::wait), unless one was waited for already.
    pub(super) fn go_on_waiting(&self) {
        if self.0.waiting.load(Ordering::SeqCst) == 0 {
            self.wait();
        }
    }

    /// Notes that bytes have come.
    pub(crate) fn moved(&self) {
        // Usually nobody has waited.
        if self.0.waiting.load(Ordering::SeqCst) != 0 {
            self.0.waiting.store(0, Ordering::SeqCst);
        }
    }

    /// Notes that the content has ended.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) where its time was over before.
    pub(super) fn end(&self) -> Result<()> {
        let outcome = &self.0.outcome;
        match outcome.compare_exchange(OPEN, ENDED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) | Err(ENDED) => Ok(()),
            Err(_) => Err(self.too_late()),
        }
    }

    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) once its time is over. From then on the content cannot end.
    pub(super) fn check(&self) -> Result<()> {
        let over = |due: Option<Duration>, now: Duration| due.is_some_and(|due| now >= due);
        if self.0.timeouts == Timeouts::NONE {
            return Ok(());
        }
        let now = self.now();
        // Nothing is in time for a limit of zero, even if it is there at once.
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

    /// When the wait for a byte has been too long, after `start`.
    fn idle_due(&self) -> Option<Duration> {
        match self.0.waiting.load(Ordering::SeqCst) {
            0 => None,
            since => self.0.timeouts.idle?.checked_add(Duration::from_micros(since - 1)),
        }
    }

    /// How long it takes at least until the time may be over; `None` for ever.
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

/// Wakes a task when the time of a content is over.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Clock,
    /// Never later than the end of the time. It is set anew when it has rung in vain, so that no byte costs a timer.
    delay: Option<Delay>,
}

impl Alarm {
    pub(crate) fn new(clock: Clock) -> Self {
        Alarm { clock, delay: None }
    }

    /// The clock it looks at.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Ready with the error once the time is over.
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

    /// What `work` gives, or the error once the time is over.
    pub(crate) async fn guard<T>(&mut self, work: impl Future<Output = T>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(cx).map(Err),
        })
        .await
    }
}

//! A value created once.

use crate::{Error, ErrorKind, Result};
use once_cell::sync::OnceCell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time between a failure and the next try, so that waiting callers do not all retry.
const BACK_OFF: Duration = Duration::from_secs(1);

/// A value created at most once. A failure is returned to all callers for one second; then creation is
/// retried.
#[derive(Debug)]
pub(super) struct Once<T> {
    value: OnceCell<T>,
    failure: Mutex<Option<Failure>>,
}

#[derive(Debug)]
struct Failure {
    at: Instant,
    kind: ErrorKind,
    text: String,
    retry: bool,
}

impl<T> Once<T> {
    pub(super) const fn new() -> Self {
        Once { value: OnceCell::new(), failure: Mutex::new(None) }
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns the value, creating it if necessary. Concurrent callers wait.
    pub(super) fn get_or_try(&self, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        self.value.get_or_try_init(|| match self.recent_failure() {
            Some(error) => Err(error),
            None => make().inspect_err(|error| {
                *self.failure() = Some(Failure {
                    // Measured from the end. Otherwise the back-off of a slow failure would already be over.
                    at: Instant::now(),
                    kind: error.kind(),
                    text: error.to_string(),
                    retry: error.is_retryable(),
                });
            }),
        })
    }

    /// Clears a failure, so that the next call retries at once. A failure after `start` is kept: it answers
    /// all callers that began before it.
    pub(super) fn forget_failure(&self, start: Instant) {
        self.failure().take_if(|failure| failure.at <= start);
    }

    fn recent_failure(&self) -> Option<Error> {
        let failure = self.failure();
        let Failure { at, kind, text, retry } = failure.as_ref()?;
        let error = (at.elapsed() < BACK_OFF).then(|| Error::new(*kind, text.clone()))?;
        Some(if *retry { error.retryable() } else { error })
    }

    fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

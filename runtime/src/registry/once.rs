//! A value made once with success.

use crate::{Error, ErrorKind, Result};
use once_cell::sync::OnceCell;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After a failure nothing is tried again for this long, so that waiting callers do not stampede.
const BACK_OFF: Duration = Duration::from_secs(1);

/// A value made at most once with success. A failure is answered to all who ask within a second, then tried again.
#[derive(Debug)]
pub(super) struct Once<T> {
    value: OnceCell<T>,
    failure: Mutex<Option<(Instant, ErrorKind, String)>>,
}

impl<T> Once<T> {
    pub(super) const fn new() -> Self {
        Once { value: OnceCell::new(), failure: Mutex::new(None) }
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, made now if there is none. Others who ask meanwhile wait.
    pub(super) fn get_or_try(&self, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        self.value.get_or_try_init(|| match self.recent_failure() {
            Some(error) => Err(error),
            None => make().inspect_err(|error| {
                // Measured from the end, or else a slow failure would be over its back-off at once.
                self.set_failure(Some((Instant::now(), error.kind(), error.to_string())));
            }),
        })
    }

    /// Forgets a failure, so that the next call tries at once.
    pub(super) fn forget_failure(&self) {
        self.set_failure(None);
    }

    fn recent_failure(&self) -> Option<Error> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, kind, text) = failure.as_ref()?;
        (at.elapsed() < BACK_OFF).then(|| Error::new(*kind, text.clone()).retryable())
    }

    fn set_failure(&self, failure: Option<(Instant, ErrorKind, String)>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

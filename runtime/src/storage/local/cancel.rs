//! Cancelling a save whose future was dropped.

use crate::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells work on another thread that its caller is gone, so that nothing is published for a dropped future. A
/// [`ContentGuard`](crate::content::ContentGuard) wakes work that waits for a stream.
#[derive(Clone, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Cancels the work when the result is dropped. Has no effect after the work has ended.
    pub(super) fn on_drop(&self) -> GivesUp {
        GivesUp(self.clone())
    }

    /// # Errors
    /// Returns [`ErrorKind::Io`] if the work was cancelled.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Io, "the save was given up by its caller"));
        }
        Ok(())
    }
}

pub(super) struct GivesUp(Cancel);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}

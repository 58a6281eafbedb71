//! Giving up a save whose future was dropped.

use crate::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells work on another thread that nobody waits for it any more, so that nothing is published for a caller who has
/// gone (P7). A [`ContentGuard`](crate::content::ContentGuard) wakes it where it waits for a stream.
#[derive(Clone, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Gives up when it is dropped. After the work has ended that does nothing.
    pub(super) fn on_drop(&self) -> GivesUp {
        GivesUp(self.clone())
    }

    /// # Errors
    /// [`ErrorKind::Io`] once the work was given up.
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

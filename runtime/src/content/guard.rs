//! Stopping a content from outside.

use crate::{Error, ErrorKind, Result};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Keeps a content readable. If the guard is dropped, the content fails instead of ending.
///
/// A storage that reads content on a blocking thread keeps the guard in the future of the save. If that
/// future is dropped, a thread waiting for a stream is woken, sees an error and publishes nothing.
#[derive(Debug)]
#[must_use = "the content fails as soon as its guard is dropped"]
pub struct ContentGuard {
    // Never sends. Only its drop is observed.
    _alive: oneshot::Sender<Infallible>,
}

/// The content's side of a [`ContentGuard`].
#[derive(Debug, Default)]
pub(super) struct Guarded {
    alive: Option<oneshot::Receiver<Infallible>>,
    given_up: bool,
}

impl Guarded {
    pub(super) fn new() -> (ContentGuard, Guarded) {
        let (sender, receiver) = oneshot::channel();
        (ContentGuard { _alive: sender }, Guarded { alive: Some(receiver), given_up: false })
    }

    /// Fails if the guard was dropped.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(alive) = &mut self.alive
            && matches!(alive.try_recv(), Err(TryRecvError::Closed))
        {
            self.give_up();
        }
        if self.given_up {
            return Err(Error::new(ErrorKind::Io, "the save was given up before its content had ended"));
        }
        Ok(())
    }

    /// Like [`check`](Self::check), and registers a wake-up for the drop of the guard.
    pub(super) fn poll_check(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if let Some(alive) = &mut self.alive
            && let Poll::Ready(_) = Pin::new(alive).poll(cx)
        {
            self.give_up();
        }
        self.check()
    }

    fn give_up(&mut self) {
        self.alive = None;
        self.given_up = true;
    }
}

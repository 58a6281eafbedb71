//! The checks that every byte of a content passes on its way into a storage.

use super::clock::Clock;
use super::guard::Guarded;
use crate::failpoints::planted;
use crate::inspect::Inspector;
use crate::{Error, ErrorKind, Result};
use std::task::Context;

/// Counts and inspects the bytes, and checks the end before it is reported.
pub(super) struct Watch {
    inspector: Option<Inspector>,
    /// The declared length, which the content must have.
    stated: Option<u64>,
    guarded: Guarded,
    clock: Clock,
    seen: u64,
    failed: Option<ErrorKind>,
}

impl Watch {
    pub(super) fn new(
        inspector: Option<Inspector>,
        stated: Option<u64>,
        guarded: Guarded,
        clock: Clock,
    ) -> Self {
        Watch { inspector, stated, guarded, clock, seen: 0, failed: None }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Passes the next bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<()> {
        self.check()?;
        if !bytes.is_empty() {
            self.clock.moved();
        }
        self.seen += bytes.len() as u64;
        let result = match self.stated {
            Some(stated) if self.seen > stated => Err(self.wrong_length(stated)),
            _ => self.inspector.as_mut().map_or(Ok(()), |inspector| inspector.update(bytes)),
        };
        self.note(result)
    }

    /// Records the end of the source.
    pub(super) fn end(&mut self) -> Result<()> {
        self.check()?;
        let result = match self.stated {
            Some(stated) if self.seen != stated && !planted!("short-content-accepted") => {
                Err(self.wrong_length(stated))
            }
            _ => self.inspector.take().map_or(Ok(()), Inspector::finish),
        };
        let result = result.and_then(|()| self.clock.end());
        self.note(result)
    }

    /// Remembers a failure, so that later reads never see an end.
    pub(super) fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.failed = Some(error.kind());
        }
        result
    }

    /// Fails again after a failure.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.failed {
            Some(kind) => Err(Error::new(kind, "the content has failed before")),
            None => {
                if let (Some(stated), Some(inspector)) = (self.stated, &self.inspector) {
                    // Refuse at once content that is declared too large.
                    inspector.check_size(stated, "a stated length of ")?;
                }
                self.guarded.check()?;
                let in_time = self.clock.check();
                self.note(in_time)
            }
        }
    }

    /// Like [`check`](Self::check), and wakes the task when the answer changes.
    pub(super) fn poll_check(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.check()?;
        self.guarded.poll_check(cx)
    }

    fn wrong_length(&self, stated: u64) -> Error {
        let seen = self.seen;
        let what = if seen < stated { "ended after" } else { "goes on after" };
        Error::new(ErrorKind::Io, format!("the content {what} {} of {stated} stated bytes", seen.min(stated)))
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("seen", &self.seen)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

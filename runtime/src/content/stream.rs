//! Polling a stream of the application.

use super::ByteStream;
use super::watch::Watch;
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};
use tokio::task::coop;

/// The maximum number of consecutive empty pieces.
const MOST_EMPTY: u32 = 10_000;

/// A stream and its current number of consecutive empty pieces.
pub(super) struct Stream {
    stream: ByteStream,
    empty: u32,
}

impl Stream {
    pub(super) fn new(stream: ByteStream) -> Self {
        Stream { stream, empty: 0 }
    }

    /// Returns the next non-empty piece, or `None` at the end. Empty pieces use up tokio's budget, so that
    /// other tasks run and an endless stream of them can be aborted.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        watch: &mut Watch,
    ) -> Poll<Result<Option<Bytes>>> {
        loop {
            watch.poll_check(cx)?;
            let polled = caught(|| self.stream.as_mut().poll_next(cx));
            let Poll::Ready(next) = watch.note(polled)? else {
                watch.clock().go_on_waiting();
                return Poll::Pending;
            };
            match watch.note(next.transpose())? {
                Some(piece) if piece.is_empty() => {
                    watch.clock().go_on_waiting();
                    ready!(coop::poll_proceed(cx)).made_progress();
                    self.empty += 1;
                    if self.empty == MOST_EMPTY {
                        let text = format!("the stream gave {MOST_EMPTY} empty pieces in a row");
                        return Poll::Ready(watch.note(Err(Error::new(ErrorKind::Io, text))));
                    }
                }
                Some(piece) => {
                    self.empty = 0;
                    return Poll::Ready(Ok(Some(piece)));
                }
                None => return Poll::Ready(Ok(None)),
            }
        }
    }
}

/// Runs application code and catches panics. The payload may contain anything, so the error omits it; the
/// panic hook has reported it.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Error::new(ErrorKind::Io, "the content panicked"))
}

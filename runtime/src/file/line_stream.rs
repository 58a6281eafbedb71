//! Lines of an asynchronous stream of chunks.

use super::lines::LineSplitter;
use crate::Result;
use bytes::Bytes;
use futures_core::Stream;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::coop;

/// The lines of a stream of chunks, including their endings. Ends after an error.
///
/// ```
/// use filefield::Reader;
/// use futures_core::Stream;
/// use std::{future::poll_fn, num::NonZeroUsize, pin::Pin};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let reader = Reader::from(filefield::Bytes::from_static(b"one\r\ntwo"));
/// let mut lines = reader.lines().max_len(NonZeroUsize::new(4096).unwrap());
/// let line = poll_fn(|cx| Pin::new(&mut lines).poll_next(cx)).await;
/// assert_eq!(line.transpose()?.as_deref(), Some(&b"one\r\n"[..]));
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LineStream<S> {
    /// `None` after the end.
    chunks: Option<S>,
    splitter: LineSplitter,
    done: bool,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> LineStream<S> {
    /// Creates the stream of the lines of `chunks`.
    pub fn new(chunks: S) -> Self {
        LineStream { chunks: Some(chunks), splitter: LineSplitter::new(), done: false }
    }

    /// Limits a line to `max` bytes, like [`LineSplitter::max_len`]. A longer line is a
    /// [`TooLarge`](crate::ErrorKind::TooLarge) error.
    #[must_use]
    pub fn max_len(mut self, max: NonZeroUsize) -> Self {
        self.splitter = self.splitter.max_len(max);
        self
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            if let Some(line) = self.splitter.next_line()? {
                return Poll::Ready(Ok(Some(line)));
            }
            let Some(chunks) = &mut self.chunks else { return Poll::Ready(Ok(None)) };
            // A source that is always ready, with pieces without line ends, would keep other tasks from
            // running.
            let coop = ready!(coop::poll_proceed(cx));
            let chunk = ready!(Pin::new(chunks).poll_next(cx)?);
            coop.made_progress();
            match chunk {
                Some(chunk) => self.splitter.push(chunk),
                None => {
                    self.chunks = None;
                    self.splitter.end();
                }
            }
        }
    }
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Stream for LineStream<S> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let line = ready!(self.poll_line(cx)).transpose();
        self.done = !matches!(line, Some(Ok(_)));
        Poll::Ready(line)
    }
}

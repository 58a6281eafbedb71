//! Reading a [`Content`] from asynchronous code.

use super::blocking::BlockingContent;
use super::clock::Alarm;
use super::stream::Stream;
use super::watch::Watch;
use super::{Content, Source};
use crate::threads::{self, Lost};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::runtime::Handle;
use tokio::task::coop;

/// The maximum number of bytes of a chunk.
const CHUNK: usize = 64 * 1024;

/// The chunks of a [`Content`], for asynchronous storages: at most 64 KiB each, never empty.
///
/// Every byte passes the content's inspector. The end is reported only after the inspector has accepted the
/// whole content and its length matches the declared one, if any. After an error, every call fails.
///
/// In a tokio runtime, files are read on its blocking threads, and readers on dedicated threads, at most 128
/// at a time per process; further readers wait. Without a runtime everything is read inline. Content fails
/// when its [time limits](Content::with_idle_timeout) expire. Dropping a future of [`next`](Self::next) loses
/// no bytes. Also implements [`Stream`](futures_core::Stream), for HTTP clients that take a stream as body.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let mut chunks = filefield::Content::from("new content").chunks();
/// assert_eq!(chunks.next().await?.as_deref(), Some(&b"new content"[..]));
/// assert_eq!(chunks.next().await?, None);
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Chunks {
    state: State,
    alarm: Alarm,
}

enum State {
    /// Bytes and streams.
    Direct(Box<Direct>),
    /// Files and readers, while no read is running.
    Blocking(Box<BlockingContent>),
    /// A read is running. Its future lives here and not in the caller's, so that dropping the caller's loses
    /// nothing.
    Reading(Pin<Box<dyn Future<Output = Result<Read, Lost>> + Send>>),
    /// The end was reported.
    Ended,
    /// It timed out, the reader panicked, or the runtime shut down.
    Lost(ErrorKind),
}

/// The rest of bytes or of a stream.
struct Direct {
    rest: Bytes,
    stream: Option<Stream>,
    watch: Watch,
}

type Read = (Box<BlockingContent>, Result<Option<Bytes>>);

impl Chunks {
    pub(super) fn new(mut content: Content) -> Self {
        let clock = content.clock();
        let alarm = Alarm::new(clock.clone());
        let (rest, stream) = match content.source {
            Source::Bytes(bytes) => (bytes, None),
            Source::Stream(stream) => (Bytes::new(), Some(Stream::new(stream))),
            _ => return Chunks { state: State::Blocking(Box::new(BlockingContent::new(content))), alarm },
        };
        let watch = Watch::new(content.inspector, content.stated, content.guarded, clock);
        Chunks { state: State::Direct(Box::new(Direct { rest, stream, watch })), alarm }
    }

    /// Returns the next bytes, or `None` at the end.
    ///
    /// # Errors
    /// Propagates errors of the source and of the inspector. Returns [`Io`](ErrorKind::Io) if the length
    /// differs from the declared one.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        // A source that is always ready would keep other tasks from running.
        let coop = ready!(coop::poll_proceed(cx));
        let Poll::Ready(result) = self.poll_state(cx) else {
            return match self.alarm.poll(cx) {
                Poll::Ready(error) => {
                    // Frees the resources of the content. A blocked reader frees them when it returns.
                    self.state = State::Lost(error.kind());
                    Poll::Ready(Err(error))
                }
                Poll::Pending => Poll::Pending,
            };
        };
        coop.made_progress();
        if matches!(result, Ok(None)) {
            // Frees the resources of the content: a temporary file, a descriptor.
            self.state = State::Ended;
        }
        Poll::Ready(result)
    }

    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(Ok(None)),
                State::Lost(kind) => return Poll::Ready(Err(lost(*kind))),
                State::Direct(direct) => {
                    let Direct { rest, stream, watch } = &mut **direct;
                    watch.poll_check(cx)?;
                    if rest.is_empty() {
                        let next = match stream {
                            Some(stream) => ready!(stream.poll_piece(cx, watch))?,
                            None => None,
                        };
                        let Some(next) = next else {
                            return Poll::Ready(watch.end().map(|()| None));
                        };
                        *rest = next;
                    }
                    let chunk = rest.split_to(rest.len().min(CHUNK));
                    watch.pass(&chunk)?;
                    return Poll::Ready(Ok(Some(chunk)));
                }
                State::Blocking(content) => {
                    let (runtime, waits) = (Handle::try_current(), content.may_wait());
                    let Ok(runtime) = runtime else { return Poll::Ready(content.next_chunk(CHUNK)) };
                    let lost = State::Lost(ErrorKind::Io);
                    let State::Blocking(mut content) = std::mem::replace(&mut self.state, lost) else {
                        continue;
                    };
                    let read = move || {
                        content.start_waiting();
                        let result = content.next_chunk(CHUNK);
                        (content, result)
                    };
                    self.state = State::Reading(if waits {
                        // The wait for a free thread counts like the wait for the reader.
                        self.alarm.clock().wait();
                        Box::pin(threads::run_reader(read))
                    } else {
                        Box::pin(async move { threads::run(&runtime, read).await })
                    });
                }
                State::Reading(task) => {
                    let Ok((content, result)) = ready!(task.as_mut().poll(cx)) else {
                        self.state = State::Lost(ErrorKind::Io);
                        continue;
                    };
                    self.state = State::Blocking(content);
                    return Poll::Ready(result);
                }
            }
        }
    }
}

fn lost(kind: ErrorKind) -> Error {
    Error::new(kind, "the content has failed before, or its reader was stopped")
}

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx).map(Result::transpose)
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("ended", &matches!(self.state, State::Ended)).finish_non_exhaustive()
    }
}

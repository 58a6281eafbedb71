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

/// The most bytes of one chunk.
const CHUNK: usize = 64 * 1024;

/// The chunks of a [`Content`], for asynchronous storages: at most 64 KiB each, none empty.
///
/// Every byte passes the content's inspector. The end is reported only after the inspector has judged the whole and
/// the length agrees with one that was stated. After an error it keeps failing and never reports an end.
///
/// Where there is a tokio runtime, files are read on its blocking threads, and readers on threads of their own, 128 at
/// the same time in the whole process; more of them wait their turn. Without one all is read inline. A content whose [time limits](Content::with_idle_timeout) are over fails. Dropping a future of [`next`](Self::next) in
/// the middle loses no bytes. It is a [`Stream`](futures_core::Stream) too, for HTTP clients that take one as a body.
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
    /// Files and readers, while nothing is under way.
    Blocking(Box<BlockingContent>),
    /// A chunk is on its way. It is kept here and not in a caller's future, so dropping that loses nothing.
    Reading(Pin<Box<dyn Future<Output = Result<Read, Lost>> + Send>>),
    /// The end was reported.
    Ended,
    /// It took too long, the reader panicked, or the runtime went away under it.
    Lost(ErrorKind),
}

/// What of bytes or of a stream is still to come.
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

    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    /// Those of the source; those of the inspector; [`Io`](ErrorKind::Io) where the length is not the stated one.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        // Bytes that are always at hand would keep other tasks from running.
        let coop = ready!(coop::poll_proceed(cx));
        let Poll::Ready(result) = self.poll_state(cx) else {
            return match self.alarm.poll(cx) {
                Poll::Ready(error) => {
                    // Frees what the content holds. A reader that waits frees it when it returns.
                    self.state = State::Lost(error.kind());
                    Poll::Ready(Err(error))
                }
                Poll::Pending => Poll::Pending,
            };
        };
        coop.made_progress();
        if matches!(result, Ok(None)) {
            // Frees what the content holds: a temporary file, a descriptor.
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
                        // A thread to read on is waited for like the reader itself.
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

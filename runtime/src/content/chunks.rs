//! Reading a [`Content`] from asynchronous code.

use super::blocking::BlockingContent;
use super::watch::Watch;
use super::{ByteStream, Content, Source};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, coop};

/// The most bytes of one chunk.
const CHUNK: usize = 64 * 1024;

/// The chunks of a [`Content`], for asynchronous storages: at most 64 KiB each, none empty.
///
/// Every byte passes the content's inspector. The end is reported only after the inspector has judged the whole and
/// the length agrees with one that was stated. After an error it keeps failing and never reports an end.
///
/// Files and blocking readers are read on tokio's blocking threads where there is a tokio runtime, and inline where
/// there is none. Dropping a future of [`next`](Self::next) in the middle loses no bytes. It is a
/// [`Stream`] too, for HTTP clients that take one as a body.
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
}

enum State {
    /// Bytes and streams.
    Direct(Box<Direct>),
    /// Files and readers, while nothing is under way.
    Blocking(Box<BlockingContent>),
    /// A chunk is on its way. It is kept here and not in a caller's future, so dropping that loses nothing.
    Reading(JoinHandle<Read>),
    /// The end was reported.
    Ended,
    /// The reader panicked, or the runtime went away under it.
    Lost,
}

/// What of bytes or of a stream is still to come.
struct Direct {
    rest: Bytes,
    stream: Option<ByteStream>,
    watch: Watch,
}

type Read = (Box<BlockingContent>, Result<Option<Bytes>>);

impl Chunks {
    pub(super) fn new(content: Content) -> Self {
        let (rest, stream) = match content.source {
            Source::Bytes(bytes) => (bytes, None),
            Source::Stream(stream) => (Bytes::new(), Some(stream)),
            _ => return Chunks { state: State::Blocking(Box::new(BlockingContent::new(content))) },
        };
        let watch = Watch::new(content.inspector, content.stated, content.guarded);
        Chunks { state: State::Direct(Box::new(Direct { rest, stream, watch })) }
    }

    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    /// Those of the source; those of the inspector; [`Io`](ErrorKind::Io) where the length is not the stated one.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        // Bytes that are always at hand would keep other tasks from running.
        let coop = ready!(coop::poll_proceed(cx));
        let result = ready!(self.poll_state(cx));
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
                State::Lost => return Poll::Ready(Err(lost())),
                State::Direct(direct) => {
                    let Direct { rest, stream, watch } = &mut **direct;
                    watch.poll_check(cx)?;
                    while rest.is_empty() {
                        let next = match stream {
                            Some(stream) => ready!(stream.as_mut().poll_next(cx)),
                            None => None,
                        };
                        let Some(next) = next else {
                            return Poll::Ready(watch.end().map(|()| None));
                        };
                        *rest = watch.note(next)?;
                    }
                    let chunk = rest.split_to(rest.len().min(CHUNK));
                    watch.pass(&chunk)?;
                    return Poll::Ready(Ok(Some(chunk)));
                }
                State::Blocking(content) => {
                    let Ok(runtime) = Handle::try_current() else {
                        return Poll::Ready(content.next_chunk(CHUNK));
                    };
                    if let State::Blocking(mut content) = std::mem::replace(&mut self.state, State::Lost) {
                        self.state = State::Reading(runtime.spawn_blocking(move || {
                            let result = content.next_chunk(CHUNK);
                            (content, result)
                        }));
                    }
                }
                State::Reading(task) => {
                    let Ok((content, result)) = ready!(Pin::new(task).poll(cx)) else {
                        self.state = State::Lost;
                        continue;
                    };
                    self.state = State::Blocking(content);
                    return Poll::Ready(result);
                }
            }
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Io, "the reader of the content panicked or was stopped")
}

impl Stream for Chunks {
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

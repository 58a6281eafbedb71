//! Reading a stored file.

mod adapters;
mod source;
mod stream;
#[cfg(test)]
mod tests;

pub use source::ReadSource;

use crate::file::LineStream;
use crate::{Content, Error, ErrorKind, Result};
use bytes::{Buf, Bytes};
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::coop;

/// Files of up to this many bytes are read in one piece.
pub(super) const ONE_PIECE: usize = 256 * 1024;
/// The chunk size if the caller names none. Larger buffers do not read faster.
pub(super) const CHUNK: usize = 64 * 1024;

type Boxed = Box<dyn ReadSource>;
type Reading = Pin<Box<dyn Future<Output = (Boxed, Result<Bytes>)> + Send>>;

enum State {
    /// No read is running.
    Idle(Boxed),
    /// A read is running. Its future lives here and not in the caller's, so that dropping the caller's loses
    /// nothing.
    Busy(Reading),
    /// The end was reached.
    End,
}

/// A stored file, open for reading.
///
/// Returns the bytes once, from start to end: in chunks ([`next_chunk`](Self::next_chunk)), all together
/// ([`read_all`](Self::read_all)), as a stream ([`into_stream`](Self::into_stream)) or through tokio's
/// `AsyncRead`. Dropping a future of these methods loses no bytes: the next call continues at the same
/// position.
///
/// ```
/// # use filefield::{Bytes, storage::Reader};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let reader = Reader::from(Bytes::from_static(b"0123456789"));
/// assert_eq!(reader.len(), Some(10));
/// assert_eq!(reader.into_range(2..5).read_all(1024).await?, "234");
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    state: State,
    /// Bytes to skip before the next chunk.
    skip: u64,
    /// The maximum number of bytes left, and the exact number if `known`.
    left: u64,
    known: bool,
    /// Bytes that arrived and were not returned yet.
    spare: Bytes,
}

impl Reader {
    /// Creates a reader of `source`. `len` is the number of bytes it gives, if known.
    ///
    /// With a `len`, the reader gives exactly that many bytes. It stops there, and a source that ends earlier
    /// is an [`Io`](crate::ErrorKind::Io) error.
    pub fn new(source: Box<dyn ReadSource>, len: Option<u64>) -> Self {
        Reader {
            state: State::Idle(source),
            skip: 0,
            left: len.unwrap_or(u64::MAX),
            known: len.is_some(),
            spare: Bytes::new(),
        }
    }

    /// Creates a reader of tokio's `AsyncRead`. `len` is the number of bytes it gives, if known.
    pub fn from_async_read(read: impl AsyncRead + Send + 'static, len: Option<u64>) -> Self {
        Reader::new(Box::new(adapters::FromAsyncRead::new(read)), len)
    }

    /// Returns the number of bytes left, if known. Before the first read this is the number of all bytes.
    pub fn len(&self) -> Option<u64> {
        self.known.then_some(self.left)
    }

    /// Whether it is known that no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Restricts the reader to a part of the bytes left, `range` in bytes. The range is cut at the end; an
    /// inverted range is empty.
    #[must_use]
    pub fn into_range(mut self, range: Range<u64>) -> Reader {
        let mut start = range.start.min(self.left);
        let count = range.end.saturating_sub(range.start).min(self.left - start);
        self.left = count;
        let here = usize::try_from(start).unwrap_or(usize::MAX).min(self.spare.len());
        self.spare.advance(here);
        start -= here as u64;
        self.skip = self.skip.saturating_add(start);
        self
    }

    /// Skips `count` bytes, or up to the end, if the source can do that without reading. Otherwise does
    /// nothing and returns `false`. Local files can skip, streams cannot: call it with 0 to find out.
    pub fn try_skip(&mut self, count: u64) -> bool {
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.spare.len());
        let ahead = count.min(self.left) - here as u64;
        let State::Idle(source) = &mut self.state else { return false };
        if !source.try_skip(self.skip.saturating_add(ahead)) {
            return false;
        }
        self.skip = 0;
        self.spare.advance(here);
        if self.left != u64::MAX || self.known {
            self.left -= count.min(self.left);
        }
        true
    }

    /// Calls [`ReadSource::try_read_at`], unless a read is running.
    pub(crate) fn try_read_at(&mut self, offset: u64, buf: &mut [u8]) -> Option<Result<usize>> {
        match &mut self.state {
            State::Idle(source) => source.try_read_at(offset, buf),
            _ => None,
        }
    }

    /// Returns the next bytes, at least one and at most `max`, or `None` at the end.
    ///
    /// # Errors
    /// Returns [`Io`](crate::ErrorKind::Io) if the file ends before its length; propagates the errors of the
    /// medium.
    pub async fn next_chunk(&mut self, max: usize) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx, max)).await
    }

    /// Returns all bytes that are left.
    ///
    /// Memory grows with the bytes read, not with the length that the source declares.
    ///
    /// # Errors
    /// Returns [`TooLarge`](crate::ErrorKind::TooLarge) if there are more than `limit` bytes (`u64::MAX` for
    /// no limit); propagates the errors of [`next_chunk`](Self::next_chunk).
    pub async fn read_all(mut self, limit: u64) -> Result<Bytes> {
        if self.known && self.left > limit {
            return Err(too_large(limit));
        }
        let mut head = Vec::new();
        let small = self.known && self.left <= ONE_PIECE as u64;
        while small || self.skip > 0 || !self.spare.is_empty() || matches!(self.state, State::Busy(_)) {
            match self.next_chunk(if small { ONE_PIECE } else { CHUNK }).await? {
                None => return Ok(head.into()),
                // The usual case, a small file in one chunk, is not copied.
                Some(chunk) if head.is_empty() && self.known && self.left == 0 => return Ok(chunk),
                Some(chunk) => head.extend_from_slice(&chunk),
            }
            if head.len() as u64 > limit {
                return Err(too_large(limit));
            }
        }
        let State::Idle(source) = &mut self.state else { return Ok(head.into()) };
        // One byte over the limit distinguishes a file that is too large from one that just fits.
        let room = limit - head.len() as u64;
        let rest = source.rest(self.left.min(room.saturating_add(1))).await?;
        if rest.len() as u64 > room {
            return Err(too_large(limit));
        }
        if self.known && (rest.len() as u64) < self.left {
            return Err(ended_early());
        }
        if head.is_empty() {
            return Ok(rest);
        }
        head.extend_from_slice(&rest);
        Ok(head.into())
    }

    /// Returns the bytes left as a stream of chunks of at most `chunk_size` bytes. It ends after an error.
    pub fn into_stream(
        self,
        chunk_size: usize,
    ) -> impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static {
        stream::Chunked::new(self, chunk_size)
    }

    /// Returns the bytes left as lines, including their line endings. Set [`max_len`](LineStream::max_len)
    /// for untrusted files: without it, a file without line endings is held in memory as a whole.
    pub fn lines(self) -> LineStream<impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static> {
        LineStream::new(self.into_stream(CHUNK))
    }

    /// Returns the bytes left as content to be saved. It has no time limits except those of its storage.
    pub fn into_content(self) -> Content {
        let len = self.len();
        let content = Content::stream(self.into_stream(CHUNK)).with_idle_timeout(None).with_timeout(None);
        match len {
            Some(len) => content.with_len(len),
            None => content,
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(Ok(None));
        }
        let max = usize::try_from(self.left).unwrap_or(usize::MAX).min(max.max(1));
        if self.spare.is_empty() {
            match ready!(self.poll_source(cx, max)) {
                Ok(bytes) if bytes.is_empty() => {
                    self.state = State::End;
                    let early = self.known && self.left > 0;
                    self.left = 0;
                    return Poll::Ready(if early { Err(ended_early()) } else { Ok(None) });
                }
                Ok(bytes) => self.spare = bytes,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // A chunk requested by a dropped future may be longer than `max`.
        let count = max.min(self.spare.len());
        let chunk = if count == self.spare.len() {
            std::mem::take(&mut self.spare)
        } else {
            self.spare.split_to(count)
        };
        if self.left != u64::MAX || self.known {
            self.left -= count as u64;
        }
        Poll::Ready(Ok(Some(chunk)))
    }

    fn poll_source(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Bytes>> {
        // A source that is always ready would keep other tasks from running.
        let coop = ready!(coop::poll_proceed(cx));
        if let State::Idle(source) = &mut self.state {
            if self.skip > 0 && source.try_skip(self.skip) {
                self.skip = 0;
            }
            if self.skip == 0
                && let Some(result) = source.try_chunk(max)
            {
                coop.made_progress();
                return Poll::Ready(result);
            }
            let State::Idle(mut source) = std::mem::replace(&mut self.state, State::End) else {
                return Poll::Ready(Ok(Bytes::new()));
            };
            let skip = std::mem::take(&mut self.skip);
            self.state = State::Busy(Box::pin(async move {
                let result = match source.skip(skip).await {
                    Ok(()) => source.chunk(max).await,
                    Err(error) => Err(error),
                };
                (source, result)
            }));
        }
        let State::Busy(reading) = &mut self.state else { return Poll::Ready(Ok(Bytes::new())) };
        let (source, result) = ready!(reading.as_mut().poll(cx));
        coop.made_progress();
        self.state = State::Idle(source);
        match result {
            // A range was set while the read was running.
            Ok(mut bytes) if self.skip > 0 && !bytes.is_empty() => {
                let over = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                bytes.advance(over);
                self.skip -= over as u64;
                if bytes.is_empty() { self.poll_source(cx, max) } else { Poll::Ready(Ok(bytes)) }
            }
            result => Poll::Ready(result),
        }
    }
}

fn ended_early() -> Error {
    Error::new(ErrorKind::Io, "the file ended before its length")
}

fn too_large(limit: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the file has more than {limit} bytes"))
}

impl From<Bytes> for Reader {
    fn from(bytes: Bytes) -> Self {
        let len = bytes.len() as u64;
        Reader::new(Box::new(adapters::FromBytes(bytes)), Some(len))
    }
}

impl From<Reader> for Content {
    fn from(reader: Reader) -> Self {
        reader.into_content()
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let room = buf.remaining();
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        // Small buffers are filled from larger reads.
        if self.spare.is_empty()
            && room < CHUNK
            && let Some(chunk) = ready!(self.poll_chunk(cx, CHUNK))?
        {
            if self.left != u64::MAX || self.known {
                self.left += chunk.len() as u64;
            }
            self.spare = chunk;
        }
        if let Some(chunk) = ready!(self.poll_chunk(cx, room))? {
            buf.put_slice(&chunk);
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("len", &self.len()).finish_non_exhaustive()
    }
}

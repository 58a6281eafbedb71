//! Splitting bytes into lines.

use super::chunks::FileChunks;
use crate::{Error, ErrorKind, Result};
use bytes::{Buf, Bytes};
use memchr::memchr2;
use std::num::NonZeroUsize;

/// Splits chunks into lines, independent of chunk boundaries.
///
/// A line ends after LF, CR LF or CR and keeps its ending. Nothing else ends a line, including form feed and
/// U+2028. The last line may have no ending. A CR at the end of a chunk waits for the next chunk, which may
/// begin with the LF of the same line.
///
/// A line within one chunk is a slice of it and keeps its memory alive; copy lines that are kept for long.
///
/// ```
/// use filefield::file::LineSplitter;
///
/// let mut lines = LineSplitter::new();
/// lines.push("one\r".into());
/// assert_eq!(lines.next_line()?, None);
/// lines.push("\ntwo".into());
/// assert_eq!(lines.next_line()?.as_deref(), Some(&b"one\r\n"[..]));
/// assert_eq!(lines.next_line()?, None);
/// lines.end();
/// assert_eq!(lines.next_line()?.as_deref(), Some(&b"two"[..]));
/// assert_eq!(lines.next_line()?, None);
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// Pushed bytes that are not split yet.
    chunk: Bytes,
    /// The beginning of an incomplete line.
    begun: Vec<u8>,
    max_len: Option<NonZeroUsize>,
    ended: bool,
    failed: bool,
}

impl LineSplitter {
    /// Creates a splitter without a limit. It buffers lines of any length in memory.
    pub fn new() -> Self {
        LineSplitter::default()
    }

    /// Limits a line, including its ending, to `max` bytes. Without a limit, a file without line ends is
    /// buffered completely, so set one for untrusted files (CVE-2015-0221).
    #[must_use]
    pub fn max_len(mut self, max: NonZeroUsize) -> Self {
        self.max_len = Some(max);
        self
    }

    /// Adds the next chunk.
    pub fn push(&mut self, chunk: Bytes) {
        self.chunk = if self.chunk.is_empty() { chunk } else { [&self.chunk[..], &chunk].concat().into() };
    }

    /// Marks the end of the chunks.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the next line, or `None` if more chunks are needed or, after [`end`](Self::end), no line is
    /// left.
    ///
    /// # Errors
    /// Returns [`TooLarge`](ErrorKind::TooLarge) if a line exceeds the limit, and for every call after that.
    pub fn next_line(&mut self) -> Result<Option<Bytes>> {
        if self.failed {
            return Err(self.too_long());
        }
        if self.begun.last() == Some(&b'\r') {
            return match self.chunk.first() {
                None if !self.ended => Ok(None),
                Some(b'\n') => self.line(1).map(Some),
                _ => self.line(0).map(Some),
            };
        }
        let Some(at) = memchr2(b'\n', b'\r', &self.chunk) else {
            self.begin()?;
            let last = self.ended && !self.begun.is_empty();
            return if last { self.line(0).map(Some) } else { Ok(None) };
        };
        match (self.chunk[at], self.chunk.get(at + 1)) {
            (b'\r', Some(b'\n')) => self.line(at + 2).map(Some),
            (b'\r', None) if !self.ended => {
                self.begin()?;
                Ok(None)
            }
            _ => self.line(at + 1).map(Some),
        }
    }

    /// The incomplete line and the next `count` bytes, as one line.
    fn line(&mut self, count: usize) -> Result<Bytes> {
        self.check(count)?;
        if self.begun.is_empty() {
            return Ok(self.chunk.split_to(count));
        }
        self.begun.extend_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        Ok(std::mem::take(&mut self.begun).into())
    }

    /// Keeps the rest of the chunk as the beginning of a line.
    fn begin(&mut self) -> Result<()> {
        self.check(self.chunk.len())?;
        self.begun.extend_from_slice(&self.chunk);
        self.chunk = Bytes::new();
        Ok(())
    }

    fn check(&mut self, more: usize) -> Result<()> {
        if self.max_len.is_some_and(|max| self.begun.len() + more > max.get()) {
            self.failed = true;
            self.begun = Vec::new();
            self.chunk = Bytes::new();
            return Err(self.too_long());
        }
        Ok(())
    }

    fn too_long(&self) -> Error {
        let max = self.max_len.map_or(usize::MAX, NonZeroUsize::get);
        Error::new(ErrorKind::TooLarge, format!("a line is longer than {max} bytes"))
    }
}

/// The lines of a file, from its start. Ends after an error.
#[derive(Debug)]
pub struct Lines<'a> {
    chunks: FileChunks<'a>,
    splitter: LineSplitter,
    done: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(chunks: FileChunks<'a>) -> Self {
        Lines { chunks, splitter: LineSplitter::new(), done: false }
    }

    /// Limits a line to `max` bytes, like [`LineSplitter::max_len`].
    #[must_use]
    pub fn max_len(mut self, max: NonZeroUsize) -> Self {
        self.splitter = self.splitter.max_len(max);
        self
    }

    fn advance(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(line) = self.splitter.next_line()? {
                return Ok(Some(line));
            }
            if self.splitter.ended {
                return Ok(None);
            }
            match self.chunks.next() {
                Some(chunk) => self.splitter.push(chunk?),
                None => self.splitter.end(),
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let line = self.advance().transpose();
        self.done = !matches!(line, Some(Ok(_)));
        line
    }
}

impl std::iter::FusedIterator for Lines<'_> {}

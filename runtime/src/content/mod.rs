//! The content to save: bytes, a file to move or copy, a reader, or a stream.

pub(crate) mod blocking;
pub(crate) mod chunks;
mod clock;
pub(crate) mod guard;
mod head;
#[cfg(test)]
mod held_tests;
mod open;
mod part;
mod pending;
mod stream;
mod temp;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_tests;
mod watch;

pub(crate) use blocking::{BlockingContent, FromStart, rewind};
pub(crate) use chunks::Chunks;
pub(crate) use clock::{Alarm, Clock, Timeouts};
pub(crate) use guard::ContentGuard;
pub(crate) use open::open_regular;
pub(crate) use part::Part;
pub use pending::Pending;
pub use temp::{TempFile, TempWriter};

use crate::Result;
use crate::inspect::Inspector;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

/// A boxed stream of byte chunks.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The source of the bytes of a [`Content`]. A storage matches on it to choose its fastest path.
#[non_exhaustive]
pub enum Source {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A finished temporary file. Moved into the storage by a link or rename if possible.
    Temp(TempFile),
    /// An open file. Copied from its start; the original stays.
    File(std::fs::File),
    /// The path of a file. Opened and copied when it is saved; the original stays.
    Path(PathBuf),
    /// A blocking reader, read to its end.
    Read(Box<dyn Read + Send>),
    /// An asynchronous stream, read to its end.
    Stream(ByteStream),
}

/// Content to be saved once, with an optional inspector of its bytes.
pub struct Content {
    source: Source,
    len: Option<u64>,
    /// The length declared by the caller, which the content must have.
    stated: Option<u64>,
    content_type: Option<String>,
    inspector: Option<Inspector>,
    guarded: guard::Guarded,
    /// The time limits set by the caller.
    idle: Option<Option<Duration>>,
    total: Option<Option<Duration>>,
    clock: Option<Clock>,
    /// Whether its reader or stream was lost during an examination.
    is_lost: bool,
}

impl Content {
    /// Creates content from a source.
    pub fn new(source: Source) -> Self {
        let len = match &source {
            Source::Bytes(bytes) => Some(bytes.len() as u64),
            Source::Temp(temp) => Some(temp.len()),
            _ => None,
        };
        Content {
            source,
            len,
            stated: None,
            content_type: None,
            inspector: None,
            guarded: Default::default(),
            idle: None,
            total: None,
            clock: None,
            is_lost: false,
        }
    }

    /// Creates content from a blocking reader.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Content::new(Source::Read(Box::new(reader)))
    }

    /// Creates content from a stream of chunks.
    pub fn stream(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Content::new(Source::Stream(Box::pin(stream)))
    }

    /// Creates content copied from the file at `path`, which stays in place. The file is opened when it is
    /// saved, so no descriptor is held until then.
    ///
    /// # Errors
    /// Returns [`NotFound`](crate::ErrorKind::NotFound) if the file does not exist now, and
    /// [`NotAFile`](crate::ErrorKind::NotAFile) or [`IsADirectory`](crate::ErrorKind::IsADirectory) if it is
    /// not a regular file.
    pub fn copy_of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let len = open::regular_len(path)?;
        // Resolve a relative path now, in case the working directory changes.
        let content = Content::new(Source::Path(std::path::absolute(path)?));
        Ok(Content { len: Some(len), ..content })
    }

    /// Declares the length in bytes. A storage may use it to reserve space. [`chunks`](Self::chunks) and
    /// [`blocking`](Self::blocking) fail if the content is shorter or longer, so that a broken connection
    /// does not produce a truncated file.
    #[must_use]
    pub fn with_len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self.stated = Some(len);
        self
    }

    /// Declares the media type, for storages that keep one with the object.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Passes every byte to `inspector` before anything is published.
    #[must_use]
    pub fn with_inspector(mut self, inspector: Inspector) -> Self {
        self.inspector = Some(inspector);
        self
    }

    /// Limits the wait for the next byte of a reader or a stream; `None` for no limit. The default is
    /// `FILE_UPLOAD_IDLE_TIMEOUT` of the [settings](crate::settings) if a field saves the content, and 30
    /// seconds otherwise. Content that takes longer fails with [`TimedOut`](crate::ErrorKind::TimedOut), and
    /// nothing is stored.
    ///
    /// Only time spent waiting for the content counts, not time spent writing. With a limit of zero every
    /// reader and stream times out, even an empty one.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle = Some(limit.into());
        self
    }

    /// Limits the total time from the first byte to the end of the content; `None` for no limit. The default
    /// is `FILE_UPLOAD_TIMEOUT` of the [settings](crate::settings) if a field saves the content, and 6 hours
    /// otherwise. Content that takes longer fails with [`TimedOut`](crate::ErrorKind::TimedOut), and nothing
    /// is stored.
    #[must_use]
    pub fn with_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.total = Some(limit.into());
        self
    }

    /// Sets the time limits that were not set yet.
    pub(crate) fn fill_timeouts(&mut self, timeouts: Timeouts) {
        self.idle.get_or_insert(timeouts.idle);
        self.total.get_or_insert(timeouts.total);
    }

    /// The clock of its time limits. Starts at the first call. A file on a disk has no limits.
    pub(crate) fn clock(&mut self) -> Clock {
        let Timeouts { idle, total } = Timeouts::default();
        let timeouts = match self.may_wait() {
            true => Timeouts { idle: self.idle.unwrap_or(idle), total: self.total.unwrap_or(total) },
            false => Timeouts::NONE,
        };
        self.clock.get_or_insert_with(|| Clock::new(timeouts)).clone()
    }

    /// Whether reading may wait for the application: the source is a reader or a stream.
    pub(crate) fn may_wait(&self) -> bool {
        self.source.may_wait()
    }

    /// Creates a guard. Once it is dropped, [`chunks`](Self::chunks) and [`blocking`](Self::blocking) of this
    /// content fail and never end. Each new guard replaces the previous one.
    pub fn guard(&mut self) -> ContentGuard {
        let (guard, guarded) = guard::Guarded::new();
        self.guarded = guarded;
        guard
    }

    /// Returns the length in bytes, if it is known.
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// Returns the [declared](Self::with_len) length.
    pub(crate) fn stated(&self) -> Option<u64> {
        self.stated
    }

    /// Returns whether the content is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Returns the source, for storages that choose a path by it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the declared media type.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Converts into chunks, for asynchronous storages.
    pub fn chunks(self) -> Chunks {
        Chunks::new(self)
    }

    /// Converts into a blocking reader, for storages that work on a blocking thread.
    pub fn blocking(self) -> BlockingContent {
        BlockingContent::new(self)
    }

    /// Reads all bytes. Bytes already in memory are not copied.
    ///
    /// # Errors
    /// The errors of [`Chunks::next`].
    pub async fn read_all(self) -> Result<Bytes> {
        let whole = match &self.source {
            Source::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        };
        let mut chunks = self.chunks();
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().await? {
            if whole.is_none() {
                all.extend_from_slice(&chunk);
            }
        }
        Ok(whole.unwrap_or_else(|| all.into()))
    }

    /// Splits into source and inspector. The caller must pass every byte to the inspector (or, for a file
    /// that is moved, call [`Inspector::inspect_file`]) and call [`Inspector::finish`] before publishing.
    /// Prefer [`Content::chunks`] and [`Content::blocking`], which do this themselves.
    pub fn into_parts(self) -> (Source, Option<Inspector>) {
        (self.source, self.inspector)
    }
}

impl Source {
    fn may_wait(&self) -> bool {
        match self {
            Source::Bytes(_) | Source::Temp(_) | Source::Path(_) => false,
            // A pipe or a socket is also a `File`.
            Source::File(file) => !file.metadata().is_ok_and(|file| file.is_file()),
            Source::Read(_) | Source::Stream(_) => true,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Bytes(_) => "Bytes",
            Source::Temp(_) => "Temp",
            Source::File(_) => "File",
            Source::Path(_) => "Path",
            Source::Read(_) => "Read",
            Source::Stream(_) => "Stream",
        })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("source", &self.source)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Content::new(Source::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Content {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl<const N: usize> From<&'static [u8; N]> for Content {
    fn from(bytes: &'static [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl From<Box<[u8]>> for Content {
    fn from(bytes: Box<[u8]>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<BytesMut> for Content {
    fn from(bytes: BytesMut) -> Self {
        bytes.freeze().into()
    }
}

impl From<&'static str> for Content {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<TempFile> for Content {
    fn from(temp: TempFile) -> Self {
        Content::new(Source::Temp(temp))
    }
}

impl From<std::fs::File> for Content {
    fn from(file: std::fs::File) -> Self {
        let len = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
        Content { len, ..Content::new(Source::File(file)) }
    }
}

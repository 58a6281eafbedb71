//! What is saved: bytes, a file to move or to copy, a reader, or a stream.

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

/// Where the bytes of a [`Content`] come from. A storage matches on it to pick its fastest path.
#[non_exhaustive]
pub enum Source {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A finished temporary file, to be moved into the storage by a link or rename where that is possible.
    Temp(TempFile),
    /// An open file, copied from its start; it stays where it is.
    File(std::fs::File),
    /// A file that is opened when it is saved, and copied; it stays where it is.
    Path(PathBuf),
    /// A blocking reader, read to its end.
    Read(Box<dyn Read + Send>),
    /// An asynchronous stream, read to its end.
    Stream(ByteStream),
}

/// Content to be saved once, with the inspector that watches it pass.
pub struct Content {
    source: Source,
    len: Option<u64>,
    /// A length that the caller vouched for; the content must have it.
    stated: Option<u64>,
    content_type: Option<String>,
    inspector: Option<Inspector>,
    guarded: guard::Guarded,
    /// The time limits that were set for it.
    idle: Option<Option<Duration>>,
    total: Option<Option<Duration>>,
    clock: Option<Clock>,
    /// Whether its reader or stream was lost while it was looked at.
    is_lost: bool,
}

impl Content {
    /// Content from a source, its length unknown.
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

    /// Content read from a blocking reader.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Content::new(Source::Read(Box::new(reader)))
    }

    /// Content read from a stream of chunks.
    pub fn stream(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Content::new(Source::Stream(Box::pin(stream)))
    }

    /// Content copied from the file at `path`, which stays where it is. It is opened when it is saved, so that it holds
    /// no descriptor until then.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where it does not exist now;
    /// [`NotAFile`](crate::ErrorKind::NotAFile) and [`IsADirectory`](crate::ErrorKind::IsADirectory) for anything but a
    /// regular file.
    pub fn copy_of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let len = open::regular_len(path)?;
        // A relative path means what it means now, wherever the working directory goes.
        let content = Content::new(Source::Path(std::path::absolute(path)?));
        Ok(Content { len: Some(len), ..content })
    }

    /// States the length in bytes, where it is known beforehand. A storage may use it to reserve space, and
    /// [`chunks`](Self::chunks) and [`blocking`](Self::blocking) fail where the content turns out shorter or longer:
    /// a broken connection must not make a whole file.
    #[must_use]
    pub fn with_len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self.stated = Some(len);
        self
    }

    /// States the media type, for storages that keep one with the object.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Lets `inspector` see every byte before anything becomes visible.
    #[must_use]
    pub fn with_inspector(mut self, inspector: Inspector) -> Self {
        self.inspector = Some(inspector);
        self
    }

    /// Limits the wait for the next byte of a reader or a stream; `None` for no limit. The default is
    /// `FILE_UPLOAD_IDLE_TIMEOUT` of the [settings](crate::settings) where a field saves it, and 30 seconds elsewhere.
    /// What takes longer fails with [`TimedOut`](crate::ErrorKind::TimedOut), and nothing is stored.
    ///
    /// The time runs only while the storage waits for the content, not while it writes. With a limit of zero every reader
    /// and every stream times out, even an empty one.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle = Some(limit.into());
        self
    }

    /// Limits the time that the whole content takes, from its first byte to its end; `None` for no limit. The default
    /// is `FILE_UPLOAD_TIMEOUT` of the [settings](crate::settings) where a field saves it, and 6 hours elsewhere. What
    /// takes longer fails with [`TimedOut`](crate::ErrorKind::TimedOut), and nothing is stored.
    #[must_use]
    pub fn with_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.total = Some(limit.into());
        self
    }

    /// Sets the limits that were not set yet.
    pub(crate) fn fill_timeouts(&mut self, timeouts: Timeouts) {
        self.idle.get_or_insert(timeouts.idle);
        self.total.get_or_insert(timeouts.total);
    }

    /// The clock of its time limits, which runs from the first call on. A file on a disk has none.
    pub(crate) fn clock(&mut self) -> Clock {
        let Timeouts { idle, total } = Timeouts::default();
        let timeouts = match self.may_wait() {
            true => Timeouts { idle: self.idle.unwrap_or(idle), total: self.total.unwrap_or(total) },
            false => Timeouts::NONE,
        };
        self.clock.get_or_insert_with(|| Clock::new(timeouts)).clone()
    }

    /// Whether its bytes may be waited for, for as long as the application likes: those of a reader or of a stream.
    pub(crate) fn may_wait(&self) -> bool {
        self.source.may_wait()
    }

    /// A guard: once it is dropped, [`chunks`](Self::chunks) and [`blocking`](Self::blocking) of this content fail
    /// and never end. Only the last guard that was made counts.
    pub fn guard(&mut self) -> ContentGuard {
        let (guard, guarded) = guard::Guarded::new();
        self.guarded = guarded;
        guard
    }

    /// The length in bytes, where it is known.
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// The length [stated](Self::with_len) for it.
    pub(crate) fn stated(&self) -> Option<u64> {
        self.stated
    }

    /// Whether the content is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Where its bytes come from, for storages that pick a path by it before they take it apart.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The media type stated for it.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Its chunks, for asynchronous storages.
    pub fn chunks(self) -> Chunks {
        Chunks::new(self)
    }

    /// A blocking reader of it, for storages that work on a blocking thread.
    pub fn blocking(self) -> BlockingContent {
        BlockingContent::new(self)
    }

    /// All its bytes. Bytes that are in memory already are not copied.
    ///
    /// # Errors
    /// As [`Chunks::next`].
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

    /// Source and inspector. Whoever takes them apart must show the inspector every byte (or, for a file that is
    /// moved, call [`Inspector::inspect_file`]) and call [`Inspector::finish`] before publishing. Prefer
    /// [`Content::chunks`] and [`Content::blocking`], which do it by themselves.
    pub fn into_parts(self) -> (Source, Option<Inspector>) {
        (self.source, self.inspector)
    }
}

impl Source {
    fn may_wait(&self) -> bool {
        match self {
            Source::Bytes(_) | Source::Temp(_) | Source::Path(_) => false,
            // A pipe or a socket is a file too.
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

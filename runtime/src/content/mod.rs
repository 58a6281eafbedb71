//! What is saved: bytes, a file to move or to copy, a reader, or a stream.

mod blocking;
mod chunks;
mod guard;
mod head;
#[cfg(test)]
mod held_tests;
mod open;
mod pending;
mod temp;
#[cfg(test)]
mod tests;
mod watch;

pub use blocking::BlockingContent;
pub(crate) use blocking::{FromStart, rewind};
pub use chunks::Chunks;
pub use guard::ContentGuard;
pub use pending::Pending;
pub use temp::{TempFile, TempWriter};

use crate::Result;
use crate::inspect::Inspector;
use bytes::Bytes;
use futures_core::Stream;
use std::fmt;
use std::io::Read;
use std::pin::Pin;

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

    /// Content copied from the file at `path`, which stays where it is.
    ///
    /// # Errors
    /// Those of opening the file; [`NotAFile`](crate::ErrorKind::NotAFile) and
    /// [`IsADirectory`](crate::ErrorKind::IsADirectory) for anything but a regular file.
    pub fn copy_of(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Ok(open::open_regular(path.as_ref(), rustix::fs::OFlags::empty())?.0.into())
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

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Bytes(_) => "Bytes",
            Source::Temp(_) => "Temp",
            Source::File(_) => "File",
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

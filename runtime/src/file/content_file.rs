//! Files in memory.

use super::chunks::{DEFAULT_CHUNK_SIZE, FileChunks};
use super::lines::Lines;
use super::open_file::File;
use crate::Content;
use crate::content::Pending;
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

/// A file in memory, with an optional name.
///
/// Supports reading, writing and seeking. Closing a file in memory would do nothing, so there is no method
/// for it. Clones share their bytes until one of them is written.
///
/// ```
/// use filefield::file::ContentFile;
/// use std::io::Read;
///
/// let mut file = ContentFile::new("new content").with_name("notes.txt");
/// assert_eq!((file.name(), file.size()), (Some("notes.txt"), 11));
/// for _ in 0..2 {
///     let mut text = String::new();
///     file.reopen().read_to_string(&mut text)?;
///     assert_eq!(text, "new content");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct ContentFile {
    bytes: Bytes,
    position: u64,
    name: Option<String>,
}

impl ContentFile {
    /// Creates a file with these bytes. Text is stored as UTF-8. The position is at the start, so a write
    /// overwrites the beginning.
    pub fn new(content: impl Into<Bytes>) -> Self {
        ContentFile { bytes: content.into(), position: 0, name: None }
    }

    /// Sets the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the name. There is none by default.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the size in bytes, also for text.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns all bytes.
    pub fn content(&self) -> &Bytes {
        &self.bytes
    }

    /// Moves to the start.
    pub fn reopen(&mut self) -> &mut Self {
        self.position = 0;
        self
    }

    /// Returns the content in chunks of 64 KiB, from the start.
    pub fn chunks(&mut self) -> FileChunks<'_> {
        self.chunks_of(DEFAULT_CHUNK_SIZE)
    }

    /// Returns the content in chunks of `size` bytes; the last one may be shorter.
    pub fn chunks_of(&mut self, size: NonZeroUsize) -> FileChunks<'_> {
        FileChunks::new(self, size)
    }

    /// Returns whether the content needs more than one chunk of `size` bytes.
    pub fn multiple_chunks(&self, size: NonZeroUsize) -> bool {
        self.bytes.len() > size.get()
    }

    /// Returns the lines, including their endings.
    pub fn lines(&mut self) -> Lines<'_> {
        self.lines_by(DEFAULT_CHUNK_SIZE)
    }

    /// Like [`lines`](Self::lines), reading chunks of `size` bytes.
    pub fn lines_by(&mut self, size: NonZeroUsize) -> Lines<'_> {
        Lines::new(self.chunks_of(size))
    }

    /// The position as an index. A position that does not fit is beyond any end.
    fn index(&self) -> usize {
        usize::try_from(self.position).unwrap_or(usize::MAX)
    }
}

impl Read for ContentFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.get(self.index()..).unwrap_or_default();
        let count = left.len().min(buf.len());
        buf[..count].copy_from_slice(&left[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for ContentFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let start = self.index();
        let end = start.checked_add(bytes.len()).filter(|&end| isize::try_from(end).is_ok());
        let end = end.ok_or(io::ErrorKind::FileTooLarge)?;
        // Copies only if the bytes are shared.
        let mut content = match std::mem::take(&mut self.bytes).try_into_mut() {
            Ok(content) => content,
            Err(shared) => BytesMut::from(&shared[..]),
        };
        if end > content.len() {
            // A gap between the old end and the position reads as zeros, as on disk.
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        self.bytes = content.freeze();
        self.position = end as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for ContentFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Writes the name, or nothing if there is none.
impl fmt::Display for ContentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or_default())
    }
}

impl fmt::Debug for ContentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentFile")
            .field("name", &self.name)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl<B: Into<Bytes>> From<B> for ContentFile {
    fn from(content: B) -> Self {
        ContentFile::new(content)
    }
}

/// The whole content, regardless of the position.
impl From<ContentFile> for Content {
    fn from(file: ContentFile) -> Self {
        file.bytes.into()
    }
}

/// The content under the name of the file, or an empty name if it has none.
impl From<ContentFile> for Pending {
    fn from(file: ContentFile) -> Self {
        Pending::new(file.name.unwrap_or_default(), file.bytes)
    }
}

impl From<ContentFile> for File {
    fn from(file: ContentFile) -> Self {
        let name = file.name.clone();
        let wrapped = File::read_write(file);
        match name {
            Some(name) => wrapped.with_name(name),
            None => wrapped,
        }
    }
}

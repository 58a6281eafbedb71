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

/// A file that is held in memory, with an optional name (D033–D041).
///
/// It is read, written and moved in like any file. Closing it does nothing (D040), so it is never closed. Clones
/// share their bytes until one of them is written.
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
    /// A file of these bytes. Text is taken as UTF-8 (D033). The position is at the start, so a write overwrites
    /// the beginning (D037).
    pub fn new(content: impl Into<Bytes>) -> Self {
        ContentFile { bytes: content.into(), position: 0, name: None }
    }

    /// Gives it a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its name; it has none by default (D034).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its size in bytes, also for text (D035).
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// All its bytes.
    pub fn content(&self) -> &Bytes {
        &self.bytes
    }

    /// Goes to the start (D040).
    pub fn reopen(&mut self) -> &mut Self {
        self.position = 0;
        self
    }

    /// Its content in chunks of 64 KiB, from the start (D013).
    pub fn chunks(&mut self) -> FileChunks<'_> {
        self.chunks_of(DEFAULT_CHUNK_SIZE)
    }

    /// Its content in chunks of `size` bytes, the last one shorter.
    pub fn chunks_of(&mut self, size: NonZeroUsize) -> FileChunks<'_> {
        FileChunks::new(self, size)
    }

    /// Whether its content takes more than one chunk of `size` bytes (D016).
    pub fn multiple_chunks(&self, size: NonZeroUsize) -> bool {
        self.bytes.len() > size.get()
    }

    /// Its lines, with their endings (D017–D020).
    pub fn lines(&mut self) -> Lines<'_> {
        self.lines_by(DEFAULT_CHUNK_SIZE)
    }

    /// As [`lines`](Self::lines), reading chunks of `size` bytes.
    pub fn lines_by(&mut self, size: NonZeroUsize) -> Lines<'_> {
        Lines::new(self.chunks_of(size))
    }

    /// The position in memory; one beyond what can be addressed is beyond any end.
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
        // Not copied unless somebody else holds the bytes too.
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

/// The name, or nothing where it has none.
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

/// The whole content, whatever the position (D164).
impl From<ContentFile> for Content {
    fn from(file: ContentFile) -> Self {
        file.bytes.into()
    }
}

/// Content under the name of the file, which is empty where it has none (D071).
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

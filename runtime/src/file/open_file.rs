//! The general file object.

use super::chunks::{DEFAULT_CHUNK_SIZE, FileChunks};
use super::lines::Lines;
use super::stream::{Can, Disk, Full, OpenMode, Reading, Seeking, Stream, Writing};
use crate::content::{FromStart, Pending, rewind};
use crate::{Content, Error, ErrorKind, Result};
use std::fmt;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// A wrapper of an open stream, with a name, a size, chunks, lines, and a visible end (D001–D032).
///
/// Reads, writes and seeks go to the stream; what it cannot do is an [`Unsupported`](ErrorKind::Unsupported) error.
/// After [`close`](Self::close) they are [`Closed`](ErrorKind::Closed) errors. Dropping it closes it too (D021,
/// D022), but then an error of the last flush is lost.
///
/// ```
/// use filefield::file::File;
///
/// # let dir = std::env::temp_dir().join(format!("filefield-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// # let path = dir.join("hello.txt");
/// std::fs::write(&path, "one\r\ntwo")?;
/// let mut file = File::open(&path)?;
/// assert_eq!(file.name(), Some("hello.txt"));
/// assert_eq!(file.size()?, 8);
/// let lines: Vec<_> = file.lines().collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["one\r\n", "two"]);
/// file.close()?;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), filefield::Error>(())
/// ```
pub struct File {
    /// `None` when closed.
    stream: Option<Box<dyn Stream>>,
    name: Option<String>,
    path: Option<PathBuf>,
    mode: Option<OpenMode>,
    size: Option<u64>,
}

impl File {
    /// Wraps a stream that can be read and can seek.
    pub fn new(stream: impl Read + Seek + Send + 'static) -> Self {
        File::wrap(Box::new(Seeking(stream)))
    }

    /// Wraps a stream that can be read, written and seek.
    pub fn read_write(stream: impl Read + Write + Seek + Send + 'static) -> Self {
        File::wrap(Box::new(Full(stream)))
    }

    /// Wraps a reader that cannot seek: a pipe, a socket, a decompressor.
    pub fn reader(stream: impl Read + Send + 'static) -> Self {
        File::wrap(Box::new(Reading(stream)))
    }

    /// Wraps a writer.
    pub fn writer(stream: impl Write + Send + 'static) -> Self {
        File::wrap(Box::new(Writing(stream)))
    }

    /// Opens the file at `path` for reading. Its name is the last component of the path.
    ///
    /// # Errors
    /// Those of opening a file, such as [`NotFound`](ErrorKind::NotFound).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        File::open_as(path, OpenMode::Read)
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// Those of opening a file, such as [`AlreadyExists`](ErrorKind::AlreadyExists).
    pub fn open_as(path: impl AsRef<Path>, mode: OpenMode) -> Result<Self> {
        let path = path.as_ref();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut file = File { stream: None, name, path: Some(path.to_owned()), mode: None, size: None };
        file.reopen_as(mode)?;
        Ok(file)
    }

    fn wrap(stream: Box<dyn Stream>) -> Self {
        File { stream: Some(stream), name: None, path: None, mode: None, size: None }
    }

    /// Gives it a name (D004).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its name, if it has one (D003).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The path it was opened from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The mode it was opened in, where the stream has one (D005).
    pub fn mode(&self) -> Option<OpenMode> {
        self.mode
    }

    /// The open file of the system behind it, for its descriptor and its metadata.
    pub fn as_std(&self) -> Option<&fs::File> {
        self.stream.as_ref()?.as_std()
    }

    /// Its size in bytes: that of the open file; else of the file at its path; else where its end is (D010).
    ///
    /// It is found once and remembered (D011), until something is written through this wrapper. The position stays
    /// (D012).
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for a stream without a size that cannot seek;
    /// [`Closed`](ErrorKind::Closed) for a closed file without a path; those of the system.
    pub fn size(&mut self) -> Result<u64> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let on_disk = match (self.as_std(), &self.path) {
            (Some(file), _) => Some(file.metadata()?),
            (None, Some(path)) => Some(fs::metadata(path).map_err(|error| self.named(error))?),
            (None, None) => None,
        };
        let size = match on_disk {
            Some(metadata) if metadata.is_file() => metadata.len(),
            _ => self.size_by_seeking()?,
        };
        self.size = Some(size);
        Ok(size)
    }

    fn size_by_seeking(&mut self) -> Result<u64> {
        if !self.is_closed() && !self.is_seekable() {
            return Err(Error::new(ErrorKind::Unsupported, "the size of this stream is unknown"));
        }
        let position = self.stream_position()?;
        let end = self.seek(SeekFrom::End(0));
        self.seek(SeekFrom::Start(position))?;
        Ok(end?)
    }

    /// Its content in chunks of 64 KiB, from the start where it can seek (D013, D015).
    pub fn chunks(&mut self) -> FileChunks<'_> {
        self.chunks_of(DEFAULT_CHUNK_SIZE)
    }

    /// Its content in chunks of `size` bytes, the last one shorter (D013–D015).
    pub fn chunks_of(&mut self, size: NonZeroUsize) -> FileChunks<'_> {
        FileChunks::new(self, size)
    }

    /// Whether its content takes more than one chunk of `size` bytes (D016).
    ///
    /// # Errors
    /// As [`size`](Self::size).
    pub fn multiple_chunks(&mut self, size: NonZeroUsize) -> Result<bool> {
        Ok(self.size()? > size.get() as u64)
    }

    /// Its lines, with their endings, from the start where it can seek (D017–D020). Set
    /// [`max_len`](Lines::max_len) for files of strangers.
    pub fn lines(&mut self) -> Lines<'_> {
        self.lines_by(DEFAULT_CHUNK_SIZE)
    }

    /// As [`lines`](Self::lines), reading chunks of `size` bytes.
    pub fn lines_by(&mut self, size: NonZeroUsize) -> Lines<'_> {
        Lines::new(self.chunks_of(size))
    }

    /// Goes to the start, if it is open (D024); opens it again by its path in the mode it had, if it is closed
    /// (D025). What was opened to be made or emptied is opened for reading and writing now and keeps its bytes.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for an open stream that cannot seek; [`Closed`](ErrorKind::Closed)
    /// for a closed one without a path (D026); those of opening a file.
    pub fn reopen(&mut self) -> Result<&mut Self> {
        self.reopen_as(match self.mode {
            Some(OpenMode::CreateNew | OpenMode::Write) if self.is_closed() => OpenMode::ReadWrite,
            mode => mode.unwrap_or(OpenMode::Read),
        })
    }

    /// As [`reopen`](Self::reopen), in another mode where it is closed.
    ///
    /// # Errors
    /// As [`reopen`](Self::reopen); [`Unsupported`](ErrorKind::Unsupported) for a file that is open in another mode.
    pub fn reopen_as(&mut self, mode: OpenMode) -> Result<&mut Self> {
        if !self.is_closed() {
            if self.mode.is_some_and(|open| open != mode) {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the file is open in another mode; close it first",
                ));
            }
            self.rewind()?;
            return Ok(self);
        }
        let Some(path) = &self.path else {
            return Err(Error::new(
                ErrorKind::Closed,
                "a closed stream without a path cannot be opened again",
            ));
        };
        let file = mode.options().open(path).map_err(|error| self.named(error))?;
        self.stream = Some(Box::new(Disk::new(file, Some(mode))));
        self.mode = Some(mode);
        self.size = None;
        Ok(self)
    }

    /// Flushes and closes it. Closing a closed file does nothing.
    ///
    /// # Errors
    /// Those of the last flush. The file is closed all the same.
    pub fn close(&mut self) -> Result<()> {
        match self.stream.take() {
            Some(mut stream) if stream.can().write => Ok(stream.flush()?),
            _ => Ok(()),
        }
    }

    /// Lets `work` use it from its start and closes it, whatever comes out (D021, D028). A closed file is opened
    /// again before.
    ///
    /// # Errors
    /// Those of `work`, else those of opening and closing.
    pub fn with_open<T>(&mut self, work: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
        if self.is_closed() {
            self.reopen()?;
        } else {
            rewind(self)?;
        }
        let result = work(self);
        let closed = self.close();
        result.and_then(|value| closed.map(|()| value))
    }

    /// Whether it is closed (D030).
    pub fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether it is open and can be read (D029).
    pub fn is_readable(&self) -> bool {
        self.can().read
    }

    /// Whether it is open and can be written (D029).
    pub fn is_writable(&self) -> bool {
        self.can().write
    }

    /// Whether it is open and can seek (D029).
    pub fn is_seekable(&self) -> bool {
        self.can().seek
    }

    /// Cuts or extends it to `size` bytes.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) where it is no file of the system; those of the system.
    pub fn truncate(&mut self, size: u64) -> Result<()> {
        self.size = None;
        self.stream(|can| can.write, "written")?;
        match self.as_std() {
            Some(file) => Ok(file.set_len(size)?),
            None => Err(Error::new(ErrorKind::Unsupported, "only a file of the system can be truncated")),
        }
    }

    fn can(&self) -> Can {
        self.stream.as_ref().map_or(Can::default(), |stream| stream.can())
    }

    fn stream(&mut self, able: impl Fn(Can) -> bool, what: &str) -> Result<&mut Box<dyn Stream>> {
        match &mut self.stream {
            Some(stream) if able(stream.can()) => Ok(stream),
            Some(_) => Err(Error::new(ErrorKind::Unsupported, format!("this file cannot be {what}"))),
            None => Err(Error::new(ErrorKind::Closed, "operation on a closed file")),
        }
    }

    fn named(&self, error: io::Error) -> Error {
        let error = Error::from(error);
        match &self.name {
            Some(name) => error.with_name(name),
            None => error,
        }
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream(|can| can.read, "read")?.read(buf)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.stream(|can| can.write, "written")?.write(bytes)?;
        self.size = None;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream(|_| true, "flushed")?.flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream(|can| can.seek, "moved to a position")?.seek(to)
    }
}

/// The name, or nothing where it has none (D006).
impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or_default())
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> Self {
        let mode = OpenMode::of(&file);
        File { mode, ..File::wrap(Box::new(Disk::new(file, mode))) }
    }
}

/// The whole content from the start, whatever the position; from the position where it cannot seek (D164).
impl From<File> for Content {
    fn from(mut file: File) -> Self {
        if file.as_std().is_some() && file.is_readable() {
            let stream = file.stream.take().and_then(|stream| stream.into_std());
            if let Some(file) = stream {
                return file.into();
            }
        }
        Content::reader(FromStart::new(file))
    }
}

/// Content under the name of the file, which is empty where it has none (D071).
impl From<File> for Pending {
    fn from(file: File) -> Self {
        Pending::new(file.name().unwrap_or_default().to_owned(), file)
    }
}

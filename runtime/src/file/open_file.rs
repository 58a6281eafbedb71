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

/// A wrapper of an open stream with a name, a size, chunks, lines, and an explicit close.
///
/// Reads, writes and seeks go to the stream; an operation it does not support is an
/// [`Unsupported`](ErrorKind::Unsupported) error. After [`close`](Self::close), every operation is a
/// [`Closed`](ErrorKind::Closed) error. Dropping the file also closes it, but an error of the last flush is
/// then lost.
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
    /// Wraps a readable, seekable stream.
    pub fn new(stream: impl Read + Seek + Send + 'static) -> Self {
        File::wrap(Box::new(Seeking(stream)))
    }

    /// Wraps a readable, writable, seekable stream.
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
    /// Propagates errors of opening the file, such as [`NotFound`](ErrorKind::NotFound).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        File::open_as(path, OpenMode::Read)
    }

    /// Opens the file at `path` in the given mode.
    ///
    /// # Errors
    /// Propagates errors of opening the file, such as [`AlreadyExists`](ErrorKind::AlreadyExists).
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

    /// Sets the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the name, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the path it was opened from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the mode it was opened in, if the stream has one.
    pub fn mode(&self) -> Option<OpenMode> {
        self.mode
    }

    /// Returns the underlying [`std::fs::File`], for its descriptor and its metadata.
    pub fn as_std(&self) -> Option<&fs::File> {
        self.stream.as_ref()?.as_std()
    }

    /// Returns the size in bytes: of the open file, otherwise of the file at its path, otherwise the position
    /// of the end.
    ///
    /// The size is remembered until something is written through this wrapper. The position does not change.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) for a stream that has no size and cannot seek, and
    /// [`Closed`](ErrorKind::Closed) for a closed file without a path; propagates errors of the system.
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

    /// Returns the content in chunks of 64 KiB, from the start if it can seek.
    pub fn chunks(&mut self) -> FileChunks<'_> {
        self.chunks_of(DEFAULT_CHUNK_SIZE)
    }

    /// Returns the content in chunks of `size` bytes; the last one may be shorter.
    pub fn chunks_of(&mut self, size: NonZeroUsize) -> FileChunks<'_> {
        FileChunks::new(self, size)
    }

    /// Returns whether the content needs more than one chunk of `size` bytes.
    ///
    /// # Errors
    /// The errors of [`size`](Self::size).
    pub fn multiple_chunks(&mut self, size: NonZeroUsize) -> Result<bool> {
        Ok(self.size()? > size.get() as u64)
    }

    /// Returns the lines, including their endings, from the start if it can seek. Set
    /// [`max_len`](Lines::max_len) for untrusted files.
    pub fn lines(&mut self) -> Lines<'_> {
        self.lines_by(DEFAULT_CHUNK_SIZE)
    }

    /// Like [`lines`](Self::lines), reading chunks of `size` bytes.
    pub fn lines_by(&mut self, size: NonZeroUsize) -> Lines<'_> {
        Lines::new(self.chunks_of(size))
    }

    /// Moves an open file to its start. Opens a closed file again by its path, in its previous mode. A file
    /// that was opened to be created or truncated is opened for reading and writing and keeps its bytes.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) for an open stream that cannot seek, and
    /// [`Closed`](ErrorKind::Closed) for a closed one without a path; propagates errors of opening the file.
    pub fn reopen(&mut self) -> Result<&mut Self> {
        self.reopen_as(match self.mode {
            Some(OpenMode::CreateNew | OpenMode::Write) if self.is_closed() => OpenMode::ReadWrite,
            mode => mode.unwrap_or(OpenMode::Read),
        })
    }

    /// Like [`reopen`](Self::reopen), but opens a closed file in the given mode.
    ///
    /// # Errors
    /// The errors of [`reopen`](Self::reopen), and [`Unsupported`](ErrorKind::Unsupported) if the file is
    /// open in a different mode.
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

    /// Flushes and closes the file. Closing a closed file does nothing.
    ///
    /// # Errors
    /// Propagates errors of the last flush. The file is closed anyway.
    pub fn close(&mut self) -> Result<()> {
        match self.stream.take() {
            Some(mut stream) if stream.can().write => Ok(stream.flush()?),
            _ => Ok(()),
        }
    }

    /// Passes the file, positioned at its start, to `work`, and closes it whatever the result. Reopens a
    /// closed file first.
    ///
    /// # Errors
    /// Returns the error of `work` if it fails; otherwise propagates errors of opening and closing.
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

    /// Returns whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    /// Returns whether it is open and readable.
    pub fn is_readable(&self) -> bool {
        self.can().read
    }

    /// Returns whether it is open and writable.
    pub fn is_writable(&self) -> bool {
        self.can().write
    }

    /// Returns whether it is open and seekable.
    pub fn is_seekable(&self) -> bool {
        self.can().seek
    }

    /// Truncates or extends the file to `size` bytes.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if it is not a file of the operating system;
    /// propagates errors of the system.
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

/// Writes the name, or nothing if there is none.
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

/// The whole content from the start, or from the position if the stream cannot seek.
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

/// The content under the name of the file, or an empty name if it has none.
impl From<File> for Pending {
    fn from(file: File) -> Self {
        Pending::new(file.name().unwrap_or_default().to_owned(), file)
    }
}

//! The content of a field before it is saved.

use super::blocking::FromStart;
use super::guard::Guarded;
use super::open::{named, regular};
use super::{ByteStream, Content, Source, TempFile};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures_core::Stream;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Content assigned to a field and not yet saved, with the client's file name.
///
/// Cheap to clone; all clones share one content. Bytes, paths, temporary files and open files can be read
/// repeatedly, so a failed save can be retried. A temporary file is kept until the last clone is dropped. A
/// reader or a stream can be read only once, by any clone, and is not touched before its first byte is
/// requested. Paths and temporary files hold no descriptor.
///
/// ```
/// use filefield::content::Pending;
///
/// let pending = Pending::new("notes.txt", "new content");
/// assert_eq!(pending.name(), "notes.txt");
/// assert_eq!(pending.content()?.len(), Some(11));
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Clone)]
pub struct Pending {
    name: String,
    content_type: Option<String>,
    /// The length declared by the caller.
    stated: Option<u64>,
    /// The time limits set by the caller: idle and total.
    limits: (Option<Option<Duration>>, Option<Option<Duration>>),
    source: PendingSource,
}

#[derive(Clone)]
enum PendingSource {
    Bytes(Bytes),
    Path(Arc<Path>),
    Temp(Arc<TempFile>),
    File(Arc<OpenFile>),
    Once(Arc<Once>),
}

/// An open file. All its descriptors share one position.
struct OpenFile {
    file: fs::File,
    len: u64,
    /// Whether the file itself was handed out. After that it is read without using its position.
    is_lent: AtomicBool,
}

/// A reader or a stream.
struct Once {
    content: Mutex<Option<Content>>,
    len: Option<u64>,
}

impl Once {
    /// Whether it is a stream; `None` if it was taken.
    fn is_stream(&self) -> Option<bool> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.as_ref().map(|content| matches!(content.source, Source::Stream(_)))
    }

    /// Puts back content that was only examined, unless it was lost.
    #[cfg(feature = "db")]
    fn put_back(&self, content: Content) {
        let mut place = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() && !content.is_lost {
            *place = Some(content);
        }
    }

    fn take(&self) -> Option<Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_consumed(&self) -> bool {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Pending {
    /// Creates a pending value from any content: bytes, text, a temporary file, a file, a reader or a stream
    /// in a [`Content`]. A reader or a stream can be read once, everything else repeatedly.
    pub fn new(name: impl Into<String>, content: impl Into<Content>) -> Self {
        let Content { source, len, stated, content_type, guarded, idle, total, .. } = content.into();
        let source = match source {
            Source::Bytes(bytes) => PendingSource::Bytes(bytes),
            Source::Path(path) => PendingSource::Path(path.into()),
            Source::Temp(temp) => PendingSource::Temp(Arc::new(temp)),
            Source::File(file) => match file.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    let is_lent = AtomicBool::new(false);
                    PendingSource::File(Arc::new(OpenFile { file, len: metadata.len(), is_lent }))
                }
                _ => PendingSource::once(Source::Read(Box::new(FromStart::new(file))), len, guarded),
            },
            source => PendingSource::once(source, len, guarded),
        };
        Pending { content_type, stated, limits: (idle, total), ..Pending::of(name, source) }
    }

    /// Creates a pending value from the file at `path`, which is copied when the field is saved and stays in
    /// place. The name is the last component of the path, with invalid Unicode replaced by U+FFFD.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if the file does not exist now, and
    /// [`IsADirectory`](ErrorKind::IsADirectory) or [`NotAFile`](ErrorKind::NotAFile) if it is not a regular
    /// file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let check = || -> Result<()> { regular(&fs::metadata(path)?) };
        check().map_err(|error| named(error, path))?;
        let Some(name) = path.file_name() else {
            return Err(Error::new(ErrorKind::NoFileName, "the path has no file name"));
        };
        let name = name.to_string_lossy().into_owned();
        // Resolve a relative path now, in case the working directory changes.
        let path = std::path::absolute(path)?;
        Ok(Pending::of(name, PendingSource::Path(path.into())))
    }

    fn of(name: impl Into<String>, source: PendingSource) -> Self {
        Pending { name: name.into(), content_type: None, stated: None, limits: (None, None), source }
    }

    /// Changes the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the media type declared by the client. The stored type is detected from the bytes.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Returns the client's name, neither checked nor cleaned.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the media type declared by the client.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Returns the length in bytes, if it is known without reading. For a path, reads the file's metadata.
    pub fn len(&self) -> Option<u64> {
        self.stated.or_else(|| match &self.source {
            PendingSource::Bytes(bytes) => Some(bytes.len() as u64),
            PendingSource::Path(path) => Some(fs::metadata(path).ok()?.len()),
            PendingSource::Temp(temp) => Some(temp.len()),
            PendingSource::File(open) => Some(open.len),
            PendingSource::Once(once) => once.len,
        })
    }

    /// Returns whether the content is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Returns the content, to be saved once. It carries the declared media type and no inspector. A reader
    /// or a stream is taken when its first byte is requested.
    ///
    /// # Errors
    /// Returns [`Consumed`](ErrorKind::Consumed) if it can be read only once and already was; propagates
    /// errors of opening a path or a file.
    pub fn content(&self) -> Result<Content> {
        let mut content: Content = match &self.source {
            PendingSource::Bytes(bytes) => bytes.clone().into(),
            PendingSource::Path(path) => Content::copy_of(path)?,
            PendingSource::Temp(temp) => temp.share().into(),
            PendingSource::File(open) => open.content()?,
            PendingSource::Once(once) => {
                let source = match once.is_stream() {
                    None => return Err(self.consumed()),
                    Some(true) => Source::Stream(Box::pin(OnceStream(Taking::Waiting(once.clone())))),
                    Some(false) => Source::Read(Box::new(OnceReader(Taking::Waiting(once.clone())))),
                };
                Content { len: once.len, ..Content::new(source) }
            }
        };
        if let Some(stated) = self.stated {
            content = content.with_len(stated);
        }
        (content.idle, content.total) = self.limits;
        Ok(match &self.content_type {
            Some(content_type) => content.with_content_type(content_type),
            None => content,
        })
    }

    /// Returns whether it can be read only once and already was, entirely or in part: by a failed save, or by
    /// a save of a clone. Assign the content again in that case.
    pub fn is_consumed(&self) -> bool {
        matches!(&self.source, PendingSource::Once(once) if once.is_consumed())
    }

    /// The error for consumed content.
    pub(crate) fn consumed(&self) -> Error {
        consumed().with_name(&self.name)
    }

    /// The value to keep after `content`, which came from it, was examined: this value if it can give the
    /// same content again, otherwise the copy if `content` is one.
    #[cfg(feature = "db")]
    pub(crate) fn looked_at(&self, content: Content, is_copy: bool) -> Pending {
        match &self.source {
            PendingSource::Once(once) => {
                once.put_back(content);
                self.clone()
            }
            _ if is_copy => {
                let content_type = self.content_type.clone();
                Pending { content_type, ..Pending::new(&self.name, content) }
            }
            _ => self.clone(),
        }
    }

    /// Whether its content can be read repeatedly.
    #[cfg(feature = "db")]
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self.source, PendingSource::Once(_))
    }

    /// Whether to look for a free name before sending it anywhere.
    #[cfg(feature = "db")]
    pub(crate) fn looks_first(&self) -> bool {
        !matches!(self.source, PendingSource::Bytes(_) | PendingSource::Path(_))
    }

    /// Returns whether both have the same name and the same content: the same bytes in memory, the same path,
    /// or the same reader. Nothing is read, so equal bytes in two places are not the same.
    pub fn is_same(&self, other: &Pending) -> bool {
        let source = match (&self.source, &other.source) {
            (PendingSource::Bytes(a), PendingSource::Bytes(b)) => {
                a.as_ptr() == b.as_ptr() && a.len() == b.len()
            }
            (PendingSource::Path(a), PendingSource::Path(b)) => a == b,
            (PendingSource::Temp(a), PendingSource::Temp(b)) => Arc::ptr_eq(a, b),
            (PendingSource::File(a), PendingSource::File(b)) => Arc::ptr_eq(a, b),
            (PendingSource::Once(a), PendingSource::Once(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        source && self.name == other.name && self.content_type == other.content_type
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            PendingSource::Bytes(_) => "bytes",
            PendingSource::Path(_) => "path",
            PendingSource::Temp(_) => "temporary file",
            PendingSource::File(_) => "file",
            PendingSource::Once(_) => "once",
        };
        f.debug_struct("Pending").field("name", &self.name).field("source", &source).finish_non_exhaustive()
    }
}

fn consumed() -> Error {
    let text = "this content can be read once, and it was: assign the content again";
    Error::new(ErrorKind::Consumed, text)
}

impl PendingSource {
    fn once(source: Source, len: Option<u64>, guarded: Guarded) -> PendingSource {
        let content = Content { guarded, ..Content::new(source) };
        PendingSource::Once(Arc::new(Once { content: Mutex::new(Some(content)), len }))
    }
}

impl OpenFile {
    /// Another reader may still be active, so only the first one may use the position.
    fn content(self: &Arc<Self>) -> Result<Content> {
        if !self.is_lent.swap(true, Ordering::AcqRel) {
            return Ok(self.file.try_clone()?.into());
        }
        let content = Content::reader(ReadAt { open: self.clone(), offset: 0 });
        Ok(Content { len: Some(self.len), ..content })
    }
}

/// Reads a file from its start without using its position.
struct ReadAt {
    open: Arc<OpenFile>,
    offset: u64,
}

impl Read for ReadAt {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.open.file.read_at(buf, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// A reader or a stream that is taken at its first byte. After that, this keeps nothing of the original
/// value.
enum Taking<T> {
    Waiting(Arc<Once>),
    Taken(T, Guarded),
    Gone,
}

impl<T> Taking<T> {
    /// Returns the source, taking it with `open` the first time.
    fn get(&mut self, open: impl FnOnce(Source) -> Option<T>) -> Result<(&mut T, &mut Guarded)> {
        if let Taking::Waiting(once) = self {
            let taken = once.take().and_then(|content| Some((open(content.source)?, content.guarded)));
            *self = taken.map_or(Taking::Gone, |(taken, guarded)| Taking::Taken(taken, guarded));
        }
        match self {
            Taking::Taken(taken, guarded) => Ok((taken, guarded)),
            _ => Err(consumed()),
        }
    }
}

struct OnceReader(Taking<Box<dyn Read + Send>>);

impl Read for OnceReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (reader, guarded) = self.0.get(|source| match source {
            Source::Read(reader) => Some(reader),
            // The copy made during an examination.
            Source::File(copy) => Some(Box::new(FromStart::new(copy))),
            _ => None,
        })?;
        guarded.check()?;
        reader.read(buf)
    }
}

struct OnceStream(Taking<ByteStream>);

impl Stream for OnceStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let taken = self.0.get(|source| match source {
            Source::Stream(stream) => Some(stream),
            _ => None,
        });
        let (stream, guarded) = match taken {
            Ok(taken) => taken,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        if let Err(error) = guarded.poll_check(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        stream.as_mut().poll_next(cx)
    }
}

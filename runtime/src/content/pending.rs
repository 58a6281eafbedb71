//! What a field holds before it is saved.

use super::open::{named, open_regular, regular};
use super::{Content, TempFile};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use rustix::fs::OFlags;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Content that a field was given and that no storage has yet, with the name the client gave it.
///
/// Cheap to clone; all clones share one content. Bytes and paths can be read any number of times. A temporary file,
/// a reader or a stream can be read once, whichever clone does it. A path or a temporary file holds no descriptor.
///
/// ```
/// use filefield::content::Pending;
///
/// let pending = Pending::bytes("notes.txt", "new content");
/// assert_eq!(pending.name(), "notes.txt");
/// assert_eq!(pending.content()?.len(), Some(11));
/// # Ok::<(), filefield::Error>(())
/// ```
#[derive(Clone)]
pub struct Pending {
    name: String,
    content_type: Option<String>,
    source: PendingSource,
}

#[derive(Clone)]
enum PendingSource {
    Bytes(Bytes),
    Path(Arc<Path>),
    Once { content: Arc<Mutex<Option<Content>>>, len: Option<u64> },
}

impl Pending {
    /// Bytes in memory.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Pending::new(name, PendingSource::Bytes(bytes.into()))
    }

    /// The file at `path`, which is copied when the field is saved and stays where it is. The name is the last
    /// component of the path; what of it is not Unicode is replaced by U+FFFD.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where it does not exist now; [`IsADirectory`](ErrorKind::IsADirectory);
    /// [`NotAFile`](ErrorKind::NotAFile).
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let check = || -> Result<()> { regular(&fs::metadata(path)?) };
        check().map_err(|error| named(error, path))?;
        let Some(name) = path.file_name() else {
            return Err(Error::new(ErrorKind::NoFileName, "the path has no file name"));
        };
        let name = name.to_string_lossy().into_owned();
        // A relative path means what it means now, wherever the working directory goes.
        let path = std::path::absolute(path)?;
        Ok(Pending::new(name, PendingSource::Path(path.into())))
    }

    /// A finished temporary file, which is moved where the storage can.
    pub fn from_temp(name: impl Into<String>, temp: TempFile) -> Self {
        Pending::once(name, temp)
    }

    /// A blocking reader, read to its end when the field is saved.
    pub fn from_reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Pending::once(name, Content::reader(reader))
    }

    /// Any content, which can be used once.
    pub fn once(name: impl Into<String>, content: impl Into<Content>) -> Self {
        let content = content.into();
        let (len, content_type) = (content.len(), content.content_type().map(str::to_owned));
        let content = Arc::new(Mutex::new(Some(content)));
        Pending { content_type, ..Pending::new(name, PendingSource::Once { content, len }) }
    }

    fn new(name: impl Into<String>, source: PendingSource) -> Self {
        Pending { name: name.into(), content_type: None, source }
    }

    /// Gives it another name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Keeps the media type that the client claims. The stored type comes from the bytes (requirement 48).
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The name the client gave, as it came: it is neither checked nor cleaned.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The media type the client claims.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The length in bytes, where it is known without reading. For a path it is asked of the file system.
    pub fn len(&self) -> Option<u64> {
        match &self.source {
            PendingSource::Bytes(bytes) => Some(bytes.len() as u64),
            PendingSource::Path(path) => Some(fs::metadata(path).ok()?.len()),
            PendingSource::Once { len, .. } => *len,
        }
    }

    /// Whether it is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The content, to be saved once. It carries the claimed media type, and no inspector.
    ///
    /// # Errors
    /// [`Consumed`](ErrorKind::Consumed) where it can be read once and was; for a path those of opening the file.
    pub fn content(&self) -> Result<Content> {
        let content = match &self.source {
            PendingSource::Bytes(bytes) => bytes.clone().into(),
            PendingSource::Path(path) => open_regular(path, OFlags::empty())?.0.into(),
            PendingSource::Once { content, .. } => {
                let taken = content.lock().unwrap_or_else(PoisonError::into_inner).take();
                taken.ok_or_else(|| {
                    Error::new(ErrorKind::Consumed, "this content can be read once, and it was")
                        .with_name(&self.name)
                })?
            }
        };
        Ok(match &self.content_type {
            Some(content_type) => content.with_content_type(content_type),
            None => content,
        })
    }

    /// What stands for this content now that `content`, which it gave, was looked at: itself, where it can give the same
    /// once more; else, and if `content` is a copy, that.
    #[cfg(feature = "db")]
    pub(crate) fn looked_at(&self, content: Content, is_copy: bool) -> Pending {
        match &self.source {
            PendingSource::Once { content: place, .. } => {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(content);
                self.clone()
            }
            _ if is_copy => {
                Pending { content_type: self.content_type.clone(), ..Pending::once(&self.name, content) }
            }
            _ => self.clone(),
        }
    }

    /// Whether its content can be had any number of times.
    #[cfg(feature = "db")]
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self.source, PendingSource::Once { .. })
    }

    /// Whether both stand for one content under one name: the same bytes in memory, the same path, the same reader.
    /// Nothing is read, so equal bytes at two places are not the same.
    pub fn is_same(&self, other: &Pending) -> bool {
        let source = match (&self.source, &other.source) {
            (PendingSource::Bytes(a), PendingSource::Bytes(b)) => {
                a.as_ptr() == b.as_ptr() && a.len() == b.len()
            }
            (PendingSource::Path(a), PendingSource::Path(b)) => a == b,
            (PendingSource::Once { content: a, .. }, PendingSource::Once { content: b, .. }) => {
                Arc::ptr_eq(a, b)
            }
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
            PendingSource::Once { .. } => "once",
        };
        f.debug_struct("Pending").field("name", &self.name).field("source", &source).finish_non_exhaustive()
    }
}

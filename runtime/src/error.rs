//! The one error type of the crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// A boxed cause of an [`Error`].
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// `Result` with [`Error`] as its default error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in words a program can match on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No file by that name (D167).
    NotFound,
    /// The name is taken and may not be replaced.
    AlreadyExists,
    /// A name that leaves the root: absolute, or with a `..` (D106, D350).
    Traversal,
    /// Nothing usable is left of a file name: empty, `.` or `..` (D179).
    NoFileName,
    /// A base name was wanted and a path was given (D198).
    PathElements,
    /// A character, component or reserved word that a stored name may not have.
    InvalidName,
    /// A name or component longer than the column, the storage or the file system takes.
    NameTooLong,
    /// No free name fits the length limit (D191), or too many tries (W44).
    NoAvailableName,
    /// Content over `max_size`.
    TooLarge,
    /// Content whose sniffed type is not among those accepted.
    NotAccepted,
    /// Content that is not a readable image where one is needed.
    NotAnImage,
    /// Content that is not what its sender, or the row of the file, states: another size, type or SHA-256.
    NotAsStated,
    /// The field holds no file (D063).
    NoFile,
    /// The field's content is not stored yet, so it has no name, path or URL (W32).
    NotStored,
    /// Content that can be read once was used twice.
    Consumed,
    /// Operation on a closed file (D031).
    Closed,
    /// The storage, or the open mode, has no such operation.
    Unsupported,
    /// The operating system or the service refused access.
    PermissionDenied,
    /// No space, inode or quota left.
    StorageFull,
    /// The file system is read-only.
    ReadOnly,
    /// Out of file descriptors.
    TooManyOpenFiles,
    /// A directory stands where a file was expected.
    IsADirectory,
    /// A file stands where a directory was expected.
    NotADirectory,
    /// A link, device, socket or FIFO where a regular file was expected.
    NotAFile,
    /// A setting is missing, unknown or malformed.
    Settings,
    /// An alias that no storage goes by (D270).
    UnknownStorage,
    /// A storage function failed or panicked.
    StorageFunction,
    /// An `upload_to` function panicked.
    UploadTo,
    /// `App::build()` failed; the sources of all models and fields are in the message.
    Registration,
    /// The journal says that somebody else finished or swept this file; save again.
    StagedExpired,
    /// Pending content inside an open transaction: stage it before the transaction begins.
    NotStaged,
    /// `get` found no row.
    DoesNotExist,
    /// `get` found more than one row.
    MultipleObjects,
    /// The row breaks a unique constraint (D094).
    UniqueViolation,
    /// The database reported an error.
    Database,
    /// No byte of a content came for too long, or the whole of it took too long; or there was no room for so long to
    /// read it. The file was not stored, and another try may help.
    TimedOut,
    /// Any other input or output error.
    Io,
    /// A wrong use of the API that the compiler cannot see.
    Usage,
}

/// An error of filefield: kind, operation, storage, name, model, field, cause, and whether a retry is safe.
///
/// The text never contains an absolute path: it may be shown to a client (requirement 19).
pub struct Error(Box<Inner>);

#[derive(Default)]
struct Inner {
    kind: Option<ErrorKind>,
    message: Cow<'static, str>,
    operation: Option<&'static str>,
    storage: Option<String>,
    name: Option<String>,
    model: Option<&'static str>,
    field: Option<&'static str>,
    uncertain: bool,
    retry: bool,
    source: Option<BoxError>,
}

impl Error {
    /// An error of `kind` that says `message` (lower case, no final period).
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner { kind: Some(kind), message: message.into(), ..Inner::default() }))
    }

    /// The operation `operation` is not offered by the storage `storage`.
    pub fn unsupported(operation: &'static str, storage: &str) -> Self {
        Error::new(ErrorKind::Unsupported, format!("this storage has no `{operation}`"))
            .with_operation(operation)
            .with_storage(storage)
    }

    /// Maps an operating system error to its kind. The text of `error` is kept, paths in it are not.
    pub fn from_io(error: io::Error) -> Self {
        // A filefield error that travelled through `std::io` comes out unchanged.
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            if let Some(inner) = error.into_inner() {
                return match inner.downcast::<Error>() {
                    Ok(found) => *found,
                    Err(other) => Error::new(ErrorKind::Io, other.to_string()),
                };
            }
            return Error::new(ErrorKind::Io, "input or output failed");
        }
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            io::ErrorKind::FileTooLarge => ErrorKind::TooLarge,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            io::ErrorKind::IsADirectory => ErrorKind::IsADirectory,
            io::ErrorKind::NotADirectory => ErrorKind::NotADirectory,
            io::ErrorKind::InvalidFilename => ErrorKind::NameTooLong,
            _ => match error.raw_os_error() {
                Some(code) if code == rustix::io::Errno::NAMETOOLONG.raw_os_error() => ErrorKind::NameTooLong,
                Some(code)
                    if code == rustix::io::Errno::MFILE.raw_os_error()
                        || code == rustix::io::Errno::NFILE.raw_os_error() =>
                {
                    ErrorKind::TooManyOpenFiles
                }
                Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => ErrorKind::NotAFile,
                _ => ErrorKind::Io,
            },
        };
        let retry = matches!(kind, ErrorKind::TooManyOpenFiles | ErrorKind::StorageFull)
            || matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::TimedOut);
        let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        let message = match is_link {
            true => "a link stands where a file or a folder was expected, and links are not followed here"
                .to_owned(),
            false => error.to_string(),
        };
        let mut made = Error::new(kind, message).with_source(error);
        made.0.retry = retry;
        made
    }

    /// The kind, for matching.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::Io)
    }

    /// The operation that failed, such as `save` or `open`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The storage it failed on: its alias, or its kind.
    pub fn storage(&self) -> Option<&str> {
        self.0.storage.as_deref()
    }

    /// The stored name it failed for.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The model of the field it failed for.
    pub fn model(&self) -> Option<&'static str> {
        self.0.model
    }

    /// The field it failed for.
    pub fn field(&self) -> Option<&'static str> {
        self.0.field
    }

    /// Whether trying again may help. A retry never harms: it stores under a new name (P8).
    pub fn is_retryable(&self) -> bool {
        self.0.retry
    }

    /// Whether the operation may have taken effect although it failed, for instance because an answer was lost
    /// (F10) or a directory could not be synced after its file was published (F09).
    pub fn is_uncertain(&self) -> bool {
        self.0.uncertain
    }

    /// Sets the operation, unless one is set already.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Sets the storage. A later call replaces an earlier one: a field knows its storage's alias, the storage
    /// itself only its kind.
    #[must_use]
    pub fn with_storage(mut self, storage: &str) -> Self {
        self.0.storage = Some(storage.to_owned());
        self
    }

    /// Sets the stored name, unless one is set already.
    #[must_use]
    pub fn with_name(mut self, name: impl AsRef<str>) -> Self {
        self.0.name.get_or_insert_with(|| name.as_ref().to_owned());
        self
    }

    /// Replaces the name by what `map` makes of it, for storages that wrap another one.
    #[must_use]
    pub(crate) fn map_name(mut self, map: impl FnOnce(&str) -> Option<String>) -> Self {
        if let Some(mapped) = self.0.name.as_deref().and_then(map) {
            self.0.name = Some(mapped);
        }
        self
    }

    /// Sets the model, unless one is set already.
    #[must_use]
    pub fn with_model(mut self, model: &'static str) -> Self {
        self.0.model.get_or_insert(model);
        self
    }

    /// Sets model and field, unless they are set already.
    #[must_use]
    pub fn with_field(mut self, model: &'static str, field: &'static str) -> Self {
        self.0.model.get_or_insert(model);
        self.0.field.get_or_insert(field);
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks that the operation may have taken effect all the same.
    #[must_use]
    pub fn uncertain(mut self) -> Self {
        self.0.uncertain = true;
        self
    }

    /// Marks that trying again at once does not help, and says why.
    #[must_use]
    #[cfg(feature = "db")]
    pub(crate) fn not_at_once(mut self, why: &str) -> Self {
        self.0.retry = false;
        self.0.message = format!("{}; {why}", self.0.message).into();
        self
    }

    /// Marks that trying again may help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retry = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        match (inner.model, inner.field) {
            (Some(model), Some(field)) => write!(f, "{model}.{field}: ")?,
            (Some(model), None) => write!(f, "{model}: ")?,
            _ => {}
        }
        if let Some(operation) = inner.operation {
            write!(f, "{operation}")?;
            if let Some(name) = &inner.name {
                // `escape_debug` keeps control characters out of logs (requirement 19).
                write!(f, " \"{}\"", name.escape_debug())?;
            }
            f.write_str(": ")?;
        } else if let Some(name) = &inner.name {
            write!(f, "\"{}\": ", name.escape_debug())?;
        }
        f.write_str(&inner.message)?;
        if let Some(storage) = &inner.storage {
            write!(f, " (storage {storage})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind()).field("message", &inner.message);
        if let Some(v) = inner.operation {
            out.field("operation", &v);
        }
        if let Some(v) = &inner.storage {
            out.field("storage", v);
        }
        if let Some(v) = &inner.name {
            out.field("name", v);
        }
        if let Some(v) = inner.model {
            out.field("model", &v);
        }
        if let Some(v) = inner.field {
            out.field("field", &v);
        }
        if inner.uncertain {
            out.field("uncertain", &true);
        }
        if let Some(v) = &inner.source {
            out.field("source", v);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::from_io(error)
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(error: rustix::io::Errno) -> Self {
        Error::from_io(error.into())
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::AlreadyExists => io::ErrorKind::AlreadyExists,
            ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::StorageFull => io::ErrorKind::StorageFull,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

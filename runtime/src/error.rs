//! The error type of the crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// A boxed cause of an [`Error`].
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// `Result` with [`Error`] as its default error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, for matching.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No file has this name.
    NotFound,
    /// The name is taken and may not be replaced.
    AlreadyExists,
    /// A name that leaves the root: it is absolute or contains `..`.
    Traversal,
    /// No usable file name is left: it is empty, `.` or `..`.
    NoFileName,
    /// A path in place of a base name.
    PathElements,
    /// A character, component or reserved word that stored names must not contain.
    InvalidName,
    /// A name or component that is too long for the column, the storage or the file system.
    NameTooLong,
    /// No free name fits the length limit, or too many were tried.
    NoAvailableName,
    /// Content larger than `max_size`.
    TooLarge,
    /// Content whose detected type is not accepted.
    NotAccepted,
    /// Content that is not a readable image although one is required.
    NotAnImage,
    /// Content that differs in size, type or SHA-256 from what its sender or its row declares.
    NotAsStated,
    /// The field holds no file.
    NoFile,
    /// The field's content is not stored yet, so it has no name, path or URL.
    NotStored,
    /// Content that can be read only once was used twice.
    Consumed,
    /// An operation on a closed file.
    Closed,
    /// The storage or the open mode does not support this operation.
    Unsupported,
    /// The operating system or the service refused access.
    PermissionDenied,
    /// The location of the files is missing, such as an unmounted disk, or is a different one. The state of
    /// the files is unknown until it is back.
    StorageUnavailable,
    /// No space, inodes or quota left.
    StorageFull,
    /// The file system is read-only.
    ReadOnly,
    /// Out of file descriptors.
    TooManyOpenFiles,
    /// A directory in place of a file.
    IsADirectory,
    /// A file in place of a directory.
    NotADirectory,
    /// A link, device, socket or FIFO in place of a regular file.
    NotAFile,
    /// A setting is missing, unknown or malformed.
    Settings,
    /// No storage has this alias.
    UnknownStorage,
    /// A storage function failed or panicked.
    StorageFunction,
    /// An `upload_to` function panicked.
    UploadTo,
    /// `App::build()` failed. The message contains the problems of all models and fields.
    Registration,
    /// According to the journal, another process finished or swept this file. Save again if the error is
    /// retryable; otherwise assign the content again.
    StagedExpired,
    /// Pending content inside an open transaction. Stage it before the transaction begins.
    NotStaged,
    /// `get` found no row.
    DoesNotExist,
    /// `get` found more than one row.
    MultipleObjects,
    /// The row violates a unique constraint.
    UniqueViolation,
    /// The database reported an error.
    Database,
    /// No byte of a content arrived for too long, the whole content took too long, or there was no capacity
    /// to read it in time. The file was not stored, and a retry may help.
    TimedOut,
    /// Any other I/O error.
    Io,
    /// A misuse of the API that the compiler cannot detect.
    Usage,
}

/// An error of filefield: kind, operation, storage, name, model, field, cause, and whether a retry may help.
///
/// It has three texts. None of them contains an absolute path, a secret, or a value of a row:
///
/// | | for | content |
/// |---|---|---|
/// | [`message`](Error::message) | a visitor | what to do, in a sentence; matches [`status`](Error::status) |
/// | `{error}` | a log | field, operation, stored name, storage and problem, in one line |
/// | `{error:?}` | a log, a terminal | the same, and a line for each cause; `main` prints this if it returns the error |
///
/// `{error:#?}` lists the fields of the error.
///
/// ```
/// use filefield::FileField;
/// let error = FileField::from_path("nowhere/chevy.jpg").unwrap_err();
/// assert_eq!((error.status(), error.message()), (404, "The file does not exist."));
/// assert!(format!("{error:?}").starts_with(&error.to_string()));
/// ```
pub struct Error(Box<Inner>);

#[derive(Default)]
struct Inner {
    kind: Option<ErrorKind>,
    message: Cow<'static, str>,
    visitor: Option<Cow<'static, str>>,
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
    /// Creates an error of `kind` with a `message` (lower case, no final period).
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner { kind: Some(kind), message: message.into(), ..Inner::default() }))
    }

    /// Creates the error for an `operation` that the storage `storage` does not support.
    pub fn unsupported(operation: &'static str, storage: &str) -> Self {
        Error::new(ErrorKind::Unsupported, format!("this storage has no `{operation}`"))
            .with_operation(operation)
            .with_storage(storage)
    }

    /// Converts an I/O error to its kind. Keeps the text of `error`, but no paths.
    pub fn from_io(error: io::Error) -> Self {
        // A filefield error that passed through `std::io` is returned unchanged.
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

    /// Returns the kind, for matching.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::Io)
    }

    /// Returns the operation that failed, such as `save` or `open`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// Returns the storage: its alias, or its kind.
    pub fn storage(&self) -> Option<&str> {
        self.0.storage.as_deref()
    }

    /// Returns the stored name.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the model of the field.
    pub fn model(&self) -> Option<&'static str> {
        self.0.model
    }

    /// Returns the field.
    pub fn field(&self) -> Option<&'static str> {
        self.0.field
    }

    /// Returns whether a retry may help. A retry is always safe: it stores under a new name.
    pub fn is_retryable(&self) -> bool {
        self.0.retry
    }

    /// Returns whether the operation may have taken effect although it failed, for instance because a
    /// response was lost or a directory could not be synced after its file was published.
    pub fn is_uncertain(&self) -> bool {
        self.0.uncertain
    }

    /// Returns the text for a visitor: sentences in English, without model, field, storage, stored name or
    /// cause.
    ///
    /// If the request is at fault, the text says what to change; otherwise only that something went wrong.
    /// For your own texts, match on [`kind`](Self::kind); [`field`](Self::field) names the form input
    /// concerned.
    pub fn message(&self) -> &str {
        match &self.0.visitor {
            Some(text) => text,
            None if self.status() == BUSY => "The server could not finish this. Please try again.",
            None => answer(self.kind()).1,
        }
    }

    /// Returns the HTTP status for the response: 4xx if the request is at fault, 5xx if the server is.
    ///
    /// It is 503 instead of 500 if [a retry may help](Self::is_retryable). Possible statuses are 400, 403,
    /// 404, 409, 413, 415, 422, 500, 501, 503 and 507.
    pub fn status(&self) -> u16 {
        match self.kind() {
            // A text for the visitor means that the request is at fault. Otherwise the system or the service
            // refused access to the server.
            ErrorKind::PermissionDenied if self.0.visitor.is_some() => 403,
            kind => match answer(kind).0 {
                500 if self.is_retryable() => BUSY,
                status => status,
            },
        }
    }

    /// Replaces the kind's text for a visitor with sentences that begin with a capital letter.
    #[must_use]
    pub(crate) fn with_message(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.0.visitor = Some(text.into());
        self
    }

    /// Sets the operation, unless one is set already.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Sets the operation, replacing an inner one.
    #[must_use]
    pub(crate) fn in_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Sets the storage. A later call replaces an earlier one: a field knows the alias of its storage, the
    /// storage itself only its kind.
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

    /// Replaces the name with the result of `map`, for storages that wrap another one.
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

    /// Marks that the operation may have taken effect although it failed.
    #[must_use]
    pub fn uncertain(mut self) -> Self {
        self.0.uncertain = true;
        self
    }

    /// Marks that an immediate retry does not help, and adds the reason.
    #[must_use]
    #[cfg(feature = "db")]
    pub(crate) fn not_at_once(mut self, why: &str) -> Self {
        self.0.retry = false;
        self.0.message = format!("{}; {why}", self.0.message).into();
        self
    }

    /// Adds an explanation: what to check or do.
    pub(crate) fn explained(mut self, what: &str) -> Self {
        self.0.message = format!("{}; {what}", self.0.message).into();
        self
    }

    /// Marks that a retry may help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retry = true;
        self
    }
}

/// The status for a server that may succeed later.
const BUSY: u16 = 503;

const RENAME: &str = "The name of the file cannot be used. Please rename the file.";
const NO_FILE: &str = "The file does not exist.";
const WRONG: &str = "Something went wrong on the server. Please try again later.";
const LATER: &str = "Files cannot be stored at the moment. Please try again later.";

/// The HTTP status and the visitor's text of an error. No wildcard: every kind is listed.
fn answer(kind: ErrorKind) -> (u16, &'static str) {
    match kind {
        ErrorKind::NotFound => (404, NO_FILE),
        ErrorKind::AlreadyExists => (409, "There is a file of this name already."),
        ErrorKind::Traversal | ErrorKind::NoFileName | ErrorKind::PathElements | ErrorKind::InvalidName => {
            (400, RENAME)
        }
        ErrorKind::NameTooLong => (400, "The name of the file is too long. Please rename the file."),
        ErrorKind::NoAvailableName => (409, "There is no free name for the file. Please rename the file."),
        ErrorKind::TooLarge => (413, "The file is too large."),
        ErrorKind::NotAccepted => (415, "Files of this type are not accepted."),
        ErrorKind::NotAnImage => (415, "The file is not an image that can be read."),
        ErrorKind::NotAsStated => (422, "The file is not the one that was announced. Please send it again."),
        ErrorKind::NoFile => (404, "There is no file."),
        ErrorKind::NotStored => (500, WRONG),
        ErrorKind::Consumed => (500, WRONG),
        ErrorKind::Closed => (500, WRONG),
        ErrorKind::Unsupported => (501, "This is not possible here."),
        ErrorKind::PermissionDenied => (500, WRONG),
        ErrorKind::StorageFull => (507, "There is no space left for the file. Please try again later."),
        ErrorKind::ReadOnly | ErrorKind::StorageUnavailable => (503, LATER),
        ErrorKind::TooManyOpenFiles => (503, "The server could not finish this. Please try again."),
        // Results of a path in a URL.
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::NotAFile => (404, NO_FILE),
        ErrorKind::Settings => (500, WRONG),
        ErrorKind::UnknownStorage => (500, WRONG),
        ErrorKind::StorageFunction => (500, WRONG),
        ErrorKind::UploadTo => (500, WRONG),
        ErrorKind::Registration => (500, WRONG),
        ErrorKind::StagedExpired => (409, "The file is no longer there to be saved. Please send it again."),
        ErrorKind::NotStaged => (500, WRONG),
        ErrorKind::TimedOut => (408, "The file took too long to arrive. Please send it again."),
        ErrorKind::DoesNotExist => (404, "The entry does not exist."),
        ErrorKind::MultipleObjects => (500, WRONG),
        ErrorKind::UniqueViolation => (409, "There is an entry with these values already."),
        ErrorKind::Database => (500, WRONG),
        ErrorKind::Io => (500, WRONG),
        ErrorKind::Usage => (500, WRONG),
    }
}

/// The message for a name made by the application's own `upload_to` function.
pub(crate) const BAD_UPLOAD_TO: &str =
    "The file cannot be stored under the name that the server made for it.";

/// The message for an empty file in a field with `accept`.
pub(crate) const EMPTY: &str = "The file is empty.";

/// The visitor's text for a file over the limit.
pub(crate) fn too_large(limit: u64) -> String {
    format!("The file is larger than {}.", in_words(limit))
}

/// The visitor's text for a file of a type that is not accepted.
pub(crate) fn not_accepted(accept: &[&str]) -> String {
    format!("Files of this type are not accepted. Accepted types: {}.", accept.join(", "))
}

/// A number of bytes in an exact, readable form: `20 MiB`, `5 MB`, `1234 bytes`.
fn in_words(bytes: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1000, "kB"),
    ];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
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
                // `escape_debug` keeps control characters out of logs.
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
        if f.alternate() {
            return self.fields(f);
        }
        let mut above = self.to_string();
        f.write_str(&above)?;
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // A cause often repeats the line above.
            if !text.is_empty() && !above.contains(&text) {
                write!(f, "\n  caused by: {}", text.replace('\n', "\n    "))?;
                above = text;
            }
            next = cause.source();
        }
        Ok(())
    }
}

impl Error {
    fn fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind()).field("message", &inner.message);
        if let Some(v) = &inner.visitor {
            out.field("visitor", v);
        }
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
        if inner.retry {
            out.field("retryable", &true);
        }
        if let Some(v) = &inner.source {
            // `Debug` may contain what `Display` omits on purpose, such as the values of a row.
            out.field("source", &format_args!("{v}"));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::ErrorKind::*;
    use super::*;

    /// Every kind in declaration order, with the status of a non-retryable error of it.
    const STATUSES: [(ErrorKind, u16); 39] = [
        (NotFound, 404),
        (AlreadyExists, 409),
        (Traversal, 400),
        (NoFileName, 400),
        (PathElements, 400),
        (InvalidName, 400),
        (NameTooLong, 400),
        (NoAvailableName, 409),
        (TooLarge, 413),
        (NotAccepted, 415),
        (NotAnImage, 415),
        (NotAsStated, 422),
        (NoFile, 404),
        (NotStored, 500),
        (Consumed, 500),
        (Closed, 500),
        (Unsupported, 501),
        (PermissionDenied, 500),
        (StorageUnavailable, 503),
        (StorageFull, 507),
        (ReadOnly, 503),
        (TooManyOpenFiles, 503),
        (IsADirectory, 404),
        (NotADirectory, 404),
        (NotAFile, 404),
        (Settings, 500),
        (UnknownStorage, 500),
        (StorageFunction, 500),
        (UploadTo, 500),
        (Registration, 500),
        (StagedExpired, 409),
        (NotStaged, 500),
        (DoesNotExist, 404),
        (MultipleObjects, 500),
        (UniqueViolation, 409),
        (Database, 500),
        (TimedOut, 408),
        (Io, 500),
        (Usage, 500),
    ];

    fn full(kind: ErrorKind) -> Error {
        let cause = io::Error::other("secret /srv/media row-value");
        Error::new(kind, "inner words")
            .with_field("Car", "photo")
            .with_operation("save")
            .with_name("cars/2026/11/text.jpg")
            .with_storage("default")
            .with_source(cause)
    }

    #[test]
    fn every_kind_has_a_status_and_a_text_for_visitors() {
        assert_eq!(STATUSES.len(), Usage as usize + 1, "a kind is missing here");
        for (at, (kind, status)) in STATUSES.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{kind:?} is not in its place");
            let error = full(kind);
            assert_eq!(error.status(), status, "{kind:?}");
            let retried = full(kind).retryable();
            assert_eq!(retried.status(), if status == 500 { 503 } else { status }, "{kind:?}");
            for error in [error, retried] {
                let text = error.message();
                assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{kind:?}: {text}");
                for inner in
                    ["Car", "photo", "cars", "text.jpg", "default", "secret", "srv", "row", "words", "`"]
                {
                    assert!(!text.contains(inner), "{kind:?}: {text}");
                }
            }
            assert_eq!(full(kind).field(), Some("photo"));
        }
    }

    #[test]
    fn a_request_that_is_refused_is_told_from_a_server_that_is() {
        let refused =
            Error::new(PermissionDenied, "the signature differs").with_message("The link is not valid.");
        assert_eq!((refused.status(), refused.message()), (403, "The link is not valid."));
        let disk = Error::from_io(io::ErrorKind::PermissionDenied.into());
        assert_eq!((disk.status(), disk.message()), (500, WRONG));
    }

    #[test]
    fn debug_reads_well_from_main() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the disk does not answer\nat all")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let error = full(Io).with_source(Outer(io::Error::other("cable")));
        assert_eq!(
            format!("{error:?}"),
            "Car.photo: save \"cars/2026/11/text.jpg\": inner words (storage default)\n  \
             caused by: the disk does not answer\n    at all\n  caused by: cable"
        );
        let full_disk = Error::from_io(io::ErrorKind::StorageFull.into());
        assert_eq!(format!("{full_disk:?}"), full_disk.to_string(), "nothing is said twice");
    }

    #[test]
    fn debug_shows_no_debug_of_a_cause() {
        struct Detail;
        impl fmt::Debug for Detail {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Key (name)=(ann@example.com) already exists")
            }
        }
        impl fmt::Display for Detail {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("duplicate key")
            }
        }
        impl StdError for Detail {}
        let error = Error::new(UniqueViolation, "the row breaks a unique constraint").with_source(Detail);
        let shown = format!("{error:?} {error:#?}");
        assert!(shown.contains("duplicate key") && !shown.contains("ann@"), "{shown}");
        assert!(format!("{error:#?}").contains("kind: UniqueViolation"), "{error:#?}");
    }

    #[test]
    fn sizes_in_words() {
        for (bytes, want) in [
            (20 << 20, "20 MiB"),
            (5_000_000, "5 MB"),
            (1 << 30, "1 GiB"),
            (1536, "1536 bytes"),
            (3 << 10, "3 KiB"),
            (2000, "2 kB"),
            (1, "1 byte"),
            (0, "0 bytes"),
        ] {
            assert_eq!(in_words(bytes), want);
        }
    }
}

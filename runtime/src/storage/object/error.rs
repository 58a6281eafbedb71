//! Conversion of the errors of a store.
//!
//! The text of an error is never passed on: it may contain a URL with a signature, an access key, or anything
//! else from the answer of the service. Only the status, the service's error code, and the error of the
//! operating system are kept.

use crate::failpoints::planted;
use crate::{Error, ErrorKind};
use object_store::Error as StoreError;
use std::error::Error as StdError;
use std::io;

/// The effect that a request was to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    /// Copy an object, or abort an upload.
    Write,
    Delete,
    /// Store an object, or a part of one.
    Put,
}

/// Converts the error of a request with this `effect`.
///
/// It is retryable if the service could not be reached, was overloaded or failed. It is uncertain if the
/// request writes and no answer proves that nothing was written.
pub(super) fn convert(error: StoreError, effect: Effect) -> Error {
    let facts = Facts::of(&error);
    let told = facts.told();
    if let Some(kind) = facts.code.as_deref().and_then(kind_of_code) {
        return facts.retry(Error::new(kind, format!("{}{told}", words(kind))), effect);
    }
    let (kind, message) = match &error {
        StoreError::NotFound { .. } if effect == Effect::Put => {
            (ErrorKind::Settings, words(ErrorKind::Settings))
        }
        StoreError::NotFound { .. } => (ErrorKind::NotFound, "no such file"),
        // A conflict with a policy, a lease or a snapshot, not with the name.
        StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } if effect == Effect::Delete => {
            (ErrorKind::PermissionDenied, KEPT)
        }
        // A read takes no name: the service is busy with the object.
        StoreError::AlreadyExists { .. } if effect == Effect::Read => (ErrorKind::Io, words(ErrorKind::Io)),
        StoreError::AlreadyExists { .. } => (ErrorKind::AlreadyExists, "the name is taken"),
        StoreError::Precondition { .. } | StoreError::NotModified { .. } => match effect {
            Effect::Read => (ErrorKind::Io, "the file was replaced or deleted while it was read"),
            _ => (ErrorKind::AlreadyExists, "the name is taken"),
        },
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            (ErrorKind::PermissionDenied, words(ErrorKind::PermissionDenied))
        }
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => {
            (ErrorKind::Unsupported, "the store has no such operation")
        }
        StoreError::InvalidPath { .. } => {
            (ErrorKind::InvalidName, "there is a name that is not one of a file")
        }
        StoreError::UnknownConfigurationKey { .. } => (ErrorKind::Settings, "the store knows no such option"),
        _ => match facts.status {
            Some(301 | 307 | 308) => (ErrorKind::Settings, "the bucket is in another region"),
            Some(409 | 412) if effect == Effect::Delete => (ErrorKind::PermissionDenied, KEPT),
            Some(401 | 403) => (ErrorKind::PermissionDenied, words(ErrorKind::PermissionDenied)),
            Some(413) => (ErrorKind::TooLarge, words(ErrorKind::TooLarge)),
            Some(507) => (ErrorKind::StorageFull, words(ErrorKind::StorageFull)),
            Some(_) => (ErrorKind::Io, "the service reported an error"),
            None if facts.of_credentials => (ErrorKind::Io, NO_CREDENTIALS),
            None if facts.answered => {
                (ErrorKind::Io, "the service sent an answer that does not fit the request")
            }
            None => (ErrorKind::Io, "no answer came from the service"),
        },
    };
    facts.retry(Error::new(kind, format!("{message}{told}")), effect)
}

/// Whether the error means that the machine provides no credentials.
pub(super) fn is_of_credentials(error: &Error) -> bool {
    error.kind() == ErrorKind::Io && error.to_string().starts_with(NO_CREDENTIALS)
}

/// Whether the error is temporary: the service could not be reached, is overloaded, or has failed.
pub(super) fn may_pass(error: &StoreError) -> bool {
    let facts = Facts::of(error);
    match facts.status {
        Some(status) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
        None => !facts.definite,
    }
}

/// Whether the error means that the upload is not, or no longer, open.
pub(super) fn is_no_upload(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. }) || Facts::of(error).is_code("NoSuchUpload")
}

/// Whether the error means that the upload is not open, or that its parts are incomplete or invalid.
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub(super) fn is_incomplete(error: &StoreError) -> bool {
    let codes = ["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidBlockList"];
    is_no_upload(error) || codes.iter().any(|code| Facts::of(error).is_code(code))
}

/// The kind for an error code of S3, Google Cloud Storage or Azure, if the status is not specific enough.
fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "NoSuchBucket"
        | "InvalidBucketName"
        | "ContainerNotFound"
        | "ContainerBeingDeleted"
        | "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "InvalidResourceName" => ErrorKind::Settings,
        "AccessDenied"
        | "ExpiredToken"
        | "InvalidToken"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "AccountProblem"
        | "AuthenticationFailed"
        | "BlobImmutableDueToPolicy" => ErrorKind::PermissionDenied,
        "KeyTooLongError" | "OutOfRangeInput" => ErrorKind::NameTooLong,
        "EntityTooLarge" | "RequestBodyTooLarge" => ErrorKind::TooLarge,
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" => ErrorKind::StorageFull,
        // Another request aborted the upload or works on the object at the moment, or bytes were damaged on
        // their way. None of this concerns the name.
        "NoSuchUpload"
        | "ConditionalRequestConflict"
        | "OperationAborted"
        | "BadDigest"
        | "XAmzContentSHA256Mismatch" => ErrorKind::Io,
        _ => return None,
    })
}

const NO_CREDENTIALS: &str = "the machine gave no credentials";
const KEPT: &str = "the service keeps this file from being deleted";

fn words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Settings => "there is no such bucket at the service, or it is in another region",
        ErrorKind::PermissionDenied => "the service refused access",
        ErrorKind::NameTooLong => "the name is too long for the service",
        ErrorKind::TooLarge => "the content is too large for the service",
        ErrorKind::StorageFull => "the service has no space left",
        _ => "the service reported an error",
    }
}

/// The facts of an error that may be shown.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    status: Option<u16>,
    code: Option<String>,
    /// The error of the operating system.
    io: Option<io::ErrorKind>,
    timed_out: bool,
    /// Whether the request was never sent.
    unsent: bool,
    /// Whether the client retried it: the first try may have been carried out, whatever the last one
    /// returned.
    tried_again: bool,
    /// Whether the store itself states the error, without a service behind it.
    definite: bool,
    /// Whether the client got no answer, or an incomplete one.
    unanswered: bool,
    /// Whether an answer arrived that does not fit the request: another range, a missing header.
    answered: bool,
    /// Whether the request was for credentials, not to the service.
    of_credentials: bool,
}

impl Facts {
    fn of(error: &StoreError) -> Self {
        let definite = !matches!(error, StoreError::Generic { .. });
        let mut facts = Facts { definite, ..Facts::default() };
        let mut current: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = current {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                facts.io.get_or_insert(error.kind());
            }
            facts.transport(error);
            current = error.source();
        }
        let text = error.to_string();
        // The answer of Azure for one deletion of a batch ends in `(code: 409)`.
        let status = between(&text, "status code: ", " ")
            .or_else(|| text.strip_suffix(')')?.rsplit_once("(code: ").map(|(_, status)| status));
        facts.status = status.and_then(|digits| digits.parse().ok());
        if text.contains("redirect without LOCATION") {
            facts.status = Some(301);
        }
        // The text of the error itself starts with the name, which may contain anything.
        let source = error.source().map(ToString::to_string);
        let tries = between(source.as_deref().unwrap_or(&text), ", after ", " retries, max_retries: ");
        facts.tried_again = tries.is_some_and(|tries| tries.parse::<u64>().is_ok());
        facts.code = between(&text, "<Code>", "</Code>")
            .filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .map(str::to_owned);
        facts.answered = facts.status.is_none() && facts.io.is_none() && !facts.unanswered && !definite;
        let cause = source.as_deref().unwrap_or_default();
        let hosts = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];
        facts.of_credentials = hosts.iter().any(|host| cause.contains(host));
        facts.timed_out |= facts.io == Some(io::ErrorKind::TimedOut);
        facts.unsent |= facts.io == Some(io::ErrorKind::ConnectionRefused);
        facts
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn transport(&mut self, error: &(dyn StdError + 'static)) {
        use object_store::client::{HttpError, HttpErrorKind};
        let kind = error.downcast_ref::<HttpError>().map(HttpError::kind);
        self.unanswered |= kind.is_some();
        match kind {
            Some(HttpErrorKind::Connect) => self.unsent = true,
            Some(HttpErrorKind::Timeout) => self.timed_out = true,
            _ => {}
        }
    }

    #[cfg(not(any(feature = "s3", feature = "gcs", feature = "azure")))]
    fn transport(&mut self, _: &(dyn StdError + 'static)) {
        // The errors of other stores are unknown.
        self.unanswered = true;
    }

    /// Status and code, in parentheses.
    fn told(&self) -> String {
        let status = self.status.map(|status| status.to_string());
        let io = self.io.filter(|_| self.status.is_none()).map(|kind| kind.to_string());
        let other = match (self.timed_out, self.unsent) {
            _ if self.status.is_some() || self.io.is_some() => None,
            (true, _) => Some("timed out".to_owned()),
            (_, true) => Some("cannot connect".to_owned()),
            _ => None,
        };
        let hint = match self.code.as_deref() {
            Some("RequestTimeTooSkewed") => Some("the clock of this machine is off".to_owned()),
            Some("ExpiredToken") => Some("the credentials have expired".to_owned()),
            _ => None,
        };
        let told: Vec<String> = [status, self.code.clone(), io, other, hint].into_iter().flatten().collect();
        if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
    }

    fn retry(&self, error: Error, effect: Effect) -> Error {
        let kind = error.kind();
        let failed = match self.status {
            Some(409) => kind == ErrorKind::Io,
            Some(status) => matches!(status, 408 | 429 | 500..) && kind != ErrorKind::StorageFull,
            None => kind == ErrorKind::Io && !self.definite,
        };
        let was_damaged = self.is_code("BadDigest") || self.is_code("XAmzContentSHA256Mismatch");
        let error = match failed || was_damaged || self.is_code("NoSuchUpload") {
            true => error.retryable(),
            false => error,
        };
        // Throttling and conflicts are reported before anything is done. A 503 without a code of the service
        // may come from a proxy that lost the answer.
        let slow_down =
            ["SlowDown", "ServerBusy", "ServiceUnavailable"].iter().any(|code| self.is_code(code));
        let undone =
            self.unsent || matches!(self.status, Some(409 | 429)) || (self.status == Some(503) && slow_down);
        let tried_again = self.tried_again && !planted!("second-try-is-the-first");
        match (failed && !undone || tried_again) && effect != Effect::Read {
            true => error.uncertain(),
            false => error,
        }
    }

    fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        StoreError::Generic { store: "S3", source: text.to_owned().into() }
    }

    fn refused(status: &str, code: &str) -> StoreError {
        let secret = "https://key:secret@host/b/k?X-Amz-Signature=abc";
        generic(&format!(
            "Error performing PUT {secret} in 1ms - Server returned non-2xx status code: {status}: \
             <Error><Code>{code}</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>"
        ))
    }

    /// The answer of Azure for one deletion of a batch.
    fn of_a_batch(status: u16) -> StoreError {
        generic(&format!("Bulk delete request failed for key a (b)/c: It is secret. (code: {status})"))
    }

    #[test]
    fn what_is_no_answer_of_the_service_is_not_called_one() {
        let of_machine =
            generic("Error performing PUT http://169.254.169.254/latest/api/token in 1s - HTTP error");
        let made = convert(of_machine, Effect::Read);
        assert!(is_of_credentials(&made) && made.to_string() == NO_CREDENTIALS, "{made}");
        let text = convert(generic("connection closed"), Effect::Read).to_string();
        let is_cloud = cfg!(any(feature = "s3", feature = "gcs", feature = "azure"));
        assert_eq!(text.contains("does not fit the request"), is_cloud, "{text}");
        let io =
            StoreError::Generic { store: "S3", source: io::Error::from(io::ErrorKind::BrokenPipe).into() };
        assert!(convert(io, Effect::Read).to_string().starts_with("no answer came from the service"));
    }

    #[test]
    fn kinds_by_status_and_code() {
        use ErrorKind::*;
        for (error, effect, kind, retryable, uncertain) in [
            (refused("404 Not Found", "NoSuchBucket"), Effect::Read, Settings, false, false),
            (refused("403 Forbidden", "SignatureDoesNotMatch"), Effect::Put, PermissionDenied, false, false),
            (refused("400 Bad Request", "ExpiredToken"), Effect::Put, PermissionDenied, false, false),
            (refused("403 Forbidden", "RequestTimeTooSkewed"), Effect::Read, PermissionDenied, false, false),
            (refused("500 Internal Server Error", "InternalError"), Effect::Put, Io, true, true),
            (refused("500 Internal Server Error", "InternalError"), Effect::Read, Io, true, false),
            (refused("503 Service Unavailable", "SlowDown"), Effect::Put, Io, true, false),
            (refused("429 Too Many Requests", "TooManyRequests"), Effect::Write, Io, true, false),
            (
                refused("507 Insufficient Storage", "XMinioStorageFull"),
                Effect::Put,
                StorageFull,
                false,
                false,
            ),
            (refused("400 Bad Request", "EntityTooLarge"), Effect::Put, TooLarge, false, false),
            (refused("400 Bad Request", "Odd"), Effect::Put, Io, false, false),
            (generic("connection closed"), Effect::Put, Io, true, true),
            (generic("connection closed"), Effect::Delete, Io, true, true),
            (
                refused("409 Conflict", "BlobImmutableDueToPolicy"),
                Effect::Delete,
                PermissionDenied,
                false,
                false,
            ),
            (of_a_batch(409), Effect::Delete, PermissionDenied, false, false),
            (of_a_batch(403), Effect::Delete, PermissionDenied, false, false),
            (of_a_batch(503), Effect::Delete, Io, true, true),
            (refused("503 Service Unavailable", ""), Effect::Put, Io, true, true),
            (of_a_batch(500), Effect::Delete, Io, true, true),
            (generic("connection closed"), Effect::Read, Io, true, false),
            (refused("409 Conflict", "ConditionalRequestConflict"), Effect::Put, Io, true, false),
            (refused("409 Conflict", "OperationAborted"), Effect::Write, Io, true, false),
            (refused("400 Bad Request", "BadDigest"), Effect::Put, Io, true, false),
            (taken("409 Conflict", "OperationAborted"), Effect::Put, Io, true, false),
            (taken("409 Conflict", ""), Effect::Read, Io, true, false),
            (
                taken("412 Precondition Failed", "PreconditionFailed"),
                Effect::Put,
                AlreadyExists,
                false,
                false,
            ),
        ] {
            let text = format!("{error}");
            let made = convert(error, effect);
            let got = (made.kind(), made.is_retryable(), made.is_uncertain());
            assert_eq!(got, (kind, retryable, uncertain), "{text}");
            for shown in [format!("{made}"), format!("{made:?}")] {
                assert!(
                    !shown.contains("secret") && !shown.contains("SECRET") && !shown.contains("Signature=")
                );
            }
        }
    }

    fn taken(status: &str, code: &str) -> StoreError {
        StoreError::AlreadyExists { path: "a".to_owned(), source: refused(status, code).into() }
    }

    /// The first try may have been carried out and its answer lost.
    #[test]
    fn what_was_tried_again_is_uncertain() {
        let again = |status: &str| {
            generic(&format!(
                "Error performing PUT http://h/b/k in 1ms, after 1 retries, max_retries: 1, retry_timeout: 5s  - \
                 Server returned non-2xx status code: {status}: "
            ))
        };
        for status in ["503 Slow Down", "429 Too Many Requests", "403 Forbidden", "400 Bad Request"] {
            assert!(convert(again(status), Effect::Put).is_uncertain(), "{status}");
            assert!(!convert(again(status), Effect::Read).is_uncertain(), "{status}");
        }
        for path in ["a", "notes, after lunch.txt"] {
            let (source, path) = (again("412 Precondition Failed").into(), path.to_owned());
            let made = convert(StoreError::AlreadyExists { path, source }, Effect::Put);
            assert_eq!((made.kind(), made.is_uncertain()), (ErrorKind::AlreadyExists, true));
        }
    }

    #[test]
    fn a_refused_connection_has_done_nothing() {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let made = convert(StoreError::Generic { store: "S3", source: source.into() }, Effect::Put);
        assert!(made.is_retryable() && !made.is_uncertain());
        assert_eq!(made.to_string(), "no answer came from the service (connection refused)");
    }

    #[test]
    fn codes_that_are_no_words_are_not_told() {
        let made = convert(refused("400 Bad Request", "a b\r\nc"), Effect::Read);
        assert_eq!(made.to_string(), "the service reported an error (400)");
    }
}

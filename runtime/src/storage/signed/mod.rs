//! URLs that let one request through, for a while.

mod message;
mod public;
mod signer;
#[cfg(test)]
mod tests;

pub(crate) use public::Public;
pub use signer::Signer;
pub(super) use signer::refused;

use std::time::{Duration, SystemTime};

/// What a signed URL is good for, and for how long. A [`Duration`] alone is a download.
///
/// ```
/// use filefield::storage::SignOptions;
/// use std::time::Duration;
/// let hour = Duration::from_secs(3600);
/// let download = SignOptions::get(hour).disposition("attachment; filename=\"chevy.jpg\"");
/// let upload = SignOptions::put(hour).content_type("image/jpeg").content_length(52_341);
/// assert_ne!(download, upload);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOptions {
    /// Reading or writing.
    pub method: SignedMethod,
    /// How long the URL works, from now on; whole seconds count, and a part of one is a second more.
    pub expires: Duration,
    /// Of a download: the `Content-Type` of the answer. Of an upload: the one that the request must have.
    pub content_type: Option<String>,
    /// The exact number of bytes of an upload.
    pub content_length: Option<u64>,
    /// The `Content-Disposition` of a download's answer.
    pub disposition: Option<String>,
    /// What the URL was made for, such as a tenant. It is not in the URL: who checks it must ask for the same
    /// (requirement 86).
    pub purpose: String,
}

/// What may be done with a signed URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedMethod {
    /// `GET`, and `HEAD`.
    Get,
    /// `PUT`.
    Put,
}

impl SignedMethod {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            SignedMethod::Get => "GET",
            SignedMethod::Put => "PUT",
        }
    }
}

impl SignOptions {
    /// A download.
    pub fn get(expires: Duration) -> Self {
        SignOptions {
            method: SignedMethod::Get,
            expires,
            content_type: None,
            content_length: None,
            disposition: None,
            purpose: String::new(),
        }
    }

    /// An upload.
    pub fn put(expires: Duration) -> Self {
        SignOptions { method: SignedMethod::Put, ..SignOptions::get(expires) }
    }

    /// Sets [`content_type`](Self::content_type).
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Sets [`content_length`](Self::content_length), in bytes.
    #[must_use]
    pub fn content_length(mut self, length: u64) -> Self {
        self.content_length = Some(length);
        self
    }

    /// Sets [`disposition`](Self::disposition).
    #[must_use]
    pub fn disposition(mut self, disposition: impl Into<String>) -> Self {
        self.disposition = Some(disposition.into());
        self
    }

    /// Sets [`purpose`](Self::purpose).
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = purpose.into();
        self
    }
}

impl From<Duration> for SignOptions {
    fn from(expires: Duration) -> Self {
        SignOptions::get(expires)
    }
}

/// A request for a signed URL, as it arrived: nothing decoded, nothing left out.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// `"GET"`, `"HEAD"` or `"PUT"`.
    pub method: &'a str,
    /// The header `Host`. It counts where the storage's base URL has a host.
    pub host: Option<&'a str>,
    /// Path and query: `/media/cars/chevy.jpg?expires=..&signature=..`.
    pub target: &'a str,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Content-Length`.
    pub content_length: Option<u64>,
    /// What [`SignOptions::purpose`] must have been.
    pub purpose: &'a str,
}

impl<'a> SignedRequest<'a> {
    /// A request without host, type, length and purpose.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        SignedRequest { method, host: None, target, content_type: None, content_length: None, purpose: "" }
    }
}

/// What a request with a good signature may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedAccess {
    /// Reading or writing.
    pub method: SignedMethod,
    /// The file.
    pub name: String,
    /// When the URL ends.
    pub expires: SystemTime,
    /// As [`SignOptions::content_type`].
    pub content_type: Option<String>,
    /// As [`SignOptions::content_length`].
    pub content_length: Option<u64>,
    /// As [`SignOptions::disposition`].
    pub disposition: Option<String>,
}

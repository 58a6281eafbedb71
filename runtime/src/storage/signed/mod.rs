//! URLs that let one request through, for a while.

mod message;
mod public;
mod signer;
#[cfg(test)]
mod tests;

#[cfg(feature = "db")]
pub(crate) use message::{bytes_from_hex, framed, from_hex};
pub(crate) use public::Public;
pub use signer::Signer;
#[cfg(feature = "db")]
pub(crate) use signer::now;
pub(super) use signer::refused;

use crate::{Error, ErrorKind, Result};
use std::time::{Duration, SystemTime};

/// The longest life of a URL that is not told otherwise, and of one that a cloud signs (requirement 83): a week.
pub(super) const MAX_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most characters a header's value may have.
const MAX_HEADER: usize = 1024;

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

impl SignOptions {
    /// Checks what holds of every signed URL, and gives its life in whole seconds.
    pub(super) fn check(&self, longest: Duration) -> Result<u64> {
        let refuse = |text: &'static str| Err(Error::new(ErrorKind::Usage, text));
        if self.expires.is_zero() || self.expires > longest {
            let text = format!("a signed URL lives for 1 to {} seconds", longest.as_secs());
            return Err(Error::new(ErrorKind::Usage, text));
        }
        for value in [&self.content_type, &self.disposition].into_iter().flatten() {
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if value.is_empty() || value.len() > MAX_HEADER || !plain {
                return refuse("a header in a signed URL is 1 to 1,024 printable ASCII characters");
            }
        }
        match self.method {
            SignedMethod::Get if self.content_length.is_some() => refuse("a download signs no length"),
            SignedMethod::Put if self.disposition.is_some() => refuse("an upload signs no disposition"),
            _ => Ok(self.expires.as_secs() + u64::from(self.expires.subsec_nanos() > 0)),
        }
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

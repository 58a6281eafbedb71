//! URLs that allow one kind of request for a limited time.

mod disposition;
mod message;
mod public;
mod signer;
#[cfg(test)]
mod tests;

pub use disposition::content_disposition;
#[cfg(feature = "db")]
pub(crate) use message::{bytes_from_hex, framed, from_hex};
pub(crate) use public::Public;
pub use signer::Signer;
#[cfg(feature = "db")]
pub(crate) use signer::now;
pub(super) use signer::refused;

use crate::{Error, ErrorKind, Result};
use std::time::{Duration, SystemTime};

/// The default maximum lifetime of a URL, and of one signed by a cloud service: a week.
pub(super) const MAX_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The maximum number of characters of a header's value.
const MAX_HEADER: usize = 1024;

/// What a signed URL allows, and for how long. A [`Duration`] alone is a download.
///
/// ```
/// use filefield::storage::SignOptions;
/// use std::time::Duration;
/// let hour = Duration::from_secs(3600);
/// let download = SignOptions::get(hour).download_as("Ünïcode.jpg");
/// let upload = SignOptions::put(hour).content_type("image/jpeg").content_length(52_341);
/// assert_ne!(download, upload);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOptions {
    /// What the URL is for.
    pub method: SignedMethod,
    /// How long the URL works, from now on. Rounded up to whole seconds.
    pub expires: Duration,
    /// For a download: the `Content-Type` of the answer. For an upload: the type that the request must have.
    pub content_type: Option<String>,
    /// The exact number of bytes of an upload.
    pub content_length: Option<u64>,
    /// The `Content-Disposition` of the answer to a download, printable ASCII.
    /// [`download_as`](Self::download_as) makes one from any name.
    pub disposition: Option<String>,
    /// What the URL was made for, such as a tenant. It is signed but not in the URL: the program that
    /// verifies the URL must name the same purpose.
    pub purpose: String,
}

/// What a signed URL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedMethod {
    /// `GET`. On disk, in memory and on Azure the URL allows `HEAD` too. S3 and Google Cloud Storage answer
    /// 403 to `HEAD`: sign [`Head`](Self::Head) there.
    Get,
    /// `PUT`. Creates a new file: a bucket refuses it with 409 or 412 if the name is taken, unless the
    /// storage may overwrite. The request needs a header: `If-None-Match: *` on S3 and
    /// `x-goog-if-generation-match: 0` on Google Cloud Storage, which answer 403 without it, and
    /// `x-ms-blob-type: BlockBlob` on Azure. [`direct_upload`](crate::StorageExt::direct_upload) returns a
    /// request with all its headers.
    Put,
    /// `HEAD`: size, type and time, without the bytes.
    Head,
}

impl SignedMethod {
    /// Returns the method as in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            SignedMethod::Get => "GET",
            SignedMethod::Put => "PUT",
            SignedMethod::Head => "HEAD",
        }
    }
}

impl SignOptions {
    /// Creates the options of a download.
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

    /// Creates the options of a request for the headers of a download.
    pub fn head(expires: Duration) -> Self {
        SignOptions { method: SignedMethod::Head, ..SignOptions::get(expires) }
    }

    /// Creates the options of an upload.
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

    /// Makes browsers save a download under this name: sets [`disposition`](Self::disposition) to the result
    /// of [`content_disposition`].
    #[must_use]
    pub fn download_as(self, filename: &str) -> Self {
        self.disposition(content_disposition(true, filename))
    }

    /// Sets [`purpose`](Self::purpose).
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = purpose.into();
        self
    }
}

impl SignOptions {
    /// Checks the rules for every signed URL, and returns its lifetime in whole seconds.
    pub(super) fn check(&self, longest: Duration) -> Result<u64> {
        let refuse = |text: &'static str| Err(Error::new(ErrorKind::Usage, text));
        if self.expires.is_zero() || self.expires > longest {
            let text = format!("a signed URL lives for 1 to {} seconds", longest.as_secs());
            return Err(Error::new(ErrorKind::Usage, text));
        }
        for value in [&self.content_type, &self.disposition].into_iter().flatten() {
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if value.is_empty() || value.len() > MAX_HEADER || !plain {
                return refuse(
                    "a header in a signed URL is 1 to 1,024 printable ASCII characters; `download_as` makes the \
                     disposition of any name",
                );
            }
        }
        match self.method {
            SignedMethod::Get | SignedMethod::Head if self.content_length.is_some() => {
                refuse("a download signs no length")
            }
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

/// A request for a signed URL, exactly as it arrived: not decoded, nothing removed.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// `"GET"`, `"HEAD"` or `"PUT"`.
    pub method: &'a str,
    /// The header `Host`. Checked if the storage's base URL has a host.
    pub host: Option<&'a str>,
    /// Path and query: `/media/cars/chevy.jpg?expires=..&signature=..`.
    pub target: &'a str,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Content-Length`.
    pub content_length: Option<u64>,
    /// Must equal the [`SignOptions::purpose`] of the URL.
    pub purpose: &'a str,
}

impl<'a> SignedRequest<'a> {
    /// Creates a request without host, type, length and purpose.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        SignedRequest { method, host: None, target, content_type: None, content_length: None, purpose: "" }
    }
}

/// What a request with a valid signature allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedAccess {
    /// The signed method. A `HEAD` request may use the URL of a download.
    pub method: SignedMethod,
    /// The file.
    pub name: String,
    /// When the URL expires.
    pub expires: SystemTime,
    /// See [`SignOptions::content_type`].
    pub content_type: Option<String>,
    /// See [`SignOptions::content_length`].
    pub content_length: Option<u64>,
    /// See [`SignOptions::disposition`].
    pub disposition: Option<String>,
}

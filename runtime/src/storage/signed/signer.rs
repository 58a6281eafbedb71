//! Keys for signing URLs.

use super::message::{Terms, signature};
use super::{MAX_LIFE, SignOptions, SignedAccess, SignedMethod, SignedRequest};
use crate::{Error, ErrorKind, FileName, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The minimum length of a secret in bytes.
const MIN_SECRET: usize = 32;

/// How far the signing clock may be ahead of the verifying clock, in seconds.
const SKEW: u64 = 60;

/// Signs URLs of storages on this machine with HMAC-SHA-256, and verifies them.
///
/// A URL works only for its storage, method and purpose. One key signs and two are accepted, so that keys can
/// be rotated while URLs are in use.
///
/// ```
/// use filefield::storage::{MemoryStorage, SignOptions, SignedRequest, Signer};
/// use filefield::{FileName, StorageExt};
/// use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let signer = Signer::new("a secret of 32 bytes at the least")?;
/// let storage = MemoryStorage::builder().base_url("/media/").signer(signer).build()?;
/// let hour = Duration::from_secs(3600);
/// let url = storage.signed_url(FileName::new("cars/chevy.jpg")?, &SignOptions::get(hour)).await?;
/// assert!(url.starts_with("/media/cars/chevy.jpg?expires="));
///
/// // The program that serves it:
/// let access = storage.verify_signed_url(&SignedRequest::new("GET", &url))?;
/// assert_eq!(access.name, "cars/chevy.jpg");
/// assert!(storage.verify_signed_url(&SignedRequest::new("PUT", &url)).is_err());
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Signer {
    current: Hmac<Sha256>,
    previous: Option<Hmac<Sha256>>,
    max_life: Duration,
}

impl Signer {
    /// Creates a signer with one key.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) for a secret of fewer than 32 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self> {
        Ok(Signer { current: key(secret.as_ref())?, previous: None, max_life: MAX_LIFE })
    }

    /// Sets a second key, which is accepted but does not sign: the previous key or the next one.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) for a secret of fewer than 32 bytes.
    pub fn previous(mut self, secret: impl AsRef<[u8]>) -> Result<Self> {
        self.previous = Some(key(secret.as_ref())?);
        Ok(self)
    }

    /// Sets the maximum lifetime of a URL, by default a week. Longer URLs are neither signed nor accepted.
    #[must_use]
    pub fn max_life(mut self, life: Duration) -> Self {
        self.max_life = life;
        self
    }

    /// Returns the code of a message that is not a URL.
    #[cfg(feature = "db")]
    pub(crate) fn code(&self, message: &[u8]) -> [u8; 32] {
        self.current.clone().chain_update(message).finalize().into_bytes().into()
    }

    /// Whether a code belongs to the message, by either key.
    pub(crate) fn is_code(&self, message: &[u8], code: &[u8]) -> bool {
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .fold(false, |found, key| found | key.clone().chain_update(message).verify_slice(code).is_ok())
    }

    /// Returns the query of the URL of `name`, a file of `storage`.
    pub(super) fn sign(&self, storage: &str, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        let expires = now()?.saturating_add(options.check(self.max_life)?);
        let terms = Terms::new(options, expires);
        let message = terms.message(options.method, storage, name, &options.purpose);
        let mac = self.current.clone().chain_update(message).finalize().into_bytes();
        Ok(terms.query() + &signature(&mac))
    }

    /// Returns what the request allows. All refusals look the same.
    pub(super) fn verify(
        &self,
        storage: &str,
        name: FileName<'_>,
        query: &str,
        request: &SignedRequest<'_>,
    ) -> Result<SignedAccess> {
        let now = now()?;
        self.verify_at(now, storage, name, query, request).ok_or_else(refused)
    }

    /// Does the same as [`verify`](Self::verify) at `now`, in seconds since 1970.
    pub(super) fn verify_at(
        &self,
        now: u64,
        storage: &str,
        name: FileName<'_>,
        query: &str,
        request: &SignedRequest<'_>,
    ) -> Option<SignedAccess> {
        // A URL that allows reading a file allows reading its headers.
        let methods: &[SignedMethod] = match request.method {
            "GET" => &[SignedMethod::Get],
            "HEAD" => &[SignedMethod::Get, SignedMethod::Head],
            "PUT" => &[SignedMethod::Put],
            _ => return None,
        };
        let (terms, mac) = Terms::parse(query)?;
        let is_of =
            |method: SignedMethod| self.is_code(&terms.message(method, storage, name, request.purpose), &mac);
        let method = methods.iter().copied().find(|method| is_of(*method))?;
        let longest = now.saturating_add(self.max_life.as_secs()).saturating_add(SKEW);
        let as_promised = match method {
            SignedMethod::Get | SignedMethod::Head => true,
            SignedMethod::Put => {
                let kept = |signed: &Option<_>, sent: Option<_>| signed.is_none() || *signed == sent;
                kept(&terms.content_type, request.content_type.map(str::to_owned))
                    && terms.content_length.is_none_or(|length| request.content_length == Some(length))
            }
        };
        (now < terms.expires && terms.expires <= longest && as_promised).then(|| SignedAccess {
            method,
            name: name.as_str().to_owned(),
            expires: SystemTime::UNIX_EPOCH + Duration::from_secs(terms.expires),
            content_type: terms.content_type,
            content_length: terms.content_length,
            disposition: terms.disposition,
        })
    }
}

// Must not show the secret.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("max_life", &self.max_life).finish_non_exhaustive()
    }
}

/// The one error for URLs that are malformed, forged or expired.
pub(in crate::storage) fn refused() -> Error {
    Error::new(ErrorKind::PermissionDenied, "the signed URL is invalid for this request or has expired")
        .with_message("The link is invalid or has expired.")
}

fn key(secret: &[u8]) -> Result<Hmac<Sha256>> {
    if secret.len() < MIN_SECRET {
        let text = format!("a secret for signing URLs has {MIN_SECRET} bytes or more");
        return Err(Error::new(ErrorKind::Settings, text));
    }
    Hmac::new_from_slice(secret)
        .map_err(|error| Error::new(ErrorKind::Settings, "no key for signing URLs").with_source(error))
}

/// Returns the time in seconds since 1970.
pub(crate) fn now() -> Result<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map(|now| now.as_secs())
        .map_err(|error| Error::new(ErrorKind::Usage, "the clock is before 1970").with_source(error))
}

//! URLs that work for a limited time.

use super::{ObjectStorage, ObjectStorageBuilder, signed_name};
use crate::storage::signed::MAX_LIFE;
use crate::storage::{SignOptions, SignedMethod};
use crate::{Error, ErrorKind, FileName, Result};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use std::sync::Arc;
use std::time::Duration;

/// The signer of URLs.
#[derive(Clone)]
pub(super) struct UrlSigner {
    pub(super) signer: Arc<dyn Signer>,
    /// Whether it signs every name correctly.
    pub(super) takes_any_name: bool,
}

impl ObjectStorageBuilder {
    /// Sets the signer of URLs: the client itself, as a [`Signer`]. Storages created from URLs, and those
    /// over a client of [`s3`](ObjectStorage::s3), [`gcs`](ObjectStorage::gcs) or
    /// [`azure`](ObjectStorage::azure), have one.
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(UrlSigner { signer, takes_any_name: false });
        self
    }
}

impl ObjectStorage {
    pub(super) async fn sign(&self, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        let Some(signer) = &self.signer else {
            return Err(Error::unsupported("signed_url", self.kind));
        };
        // Services count whole seconds.
        let expires = Duration::from_secs(options.check(MAX_LIFE)?);
        if !options.purpose.is_empty() {
            return Err(usage("the service checks this URL, and it knows of no purpose"));
        }
        let (method, terms) = self.terms(options)?;
        signed_name::url(signer, method, &self.keys.key(name)?, expires, &terms).await
    }

    /// Returns what is signed besides the name and the time.
    fn terms(&self, options: &SignOptions) -> Result<(Method, SignedUrlOptions)> {
        let mut terms = SignedUrlOptions::new();
        if options.method != SignedMethod::Put {
            for (key, value) in [
                ("response-content-type", &options.content_type),
                ("response-content-disposition", &options.disposition),
            ] {
                if let Some(value) = value {
                    terms = terms.with_query([(key, value.as_str())]);
                }
            }
            let is_head = options.method == SignedMethod::Head;
            return Ok((if is_head { Method::HEAD } else { Method::GET }, terms));
        }
        // `object_store` signs no length, so the claim of the file must check it.
        if options.content_length.is_some() {
            return Err(usage("the length of an upload to this service cannot be signed"));
        }
        if let (Some(dialect), false) = (self.dialect, self.allow_overwrite) {
            let (name, value) = dialect.create_only();
            terms = terms.with_signed_header(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(content_type) = &options.content_type {
            let value = HeaderValue::from_str(content_type).map_err(|_| usage("the type is no header"))?;
            terms = terms.with_signed_header(HeaderName::from_static("content-type"), value);
        }
        Ok((Method::PUT, terms))
    }
}

fn usage(message: &'static str) -> Error {
    Error::new(ErrorKind::Usage, message)
}

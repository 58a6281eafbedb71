//! URLs that work for a while.

use super::{ObjectStorage, ObjectStorageBuilder, signed_name};
use crate::storage::signed::MAX_LIFE;
use crate::storage::{SignOptions, SignedMethod};
use crate::{Error, ErrorKind, FileName, Result};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use std::sync::Arc;
use std::time::Duration;

pub(super) type SharedSigner = Arc<dyn Signer>;

impl ObjectStorageBuilder {
    /// What signs URLs: the client itself, which is a [`Signer`] beside an [`ObjectStore`](object_store::ObjectStore).
    /// Storages made from URLs have it.
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
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
        let (method, terms) = terms(options)?;
        signed_name::url(&**signer, method, &self.keys.key(name)?, expires, &terms).await
    }
}

/// What is signed beside the name and the time.
fn terms(options: &SignOptions) -> Result<(Method, SignedUrlOptions)> {
    let (mut method, mut terms) = (Method::GET, SignedUrlOptions::new());
    match options.method {
        SignedMethod::Get => {
            for (key, value) in [
                ("response-content-type", &options.content_type),
                ("response-content-disposition", &options.disposition),
            ] {
                if let Some(value) = value {
                    terms = terms.with_query([(key, value.as_str())]);
                }
            }
        }
        SignedMethod::Put => {
            method = Method::PUT;
            // `object_store` signs no length: whoever takes the file over has to look (requirement 84).
            if options.content_length.is_some() {
                return Err(usage("the length of an upload to this service cannot be signed"));
            }
            if let Some(content_type) = &options.content_type {
                let value =
                    HeaderValue::from_str(content_type).map_err(|_| usage("the type is no header"))?;
                terms = terms.with_signed_header(HeaderName::from_static("content-type"), value);
            }
        }
    }
    Ok((method, terms))
}

fn usage(message: &'static str) -> Error {
    Error::new(ErrorKind::Usage, message)
}

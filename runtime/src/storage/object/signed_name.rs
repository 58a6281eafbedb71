//! Signed URLs of names that some clients sign wrongly.

use super::error::{Effect, convert};
use super::signed::UrlSigner;
use crate::name::{filepath_to_uri, unescaped};
use crate::{Error, ErrorKind, Result};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions};
use std::time::Duration;

/// Returns a URL for exactly this key, or an error.
///
/// `object_store` 0.14.2 puts a name into a URL of Google Cloud Storage unescaped: `a#b` signs a URL of `a`,
/// and so does `c/%2e%2e/a`. Given the escaped name, it is correct. For Azure it signs the escaped name, but
/// the service signs the unescaped name: such a URL never works, and filefield's own signer is used.
pub(super) async fn url(
    signer: &UrlSigner,
    method: Method,
    key: &Path,
    expires: Duration,
    terms: &SignedUrlOptions,
) -> Result<String> {
    let sign = async |key: &Path| {
        let signed = signer.signer.signed_url_opts(method.clone(), key, expires, terms).await;
        signed.map(String::from).map_err(|error| convert(error, Effect::Read))
    };
    let mut url = sign(key).await?;
    if signer.takes_any_name {
        return Ok(url);
    }
    if !is_of(&url, key)
        && let Ok(escaped) = Path::parse(filepath_to_uri(key.as_ref()))
    {
        url = sign(&escaped).await?;
    }
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let is_azure = query.split('&').any(|pair| pair == "sr=b");
    match is_of(&url, key) && !(is_azure && path.contains('%')) {
        true => Ok(url),
        false => {
            let message = "the client of this storage signs no name that a URL has to escape";
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// Whether the URL leads to the object of this key.
fn is_of(url: &str, key: &Path) -> bool {
    let path = url.split('?').next().and_then(unescaped);
    !url.contains('#') && path.is_some_and(|path| path.ends_with(&format!("/{key}")))
}

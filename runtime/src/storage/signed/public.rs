//! The public URLs of a storage served by the program.

use super::signer::refused;
use super::{SignOptions, SignedAccess, SignedRequest, Signer};
use crate::name::{check_base_url, decode_path, join_url};
use crate::{Error, ErrorKind, FileName, Result};

/// The base URL of a storage and its signer, if it has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Public {
    base_url: Option<String>,
    signer: Option<Signer>,
}

impl Public {
    pub(crate) fn new(base_url: Option<&str>, signer: Option<Signer>) -> Result<Self> {
        Ok(Public { base_url: base_url.map(check_base_url).transpose()?, signer })
    }

    pub(crate) fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    fn needed_base_url(&self) -> Result<&str> {
        let text = "this storage has no base URL: set `MEDIA_URL` (in the environment `FILEFIELD_MEDIA_URL`), or `base_url` of the storage";
        self.base_url().ok_or_else(|| Error::new(ErrorKind::Unsupported, text))
    }

    fn needed_signer(&self) -> Result<&Signer> {
        let text = "this storage has no key for signing URLs: set `SECRET_KEY`, or a `signer` in code";
        self.signer.as_ref().ok_or_else(|| Error::new(ErrorKind::Unsupported, text))
    }

    pub(crate) fn url(&self, name: FileName<'_>) -> Result<String> {
        Ok(join_url(self.needed_base_url()?, name))
    }

    pub(crate) fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        let base_url = self.needed_base_url()?;
        let query = self.needed_signer()?.sign(base_url, name, options)?;
        Ok([&join_url(base_url, name), "?", &query].concat())
    }

    pub(crate) fn verify(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        let (base_url, signer) = (self.needed_base_url()?, self.needed_signer()?);
        let (scheme, host, base_path) = split(base_url);
        let asked = |host: &str| request.host.is_some_and(|asked| is_host(scheme, host, asked));
        if host.is_some_and(|host| !asked(host)) {
            return Err(refused());
        }
        let (path, query) = request.target.split_once('?').ok_or_else(refused)?;
        // The escaping is free. The decoded bytes must be those of the name, or the signature does not match.
        let (path, base_path) = (decode_path(path).ok_or_else(refused)?, decode_path(base_path));
        let name = base_path.and_then(|base| path.strip_prefix(&base)).ok_or_else(refused)?;
        // Uploads are written and never served.
        let checked =
            if request.method == "PUT" { FileName::or_upload(name) } else { FileName::existing(name) };
        let name = checked.ok().filter(|checked| checked.as_str() == name).ok_or_else(refused)?;
        signer.verify(base_url, name, query, request)
    }
}

/// Returns scheme, host and path of a base URL.
fn split(base_url: &str) -> (&str, Option<&str>, &str) {
    match base_url.split_once("//") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (scheme, Some(host), path)
        }
        None => ("", None, base_url),
    }
}

/// Whether a client with a URL of `host` sends `asked` as its host. Clients omit the user and the default
/// port of the scheme.
fn is_host(scheme: &str, host: &str, asked: &str) -> bool {
    let host = host.rsplit('@').next().unwrap_or(host);
    let plain = |host: &str| {
        let (http, https) = (host.strip_suffix(":80"), host.strip_suffix(":443"));
        let stripped = match scheme {
            "http:" => http,
            "https:" => https,
            _ => http.or(https),
        };
        stripped.unwrap_or(host).to_ascii_lowercase()
    };
    plain(host) == plain(asked)
}

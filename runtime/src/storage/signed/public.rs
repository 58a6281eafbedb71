//! Where a storage of this machine is served.

use super::signer::refused;
use super::{SignOptions, SignedAccess, SignedRequest, Signer};
use crate::name::{check_base_url, decode, join_url};
use crate::{Error, ErrorKind, FileName, Result};

/// The URLs of a storage: its base URL, and the signer, where it has them.
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
        let text = "this storage has no base URL: set `MEDIA_URL`, or `base_url` of the storage";
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
        let (host, base_path) = split(base_url);
        if host.is_some_and(|host| !request.host.is_some_and(|asked| asked.eq_ignore_ascii_case(host))) {
            return Err(refused());
        }
        let (path, query) = request.target.split_once('?').ok_or_else(refused)?;
        // The name has one spelling in a URL, and this must be it.
        let name = path.strip_prefix(base_path).and_then(decode).ok_or_else(refused)?;
        // Uploads are sent and never served.
        let checked =
            if request.method == "PUT" { FileName::or_upload(&name) } else { FileName::existing(&name) };
        let name = checked.ok().filter(|checked| checked.as_str() == name).ok_or_else(refused)?;
        signer.verify(base_url, name, query, request)
    }
}

/// Host and path of a base URL.
fn split(base_url: &str) -> (Option<&str>, &str) {
    match base_url.split_once("//") {
        Some((_, rest)) => {
            let slash = rest.find('/').unwrap_or(rest.len());
            (Some(&rest[..slash]), &rest[slash..])
        }
        None => (None, base_url),
    }
}

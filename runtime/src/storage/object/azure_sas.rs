//! Service SAS: signed URLs of Azure for any name, with response headers.

use crate::name::encode_query;
use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use object_store::azure::{AzureAuthorizer, AzureCredential, MicrosoftAzure};
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, HttpRequest, Signer as KeySigner,
    SigningAlgorithm,
};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer, Url};
use object_store::{Error, Result};
use sha2::Sha256;
use std::time::Duration;

/// The version of the service that defines the signed text.
const VERSION: &str = "2020-12-06";

/// How far the signing clock may be ahead of the service's.
const SKEW: Duration = Duration::from_secs(15 * 60);

/// Signs URLs with the key of the account.
///
/// `object_store` 0.14.2 signs the escaped name, but the service signs the unescaped name. It also signs no
/// response headers. With any other credential, the signer of `object_store` is used.
#[derive(Debug)]
pub(super) struct ServiceSas(pub(super) MicrosoftAzure);

#[async_trait]
impl Signer for ServiceSas {
    async fn signed_url(&self, method: Method, path: &Path, expires_in: Duration) -> Result<Url> {
        self.signed_url_opts(method, path, expires_in, &SignedUrlOptions::new()).await
    }

    /// Accepts the queries `response-content-type` and `response-content-disposition`, which are mapped to
    /// those of Azure, and the header `If-None-Match`: the URL then only creates blobs.
    async fn signed_url_opts(
        &self,
        method: Method,
        path: &Path,
        expires_in: Duration,
        options: &SignedUrlOptions,
    ) -> Result<Url> {
        let ServiceSas(client) = self;
        // A URL for reading a blob also allows reading its headers.
        let method = if method == Method::HEAD { Method::GET } else { method };
        let is_new = options.signed_headers.keys().all(|name| name == "if-none-match");
        let mut url = client.signed_url(method.clone(), path, expires_in).await?;
        let credential = client.credentials().get_credential().await?;
        if !matches!(&*credential, AzureCredential::AccessKey(_)) {
            let is_plain = !url.path().contains('%') && options.extra_query.is_empty() && is_new;
            return if is_plain { Ok(url) } else { Err(unsupported(NEEDS_KEY)) };
        }
        if !is_new {
            return Err(unsupported("a SAS signs no header of a request"));
        }
        let (account, container) = self.place().ok_or_else(|| unsupported(UNKNOWN_PLACE))?;
        let permission = match method {
            Method::GET => "r",
            Method::PUT if !options.signed_headers.is_empty() => "c",
            Method::PUT => "w",
            _ => return Err(unsupported("a SAS is for reading and writing")),
        };
        let asked = |wanted: &str| {
            let found = options.extra_query.iter().find(|(key, _)| key == wanted);
            found.map_or("", |(_, value)| value.as_str())
        };
        let (disposition, content_type) =
            (asked("response-content-disposition"), asked("response-content-type"));
        let now = jiff::Timestamp::now();
        let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (start, expiry) = now
            .checked_sub(SKEW)
            .and_then(|start| Ok((time(start), time(now.checked_add(expires_in)?))))
            .map_err(|_| unsupported("the clock is at the end of time"))?;
        let resource = format!("/blob/{account}/{container}/{path}");
        // From permission to response type. Empty fields are not used.
        let fields = [
            permission,
            &start,
            &expiry,
            &resource,
            "",
            "",
            "",
            VERSION,
            "b",
            "",
            "",
            "",
            disposition,
            "",
            "",
            content_type,
        ];
        let signature = signed(&credential, &account, &url, &fields.join("\n"))?;
        let pairs = [
            ("sv", VERSION),
            ("sp", permission),
            ("st", &start),
            ("se", &expiry),
            ("sr", "b"),
            ("rscd", disposition),
            ("rsct", content_type),
            ("sig", &signature),
        ];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<_> = pairs.map(|(key, value)| format!("{key}={}", encode_query(value))).collect();
        url.set_query(Some(&query.join("&")));
        Ok(url)
    }
}

const NEEDS_KEY: &str = "without the key of the account, this name or these headers cannot be signed";
const UNKNOWN_PLACE: &str = "the client does not tell its account and container";

impl ServiceSas {
    /// Account and container. The client shows them only in its `Display` text.
    fn place(&self) -> Option<(String, String)> {
        let text = self.0.to_string();
        let (_, rest) = text.split_once("account: ")?;
        let (account, rest) = rest.split_once(", container: ")?;
        Some((account.to_owned(), rest.strip_suffix(" }")?.to_owned()))
    }
}

fn unsupported(why: &'static str) -> Error {
    Error::NotSupported { source: why.into() }
}

/// Signs a text with the key of an account. `object_store` passes the key only to the cryptography provider
/// that signs a request.
fn signed(credential: &AzureCredential, account: &str, url: &Url, text: &str) -> Result<String> {
    let mut request = HttpRequest::new(Vec::new().into());
    *request.uri_mut() = url.as_str().parse().map_err(|_| unsupported("the URL is too long"))?;
    let crypto = Sas { text };
    AzureAuthorizer::new(credential, account).with_crypto(&crypto).try_authorize(&mut request)?;
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let signature = header.and_then(|header| header.strip_prefix("SharedKey ")?.rsplit_once(':'));
    let (_, signature) = signature.ok_or_else(|| unsupported("the client signed nothing"))?;
    Ok(signature.to_owned())
}

/// Signs its own text instead of its input.
#[derive(Debug)]
struct Sas<'a> {
    text: &'a str,
}

struct Signed(Vec<u8>);

impl CryptoProvider for Sas<'_> {
    fn digest(&self, _: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        Err(unsupported("a SAS has no digest"))
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        let key = Hmac::<Sha256>::new_from_slice(secret);
        match (algorithm, key) {
            (DigestAlgorithm::Sha256, Ok(key)) => {
                let mac = key.chain_update(self.text).finalize().into_bytes();
                Ok(Box::new(Signed(mac.to_vec())))
            }
            _ => Err(unsupported("a SAS is signed with HMAC-SHA-256")),
        }
    }

    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> Result<Box<dyn KeySigner>> {
        Err(unsupported("a SAS is signed with HMAC-SHA-256"))
    }
}

impl HmacContext for Signed {
    fn update(&mut self, _: &[u8]) {}

    fn finish(&mut self) -> Result<&[u8]> {
        Ok(&self.0)
    }
}

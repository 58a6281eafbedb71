//! Uploads that clients send straight to the bucket.

use super::error::{Effect, convert, is_incomplete};
use super::list::Pages;
use super::multipart::{self, certain};
use super::signed::UrlSigner;
use super::{ObjectStorage, ObjectStorageBuilder, attributes, signed_name};
use crate::name::encode_query;
use crate::storage::signed::MAX_LIFE;
use crate::storage::{DirectUpload, MOST_PARTS, SignOptions, UploadRequest, UploadTerms};
use crate::{Error, ErrorKind, FileName, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use object_store::list::PaginatedListStore;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use object_store::{Attribute, Attributes, ObjectStore, PutMultipartOptions};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The differences between services for clients that send directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each is made by a feature of its own")]
pub(super) enum Dialect {
    S3,
    Gcs,
    Azure,
}

impl ObjectStorage {
    /// Returns a builder for a storage over a client of S3, or of a compatible service. Unlike
    /// [`builder`](Self::builder), it also uses the client to sign URLs, to receive direct uploads, and to
    /// get the ids of uploads.
    #[cfg(feature = "s3")]
    pub fn s3(client: object_store::aws::AmazonS3) -> ObjectStorageBuilder {
        ObjectStorageBuilder::of_client(client, Dialect::S3, "s3")
    }

    /// Like [`s3`](Self::s3), for Google Cloud Storage.
    #[cfg(feature = "gcs")]
    pub fn gcs(client: object_store::gcp::GoogleCloudStorage) -> ObjectStorageBuilder {
        ObjectStorageBuilder::of_client(client, Dialect::Gcs, "gcs")
    }

    /// Like [`s3`](Self::s3), for Azure.
    #[cfg(feature = "azure")]
    pub fn azure(client: object_store::azure::MicrosoftAzure) -> ObjectStorageBuilder {
        let signer = super::azure_sas::ServiceSas(client.clone());
        let mut builder = ObjectStorageBuilder::of_client(client, Dialect::Azure, "azure");
        builder.signer = Some(UrlSigner { signer: Arc::new(signer), takes_any_name: true });
        builder
    }
}

impl ObjectStorageBuilder {
    pub(super) fn of_client<C>(client: C, dialect: Dialect, kind: &'static str) -> Self
    where
        C: ObjectStore + Signer + MultipartStore + PaginatedListStore,
    {
        let client = Arc::new(client);
        let mut builder = ObjectStorage::builder(client.clone()).kind(kind).multipart(client.clone());
        builder.dialect = Some(dialect);
        builder.pages = Some(Pages(client.clone()));
        builder.signer(client)
    }
}

impl ObjectStorage {
    fn direct(&self) -> Result<(&UrlSigner, &dyn MultipartStore, Dialect)> {
        match (&self.signer, &self.multipart, self.dialect) {
            (Some(signer), Some(multipart), Some(dialect)) => Ok((signer, &**multipart, dialect)),
            _ => Err(Error::unsupported("direct_upload", self.kind)),
        }
    }

    pub(super) async fn send_directly(
        &self,
        name: FileName<'_>,
        terms: &UploadTerms,
    ) -> Result<DirectUpload> {
        let (signer, store, dialect) = self.direct()?;
        let life = Duration::from_secs(SignOptions::put(terms.expires).check(MAX_LIFE)?);
        let key = self.keys.key(name)?;
        let attributes = self.upload_attributes(name, terms)?;
        let Some(sizes) = terms.parts()? else {
            let mut headers = dialect.headers(&attributes);
            if let (Dialect::S3, Some(sha256)) = (dialect, &terms.sha256) {
                headers.push(("x-amz-checksum-sha256".to_owned(), BASE64_STANDARD.encode(sha256)));
            }
            headers.extend(dialect.length(terms.size));
            let url = dialect.sign(signer, &key, life, &headers, &[]).await?;
            return Ok(DirectUpload::new(None, vec![UploadRequest::put(url, headers, terms.size)]));
        };
        let (allowed, first) = (dialect.part_sizes(), sizes[0]);
        if first > *allowed.end() || sizes.len() > 1 && first < *allowed.start() {
            let (least, most) = (allowed.start() >> 10, allowed.end() >> 20);
            let text = format!("a part of an upload to this service has {least} KiB to {most} MiB");
            return Err(Error::new(ErrorKind::Usage, text));
        }
        let upload_id = match dialect {
            // Blocks without a list are not an upload, and need no id.
            Dialect::Azure => String::new(),
            _ => {
                let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
                let begun = store.create_multipart_opts(&key, options).await;
                begun.map_err(|error| convert(error, Effect::Put))?
            }
        };
        let count = sizes.len();
        let mut requests = Vec::with_capacity(sizes.len());
        for (number, size) in (1..).zip(sizes) {
            let query = match dialect {
                Dialect::Azure => vec![
                    ("comp".to_owned(), "block".to_owned()),
                    ("blockid".to_owned(), BASE64_STANDARD.encode(block(number))),
                ],
                _ => vec![
                    ("partNumber".to_owned(), number.to_string()),
                    ("uploadId".to_owned(), upload_id.clone()),
                ],
            };
            let url = dialect.sign(signer, &key, life, &[], &query).await?;
            requests.push(UploadRequest::put(url, Vec::new(), size));
        }
        let id = match dialect {
            Dialect::Azure => count.to_string(),
            _ => multipart::with_count(count, &upload_id),
        };
        Ok(DirectUpload::new(Some(id), requests))
    }

    /// The attributes of an upload, whose bytes are not known yet.
    fn upload_attributes(&self, name: FileName<'_>, terms: &UploadTerms) -> Result<Attributes> {
        let token = name.upload_token();
        let stated = terms.content_type.as_deref();
        let owner = terms.owner.as_deref().or(token);
        attributes::of_file(&self.defaults, name, &[], stated, owner, token.unwrap_or_default())
    }

    /// Joins the sent parts into an object. If the object exists, an earlier call created it. Sends nothing
    /// unless there is one tag per part: a service accepts any list of parts, and drops the others.
    pub(super) async fn finish_direct(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        let (_, store, dialect) = self.direct()?;
        let key = self.keys.key(name)?;
        let (count, upload_id) = multipart::split_count(id);
        let parts: Vec<_> = match dialect {
            Dialect::Azure => {
                // A list without blocks would create an empty file.
                let count = id.parse().ok().filter(|count| (1..=MOST_PARTS).contains(count));
                let count = count.ok_or_else(no_upload)?;
                (1..=count).map(|number| PartId { content_id: block(number) }).collect()
            }
            _ => {
                check_tags(tags, count)?;
                tags.iter().map(|tag| PartId { content_id: tag.clone() }).collect()
            }
        };
        let Err(error) = store.complete_multipart(&key, &upload_id.to_owned(), parts).await else {
            return Ok(());
        };
        match self.facts(&key).await {
            Ok(_) => Ok(()),
            // An upload is not a file, so nothing is uncertain.
            Err(_) if !is_incomplete(&error) => Err(certain(error, Effect::Put)),
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::NotFound, "the parts that were sent do not make an upload"))
            }
            Err(unknown) => Err(unknown),
        }
    }
}

/// Rejects tags that cannot be those of all parts: a wrong number, or malformed tags.
///
/// Parts with the same bytes have the same tag, so a tag may occur twice. The service checks the tags
/// themselves, and leaves the upload open if one is wrong.
fn check_tags(tags: &[String], parts: Option<usize>) -> Result<()> {
    let is_tag = |tag: &String| {
        let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
        !inner.is_empty() && inner.len() <= 255 && inner.bytes().all(|byte| matches!(byte, b'!'..=b'~'))
    };
    let told = tags.iter().filter(|tag| is_tag(tag)).count();
    let wanted = parts.unwrap_or(tags.len().max(1));
    if told == wanted && tags.len() == wanted {
        return Ok(());
    }
    let text = format!(
        "the upload has {wanted} parts, and {told} ETags of parts were given: give the header `ETag` of the answer to \
         each part, in their order; a script in a browser sees it only if the CORS rule of the bucket has \
         `ExposeHeaders: [\"ETag\"]`"
    );
    // Nothing was sent, so the upload can still be finished with the right tags.
    Err(Error::new(ErrorKind::NotFound, text).retryable())
}

fn no_upload() -> Error {
    Error::new(ErrorKind::Usage, "this is no upload of the storage")
}

/// The name of a block. All names of an upload have the same length.
fn block(number: u64) -> String {
    format!("{number:05}")
}

impl Dialect {
    /// The allowed part sizes in bytes. The last part may be smaller.
    pub(super) fn part_sizes(self) -> RangeInclusive<u64> {
        match self {
            Dialect::S3 | Dialect::Gcs => 5 << 20..=5 << 30,
            Dialect::Azure => 1 << 10..=4000 << 20,
        }
    }

    /// The header that makes a PUT fail if the name is taken.
    pub(super) fn create_only(self) -> (&'static str, &'static str) {
        match self {
            Dialect::S3 | Dialect::Azure => ("if-none-match", "*"),
            Dialect::Gcs => ("x-goog-if-generation-match", "0"),
        }
    }

    /// The headers of a PUT that creates an object with these attributes.
    fn headers(self, attributes: &Attributes) -> Vec<(String, String)> {
        let (name, value) = self.create_only();
        let mut headers = vec![(name.to_owned(), value.to_owned())];
        if self == Dialect::Azure {
            headers.push(("x-ms-blob-type".to_owned(), "BlockBlob".to_owned()));
        }
        let (vendor, azure) = match self {
            Dialect::S3 => ("x-amz-", ""),
            Dialect::Gcs => ("x-goog-", ""),
            Dialect::Azure => ("x-ms-", "x-ms-blob-"),
        };
        for (attribute, value) in attributes {
            let name = match attribute {
                Attribute::ContentType => "content-type".to_owned(),
                Attribute::ContentDisposition => format!("{azure}content-disposition"),
                Attribute::CacheControl => format!("{azure}cache-control"),
                Attribute::StorageClass if self == Dialect::Azure => "x-ms-access-tier".to_owned(),
                Attribute::StorageClass => format!("{vendor}storage-class"),
                Attribute::Metadata(key) => format!("{vendor}meta-{key}"),
                _ => continue,
            };
            headers.push((name, value.to_string()));
        }
        headers
    }

    /// The header that enforces the length of an upload in one request, if the service has one.
    fn length(self, size: u64) -> Option<(String, String)> {
        (self == Dialect::Gcs).then(|| ("x-goog-content-length-range".to_owned(), format!("{size},{size}")))
    }

    /// Returns the URL of a PUT that must have these headers. Azure signs no headers and no query, except
    /// that the blob must be new.
    async fn sign(
        self,
        signer: &UrlSigner,
        key: &Path,
        life: Duration,
        headers: &[(String, String)],
        query: &[(String, String)],
    ) -> Result<String> {
        let mut terms = SignedUrlOptions::new();
        if self != Dialect::Azure {
            terms = terms.with_query(query.iter().cloned());
        }
        let is_signed = |name: &str| self != Dialect::Azure || name == self.create_only().0;
        for (name, value) in headers.iter().filter(|(name, _)| is_signed(name)) {
            let header = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
            let (Ok(name), Ok(value)) = header else {
                return Err(Error::new(ErrorKind::Usage, "the type is no header"));
            };
            terms = terms.with_signed_header(name, value);
        }
        let mut url = signed_name::url(signer, Method::PUT, key, life, &terms).await?;
        if self == Dialect::Azure {
            for (key, value) in query {
                url.extend(["&", key, "=", &encode_query(value)]);
            }
        }
        Ok(url)
    }
}

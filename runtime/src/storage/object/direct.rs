//! Uploads that clients send straight to the bucket.

use super::error::{Effect, convert, is_incomplete};
use super::multipart::certain;
use super::{ObjectStorage, ObjectStorageBuilder, attributes, signed_name};
use crate::name::encode;
use crate::storage::signed::MAX_LIFE;
use crate::storage::{DirectUpload, SignOptions, UploadRequest, UploadTerms};
use crate::{Error, ErrorKind, FileName, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use object_store::{Attribute, Attributes, ObjectStore, PutMultipartOptions};
use std::sync::Arc;
use std::time::Duration;

/// The least that S3 and Google Cloud Storage take as a part, but for the last.
const LEAST_PART: u64 = 5 << 20;

/// In what the services differ for a client that sends to them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each is made by a feature of its own")]
pub(super) enum Dialect {
    S3,
    Gcs,
    Azure,
}

impl ObjectStorage {
    /// Options for a storage over a client of S3, or of what speaks its protocol. What is more than an
    /// [`ObjectStore`] in the client is used too: it signs URLs, takes direct uploads, and tells the ids of uploads.
    #[cfg(feature = "s3")]
    pub fn s3(client: object_store::aws::AmazonS3) -> ObjectStorageBuilder {
        ObjectStorageBuilder::of_client(client, Dialect::S3, "s3")
    }

    /// As [`s3`](Self::s3), for Google Cloud Storage.
    #[cfg(feature = "gcs")]
    pub fn gcs(client: object_store::gcp::GoogleCloudStorage) -> ObjectStorageBuilder {
        ObjectStorageBuilder::of_client(client, Dialect::Gcs, "gcs")
    }

    /// As [`s3`](Self::s3), for Azure.
    #[cfg(feature = "azure")]
    pub fn azure(client: object_store::azure::MicrosoftAzure) -> ObjectStorageBuilder {
        ObjectStorageBuilder::of_client(client, Dialect::Azure, "azure")
    }
}

impl ObjectStorageBuilder {
    pub(super) fn of_client<C>(client: C, dialect: Dialect, kind: &'static str) -> Self
    where
        C: ObjectStore + Signer + MultipartStore,
    {
        let client = Arc::new(client);
        let mut builder = ObjectStorage::builder(client.clone()).kind(kind).multipart(client.clone());
        builder.dialect = Some(dialect);
        builder.signer(client)
    }
}

impl ObjectStorage {
    fn direct(&self) -> Result<(&dyn Signer, &dyn MultipartStore, Dialect)> {
        match (&self.signer, &self.multipart, self.dialect) {
            (Some(signer), Some(multipart), Some(dialect)) => Ok((&**signer, &**multipart, dialect)),
            _ => Err(Error::unsupported("direct_upload", self.kind)),
        }
    }

    pub(super) async fn send_directly(
        &self,
        name: FileName<'_>,
        terms: &UploadTerms,
    ) -> Result<DirectUpload> {
        let (signer, multipart, dialect) = self.direct()?;
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
        if dialect != Dialect::Azure && sizes.len() > 1 && sizes[0] < LEAST_PART {
            return Err(Error::new(
                ErrorKind::Usage,
                "parts of an upload to this service have 5 MiB at least",
            ));
        }
        let id = match dialect {
            // Blocks without a list are no upload, and need no id.
            Dialect::Azure => sizes.len().to_string(),
            _ => {
                let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
                let begun = multipart.create_multipart_opts(&key, options).await;
                begun.map_err(|error| convert(error, Effect::Put))?
            }
        };
        let mut requests = Vec::with_capacity(sizes.len());
        for (number, size) in (1..).zip(sizes) {
            let query = match dialect {
                Dialect::Azure => vec![
                    ("comp".to_owned(), "block".to_owned()),
                    ("blockid".to_owned(), BASE64_STANDARD.encode(block(number))),
                ],
                _ => vec![("partNumber".to_owned(), number.to_string()), ("uploadId".to_owned(), id.clone())],
            };
            let url = dialect.sign(signer, &key, life, &[], &query).await?;
            requests.push(UploadRequest::put(url, Vec::new(), size));
        }
        Ok(DirectUpload::new(Some(id), requests))
    }

    /// What is stored with an upload; nobody has seen its bytes.
    fn upload_attributes(&self, name: FileName<'_>, terms: &UploadTerms) -> Result<Attributes> {
        let token = name.upload_token();
        let stated = terms.content_type.as_deref();
        attributes::of_file(&self.defaults, name, &[], stated, token, token.unwrap_or_default())
    }

    /// Makes an object of the parts that were sent. One that is there already was made by the try before.
    pub(super) async fn finish_direct(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        let (_, multipart, dialect) = self.direct()?;
        let key = self.keys.key(name)?;
        let blocks: usize = if dialect == Dialect::Azure { id.parse().unwrap_or(0) } else { 0 };
        let parts: Vec<_> = match dialect {
            Dialect::Azure => (1..=blocks).map(|number| PartId { content_id: block(number) }).collect(),
            _ => tags.iter().map(|tag| PartId { content_id: tag.clone() }).collect(),
        };
        let Err(error) = multipart.complete_multipart(&key, &id.to_owned(), parts).await else {
            return Ok(());
        };
        match self.facts(&key).await {
            Ok(_) => Ok(()),
            // An upload is no file, whatever became of it.
            Err(_) if !is_incomplete(&error) => Err(certain(error, Effect::Put)),
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::NotFound, "the parts that were sent do not make an upload"))
            }
            Err(unknown) => Err(unknown),
        }
    }
}

/// The name of a block: all of one upload are equally long.
fn block(number: usize) -> String {
    format!("{number:05}")
}

impl Dialect {
    /// The headers of a PUT that is to make an object with these attributes where there is none.
    fn headers(self, attributes: &Attributes) -> Vec<(String, String)> {
        let mut headers = vec![match self {
            Dialect::S3 | Dialect::Azure => ("if-none-match".to_owned(), "*".to_owned()),
            Dialect::Gcs => ("x-goog-if-generation-match".to_owned(), "0".to_owned()),
        }];
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

    /// The header that binds the length of a whole upload, where a service has one (requirement 84).
    fn length(self, size: u64) -> Option<(String, String)> {
        (self == Dialect::Gcs).then(|| ("x-goog-content-length-range".to_owned(), format!("{size},{size}")))
    }

    /// The URL of a PUT with these headers, which the service insists on. Azure signs neither headers nor a query.
    async fn sign(
        self,
        signer: &dyn Signer,
        key: &Path,
        life: Duration,
        headers: &[(String, String)],
        query: &[(String, String)],
    ) -> Result<String> {
        let mut terms = SignedUrlOptions::new();
        if self != Dialect::Azure {
            terms = terms.with_query(query.iter().cloned());
            for (name, value) in headers {
                let header = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
                let (Ok(name), Ok(value)) = header else {
                    return Err(Error::new(ErrorKind::Usage, "the type is no header"));
                };
                terms = terms.with_signed_header(name, value);
            }
        }
        let mut url = signed_name::url(signer, Method::PUT, key, life, &terms).await?;
        if self == Dialect::Azure {
            for (key, value) in query {
                url.extend(["&", key, "=", &encode(value)]);
            }
        }
        Ok(url)
    }
}

//! Options of an object storage.

use super::attributes::{Defaults, Disposition};
use super::keys::Keys;
use super::probe::Guarantees;
use super::{ObjectStorage, multipart};
use crate::storage::Public;
use crate::{Error, ErrorKind, Result};
use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The default part size. The minimum of S3 is 5 MiB.
const PART_SIZE: u64 = 8 << 20;
/// The allowed part sizes if the service is not known. The maximum is that of a PUT on S3.
const PART_SIZES: RangeInclusive<u64> = 1 << 10..=5 << 30;
const CONCURRENCY: usize = 4;

/// Options of an [`ObjectStorage`].
#[must_use]
pub struct ObjectStorageBuilder {
    store: Arc<dyn ObjectStore>,
    kind: &'static str,
    prefix: String,
    base_url: Option<String>,
    location: Option<String>,
    part_size: u64,
    concurrency: usize,
    allow_overwrite: bool,
    trusted: bool,
    defaults: Defaults,
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(super) signer: Option<super::signed::UrlSigner>,
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(super) dialect: Option<super::direct::Dialect>,
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(super) pages: Option<super::list::Pages>,
    multipart: Option<Arc<dyn MultipartStore>>,
    hint: Option<String>,
}

impl ObjectStorageBuilder {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        ObjectStorageBuilder {
            store,
            kind: "object",
            prefix: String::new(),
            base_url: None,
            location: None,
            part_size: PART_SIZE,
            concurrency: CONCURRENCY,
            allow_overwrite: false,
            trusted: false,
            defaults: Defaults::default(),
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            signer: None,
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            dialect: None,
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            pages: None,
            multipart: None,
            hint: None,
        }
    }

    /// Sets the folder of the bucket that contains all files. By default the whole bucket.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the public URL of the files below the prefix. A missing trailing slash is added. By default there
    /// is none, and `url` is unsupported.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets the name of the storage in errors and logs, such as `"s3"`. By default `"object"`.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the place of the bucket, such as `s3://photos`; the prefix is appended. Two storages must have
    /// the same place exactly if they use the same bucket, in every process: it is compared between rows of
    /// several programs. Storages created from URLs have one.
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Sets the maximum size of one request, in bytes. Larger contents are uploaded in parts of this size, at
    /// most 10,000. By default 8 MiB. S3 and Google Cloud Storage require at least 5 MiB.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = bytes;
        self
    }

    /// Sets how many parts of one content are in memory at once. By default 4: a save then holds at most 32
    /// MiB, plus buffers of the connections.
    pub fn concurrency(mut self, parts: usize) -> Self {
        self.concurrency = parts;
        self
    }

    /// Sets whether a save replaces a file of the same name. By default it takes another name.
    pub fn allow_overwrite(mut self, allow: bool) -> Self {
        self.allow_overwrite = allow;
        self
    }

    /// Assumes, without testing it, that the bucket supports conditional writes that never replace. This is
    /// true for Amazon S3, Google Cloud Storage and Azure. By default it is tested.
    pub fn trust_create_only(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// Sets how browsers treat files. By default [`Disposition::ActiveAsAttachment`].
    pub fn disposition(mut self, disposition: Disposition) -> Self {
        self.defaults.disposition = disposition;
        self
    }

    /// Sets the `Cache-Control` header stored with every object. By default there is none.
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.defaults.cache_control = Some(value.into());
        self
    }

    /// Sets the storage class of every object, in the provider's terms: `STANDARD_IA`, `NEARLINE`, `Cool`. By
    /// default the bucket's. A service gives copies the class of the bucket, so with this option copies,
    /// renames and claims of direct uploads pass through the process.
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.defaults.storage_class = Some(class.into());
        self
    }

    /// Sets the client that knows the ids of uploads in parts: the same client, as a [`MultipartStore`]. The
    /// journal records the ids, so that the parts of a killed process can be removed.
    pub fn multipart(mut self, client: Arc<dyn MultipartStore>) -> Self {
        self.multipart = Some(client);
        self
    }

    /// Sets advice for errors that refuse access.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The allowed part sizes in bytes.
    fn part_sizes(&self) -> RangeInclusive<u64> {
        #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
        if let Some(dialect) = self.dialect {
            return dialect.part_sizes();
        }
        PART_SIZES
    }

    /// Creates the storage. Sends no request.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) for a malformed base URL, a part size below 1 KiB (S3 and
    /// Google Cloud Storage: 5 MiB) or above 5 GiB (Azure: 4,000 MiB), a concurrency of 0, or a header that
    /// is not visible ASCII; and the errors of a name for the prefix.
    pub fn build(mut self) -> Result<ObjectStorage> {
        let sizes = self.part_sizes();
        let part_size = Some(self.part_size).filter(|bytes| sizes.contains(bytes));
        let part_size = part_size.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
            let (least, most) = (sizes.start() >> 10, sizes.end() >> 20);
            let text = format!(
                "the part size of this storage is from {least} KiB to {most} MiB, in bytes: write `part_size=8MiB`, or \
                 leave it out"
            );
            Error::new(ErrorKind::Settings, text)
        })?;
        if self.concurrency == 0 {
            return Err(settings("the concurrency is at least 1"));
        }
        self.defaults.check()?;
        let keys = Keys::new(&self.prefix)?;
        let public = Public::new(self.base_url.as_deref(), None)?;
        let location = self.location.take().map(|place| keys.location(&place));
        let guarantees = OnceCell::new_with(self.trusted.then_some(Guarantees { create_only: true }));
        Ok(ObjectStorage {
            store: self.store,
            kind: self.kind,
            keys,
            public,
            location,
            part_size,
            concurrency: self.concurrency,
            allow_overwrite: self.allow_overwrite,
            defaults: self.defaults,
            guarantees,
            replaces_seen: OnceCell::new_with(self.trusted.then_some(true)),
            copies_create_only: OnceCell::new_with(self.trusted.then_some(true)),
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            signer: self.signer,
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            dialect: self.dialect,
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            pages: self.pages,
            multipart: self.multipart,
            hint: self.hint,
            wanted: Default::default(),
            unfinished: Arc::<multipart::Unfinished>::default(),
        })
    }
}

fn settings(message: &'static str) -> Error {
    Error::new(ErrorKind::Settings, message)
}

// The store may print credentials.
impl fmt::Debug for ObjectStorageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorageBuilder")
            .field("kind", &self.kind)
            .field("part_size", &self.part_size)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

//! Files as objects in a bucket, through the crate `object_store`.

mod attributes;
#[cfg(feature = "azure")]
mod azure_sas;
mod builder;
mod by_id;
#[cfg(feature = "s3")]
mod conditional;
mod copy;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod direct;
mod error;
mod feed;
mod keys;
mod list;
mod multipart;
mod owner;
mod probe;
mod promote;
mod read;
mod save;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod signed;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod signed_name;
#[cfg(test)]
mod tests;

pub use attributes::Disposition;
pub use builder::ObjectStorageBuilder;
#[cfg(feature = "s3")]
pub use conditional::CreateOnlyUploads;
pub use probe::Guarantees;

use super::{Listing, Metadata, Public, Reader, SaveOptions, Saved, Storage};
use crate::{Content, Error, ErrorKind, FileName, Result};
use async_trait::async_trait;
use attributes::Defaults;
use error::{Effect, convert};
use keys::Keys;
use multipart::Unfinished;
use object_store::multipart::MultipartStore;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

/// Stores files as objects of any [`object_store::ObjectStore`]: S3, Google Cloud Storage, Azure, memory.
///
/// | operation | requests |
/// |---|---|
/// | save of up to [`part_size`](ObjectStorageBuilder::part_size) bytes | one conditional PUT; two more for each name that is taken |
/// | save of more | create, one for each part, complete; two checks of the name if it is `exact` |
/// | open, open_range, exists, metadata, size, owner, delete | one each; two for the owner of a missing file |
/// | copy, rename | in the bucket: three, and a delete; otherwise a read and a save |
/// | url | none |
/// | list | one for each page (S3: 1,000 names); more if a key of another program is not a valid name |
///
/// # Names are never replaced
///
/// A small content is one PUT that the bucket refuses if the name is taken (`If-None-Match: *`). Then the
/// next free variant of the name is tried, as on disk. The first save, or [`check`](Self::check), tests once
/// whether the bucket really refuses: some S3-compatible services overwrite. On such a service, every name
/// that is not [`exact`](SaveOptions::exact) gets a token of 130 bits, see [`Guarantees`], and a warning is
/// logged through the crate `log`.
///
/// `object_store` cannot complete an upload in parts conditionally, so the name of a larger content gets such
/// a token too. An `exact` name, such as one reserved by the journal, is checked before the upload and again
/// before its completion. Only one save at a time per process may use it. Between the last check and the
/// completion, a writer that does not use the journal could lose its file: keep such writers out of the
/// prefix. On Amazon S3, the connector `CreateOnlyUploads` closes this gap.
///
/// # What remains
///
/// A save that fails or is dropped aborts its upload. The parts of a killed process stay in the bucket,
/// invisible and billed: `object_store` cannot list open uploads. Give the bucket a lifecycle rule that
/// aborts unfinished uploads after a day or two. The object `.filefield/create-only` below the prefix belongs
/// to the check.
///
/// # Errors
///
/// An error says whether a retry is safe and whether the operation may have happened anyway. It contains
/// nothing of the service's answer except its error code. If the answer of a save is lost, or the client
/// retried it internally, the object is looked up before the error counts as uncertain. A save whose upload
/// could not be aborted is uncertain too, so that the journal cleans it up. A bucket that does not exist is a
/// [`Settings`](ErrorKind::Settings) error, except in requests whose answer does not distinguish it from a
/// missing file: `metadata`, `exists`, and `delete` on Azure.
///
/// # Types
///
/// The type stored with an object is detected from its first bytes and refined by the extension of its name.
/// Documents that can run scripts in a browser are stored as downloads, see [`Disposition`].
///
/// ```
/// use filefield::object_store::memory::InMemory;
/// use filefield::storage::ObjectStorage;
/// use filefield::{FileName, SaveOptions, Storage};
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = ObjectStorage::builder(Arc::new(InMemory::new()))
///     .prefix("media")
///     .base_url("https://cdn.example.com/media/")
///     .build()?;
/// let name = FileName::new("cars/57 chevy.txt")?;
/// let saved = storage.save(name, "new content".into(), &SaveOptions::default()).await?;
/// assert_eq!((saved.name.as_str(), saved.size), ("cars/57 chevy.txt", 11));
/// assert_eq!(storage.open_range(name, 4..11).await?.read_all(1024).await?, "content");
/// assert_eq!(storage.url(name)?, "https://cdn.example.com/media/cars/57%20chevy.txt");
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    kind: &'static str,
    keys: Keys,
    public: Public,
    location: Option<String>,
    part_size: usize,
    concurrency: usize,
    allow_overwrite: bool,
    defaults: Defaults,
    guarantees: OnceCell<Guarantees>,
    copies_create_only: OnceCell<bool>,
    /// Whether the bucket supports replacing only the version that was read.
    replaces_seen: OnceCell<bool>,
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    signer: Option<signed::UrlSigner>,
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    dialect: Option<direct::Dialect>,
    /// The same client, if it knows the ids of uploads.
    multipart: Option<Arc<dyn MultipartStore>>,
    /// The same client, if it lists page by page.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pages: Option<list::Pages>,
    /// Advice for errors that refuse access.
    hint: Option<String>,
    /// Exact names that are being saved without conditional writes.
    wanted: Mutex<BTreeSet<String>>,
    unfinished: Arc<Unfinished>,
}

impl ObjectStorage {
    /// Returns a builder for a storage over `store`. Does not change its retries: the defaults of
    /// `object_store` (ten within three minutes) are long for a request that a user waits for. Does not
    /// change its limit of 30 seconds per request either, which a slow download or a copy of gigabytes
    /// exceeds. Storages created from settings limit the time without data instead
    /// (`ClientOptions::with_timeout_disabled`, `with_read_timeout`).
    pub fn builder(store: Arc<dyn ObjectStore>) -> ObjectStorageBuilder {
        ObjectStorageBuilder::new(store)
    }

    /// Tests once what the bucket guarantees, which also shows that it can be reached and written to. Call it
    /// at program start; otherwise the first save does it. Needs two requests, or one if this prefix was
    /// tested before, and leaves a small object.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) for a bucket that does not exist, and
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for wrong credentials; propagates the errors of the
    /// store. After an error, the next call tests again.
    pub async fn check(&self) -> Result<Guarantees> {
        self.ask().await.map_err(|error| self.located(error, "check", None))
    }

    /// Returns the result of [`check`](Self::check), `None` before.
    pub fn guarantees(&self) -> Option<Guarantees> {
        self.guarantees.get().copied()
    }

    fn located(&self, error: Error, operation: &'static str, name: Option<&str>) -> Error {
        let error = self.hinted(error).in_operation(operation).with_storage(self.kind);
        match name {
            Some(name) => error.with_name(name),
            None => error,
        }
    }

    /// Adds advice to an error that refuses access or finds no credentials.
    fn hinted(&self, error: Error) -> Error {
        let is_refused = error.kind() == ErrorKind::PermissionDenied || error::is_of_credentials(&error);
        let (Some(hint), true, None) = (&self.hint, is_refused, error.operation()) else { return error };
        let made = Error::new(error.kind(), format!("{error}; {hint}"));
        let made = if error.is_retryable() { made.retryable() } else { made };
        if error.is_uncertain() { made.uncertain() } else { made }
    }
}

#[async_trait]
impl Storage for ObjectStorage {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        let saved = self.save_content(name, content, options).await;
        saved.map_err(|error| self.located(error, "save", Some(name.as_str())))
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        let opened = read::open(self, name, range).await;
        opened.map_err(|error| self.located(error, "open_range", Some(name.as_str())))
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        let delete = async {
            let deleted = self.store.delete(&self.keys.key(name)?).await;
            match deleted.map_err(|error| convert(error, Effect::Delete)) {
                // S3 already reports success, Azure does not.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                result => result,
            }
        };
        delete.await.map_err(|error| self.located(error, "delete", Some(name.as_str())))
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        let head = async {
            let meta = self.store.head(&self.keys.key(name)?).await;
            meta.map_err(|error| convert(error, Effect::Read))
        };
        let meta = head.await.map_err(|error| self.located(error, "metadata", Some(name.as_str())))?;
        let modified = meta.last_modified;
        // Zero means unknown.
        let modified = (modified.timestamp_nanos_opt() != Some(0)).then(|| modified.into());
        Ok(Metadata { size: meta.size, modified, created: None, accessed: None })
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.public.url(name).map_err(|error| self.located(error, "url", Some(name.as_str())))
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    /// Keys of other programs that are not paths (empty components, `.`, `..`, control characters) are left
    /// out, and a warning is logged through the crate `log`. The object that marks an empty folder is left
    /// out too. On Azurite, and with a client passed to [`builder`](Self::builder), such a key is an error of
    /// the whole folder.
    async fn list(&self, directory: &str) -> Result<Listing> {
        let listed = self.list_directory(directory).await;
        listed.map_err(|error| self.located(error, "list", Some(directory)))
    }

    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let copied = self.copy_object(from, to, options).await;
        copied.map_err(|error| self.located(error, "copy", Some(from.as_str())))
    }

    fn owner_tokens(&self) -> Option<&dyn super::OwnerTokens> {
        Some(self)
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn signer(&self) -> Option<&dyn super::UrlSigner> {
        Some(self)
    }

    fn direct_uploads(&self) -> Option<&dyn super::DirectUploads> {
        Some(self)
    }

    fn place(&self) -> Option<&dyn super::Place> {
        Some(self)
    }
}

#[async_trait]
impl super::OwnerTokens for ObjectStorage {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        let owner = async {
            let key = self.keys.key(name)?;
            match self.facts(&key).await {
                // The sweeper forgets a missing file. A HEAD does not distinguish a missing file from a
                // missing bucket, but a GET does.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.read_facts(&key).await.map(|facts| facts.owner)
                }
                facts => facts.map(|facts| facts.owner),
            }
        };
        owner.await.map_err(|error| self.located(error, "owner", Some(name.as_str())))
    }

    /// Rewrites the object, if it is no larger than one [part](ObjectStorageBuilder::part_size). Larger
    /// objects, and buckets that ignore `If-Match`, are unsupported. Type, disposition, cache control and
    /// metadata stay. Tags, ACLs and the storage class are those of a new object.
    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let set = self.give_owner(name, owner).await;
        set.map_err(|error| self.located(error, "set_owner", Some(name.as_str())))
    }

    // A bucket does not move, and its requests cannot be made atomic.
    async fn delete_owned(&self, name: FileName<'_>, _: &str) -> Result<bool> {
        self.delete(name).await.map(|()| true)
    }

    /// True for the three services. Unknown for other stores.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn owner_tokens_reliable(&self) -> bool {
        self.dialect.is_some()
    }

    async fn discard_staged(&self, owner: &str) -> Result<()> {
        let discarded = self.unfinished.abort_of(owner).await;
        discarded.map_err(|error| self.located(error, "discard_staged", None))
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
#[async_trait]
impl super::UrlSigner for ObjectStorage {
    /// Sends no request, except for new credentials. Unsupported if the storage has no signer: clients passed
    /// to the builder need [`signer`](ObjectStorageBuilder::signer). On Azure, names that must be escaped and
    /// response headers need the key of the account.
    async fn signed_url(&self, name: FileName<'_>, options: &super::SignOptions) -> Result<String> {
        let signed = self.sign(name, options).await;
        signed.map_err(|error| self.located(error, "signed_url", Some(name.as_str())))
    }
}

#[async_trait]
impl super::DirectUploads for ObjectStorage {
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    async fn direct_upload(
        &self,
        name: FileName<'_>,
        terms: &super::UploadTerms,
    ) -> Result<super::DirectUpload> {
        let upload = self.send_directly(name, terms).await;
        upload.map_err(|error| self.located(error, "direct_upload", Some(name.as_str())))
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    async fn finish_upload(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        let finished = self.finish_direct(name, id, tags).await;
        finished.map_err(|error| self.located(error, "finish_upload", Some(name.as_str())))
    }

    async fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: crate::inspect::Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let promoted = self.promote_object(upload, to, inspector, options).await;
        promoted.map_err(|error| self.located(error, "promote", Some(to.as_str())))
    }

    async fn abort_upload(&self, name: FileName<'_>, id: &str) -> Result<()> {
        let aborted = self.abort_parts(name, id).await;
        aborted.map_err(|error| self.located(error, "abort_upload", Some(name.as_str())))
    }
}

#[async_trait]
impl super::Place for ObjectStorage {
    fn location(&self) -> Option<String> {
        self.location.clone()
    }
}

// Keeps the store, which holds credentials, and URLs out of logs.
impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorage")
            .field("kind", &self.kind)
            .field("part_size", &self.part_size)
            .field("concurrency", &self.concurrency)
            .field("allow_overwrite", &self.allow_overwrite)
            .field("guarantees", &self.guarantees.get())
            .finish_non_exhaustive()
    }
}

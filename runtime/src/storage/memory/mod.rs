//! Files in memory, for tests and caches.

#[cfg(test)]
mod same_as_disk;
#[cfg(test)]
mod tests;
mod tree;

use super::{
    Listing, Metadata, Public, Reader, SaveOptions, Saved, SignOptions, SignedAccess, SignedRequest, Signer,
    Storage,
};
use crate::failpoints::{planted, step};
use crate::name::{Candidates, check_directory, shortened_name};
use crate::{Content, Error, ErrorKind, FileName, Result};
use async_trait::async_trait;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;
use tree::{Directory, IfTaken, Stored};

/// A storage that keeps files in memory and behaves like the one on disk: the same names, the same tree, the
/// same errors. A program tested with it behaves the same on disk.
///
/// Readers are independent of each other and keep the bytes they opened, even if the file is replaced or
/// deleted. Bytes are shared, never copied: saving a [`Bytes`](crate::Bytes) and reading it back copies
/// nothing.
///
/// ```
/// use filefield::storage::MemoryStorage;
/// use filefield::{FileName, SaveOptions, Storage, StorageExt};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = MemoryStorage::builder().base_url("/media").build()?;
/// let name = FileName::new("cars/57 chevy.txt")?;
/// let saved = storage.save(name, "new content".into(), &SaveOptions::default()).await?;
/// assert_eq!((saved.name.as_str(), saved.size), ("cars/57 chevy.txt", 11));
/// assert_eq!(storage.open(name).await?.read_all(1024).await?, "new content");
/// assert_eq!(storage.url(name)?, "/media/cars/57%20chevy.txt");
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryStorage {
    /// Distinguishes it from every other one in the process.
    id: u64,
    tree: RwLock<Directory>,
    public: Public,
    allow_overwrite: bool,
}

/// Options of a [`MemoryStorage`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MemoryStorageBuilder {
    base_url: Option<String>,
    signer: Option<Signer>,
    allow_overwrite: bool,
}

impl MemoryStorageBuilder {
    /// Sets the URL under which the files are served. A missing trailing slash is added. By default there is
    /// none.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets the signer of URLs. By default there is none.
    pub fn signer(mut self, signer: Signer) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sets whether a save replaces a file of the same name. By default it takes another name.
    pub fn allow_overwrite(mut self, allow: bool) -> Self {
        self.allow_overwrite = allow;
        self
    }

    /// Creates the storage.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) if the base URL is malformed, or has a query or a fragment.
    pub fn build(self) -> Result<MemoryStorage> {
        let public = Public::new(self.base_url.as_deref(), self.signer)?;
        Ok(MemoryStorage { public, allow_overwrite: self.allow_overwrite, ..MemoryStorage::new() })
    }
}

impl MemoryStorage {
    /// Creates an empty storage without a base URL.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        MemoryStorage { id, tree: RwLock::default(), public: Public::default(), allow_overwrite: false }
    }

    /// Returns options for a new storage.
    pub fn builder() -> MemoryStorageBuilder {
        MemoryStorageBuilder::default()
    }

    // A panic under the lock cannot leave the tree between two states, so a poisoned lock is safe to use.
    fn read(&self) -> RwLockReadGuard<'_, Directory> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Directory> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, operation: &'static str, name: FileName<'_>) -> Result<Stored> {
        self.read().get(name).cloned().map_err(|error| self.failed(error, operation, name.as_str()))
    }

    fn failed(&self, error: Error, operation: &'static str, name: &str) -> Error {
        error.with_operation(operation).with_storage(self.kind()).with_name(name)
    }

    /// Takes the first free name and puts `file` there, in one atomic step.
    fn publish(&self, name: FileName<'_>, file: &Stored, options: &SaveOptions) -> Result<String> {
        let mut tree = self.write();
        let replace = planted!("memory-overwrites") || (self.allow_overwrite && !options.exact);
        let if_taken = if replace { IfTaken::Replace } else { IfTaken::Fail };
        // If names are replaced, a long one is shortened without a random part.
        let shortened = replace.then(|| shortened_name(name.as_str(), options.max_length)).transpose()?;
        let wanted = shortened.as_deref().map_or(Ok(name), FileName::or_upload)?;
        for candidate in Candidates::new(wanted, options.max_length) {
            let is_wanted = candidate.as_deref().is_ok_and(|candidate| candidate == name.as_str());
            if options.exact && !is_wanted {
                return Err(Error::new(ErrorKind::NameTooLong, "the name is over the length limit"));
            }
            let candidate = candidate?;
            match tree.put(FileName::or_upload(&candidate)?, file, if_taken) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !options.exact => {}
                result => return result.map(|()| candidate.into_owned()),
            }
        }
        Err(Error::new(ErrorKind::NoAvailableName, "no free name was found"))
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        MemoryStorage::new()
    }
}

fn new_file(bytes: bytes::Bytes, options: &SaveOptions) -> Stored {
    let now = SystemTime::now();
    Stored { bytes, owner: options.owner.as_deref().map(Into::into), created: now, modified: now }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        let save = async || {
            let bytes = content.read_all().await?;
            let size = bytes.len() as u64;
            step!("memory.read");
            if let Some(gate) = &options.gate {
                gate.opened().await?;
            }
            let saved = Saved::new(self.publish(name, &new_file(bytes, options), options)?, size);
            let published = || {
                step!("memory.published");
                Ok(saved)
            };
            published().map_err(Error::uncertain)
        };
        save().await.map_err(|error| self.failed(error, "save", name.as_str()))
    }

    fn keeps_gates(&self) -> bool {
        true
    }

    fn knows(&self, name: FileName<'_>) -> bool {
        self.read().get(name).is_ok()
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        let delete = || {
            step!("memory.delete");
            self.write().remove(name)
        };
        let deleted = || {
            step!("memory.deleted");
            Ok(())
        };
        let done = delete().and_then(|()| deleted().map_err(Error::uncertain));
        done.map_err(|error| self.failed(error, "delete", name.as_str()))
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        let file = self.get("metadata", name)?;
        let mut metadata = Metadata::new(file.bytes.len() as u64);
        metadata.created = Some(file.created);
        metadata.modified = Some(file.modified);
        Ok(metadata)
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.public.url(name).map_err(|error| self.failed(error, "url", name.as_str()))
    }

    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        let bytes = self.get("open_range", name)?.bytes;
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(bytes.len());
        let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(end);
        Ok(bytes.slice(start..end).into())
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        let list = || {
            check_directory(directory)?;
            self.read().list(directory)
        };
        list().map_err(|error| self.failed(error, "list", directory))
    }

    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let bytes = self.get("copy", from)?.bytes;
        let size = bytes.len() as u64;
        let name = self
            .publish(to, &new_file(bytes, options), options)
            .map_err(|error| self.failed(error, "copy", to.as_str()))?;
        Ok(Saved::new(name, size))
    }

    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        FileName::or_upload(to.as_str()).map_err(|error| self.failed(error, "rename", to.as_str()))?;
        let mut tree = self.write();
        let file = tree.get(from).cloned().map_err(|error| self.failed(error, "rename", from.as_str()))?;
        tree.put(to, &file, IfTaken::Fail).map_err(|error| self.failed(error, "rename", to.as_str()))?;
        tree.remove(from).map_err(|error| self.failed(error, "rename", from.as_str()))?;
        let renamed = || {
            step!("memory.renamed");
            Ok(())
        };
        renamed().map_err(|error: Error| self.failed(error.uncertain(), "rename", from.as_str()))
    }

    fn owner_tokens(&self) -> Option<&dyn super::OwnerTokens> {
        Some(self)
    }

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
impl super::OwnerTokens for MemoryStorage {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        Ok(self.get("owner", name)?.owner.map(|owner| owner.as_ref().to_owned()))
    }

    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let mut tree = self.write();
        let set = tree
            .get(name)
            .cloned()
            .and_then(|file| tree.put(name, &Stored { owner: Some(owner.into()), ..file }, IfTaken::Replace));
        set.map_err(|error| self.failed(error, "set_owner", name.as_str()))
    }

    async fn delete_owned(&self, name: FileName<'_>, owner: &str) -> Result<bool> {
        let delete = || {
            step!("memory.delete");
            let mut tree = self.write();
            match tree.get(name) {
                Ok(file) if file.owner.as_deref() == Some(owner) => tree.remove(name).map(|()| true),
                _ => Ok(false),
            }
        };
        let deleted = || {
            step!("memory.deleted");
            Ok(())
        };
        let done = delete().and_then(|done| deleted().map(|()| done).map_err(Error::uncertain));
        done.map_err(|error| self.failed(error, "delete", name.as_str()))
    }

    fn owner_tokens_reliable(&self) -> bool {
        true
    }
}

#[async_trait]
impl super::UrlSigner for MemoryStorage {
    async fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        let url = self.public.signed_url(name, options);
        url.map_err(|error| self.failed(error, "signed_url", name.as_str()))
    }

    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        let access = self.public.verify(request);
        access.map_err(|error| error.with_operation("verify_signed_url").with_storage(self.kind()))
    }
}

impl super::DirectUploads for MemoryStorage {}

#[async_trait]
impl super::Place for MemoryStorage {
    fn location(&self) -> Option<String> {
        Some(format!("memory:{}", self.id))
    }
}

//! A folder of another storage as a storage.

use super::{
    DirectUpload, Listing, Metadata, NewFile, Reader, SaveOptions, Saved, SharedStorage, SignOptions,
    SignedAccess, SignedRequest, Storage, StorageExt, UploadTerms, WhichRoot,
};
use crate::inspect::Inspector;
use crate::name::{check_directory, filepath_to_uri};
use crate::{Content, Error, ErrorKind, FileName, Result};
use async_trait::async_trait;
use std::ops::Range;
use std::path::PathBuf;

/// Stores everything under a folder of another storage. Names, including those in errors, are relative to the
/// folder, so its users cannot name a file outside of it.
///
/// ```
/// use filefield::storage::{MemoryStorage, PrefixStorage, StorageExt};
/// use filefield::{FileName, SaveOptions, SharedStorage, Storage};
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let all: SharedStorage = Arc::new(MemoryStorage::new());
/// let tenant = PrefixStorage::new(all.clone(), "tenants/7")?;
/// let saved = tenant.save(FileName::new("a.txt")?, "a".into(), &SaveOptions::default()).await?;
/// assert_eq!(saved.name, "a.txt");
/// assert!(all.exists(FileName::new("tenants/7/a.txt")?).await?);
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PrefixStorage {
    inner: SharedStorage,
    /// The folder and a slash.
    prefix: String,
}

impl PrefixStorage {
    /// Creates a storage for everything under `folder` of `inner`.
    ///
    /// # Errors
    /// Returns the errors of [`FileName::new`] for `folder`. A trailing slash is allowed.
    pub fn new(inner: SharedStorage, folder: &str) -> Result<Self> {
        let folder = FileName::new(folder.strip_suffix('/').unwrap_or(folder))?;
        Ok(PrefixStorage { inner, prefix: format!("{folder}/") })
    }

    /// The storage that contains the folder.
    pub fn inner(&self) -> &SharedStorage {
        &self.inner
    }

    /// The name in the inner storage.
    fn full(&self, name: &str) -> String {
        [self.prefix.as_str(), name].concat()
    }

    /// The name relative to the folder.
    fn short<'a>(&self, full: &'a str) -> Option<&'a str> {
        full.strip_prefix(&self.prefix)
    }

    fn error(&self, error: Error) -> Error {
        error.map_name(|full| self.short(full).map(str::to_owned))
    }

    fn saved(&self, result: Result<Saved>) -> Result<Saved> {
        let mut saved = result.map_err(|error| self.error(error))?;
        match self.short(&saved.name) {
            Some(name) => saved.name = name.to_owned(),
            // Such a file could never be opened through this storage again.
            None => {
                let message = "the storage chose a name outside of the folder";
                return Err(Error::new(ErrorKind::Traversal, message).with_storage(self.kind()).uncertain());
            }
        }
        Ok(saved)
    }

    /// The limit applies to the name relative to the folder. A limit of 0 stays 0.
    fn options(&self, options: &SaveOptions) -> SaveOptions {
        let added = u32::try_from(self.prefix.chars().count()).unwrap_or(u32::MAX);
        let max_length = options.max_length.map(|max| if max == 0 { 0 } else { max.saturating_add(added) });
        SaveOptions { max_length, ..options.clone() }
    }
}

/// Calls a method of the inner storage with the full name, and shortens names in its errors.
macro_rules! forward {
    ($self:ident, $name:ident, $inner:ident => $call:expr) => {{
        let full = $self.full($name.as_str());
        let $inner = FileName::known(&full).map_err(|error| $self.error(error))?;
        $call.map_err(|error| $self.error(error))
    }};
}

// A default method here would hide the method of the inner storage.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Storage for PrefixStorage {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        let options = self.options(options);
        let saved = forward!(self, name, full => self.inner.save(full, content, &options).await);
        self.saved(saved)
    }

    async fn save_all(&self, files: Vec<NewFile<'_>>) -> Vec<Result<Saved>> {
        let names: Vec<_> = files.iter().map(|file| self.full(file.name.as_str())).collect();
        let mut full = Vec::with_capacity(files.len());
        let mut refused = None;
        for (file, name) in files.into_iter().zip(&names) {
            match FileName::or_upload(name) {
                Ok(name) => full.push(NewFile { name, options: self.options(&file.options), ..file }),
                Err(error) => {
                    refused = Some(Err(error));
                    break;
                }
            }
        }
        let mut results = self.inner.save_all(full).await;
        if results.iter().all(Result::is_ok) {
            results.extend(refused);
        }
        results.into_iter().map(|saved| self.saved(saved)).collect()
    }

    fn keeps_gates(&self) -> bool {
        self.inner.keeps_gates()
    }

    fn knows(&self, name: FileName<'_>) -> bool {
        FileName::existing(&self.full(name.as_str())).is_ok_and(|full| self.inner.knows(full))
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        forward!(self, name, full => self.inner.delete(full).await)
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        forward!(self, name, full => self.inner.metadata(full).await)
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        forward!(self, name, full => self.inner.url(full))
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        forward!(self, name, full => self.inner.open_range(full, range).await)
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        check_directory(directory).map_err(|error| error.with_operation("list").with_storage(self.kind()))?;
        let full = self.full(directory);
        match self.inner.list(full.trim_end_matches('/')).await {
            // The root of a storage always exists, even before the first save creates the folder.
            Err(error) if directory.is_empty() && error.kind() == ErrorKind::NotFound => {
                Ok(Listing::default())
            }
            result => result.map_err(|error| self.error(error)),
        }
    }

    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let options = self.options(options);
        let to = self.full(to.as_str());
        let to = FileName::new(&to).map_err(|error| self.error(error))?;
        let saved = forward!(self, from, from => self.inner.copy(from, to, &options).await);
        self.saved(saved)
    }

    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        let to = self.full(to.as_str());
        let to = FileName::new(&to).map_err(|error| self.error(error))?;
        forward!(self, from, from => self.inner.rename(from, to).await)
    }

    fn valid_name(&self, name: &str) -> Result<String> {
        self.inner.valid_name(name)
    }

    fn owner_tokens(&self) -> Option<&dyn super::OwnerTokens> {
        self.inner.owner_tokens()?;
        Some(self)
    }

    fn signer(&self) -> Option<&dyn super::UrlSigner> {
        self.inner.signer()?;
        Some(self)
    }

    fn direct_uploads(&self) -> Option<&dyn super::DirectUploads> {
        self.inner.direct_uploads()?;
        Some(self)
    }

    fn place(&self) -> Option<&dyn super::Place> {
        self.inner.place()?;
        Some(self)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl super::OwnerTokens for PrefixStorage {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        forward!(self, name, full => self.inner.owner(full).await)
    }

    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        forward!(self, name, full => self.inner.set_owner(full, owner).await)
    }

    async fn delete_owned(&self, name: FileName<'_>, owner: &str) -> Result<bool> {
        forward!(self, name, full => self.inner.delete_owned(full, owner).await)
    }

    fn owner_tokens_reliable(&self) -> bool {
        self.inner.owner_tokens_reliable()
    }

    async fn discard_staged(&self, owner: &str) -> Result<()> {
        self.inner.discard_staged(owner).await.map_err(|error| self.error(error))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl super::UrlSigner for PrefixStorage {
    async fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        forward!(self, name, full => self.inner.signed_url(full, options).await)
    }

    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        let mut access = self.inner.verify_signed_url(request).map_err(|error| self.error(error))?;
        let Some(name) = self.short(&access.name).filter(|name| !name.is_empty()) else {
            let refused = super::signed::refused();
            return Err(refused.with_operation("verify_signed_url").with_storage(self.kind()));
        };
        access.name = name.to_owned();
        Ok(access)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl super::DirectUploads for PrefixStorage {
    async fn direct_upload(&self, name: FileName<'_>, terms: &UploadTerms) -> Result<DirectUpload> {
        forward!(self, name, full => self.inner.direct_upload(full, terms).await)
    }

    async fn finish_upload(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        forward!(self, name, full => self.inner.finish_upload(full, id, tags).await)
    }

    async fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let options = self.options(options);
        let to = self.full(to.as_str());
        let to = FileName::new(&to).map_err(|error| self.error(error))?;
        let saved =
            forward!(self, upload, upload => self.inner.promote(upload, to, inspector, &options).await);
        self.saved(saved)
    }

    async fn abort_upload(&self, name: FileName<'_>, id: &str) -> Result<()> {
        forward!(self, name, full => self.inner.abort_upload(full, id).await)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl super::Place for PrefixStorage {
    fn location(&self) -> Option<String> {
        let folder = filepath_to_uri(self.prefix.trim_end_matches('/'));
        Some(format!("{}/{folder}", self.inner.location()?.trim_end_matches('/')))
    }

    fn path(&self, name: FileName<'_>) -> Result<PathBuf> {
        forward!(self, name, full => self.inner.path(full))
    }

    async fn root(&self, which: WhichRoot) -> Result<Option<String>> {
        self.inner.root(which).await.map_err(|error| self.error(error))
    }

    fn check(&self) -> Result<()> {
        self.inner.check().map_err(|error| self.error(error))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::storage::MemoryStorage;
    use std::sync::Arc;

    fn name(name: &str) -> FileName<'_> {
        FileName::new(name).unwrap()
    }

    fn pair() -> (SharedStorage, PrefixStorage) {
        let inner: SharedStorage = Arc::new(MemoryStorage::builder().base_url("/m").build().unwrap());
        (inner.clone(), PrefixStorage::new(inner, "tenants/é/").unwrap())
    }

    #[tokio::test]
    async fn names_are_translated_in_and_out() {
        let (inner, tenant) = pair();
        assert_eq!(tenant.list("").await.unwrap(), Listing::default());
        let options = SaveOptions { max_length: Some(10), ..SaveOptions::default() };
        let first = tenant.save(name("d/a.txt"), "1".into(), &options).await.unwrap();
        assert_eq!(first.name, "d/a.txt");
        let options = SaveOptions { max_length: Some(15), ..SaveOptions::default() };
        let second = tenant.save(name("d/a.txt"), "22".into(), &options).await.unwrap();
        assert_eq!(second.name.chars().count(), 15);
        assert_eq!(inner.size(name(&format!("tenants/é/{}", second.name))).await.unwrap(), 2);
        assert_eq!(tenant.url(name("d/a.txt")).unwrap(), "/m/tenants/%C3%A9/d/a.txt");
        assert_eq!(tenant.kind(), "memory");
        assert_eq!(tenant.list("").await.unwrap().dirs, ["d"]);
        assert_eq!(tenant.list("d").await.unwrap().files.len(), 2);
        let copied = tenant.copy(name("d/a.txt"), name("b.txt"), &SaveOptions::default()).await.unwrap();
        assert_eq!(copied.name, "b.txt");
        tenant.rename(name("b.txt"), name("c.txt")).await.unwrap();
        assert!(inner.exists(name("tenants/é/c.txt")).await.unwrap());
    }

    #[tokio::test]
    async fn errors_show_the_short_name() {
        let (_, tenant) = pair();
        for error in [
            tenant.open(name("x.txt")).await.unwrap_err(),
            tenant.copy(name("x.txt"), name("y.txt"), &SaveOptions::default()).await.unwrap_err(),
            tenant.rename(name("x.txt"), name("y.txt")).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.name()), (ErrorKind::NotFound, Some("x.txt")));
            assert!(!error.to_string().contains("tenants"));
        }
        assert_eq!(tenant.list("no/such").await.unwrap_err().name(), Some("no/such"));
        assert_eq!(tenant.list("../x").await.unwrap_err().kind(), ErrorKind::Traversal);
        for bad in ["a/", ".", "..", "/"] {
            let error = tenant.list(bad).await.unwrap_err();
            assert_eq!((error.kind(), error.name()), (ErrorKind::InvalidName, Some(bad)));
            assert_eq!((error.operation(), error.storage()), (Some("list"), Some("memory")));
        }
        assert_eq!(tenant.open(name(&too_long())).await.unwrap_err().kind(), ErrorKind::NameTooLong);
    }

    /// A name that is too long only with the folder.
    fn too_long() -> String {
        format!("{}/{}", ["y".repeat(250).as_str(); 4].join("/"), "z".repeat(18))
    }

    #[tokio::test]
    async fn files_before_one_whose_name_is_too_long_are_saved() {
        let (_, tenant) = pair();
        let long = too_long();
        for wanted in [["a.txt", &long, "b.txt"], ["d", "d/x", &long], [&long, "c.txt", "c.txt"]] {
            let new =
                |wanted| NewFile { name: name(wanted), content: "x".into(), options: SaveOptions::default() };
            let together = tenant.save_all(wanted.map(new).into()).await;
            let (_, other) = pair();
            let alone = crate::storage::one_by_one(&other, wanted.map(new).into()).await;
            let seen = |results: Vec<Result<Saved>>| -> Vec<_> {
                let seen = |error: Error| (error.kind(), error.name().map(str::to_owned));
                results.into_iter().map(|result| result.map_err(seen)).collect()
            };
            assert_eq!(seen(together), seen(alone));
        }
        assert!(tenant.exists(name("a.txt")).await.unwrap() && tenant.exists(name("d")).await.unwrap());
        assert!(!tenant.exists(name("b.txt")).await.unwrap() && !tenant.exists(name("c.txt")).await.unwrap());
    }

    #[test]
    fn the_location_tells_whether_files_are_the_same() {
        let (inner, tenant) = pair();
        let same = PrefixStorage::new(inner.clone(), "tenants/é").unwrap();
        assert_eq!(tenant.location(), same.location());
        let nested = PrefixStorage::new(Arc::new(PrefixStorage::new(inner.clone(), "tenants").unwrap()), "é");
        assert_eq!(tenant.location(), nested.unwrap().location());
        assert_ne!(tenant.location(), inner.location());
        assert_ne!(tenant.location(), pair().1.location());
    }

    #[test]
    fn the_folder_is_checked() {
        for folder in ["", "/", "../x", "/abs", "a//b", "a/.", ".filefield"] {
            PrefixStorage::new(Arc::new(MemoryStorage::new()), folder).unwrap_err();
        }
    }
}

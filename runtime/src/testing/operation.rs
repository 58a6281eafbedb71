//! The operations of a storage, and the macro that wraps a storage.

use std::fmt;

/// An operation of a [`Storage`](crate::Storage) that does I/O.
///
/// `exists`, `size` and `modified` count as `metadata`. The operations of a capability are counted if the inner
/// storage has it. `url`, `path`, `location`, `kind`, `knows` and `valid_name` do no I/O. They are neither
/// recorded nor made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Storage::save`](crate::Storage::save).
    Save,
    /// [`StorageExt::open`](crate::storage::StorageExt::open): an `open_range` of the whole file.
    Open,
    /// [`Storage::open_range`](crate::Storage::open_range).
    OpenRange,
    /// [`Storage::delete`](crate::Storage::delete).
    Delete,
    /// [`Storage::metadata`](crate::Storage::metadata).
    Metadata,
    /// [`Storage::list`](crate::Storage::list).
    List,
    /// [`UrlSigner::signed_url`](crate::storage::UrlSigner::signed_url).
    SignedUrl,
    /// [`Storage::copy`](crate::Storage::copy).
    Copy,
    /// [`Storage::rename`](crate::Storage::rename).
    Rename,
    /// [`OwnerTokens::owner`](crate::storage::OwnerTokens::owner).
    Owner,
    /// [`DirectUploads::direct_upload`](crate::storage::DirectUploads::direct_upload).
    DirectUpload,
    /// [`DirectUploads::finish_upload`](crate::storage::DirectUploads::finish_upload).
    FinishUpload,
    /// [`DirectUploads::promote`](crate::storage::DirectUploads::promote).
    Promote,
}

impl Operation {
    /// All operations.
    pub const ALL: [Operation; 13] = [
        Operation::Save,
        Operation::Open,
        Operation::OpenRange,
        Operation::Delete,
        Operation::Metadata,
        Operation::List,
        Operation::SignedUrl,
        Operation::Copy,
        Operation::Rename,
        Operation::Owner,
        Operation::DirectUpload,
        Operation::FinishUpload,
        Operation::Promote,
    ];

    /// The name of its method.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Save => "save",
            Operation::Open => "open",
            Operation::OpenRange => "open_range",
            Operation::Delete => "delete",
            Operation::Metadata => "metadata",
            Operation::List => "list",
            Operation::SignedUrl => "signed_url",
            Operation::Copy => "copy",
            Operation::Rename => "rename",
            Operation::Owner => "owner",
            Operation::DirectUpload => "direct_upload",
            Operation::FinishUpload => "finish_upload",
            Operation::Promote => "promote",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Implements `Storage` and its capabilities for a wrapper of `inner`. Every operation first calls `begin(operation,
/// name, other name)` of the wrapper. The returned value sees the content, the reader and the end of the operation.
macro_rules! storage_around {
    ($around:ty) => {
        // A method that fell back to its default would lose the behaviour of the inner storage.
        #[deny(clippy::missing_trait_methods)]
        #[crate::async_trait]
        impl crate::Storage for $around {
            async fn save(
                &self,
                name: crate::FileName<'_>,
                content: crate::Content,
                options: &crate::SaveOptions,
            ) -> crate::Result<crate::Saved> {
                let call = self.begin(Operation::Save, name.as_str(), None).await?;
                let content = call.content(content);
                let result = self.inner.save(name, content, options).await;
                call.end(result, |saved| Some(&saved.name)).await
            }

            async fn open_range(
                &self,
                name: crate::FileName<'_>,
                range: std::ops::Range<u64>,
            ) -> crate::Result<crate::Reader> {
                let operation = if range == (0..u64::MAX) { Operation::Open } else { Operation::OpenRange };
                let call = self.begin(operation, name.as_str(), None).await?;
                let result = self.inner.open_range(name, range).await.and_then(|reader| call.reader(reader));
                call.end(result, |_| None).await
            }

            async fn delete(&self, name: crate::FileName<'_>) -> crate::Result<()> {
                let call = self.begin(Operation::Delete, name.as_str(), None).await?;
                call.end(self.inner.delete(name).await, |_| None).await
            }

            async fn metadata(&self, name: crate::FileName<'_>) -> crate::Result<crate::Metadata> {
                let call = self.begin(Operation::Metadata, name.as_str(), None).await?;
                call.end(self.inner.metadata(name).await, |_| None).await
            }

            fn url(&self, name: crate::FileName<'_>) -> crate::Result<String> {
                self.inner.url(name)
            }

            fn kind(&self) -> &'static str {
                self.inner.kind()
            }

            async fn list(&self, directory: &str) -> crate::Result<crate::storage::Listing> {
                let call = self.begin(Operation::List, directory, None).await?;
                call.end(self.inner.list(directory).await, |_| None).await
            }

            async fn copy(
                &self,
                from: crate::FileName<'_>,
                to: crate::FileName<'_>,
                options: &crate::SaveOptions,
            ) -> crate::Result<crate::Saved> {
                let call = self.begin(Operation::Copy, from.as_str(), Some(to.as_str())).await?;
                call.end(self.inner.copy(from, to, options).await, |saved| Some(&saved.name)).await
            }

            async fn rename(&self, from: crate::FileName<'_>, to: crate::FileName<'_>) -> crate::Result<()> {
                let call = self.begin(Operation::Rename, from.as_str(), Some(to.as_str())).await?;
                call.end(self.inner.rename(from, to).await, |_| None).await
            }

            async fn save_all(
                &self,
                files: Vec<crate::storage::NewFile<'_>>,
            ) -> Vec<crate::Result<crate::Saved>> {
                crate::storage::one_by_one(self, files).await
            }

            fn valid_name(&self, name: &str) -> crate::Result<String> {
                self.inner.valid_name(name)
            }

            fn owner_tokens(&self) -> Option<&dyn crate::storage::OwnerTokens> {
                self.inner.owner_tokens()?;
                Some(self)
            }

            fn signer(&self) -> Option<&dyn crate::storage::UrlSigner> {
                self.inner.signer()?;
                Some(self)
            }

            fn direct_uploads(&self) -> Option<&dyn crate::storage::DirectUploads> {
                self.inner.direct_uploads()?;
                Some(self)
            }

            fn place(&self) -> Option<&dyn crate::storage::Place> {
                self.inner.place()?;
                Some(self)
            }

            fn keeps_gates(&self) -> bool {
                self.inner.keeps_gates()
            }

            fn knows(&self, name: crate::FileName<'_>) -> bool {
                self.inner.knows(name)
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[crate::async_trait]
        impl crate::storage::OwnerTokens for $around {
            async fn owner(&self, name: crate::FileName<'_>) -> crate::Result<Option<String>> {
                let call = self.begin(Operation::Owner, name.as_str(), None).await?;
                call.end(self.inner.owner(name).await, |_| None).await
            }

            async fn set_owner(&self, name: crate::FileName<'_>, owner: &str) -> crate::Result<()> {
                self.inner.set_owner(name, owner).await
            }

            async fn delete_owned(&self, name: crate::FileName<'_>, owner: &str) -> crate::Result<bool> {
                let call = self.begin(Operation::Delete, name.as_str(), None).await?;
                call.end(self.inner.delete_owned(name, owner).await, |_| None).await
            }

            fn owner_tokens_reliable(&self) -> bool {
                self.inner.owner_tokens_reliable()
            }

            async fn discard_staged(&self, owner: &str) -> crate::Result<()> {
                self.inner.discard_staged(owner).await
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[crate::async_trait]
        impl crate::storage::UrlSigner for $around {
            async fn signed_url(
                &self,
                name: crate::FileName<'_>,
                options: &crate::storage::SignOptions,
            ) -> crate::Result<String> {
                let call = self.begin(Operation::SignedUrl, name.as_str(), None).await?;
                call.end(self.inner.signed_url(name, options).await, |_| None).await
            }

            fn verify_signed_url(
                &self,
                request: &crate::storage::SignedRequest<'_>,
            ) -> crate::Result<crate::storage::SignedAccess> {
                self.inner.verify_signed_url(request)
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[crate::async_trait]
        impl crate::storage::DirectUploads for $around {
            async fn direct_upload(
                &self,
                name: crate::FileName<'_>,
                terms: &crate::storage::UploadTerms,
            ) -> crate::Result<crate::storage::DirectUpload> {
                let call = self.begin(Operation::DirectUpload, name.as_str(), None).await?;
                call.end(self.inner.direct_upload(name, terms).await, |_| None).await
            }

            async fn finish_upload(
                &self,
                name: crate::FileName<'_>,
                id: &str,
                tags: &[String],
            ) -> crate::Result<()> {
                let call = self.begin(Operation::FinishUpload, name.as_str(), None).await?;
                call.end(self.inner.finish_upload(name, id, tags).await, |()| None).await
            }

            async fn promote(
                &self,
                upload: crate::FileName<'_>,
                to: crate::FileName<'_>,
                inspector: crate::inspect::Inspector,
                options: &crate::SaveOptions,
            ) -> crate::Result<crate::Saved> {
                let call = self.begin(Operation::Promote, upload.as_str(), Some(to.as_str())).await?;
                let result = self.inner.promote(upload, to, inspector, options).await;
                call.end(result, |saved| Some(&saved.name)).await
            }

            async fn abort_upload(&self, name: crate::FileName<'_>, id: &str) -> crate::Result<()> {
                self.inner.abort_upload(name, id).await
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[crate::async_trait]
        impl crate::storage::Place for $around {
            fn location(&self) -> Option<String> {
                self.inner.location()
            }

            fn path(&self, name: crate::FileName<'_>) -> crate::Result<std::path::PathBuf> {
                self.inner.path(name)
            }

            async fn root(&self, which: crate::storage::WhichRoot) -> crate::Result<Option<String>> {
                self.inner.root(which).await
            }

            fn check(&self) -> crate::Result<()> {
                self.inner.check()
            }
        }
    };
}
pub(super) use storage_around;

//! The operations of a storage, and the macro that wraps a storage.

use std::fmt;

/// An operation of a [`Storage`](crate::Storage) that does I/O.
///
/// `url`, `path`, `location`, `kind`, `knows` and `valid_name` do no I/O. They are neither recorded nor made
/// to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Storage::save`](crate::Storage::save).
    Save,
    /// [`Storage::open`](crate::Storage::open).
    Open,
    /// [`Storage::open_range`](crate::Storage::open_range).
    OpenRange,
    /// [`Storage::delete`](crate::Storage::delete).
    Delete,
    /// [`Storage::metadata`](crate::Storage::metadata).
    Metadata,
    /// [`Storage::exists`](crate::Storage::exists).
    Exists,
    /// [`Storage::size`](crate::Storage::size).
    Size,
    /// [`Storage::modified`](crate::Storage::modified).
    Modified,
    /// [`Storage::list`](crate::Storage::list).
    List,
    /// [`Storage::signed_url`](crate::Storage::signed_url).
    SignedUrl,
    /// [`Storage::copy`](crate::Storage::copy).
    Copy,
    /// [`Storage::rename`](crate::Storage::rename).
    Rename,
    /// [`Storage::owner`](crate::Storage::owner).
    Owner,
    /// [`Storage::direct_upload`](crate::Storage::direct_upload).
    DirectUpload,
    /// [`Storage::finish_upload`](crate::Storage::finish_upload).
    FinishUpload,
    /// [`Storage::promote`](crate::Storage::promote).
    Promote,
}

impl Operation {
    /// All operations.
    pub const ALL: [Operation; 16] = [
        Operation::Save,
        Operation::Open,
        Operation::OpenRange,
        Operation::Delete,
        Operation::Metadata,
        Operation::Exists,
        Operation::Size,
        Operation::Modified,
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
            Operation::Exists => "exists",
            Operation::Size => "size",
            Operation::Modified => "modified",
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

/// Implements `Storage` for a wrapper of `inner`. Every operation first calls `begin(operation, name, other
/// name)` of the wrapper. The returned value sees the content, the reader and the end of the operation.
macro_rules! storage_around {
    ($around:ty) => {
        // A method that fell back to its default would lose what the inner storage does differently.
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

            async fn save_all(
                &self,
                files: Vec<crate::storage::NewFile<'_>>,
            ) -> Vec<crate::Result<crate::Saved>> {
                crate::storage::one_by_one(self, files).await
            }

            fn keeps_gates(&self) -> bool {
                self.inner.keeps_gates()
            }

            fn knows(&self, name: crate::FileName<'_>) -> bool {
                self.inner.knows(name)
            }

            fn always_keeps_owners(&self) -> bool {
                self.inner.always_keeps_owners()
            }

            async fn abandon(&self, owner: &str) -> crate::Result<()> {
                self.inner.abandon(owner).await
            }

            async fn abort_upload(&self, name: crate::FileName<'_>, id: &str) -> crate::Result<()> {
                self.inner.abort_upload(name, id).await
            }

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

            async fn open(&self, name: crate::FileName<'_>) -> crate::Result<crate::Reader> {
                let call = self.begin(Operation::Open, name.as_str(), None).await?;
                let result = self.inner.open(name).await.and_then(|reader| call.reader(reader));
                call.end(result, |_| None).await
            }

            async fn open_range(
                &self,
                name: crate::FileName<'_>,
                range: std::ops::Range<u64>,
            ) -> crate::Result<crate::Reader> {
                let call = self.begin(Operation::OpenRange, name.as_str(), None).await?;
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

            async fn exists(&self, name: crate::FileName<'_>) -> crate::Result<bool> {
                let call = self.begin(Operation::Exists, name.as_str(), None).await?;
                call.end(self.inner.exists(name).await, |_| None).await
            }

            async fn size(&self, name: crate::FileName<'_>) -> crate::Result<u64> {
                let call = self.begin(Operation::Size, name.as_str(), None).await?;
                call.end(self.inner.size(name).await, |_| None).await
            }

            async fn modified(&self, name: crate::FileName<'_>) -> crate::Result<std::time::SystemTime> {
                let call = self.begin(Operation::Modified, name.as_str(), None).await?;
                call.end(self.inner.modified(name).await, |_| None).await
            }

            async fn list(&self, directory: &str) -> crate::Result<crate::storage::Listing> {
                let call = self.begin(Operation::List, directory, None).await?;
                call.end(self.inner.list(directory).await, |_| None).await
            }

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

            async fn owner(&self, name: crate::FileName<'_>) -> crate::Result<Option<String>> {
                let call = self.begin(Operation::Owner, name.as_str(), None).await?;
                call.end(self.inner.owner(name).await, |_| None).await
            }

            async fn delete_owned(&self, name: crate::FileName<'_>, owner: &str) -> crate::Result<bool> {
                let call = self.begin(Operation::Delete, name.as_str(), None).await?;
                call.end(self.inner.delete_owned(name, owner).await, |_| None).await
            }

            async fn root(&self, which: crate::storage::WhichRoot) -> crate::Result<Option<String>> {
                self.inner.root(which).await
            }

            fn check(&self) -> crate::Result<()> {
                self.inner.check()
            }

            async fn set_owner(&self, name: crate::FileName<'_>, owner: &str) -> crate::Result<()> {
                self.inner.set_owner(name, owner).await
            }

            fn url(&self, name: crate::FileName<'_>) -> crate::Result<String> {
                self.inner.url(name)
            }

            fn path(&self, name: crate::FileName<'_>) -> crate::Result<std::path::PathBuf> {
                self.inner.path(name)
            }

            fn kind(&self) -> &'static str {
                self.inner.kind()
            }

            fn location(&self) -> Option<String> {
                self.inner.location()
            }

            fn valid_name(&self, name: &str) -> crate::Result<String> {
                self.inner.valid_name(name)
            }
        }
    };
}
pub(super) use storage_around;

//! An extension trait for callers of a storage.

use super::{
    DirectUpload, Reader, SaveOptions, Saved, SignOptions, SignedAccess, SignedRequest, Storage, UploadTerms,
    WhichRoot, upload,
};
use crate::inspect::Inspector;
use crate::{Error, ErrorKind, FileName, Result};
use std::path::PathBuf;
use std::time::SystemTime;

/// The interface for callers of a [`Storage`]. Every storage implements it; import the trait to call its
/// methods.
///
/// A method that belongs to a capability ([`OwnerTokens`](super::OwnerTokens),
/// [`UrlSigner`](super::UrlSigner), [`DirectUploads`](super::DirectUploads), [`Place`](super::Place)) uses
/// that capability if the storage has it. Otherwise it returns [`Unsupported`](ErrorKind::Unsupported),
/// unless its documentation says something else.
///
/// ```
/// use filefield::storage::{MemoryStorage, StorageExt};
/// use filefield::{FileName, SaveOptions, Storage};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = MemoryStorage::new();
/// let name = FileName::new("a.txt")?;
/// assert!(!storage.exists(name).await?);
/// storage.save(name, "bytes".into(), &SaveOptions::default()).await?;
/// assert_eq!(storage.size(name).await?, 5);
/// assert_eq!(storage.open(name).await?.read_all(100).await?, "bytes");
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait StorageExt: Storage {
    /// Opens a file for reading, from its start.
    ///
    /// # Errors
    /// Returns the errors of [`open_range`](Storage::open_range).
    fn open(&self, name: FileName<'_>) -> impl Future<Output = Result<Reader>> + Send {
        async move { self.open_range(name, 0..u64::MAX).await.map_err(|error| error.in_operation("open")) }
    }

    /// Returns whether there is a file of this name. Directories, links and devices are not files.
    ///
    /// # Errors
    /// Propagates the errors of the medium. A missing file is `Ok(false)`.
    fn exists(&self, name: FileName<'_>) -> impl Future<Output = Result<bool>> + Send {
        async move {
            match self.metadata(name).await {
                Ok(_) => Ok(true),
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotAFile | ErrorKind::IsADirectory => Ok(false),
                    _ => Err(error.in_operation("exists")),
                },
            }
        }
    }

    /// Returns the size in bytes.
    ///
    /// # Errors
    /// Returns the errors of [`metadata`](Storage::metadata).
    fn size(&self, name: FileName<'_>) -> impl Future<Output = Result<u64>> + Send {
        async move {
            let metadata = self.metadata(name).await.map_err(|error| error.in_operation("size"))?;
            Ok(metadata.size)
        }
    }

    /// Returns the time of the last change of the bytes.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if the medium keeps no such time; otherwise the errors
    /// of [`metadata`](Storage::metadata).
    fn modified(&self, name: FileName<'_>) -> impl Future<Output = Result<SystemTime>> + Send {
        async move {
            let metadata = self.metadata(name).await.map_err(|error| error.in_operation("modified"))?;
            metadata.modified.ok_or_else(|| Error::unsupported("modified", self.kind()))
        }
    }

    /// Returns the owner token of a file: [`OwnerTokens::owner`](super::OwnerTokens::owner).
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) for a missing file, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the storage keeps no owner tokens.
    fn owner(&self, name: FileName<'_>) -> impl Future<Output = Result<Option<String>>> + Send {
        async move {
            match self.owner_tokens() {
                Some(tokens) => tokens.owner(name).await,
                None => Err(Error::unsupported("owner", self.kind()).with_name(name)),
            }
        }
    }

    /// Gives a stored file an owner token, replacing the current one:
    /// [`OwnerTokens::set_owner`](super::OwnerTokens::set_owner).
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) for a missing file, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the storage cannot do it.
    fn set_owner(&self, name: FileName<'_>, owner: &str) -> impl Future<Output = Result<()>> + Send {
        async move {
            match self.owner_tokens() {
                Some(tokens) => tokens.set_owner(name, owner).await,
                None => Err(Error::unsupported("set_owner", self.kind()).with_name(name)),
            }
        }
    }

    /// Deletes a file if it carries this owner token, and returns whether it did:
    /// [`OwnerTokens::delete_owned`](super::OwnerTokens::delete_owned). Returns `Ok(false)` for a missing
    /// file.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if the storage keeps no owner tokens; propagates the
    /// errors of the medium.
    fn delete_owned(&self, name: FileName<'_>, owner: &str) -> impl Future<Output = Result<bool>> + Send {
        async move {
            match self.owner_tokens() {
                Some(tokens) => tokens.delete_owned(name, owner).await,
                None => Err(Error::unsupported("owner", self.kind()).with_name(name)),
            }
        }
    }

    /// Whether every file saved with an owner token is certain to carry it:
    /// [`OwnerTokens::owner_tokens_reliable`](super::OwnerTokens::owner_tokens_reliable). `false` for a
    /// storage that keeps no owner tokens.
    fn owner_tokens_reliable(&self) -> bool {
        self.owner_tokens().is_some_and(|tokens| tokens.owner_tokens_reliable())
    }

    /// Removes what an unfinished save with this owner token left:
    /// [`OwnerTokens::discard_staged`](super::OwnerTokens::discard_staged). Does nothing for a storage that
    /// keeps no owner tokens.
    ///
    /// # Errors
    /// Propagates the errors of the medium.
    fn discard_staged(&self, owner: &str) -> impl Future<Output = Result<()>> + Send {
        async move {
            match self.owner_tokens() {
                Some(tokens) => tokens.discard_staged(owner).await,
                None => Ok(()),
            }
        }
    }

    /// Returns a URL that allows one kind of request for a limited time:
    /// [`UrlSigner::signed_url`](super::UrlSigner::signed_url).
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) if the lifetime is too long or the storage cannot enforce the
    /// terms, and [`Unsupported`](ErrorKind::Unsupported) if the storage does not sign URLs.
    fn signed_url(
        &self,
        name: FileName<'_>,
        options: &SignOptions,
    ) -> impl Future<Output = Result<String>> + Send {
        async move {
            match self.signer() {
                Some(signer) => signer.signed_url(name, options).await,
                None => Err(Error::unsupported("signed_url", self.kind()).with_name(name)),
            }
        }
    }

    /// Verifies a request for a signed URL:
    /// [`UrlSigner::verify_signed_url`](super::UrlSigner::verify_signed_url).
    ///
    /// # Errors
    /// Returns [`PermissionDenied`](ErrorKind::PermissionDenied) if anything is wrong with the request, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the storage does not verify its URLs.
    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        match self.signer() {
            Some(signer) => signer.verify_signed_url(request),
            None => Err(Error::unsupported("verify_signed_url", self.kind())),
        }
    }

    /// Lets a client send a file straight to the storage:
    /// [`DirectUploads::direct_upload`](super::DirectUploads::direct_upload). Without native direct uploads,
    /// the requests are for [signed URLs](Self::signed_url), which the program serves with
    /// [`receive_upload`](super::receive_upload).
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) for more than 10,000 parts; propagates the errors of
    /// [`signed_url`](Self::signed_url).
    fn direct_upload(
        &self,
        name: FileName<'_>,
        terms: &UploadTerms,
    ) -> impl Future<Output = Result<DirectUpload>> + Send {
        async move {
            match self.direct_uploads() {
                Some(uploads) => uploads.direct_upload(name, terms).await,
                None => upload::by_signed_urls(self, name, terms).await,
            }
        }
    }

    /// Joins the parts of a direct upload:
    /// [`DirectUploads::finish_upload`](super::DirectUploads::finish_upload). Without native direct uploads,
    /// the parts are files.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if parts are missing; propagates the errors of reading and
    /// saving.
    fn finish_upload(
        &self,
        name: FileName<'_>,
        id: &str,
        tags: &[String],
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            match self.direct_uploads() {
                Some(uploads) => uploads.finish_upload(name, id, tags).await,
                None => upload::join(self, name, id).await,
            }
        }
    }

    /// Turns a direct upload into a file: [`DirectUploads::promote`](super::DirectUploads::promote). Without
    /// native direct uploads, the bytes are read and saved.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if nothing was sent or parts are missing; propagates the
    /// errors of [`save`](Storage::save).
    fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> impl Future<Output = Result<Saved>> + Send {
        async move {
            match self.direct_uploads() {
                Some(uploads) => uploads.promote(upload, to, inspector, options).await,
                None => upload::promote(self, upload, to, inspector, options).await,
            }
        }
    }

    /// Removes the parts of an upload: [`DirectUploads::abort_upload`](super::DirectUploads::abort_upload).
    /// Without native direct uploads, the parts are files. Succeeds if there is nothing to remove.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) for the name of a file if the storage has no native
    /// direct uploads; propagates the errors of the medium.
    fn abort_upload(&self, name: FileName<'_>, id: &str) -> impl Future<Output = Result<()>> + Send {
        async move {
            match self.direct_uploads() {
                Some(uploads) => uploads.abort_upload(name, id).await,
                None => upload::remove_parts(self, name, id).await,
            }
        }
    }

    /// Returns the place of the files, which is the same for two storages exactly if they show the same
    /// files: [`Place::location`](super::Place::location). `None` if the storage does not know it.
    fn location(&self) -> Option<String> {
        self.place().and_then(|place| place.location())
    }

    /// Returns the local path of a file: [`Place::path`](super::Place::path).
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if the files are not on this machine.
    fn path(&self, name: FileName<'_>) -> Result<PathBuf> {
        match self.place() {
            Some(place) => place.path(name),
            None => Err(Error::unsupported("path", self.kind()).with_name(name)),
        }
    }

    /// Returns the identity of the place: [`Place::root`](super::Place::root). `None` if the place cannot be
    /// missing or mistaken for another.
    ///
    /// # Errors
    /// Returns [`StorageUnavailable`](ErrorKind::StorageUnavailable) if the place is missing, has no identity
    /// yet, or has another identity than `which` names; propagates the errors of the medium.
    fn root(&self, which: WhichRoot) -> impl Future<Output = Result<Option<String>>> + Send {
        async move {
            match self.place() {
                Some(place) => place.root(which).await,
                None => Ok(None),
            }
        }
    }

    /// Checks whether files can be saved, without saving one: [`Place::check`](super::Place::check). Succeeds
    /// for a storage that does not know its place.
    ///
    /// # Errors
    /// Returns what prevents files from being saved, and what to do about it.
    fn check(&self) -> Result<()> {
        self.place().map_or(Ok(()), |place| place.check())
    }
}

impl<S: Storage + ?Sized> StorageExt for S {}

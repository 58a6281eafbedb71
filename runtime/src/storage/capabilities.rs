//! Traits for what only some storages can do.

use super::{
    DirectUpload, SaveOptions, Saved, SignOptions, SignedAccess, SignedRequest, Storage, UploadTerms, upload,
};
use crate::inspect::Inspector;
use crate::{Error, ErrorKind, FileName, Result};
use async_trait::async_trait;
use std::path::PathBuf;

/// A storage that keeps an owner token with each file: [`Storage::owner_tokens`].
///
/// The token is the one in [`SaveOptions::owner`]. It proves that this program saved a file. The sweeper
/// deletes nothing without that proof.
#[async_trait]
pub trait OwnerTokens: Storage {
    /// Returns the owner token of a file, `None` for a file without one.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) for a missing file, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the medium cannot keep a token.
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>>;

    /// Gives a stored file an owner token, replacing the current one. Does not change the bytes.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) for a missing file, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the medium cannot do it. By default returns
    /// [`Unsupported`](ErrorKind::Unsupported).
    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let _ = owner;
        Err(Error::unsupported("set_owner", self.kind()).with_name(name))
    }

    /// Deletes a file if it carries this owner token, and returns whether it did. As far as the storage can
    /// ensure it, the file that was checked is the file that is deleted. By default calls
    /// [`owner`](Self::owner) and [`delete`](Storage::delete). Returns `Ok(false)` for a missing file.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if the medium cannot keep a token; propagates the errors
    /// of the medium.
    async fn delete_owned(&self, name: FileName<'_>, owner: &str) -> Result<bool> {
        match self.owner(name).await {
            Ok(Some(found)) if found == owner => self.delete(name).await.map(|()| true),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether every file saved with an owner token is certain to carry it, so that a file without a token
    /// belongs to another program. `false` by default.
    fn owner_tokens_reliable(&self) -> bool {
        false
    }

    /// Removes what an unfinished save with this owner token left: a staging file, an open upload. Does
    /// nothing by default. Succeeds if there is nothing to remove.
    ///
    /// # Errors
    /// Propagates the errors of the medium.
    async fn discard_staged(&self, owner: &str) -> Result<()> {
        let _ = owner;
        Ok(())
    }
}

/// A storage that signs URLs: [`Storage::signer`].
#[async_trait]
pub trait UrlSigner: Storage {
    /// Returns a URL that allows one kind of request for a limited time.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) if the lifetime is too long or the storage cannot enforce the
    /// terms, and [`Unsupported`](ErrorKind::Unsupported) if there is no key.
    async fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String>;

    /// Verifies a request for a URL made by [`signed_url`](Self::signed_url), for the program that serves it.
    /// Cloud services verify their URLs themselves.
    ///
    /// # Errors
    /// Returns [`PermissionDenied`](ErrorKind::PermissionDenied) if anything is wrong with the request, and
    /// [`Unsupported`](ErrorKind::Unsupported) if there is no key. By default returns
    /// [`Unsupported`](ErrorKind::Unsupported).
    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        let _ = request;
        Err(Error::unsupported("verify_signed_url", self.kind()))
    }
}

/// A storage with native direct uploads: [`Storage::direct_uploads`].
///
/// The defaults send uploads to [signed URLs](UrlSigner::signed_url), which the program serves with
/// [`receive_upload`](super::receive_upload). A storage without this trait does the same.
#[async_trait]
pub trait DirectUploads: Storage {
    /// Lets a client send a file straight to the storage, under a name that is never served.
    /// [`promote`](Self::promote) checks the bytes and turns them into a file.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) for more than 10,000 parts; propagates the errors of
    /// [`signed_url`](UrlSigner::signed_url).
    async fn direct_upload(&self, name: FileName<'_>, terms: &UploadTerms) -> Result<DirectUpload> {
        upload::by_signed_urls(self, name, terms).await
    }

    /// Joins the parts of a direct upload. `id` is the id of the [`DirectUpload`]. `tags` are the `ETag`
    /// headers that the storage returned for the parts, if it needs them. Calling it again succeeds.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if parts are missing, or if the storage needs one tag per
    /// part and the number differs. The upload then stays unchanged. Propagates the errors of reading and
    /// saving.
    async fn finish_upload(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        let _ = tags;
        upload::join(self, name, id).await
    }

    /// Turns a direct upload into a file, under exactly the name `to`, which must be free. `inspector` sees
    /// the bytes of the new file, not what was stored under the upload's name before. It sees all of them if
    /// it [needs all](Inspector::needs_all_bytes), otherwise their number and enough of them to detect the
    /// type and the dimensions. Afterwards the upload may or may not exist.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if nothing was sent or parts are missing; propagates the
    /// errors of [`save`](Storage::save).
    async fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        upload::promote(self, upload, to, inspector, options).await
    }

    /// Removes the parts of an upload: a direct upload, or a save whose id was
    /// [recorded](super::author::UploadLog::note). By default removes the parts of direct uploads only, so a
    /// storage that records ids of saves must override this. Succeeds if there is nothing to remove.
    ///
    /// # Errors
    /// Propagates the errors of the medium. By default returns [`Unsupported`](ErrorKind::Unsupported) for
    /// the name of a file.
    async fn abort_upload(&self, name: FileName<'_>, id: &str) -> Result<()> {
        upload::remove_parts(self, name, id).await
    }
}

/// A storage that knows where its files are: [`Storage::place`].
#[async_trait]
pub trait Place: Storage {
    /// Returns the place of the files, such as `file:///srv/media`. Two storages have the same place exactly
    /// if they show the same files. `None`, the default, means that a storage equals only itself.
    fn location(&self) -> Option<String> {
        None
    }

    /// Returns the local path of a file.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if the files are not on this machine. By default
    /// returns [`Unsupported`](ErrorKind::Unsupported).
    fn path(&self, name: FileName<'_>) -> Result<PathBuf> {
        Err(Error::unsupported("path", self.kind()).with_name(name))
    }

    /// Returns the identity of the place, which is written into it once. It distinguishes a place that can be
    /// missing, such as a mounted disk, from another one. `None`, the default, means that the place cannot be
    /// missing or mistaken for another.
    ///
    /// The journal records the identity with the first file saved through a database. It checks the identity
    /// before it stores files in that storage or decides about them.
    ///
    /// # Errors
    /// Returns [`StorageUnavailable`](ErrorKind::StorageUnavailable) if the place is missing, has no identity
    /// yet, or has another identity than `which` names; propagates the errors of the medium.
    async fn root(&self, which: WhichRoot) -> Result<Option<String>> {
        let _ = which;
        Ok(None)
    }

    /// Checks whether files can be saved, without saving one. [`App::build`](crate::App) calls it for every
    /// storage on its own thread, so it may use the disk but must not wait for a network. By default
    /// succeeds.
    ///
    /// # Errors
    /// Returns what prevents files from being saved, and what to do about it.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The place that [`Place::root`] looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhichRoot {
    /// The current place. Creates nothing.
    Standing,
    /// The current place. On a first start, if the storage knows no identity yet, creates what is missing.
    First,
    /// The place with this identity, and only this one from now on.
    Known(String),
    /// The current place, and only this one from now on. Creates what is missing.
    Accepted,
}

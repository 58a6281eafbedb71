//! What only some storages can do.

use super::{
    DirectUpload, SaveOptions, Saved, SignOptions, SignedAccess, SignedRequest, Storage, UploadTerms, upload,
};
use crate::inspect::Inspector;
use crate::{Error, ErrorKind, FileName, Result};
use async_trait::async_trait;
use std::path::PathBuf;

/// A storage that keeps an owner token with each file: [`Storage::owner_tokens`].
///
/// The token is that of [`SaveOptions::owner`]. It proves that a file was saved by this program, and the
/// sweeper deletes nothing without that proof.
#[async_trait]
pub trait OwnerTokens: Storage {
    /// Returns the owner token of a file, `None` for a file without one.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) for a missing file, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the medium cannot keep a token.
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>>;

    /// Gives a stored file an owner token, in place of the one it has. Its bytes stay.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) for a missing file, and
    /// [`Unsupported`](ErrorKind::Unsupported) if the medium cannot do it, which is the default.
    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let _ = owner;
        Err(Error::unsupported("set_owner", self.kind()).with_name(name))
    }

    /// Deletes a file if it carries this owner token, and returns whether it did. The proof and the deletion
    /// are about the same file, as far as the storage can tell. By default calls [`owner`](Self::owner) and
    /// [`delete`](Storage::delete).
    ///
    /// # Errors
    /// Those of the two. A missing file is `Ok(false)`.
    async fn delete_owned(&self, name: FileName<'_>, owner: &str) -> Result<bool> {
        match self.owner(name).await {
            Ok(Some(found)) if found == owner => self.delete(name).await.map(|()| true),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether every file that is saved with an owner token has it for certain, so that a file without one is
    /// another program's. `false` by default.
    fn owner_tokens_reliable(&self) -> bool {
        false
    }

    /// Removes what an unfinished save with this owner token left behind: a staging file, an open upload. By
    /// default does nothing.
    ///
    /// # Errors
    /// Propagates the errors of the medium. If there is nothing to remove, it is a success.
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
    /// Returns [`Usage`](ErrorKind::Usage) for a life that is too long or terms that the storage cannot keep,
    /// and [`Unsupported`](ErrorKind::Unsupported) if there is no key.
    async fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String>;

    /// Checks a request for a URL that [`signed_url`](Self::signed_url) made, for the program that serves it.
    /// Clouds check their URLs themselves.
    ///
    /// # Errors
    /// Returns [`PermissionDenied`](ErrorKind::PermissionDenied) for anything that is wrong with the request,
    /// and [`Unsupported`](ErrorKind::Unsupported) if there is no key, and by default.
    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        let _ = request;
        Err(Error::unsupported("verify_signed_url", self.kind()))
    }
}

/// A storage that takes in direct uploads in its own way: [`Storage::direct_uploads`].
///
/// The defaults send uploads to [signed URLs](UrlSigner::signed_url), which the program serves with
/// [`receive_upload`](super::receive_upload). A storage without this trait does the same.
#[async_trait]
pub trait DirectUploads: Storage {
    /// Lets a client send a file straight to the storage, under a name that is never served. Only
    /// [`promote`](Self::promote) makes a file of it, after it has checked what the client sent.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) for more than 10,000 parts; propagates the errors of
    /// [`signed_url`](UrlSigner::signed_url).
    async fn direct_upload(&self, name: FileName<'_>, terms: &UploadTerms) -> Result<DirectUpload> {
        upload::by_signed_urls(self, name, terms).await
    }

    /// Joins the parts of a direct upload. `id` is that of the [`DirectUpload`]. `tags` are what the storage
    /// answered for each part in its header `ETag`, if it needs them. A second call is a success.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if parts are missing, or if the storage needs one tag for
    /// each part and their number differs: then the upload stays as it is. Propagates the errors of reading
    /// and saving.
    async fn finish_upload(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        let _ = tags;
        upload::join(self, name, id).await
    }

    /// Makes a file of a direct upload, under exactly the name `to`, which must be free. `inspector` sees the
    /// bytes of the new file, not those that lay under the upload's name before: all of them if it [needs
    /// all](Inspector::needs_all_bytes), else their number and enough of them to tell the type and the
    /// dimensions. The upload may or may not be there afterwards.
    ///
    /// # Errors
    /// Returns [`NotFound`](ErrorKind::NotFound) if nothing was sent, or not all; propagates the errors of
    /// [`save`](Storage::save).
    async fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        upload::promote(self, upload, to, inspector, options).await
    }

    /// Removes the parts that an upload left: a direct one, or a save that
    /// [noted](super::author::UploadLog::note) its id. By default removes those of direct uploads alone, so a
    /// storage that notes the ids of its saves has to override it.
    ///
    /// # Errors
    /// Propagates the errors of the medium. If there is nothing to remove, it is a success. By default
    /// returns [`Unsupported`](ErrorKind::Unsupported) for the name of a file.
    async fn abort_upload(&self, name: FileName<'_>, id: &str) -> Result<()> {
        upload::remove_parts(self, name, id).await
    }
}

/// A storage that knows where its files are: [`Storage::place`].
#[async_trait]
pub trait Place: Storage {
    /// Returns the place of the files, such as `file:///srv/media`. Two storages have the same one exactly if
    /// they show the same files. `None`, the default, means that a storage is the same as itself only.
    fn location(&self) -> Option<String> {
        None
    }

    /// Returns the local path of a file.
    ///
    /// # Errors
    /// Returns [`Unsupported`](ErrorKind::Unsupported) if the files are not on this machine, and by default.
    fn path(&self, name: FileName<'_>) -> Result<PathBuf> {
        Err(Error::unsupported("path", self.kind()).with_name(name))
    }

    /// Returns the identity of the place, which is written into it once. It tells a place that can be
    /// missing, such as a mounted disk, from another one. `None`, the default, means that the place can be
    /// neither missing nor mistaken for another.
    ///
    /// The journal notes the identity with the first file that is saved through a database. It asks for the
    /// identity before it stores or judges files of that storage.
    ///
    /// # Errors
    /// Returns [`StorageUnavailable`](ErrorKind::StorageUnavailable) if the place is missing, has no identity
    /// yet, or has another one than `which` names; propagates the errors of the medium.
    async fn root(&self, which: WhichRoot) -> Result<Option<String>> {
        let _ = which;
        Ok(None)
    }

    /// Checks whether files could be saved, without saving one. [`App::build`](crate::App) asks every
    /// storage, on the thread that calls it, so this may use the disk and must not wait for a network. By
    /// default it succeeds.
    ///
    /// # Errors
    /// Returns what would keep files from being saved, and what to do about it.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The place that [`Place::root`] looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhichRoot {
    /// The one that stands now. Nothing is made.
    Standing,
    /// The one that stands now. On a first start, when the storage has not known an identity yet, what is
    /// missing is made.
    First,
    /// The one with this identity, and from now on no other.
    Known(String),
    /// Whatever stands there now, and from now on no other. What is missing is made.
    Accepted,
}

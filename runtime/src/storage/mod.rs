//! Where bytes live: the [`Storage`] trait and the built-in storages.

mod gate;
mod local;
mod memory;
#[cfg(feature = "object-store")]
mod object;
mod prefix;
#[cfg(all(feature = "s3", feature = "gcs", feature = "azure"))]
pub mod providers;
mod reader;
mod signed;
mod upload;

pub use gate::{Gate, GateKeeper};
pub use local::{Durability, FileSystemBuilder, FileSystemStorage};
pub use memory::{MemoryStorage, MemoryStorageBuilder};
#[cfg(feature = "s3")]
pub use object::CreateOnlyUploads;
#[cfg(feature = "object-store")]
pub use object::{Disposition, Guarantees, ObjectStorage, ObjectStorageBuilder};
pub use prefix::PrefixStorage;
pub use reader::{ReadSource, Reader};
pub(crate) use signed::Public;
pub use signed::{SignOptions, SignedAccess, SignedMethod, SignedRequest, Signer, content_disposition};
#[cfg(feature = "db")]
pub(crate) use signed::{bytes_from_hex, framed, from_hex, now};
#[cfg(any(feature = "db", feature = "object-store"))]
pub(crate) use upload::MOST_PARTS;
pub use upload::{DirectUpload, UploadLog, UploadRequest, UploadTerms, receive_upload};

use crate::inspect::Inspector;
use crate::{Content, Error, FileName, Result};
use async_trait::async_trait;
use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// A place that stores files under names.
///
/// Five methods are required; the others have defaults that build on them or answer
/// [`Unsupported`](crate::ErrorKind::Unsupported) with the name of the operation and of the storage. Every method
/// takes a checked [`FileName`], so an implementation never sees a name that leaves its root.
///
/// What every implementation promises, and `filefield::testing::storage_suite` checks:
/// * `save` never replaces bytes, unless the storage was configured to; the name is taken exclusively, never tested
///   and then taken (W05, W09).
/// * When `save` fails, nothing is visible, unless the error [is uncertain](Error::is_uncertain).
/// * No reader sees a file that is not whole.
/// * `delete` of a missing file is a success (D232).
/// * One that says it [keeps gates](Self::keeps_gates) does.
#[async_trait]
pub trait Storage: Any + fmt::Debug + Send + Sync {
    /// Stores `content` under `name`, or under a free variant of it (D186), and says which name was used.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where [`SaveOptions::exact`] is set and the name is
    /// taken, [`NameTooLong`](crate::ErrorKind::NameTooLong) where it is over [`SaveOptions::max_length`];
    /// [`NoAvailableName`](crate::ErrorKind::NoAvailableName); the errors of the content and of its inspector;
    /// those of the medium.
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved>;

    /// Stores several files, one after the other, up to and including the first that fails: one result for each that
    /// was tried. A storage may do for all of them at once what it does after each, such as syncing their directory;
    /// none of them is stored until all are.
    ///
    /// # Errors
    /// Those of [`save`](Self::save), each in its place.
    async fn save_all(&self, files: Vec<NewFile<'_>>) -> Vec<Result<Saved>> {
        one_by_one(self, files).await
    }

    /// Whether [`save`](Self::save) makes nothing visible before the [gate](SaveOptions::gate) of its options is open:
    /// no file, no directory, nothing that has a name, and no upload in parts, for there is no
    /// [log](SaveOptions::upload_log) of it yet. Such a storage is asked to save while the journal's entry is still
    /// being committed; others, by default, only afterwards.
    fn keeps_gates(&self) -> bool {
        false
    }

    /// Whether this storage knows at once, without any I/O, that the name is taken. A save asks before it reserves the
    /// name, and otherwise finds out by saving. `false`, the default, says nothing.
    fn knows(&self, name: FileName<'_>) -> bool {
        let _ = name;
        false
    }

    /// Opens a file for reading, from its start.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`IsADirectory`](crate::ErrorKind::IsADirectory),
    /// [`NotAFile`](crate::ErrorKind::NotAFile) for links, devices and FIFOs.
    async fn open(&self, name: FileName<'_>) -> Result<Reader>;

    /// Deletes a file. A missing file is a success.
    ///
    /// # Errors
    /// Those of the medium; [`IsADirectory`](crate::ErrorKind::IsADirectory) for a directory.
    async fn delete(&self, name: FileName<'_>) -> Result<()>;

    /// Size and times of a file.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound).
    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata>;

    /// The URL of a file, without any I/O (D238).
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the storage has no base URL.
    fn url(&self, name: FileName<'_>) -> Result<String>;

    /// The kind of storage, for logs and errors: `"local"`, `"memory"`.
    fn kind(&self) -> &'static str;

    /// Whether a file is there.
    ///
    /// # Errors
    /// Those of the medium. A missing file is `Ok(false)`.
    async fn exists(&self, name: FileName<'_>) -> Result<bool> {
        match self.metadata(name).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Size in bytes.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata).
    async fn size(&self, name: FileName<'_>) -> Result<u64> {
        Ok(self.metadata(name).await?.size)
    }

    /// Time of the last change of the bytes.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata); unsupported where the medium keeps no such time.
    async fn modified(&self, name: FileName<'_>) -> Result<SystemTime> {
        self.metadata(name).await?.modified.ok_or_else(|| Error::unsupported("modified", self.kind()))
    }

    /// The local path, where there is one (D170, D204).
    ///
    /// # Errors
    /// Unsupported for storages that are not on this machine.
    fn path(&self, name: FileName<'_>) -> Result<PathBuf> {
        Err(Error::unsupported("path", self.kind()).with_name(name))
    }

    /// Opens part of a file, `range` in bytes. A range that reaches past the end is cut there.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        Ok(self.open(name).await?.into_range(range))
    }

    /// Directories and files directly under `directory` (`""` is the root), names only, sorted bytewise (D173).
    ///
    /// # Errors
    /// Those of [`check_directory`](crate::name::check_directory); [`NotFound`](crate::ErrorKind::NotFound),
    /// [`NotADirectory`](crate::ErrorKind::NotADirectory), unsupported.
    async fn list(&self, directory: &str) -> Result<Listing> {
        let _ = directory;
        Err(Error::unsupported("list", self.kind()))
    }

    /// A URL that lets one kind of request through, for a while (W40).
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) for a life that is too long, or terms that the storage cannot keep;
    /// unsupported where there is no key, or by default.
    async fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        let _ = options;
        Err(Error::unsupported("signed_url", self.kind()).with_name(name))
    }

    /// Checks a request for a URL that [`signed_url`](Self::signed_url) made, for the program that serves it. Clouds
    /// check theirs themselves.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied), whatever is wrong with the request; unsupported where
    /// there is no key, or by default.
    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        let _ = request;
        Err(Error::unsupported("verify_signed_url", self.kind()))
    }

    /// Lets a client send a file straight to the storage, under a name that is never served. What it sends is not
    /// believed: nothing but [`promote`](Self::promote) makes a file of it.
    ///
    /// By default the requests are for [signed URLs](Self::signed_url), which the program serves with
    /// [`receive_upload`].
    ///
    /// # Errors
    /// Those of [`signed_url`](Self::signed_url); [`Usage`](crate::ErrorKind::Usage) for more than 10,000 parts.
    async fn direct_upload(&self, name: FileName<'_>, terms: &UploadTerms) -> Result<DirectUpload> {
        upload::by_signed_urls(self, name, terms).await
    }

    /// Puts the parts of a direct upload together. `id` is that of the [`DirectUpload`], `tags` what the storage
    /// answered for each part in its header `ETag`, where it needs that. Done twice it is done.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where parts are missing, or, where the storage needs tags, they are not
    /// one for each part: the upload stays as it is then. Those of reading and saving.
    async fn finish_upload(&self, name: FileName<'_>, id: &str, tags: &[String]) -> Result<()> {
        let _ = tags;
        upload::join(self, name, id).await
    }

    /// Makes a file of a direct upload, under exactly the name `to`, which must be free. `inspector` judges the bytes of
    /// the file that it becomes, not what lay under the upload's name before: all of them where it
    /// [needs all](Inspector::needs_all_bytes), else at least as many as tell the type and the dimensions, and their
    /// number. Whether the upload is still there afterwards is open.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where nothing was sent, or not all; as [`save`](Self::save).
    async fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let content = self.open(upload).await?.into_content().with_inspector(inspector);
        self.save(to, content, &SaveOptions { exact: true, ..options.clone() }).await
    }

    /// Removes the parts that an upload left: a direct one, or a save that was told its id. By default those of direct
    /// ones alone, so a storage that [tells](UploadLog::note) the ids of its saves has to have its own.
    ///
    /// # Errors
    /// Those of the medium. Nothing to remove is a success. By default unsupported for the name of a file.
    async fn abort_upload(&self, name: FileName<'_>, id: &str) -> Result<()> {
        upload::remove_parts(self, name, id).await
    }

    /// Copies a file to another name of the same storage, with the same rules as [`save`](Self::save).
    ///
    /// # Errors
    /// Those of reading and saving.
    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let reader = self.open(from).await?;
        self.save(to, reader.into_content(), options).await
    }

    /// Moves a file to another name that must be free.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`AlreadyExists`](crate::ErrorKind::AlreadyExists).
    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        let owner = match self.owner(from).await {
            Err(error) if error.kind() == crate::ErrorKind::Unsupported => None,
            owner => owner.map_err(|error| error.in_operation("rename"))?,
        };
        let options = SaveOptions { exact: true, owner, ..SaveOptions::default() };
        let copied = self.copy(from, to, &options).await;
        copied.map_err(|error| error.in_operation("rename"))?;
        // The copy stays where the original could not be deleted.
        self.delete(from).await.map_err(|error| error.in_operation("rename").uncertain())
    }

    /// Deletes a file if it carries this owner token, and says whether it did. Proof and deletion are about the same file,
    /// as far as the storage can: by default they are [`owner`](Self::owner) and [`delete`](Self::delete).
    ///
    /// # Errors
    /// As those two. A missing file is `Ok(false)`.
    async fn delete_owned(&self, name: FileName<'_>, owner: &str) -> Result<bool> {
        match self.owner(name).await {
            Ok(Some(found)) if found == owner => self.delete(name).await.map(|()| true),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The identity of the place where the files are, written into it once, where a place can be missing or be mistaken
    /// for another one, as a mounted disk can. `None`, the default, says that it cannot.
    ///
    /// The journal notes the identity with the first file that is saved through a database, and asks before files of
    /// that storage are stored or judged.
    ///
    /// # Errors
    /// [`StorageUnavailable`](crate::ErrorKind::StorageUnavailable) where the place is missing, has no identity yet, or
    /// is not the one that is wanted; those of the medium.
    async fn root(&self, which: WhichRoot) -> Result<Option<String>> {
        let _ = which;
        Ok(None)
    }

    /// Finds out whether files could be saved, without saving one. [`App::build`](crate::App) asks every storage, on the
    /// thread that calls it, so this may use the disk and must not wait for a network. By default it is content.
    ///
    /// # Errors
    /// Whatever would keep files from being saved, with what to do about it.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The owner token kept with a file, `None` where it carries none. The sweeper deletes nothing without it
    /// (G3, requirement 91).
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound); unsupported where the medium cannot keep one.
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        Err(Error::unsupported("owner", self.kind()).with_name(name))
    }

    /// Gives a file that is there an owner token, in place of the one it has. Its bytes stay.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Unsupported`](crate::ErrorKind::Unsupported) where the medium cannot
    /// do that, which is the default.
    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let _ = owner;
        Err(Error::unsupported("set_owner", self.kind()).with_name(name))
    }

    /// Whether a file that is saved with an owner token has it for certain, so that one without is another program's.
    /// No by default.
    fn always_keeps_owners(&self) -> bool {
        false
    }

    /// Removes what an unfinished save with this owner token has left that is no file yet: a staging file, an open
    /// upload (F05, F06). Nothing by default.
    ///
    /// # Errors
    /// Those of the medium. Nothing to remove is a success.
    async fn abandon(&self, owner: &str) -> Result<()> {
        let _ = owner;
        Ok(())
    }

    /// The place where the bytes are, the same for two storages exactly when they show the same files:
    /// `file:///srv/media`. `None` where only identity tells.
    fn location(&self) -> Option<String> {
        None
    }

    /// Turns a base name into one this storage takes. A storage may have rules of its own. By default they are those of
    /// [`name::valid_name`](crate::name::valid_name), but that `+` stays. A name that
    /// [`from_client`](crate::name::from_client) has made should come out unchanged.
    ///
    /// # Errors
    /// [`NoFileName`](crate::ErrorKind::NoFileName) where nothing is left.
    fn valid_name(&self, name: &str) -> Result<String> {
        crate::name::kept_name(name)
    }
}

/// [`Storage::save_all`] where there is nothing to be gained.
pub(crate) async fn one_by_one<S: Storage + ?Sized>(
    storage: &S,
    files: Vec<NewFile<'_>>,
) -> Vec<Result<Saved>> {
    let mut results = Vec::with_capacity(files.len());
    for file in files {
        results.push(storage.save(file.name, file.content, &file.options).await);
        if results.last().is_some_and(Result::is_err) {
            break;
        }
    }
    results
}

/// Which place is wanted of [`Storage::root`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhichRoot {
    /// The one that stands now. Nothing is made.
    Standing,
    /// The one that stands now. On a first start, when the storage has not known an identity yet, what is missing is made.
    First,
    /// The one with this identity, and from now on no other.
    Known(String),
    /// Whatever stands there now, and from now on no other. What is missing is made.
    Accepted,
}

/// A storage shared by all fields and tasks that use it.
pub type SharedStorage = Arc<dyn Storage>;

/// How to save one file.
#[derive(Clone, Debug, Default)]
pub struct SaveOptions {
    /// The most code points the whole name may have (D189); `None` is no limit but the storage's, which counts bytes
    /// (W13).
    pub max_length: Option<u32>,
    /// Fail with `AlreadyExists` instead of choosing another name when the wanted one is taken, also where the storage
    /// replaces files otherwise.
    pub exact: bool,
    /// A token kept with the file, which later proves that it is ours (G3).
    pub owner: Option<String>,
    /// Who wants to know the id of an upload in parts, where the storage makes one.
    pub upload_log: Option<UploadLog>,
    /// Make nothing visible before this gate is open: for [`save`](Storage::save) alone, of storages that
    /// [keep gates](Storage::keeps_gates).
    pub gate: Option<Gate>,
}

/// One file to be saved: what [`Storage::save`] takes.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// The name wanted.
    pub name: FileName<'a>,
    /// The bytes.
    pub content: Content,
    /// How.
    pub options: SaveOptions,
}

/// What a save did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The name used, which may differ from the one wanted (D113).
    pub name: String,
    /// Bytes stored.
    pub size: u64,
}

impl Saved {
    /// A save of `size` bytes under `name`.
    pub fn new(name: impl Into<String>, size: u64) -> Self {
        Saved { name: name.into(), size }
    }
}

/// Size and times of a stored file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Size in bytes.
    pub size: u64,
    /// Last change of the bytes.
    pub modified: Option<SystemTime>,
    /// Creation (birth) time.
    pub created: Option<SystemTime>,
    /// Last access.
    pub accessed: Option<SystemTime>,
}

impl Metadata {
    /// Metadata with a size alone.
    pub fn new(size: u64) -> Self {
        Metadata { size, ..Metadata::default() }
    }
}

/// What lies directly in a directory: names only, sorted bytewise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names of directories.
    pub dirs: Vec<String>,
    /// Names of files.
    pub files: Vec<String>,
}

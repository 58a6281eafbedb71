//! Where bytes live: the [`Storage`] trait and the built-in storages.

pub mod author;
mod capabilities;
mod ext;
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

pub(crate) use capabilities::WhichRoot;
pub use capabilities::{DirectUploads, OwnerTokens, Place, UrlSigner};
pub use ext::StorageExt;
pub(crate) use gate::Gate;
pub use local::{Durability, FileSystemBuilder, FileSystemStorage};
pub use memory::{MemoryStorage, MemoryStorageBuilder};
#[cfg(feature = "s3")]
pub use object::CreateOnlyUploads;
#[cfg(feature = "object-store")]
pub use object::{Disposition, Guarantees, ObjectStorage, ObjectStorageBuilder};
pub use prefix::PrefixStorage;
pub use reader::Reader;
pub(crate) use signed::Public;
pub use signed::{SignOptions, SignedAccess, SignedMethod, SignedRequest, Signer, content_disposition};
#[cfg(feature = "db")]
pub(crate) use signed::{bytes_from_hex, framed, from_hex, now};
#[cfg(any(feature = "db", feature = "object-store"))]
pub(crate) use upload::MOST_PARTS;
pub(crate) use upload::UploadLog;
pub use upload::{DirectUpload, UploadRequest, UploadTerms, receive_upload};

use crate::{Content, Error, FileName, Result};
use async_trait::async_trait;
use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// A place that stores files under names.
///
/// Six methods are required. The others have a default that builds on them, or returns
/// [`Unsupported`](crate::ErrorKind::Unsupported) with the name of the operation and of the storage. Four
/// further traits hold what only some storages can do: [`UrlSigner`], [`DirectUploads`], [`OwnerTokens`] and
/// [`Place`]. Callers reach them through the storage, and rarely need them: [`StorageExt`] has their methods
/// for every storage, and `open`, `exists`, `size` and `modified`. Every method takes a checked [`FileName`],
/// so an implementation never sees a name that leaves its root.
///
/// Every implementation keeps these promises, and `filefield::testing::storage_suite` checks them:
/// * `save` never replaces bytes, unless the storage was configured to. It takes the name exclusively:
///   checking that the name is free before the write is not enough.
/// * If `save` fails, nothing is visible, unless the error [is uncertain](Error::is_uncertain).
/// * A reader sees only whole files.
/// * `delete` of a missing file is a success.
///
/// A complete storage, whose files can be swept, and which passes that suite:
///
/// ```
/// use filefield::storage::author::*;
/// use std::{collections::HashMap, ops::Range, sync::Mutex};
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, (Bytes, Option<String>)>>); // bytes and owner tokens
/// impl Shelf {
///     fn get(&self, name: FileName<'_>) -> Result<(Bytes, Option<String>)> {
///         let found = self.0.lock().unwrap().get(name.as_str()).cloned();
///         found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file").with_name(name))
///     }
/// }
///
/// #[async_trait]
/// impl Storage for Shelf {
///     async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
///         let bytes = content.read_all().await?;
///         let size = bytes.len() as u64;
///         let mut files = self.0.lock().unwrap(); // until the name is taken
///         for candidate in Candidates::new(name, options.max_length) {
///             if options.exact && candidate.as_deref().ok() != Some(name.as_str()) {
///                 return Err(Error::new(ErrorKind::NameTooLong, "over the length limit").with_name(name));
///             }
///             let candidate = candidate?.into_owned();
///             if !files.contains_key(&candidate) {
///                 files.insert(candidate.clone(), (bytes, options.owner.clone()));
///                 return Ok(Saved::new(candidate, size));
///             }
///             if options.exact {
///                 return Err(Error::new(ErrorKind::AlreadyExists, "the name is taken").with_name(name));
///             }
///         }
///         Err(Error::new(ErrorKind::NoAvailableName, "no free name was found").with_name(name))
///     }
///     async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
///         Ok(Reader::from(self.get(name)?.0).into_range(range))
///     }
///     async fn delete(&self, name: FileName<'_>) -> Result<()> {
///         self.0.lock().unwrap().remove(name.as_str());
///         Ok(())
///     }
///     async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
///         Ok(Metadata::new(self.get(name)?.0.len() as u64))
///     }
///     fn url(&self, name: FileName<'_>) -> Result<String> {
///         Err(Error::unsupported("url", self.kind()).with_name(name))
///     }
///     fn kind(&self) -> &'static str {
///         "shelf"
///     }
///     fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
///         Some(self)
///     }
/// }
///
/// #[async_trait]
/// impl OwnerTokens for Shelf {
///     async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
///         Ok(self.get(name)?.1)
///     }
/// }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(filefield::testing::storage_suite(async || {
/// #     std::sync::Arc::new(Shelf::default()) as _
/// # }));
/// ```
#[async_trait]
pub trait Storage: Any + fmt::Debug + Send + Sync {
    /// Stores `content` under `name`, or under a free variant of it, and returns the name that it used.
    ///
    /// # Errors
    /// Returns [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if [`SaveOptions::exact`] is set and the
    /// name is taken, [`NameTooLong`](crate::ErrorKind::NameTooLong) if it is over
    /// [`SaveOptions::max_length`], and [`NoAvailableName`](crate::ErrorKind::NoAvailableName) if no variant
    /// is free; propagates the errors of the content, of its inspector and of the medium.
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved>;

    /// Opens part of a file for reading, `range` in bytes. A range that reaches past the end is cut there:
    /// `0..u64::MAX` is the whole file.
    ///
    /// # Errors
    /// Returns [`NotFound`](crate::ErrorKind::NotFound) for a missing file,
    /// [`IsADirectory`](crate::ErrorKind::IsADirectory) for a directory, and
    /// [`NotAFile`](crate::ErrorKind::NotAFile) for a link, a device or a FIFO; propagates the errors of the
    /// medium.
    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader>;

    /// Deletes a file. A missing file is a success.
    ///
    /// # Errors
    /// Returns [`IsADirectory`](crate::ErrorKind::IsADirectory) for a directory; propagates the errors of the
    /// medium.
    async fn delete(&self, name: FileName<'_>) -> Result<()>;

    /// Returns the size and the times of a file.
    ///
    /// # Errors
    /// Returns the same errors as [`open_range`](Self::open_range).
    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata>;

    /// Returns the URL of a file, without any I/O.
    ///
    /// # Errors
    /// Returns [`Unsupported`](crate::ErrorKind::Unsupported) if the storage has no base URL.
    fn url(&self, name: FileName<'_>) -> Result<String>;

    /// Returns the kind of storage, for logs and errors: `"local"`, `"memory"`.
    fn kind(&self) -> &'static str;

    /// Returns the directories and files directly under `directory` (`""` is the root): names only, sorted
    /// bytewise.
    ///
    /// # Errors
    /// Returns [`NotFound`](crate::ErrorKind::NotFound) or [`NotADirectory`](crate::ErrorKind::NotADirectory)
    /// if there is no such directory; propagates the errors of
    /// [`check_directory`](crate::name::check_directory). By default returns
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    async fn list(&self, directory: &str) -> Result<Listing> {
        let _ = directory;
        Err(Error::unsupported("list", self.kind()))
    }

    /// Copies a file to another name of the same storage, with the rules of [`save`](Self::save). By default
    /// reads and saves the bytes.
    ///
    /// # Errors
    /// Propagates the errors of reading and saving.
    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let reader = self.open(from).await?;
        self.save(to, reader.into_content(), options).await
    }

    /// Moves a file to another name, which must be free. By default copies and deletes.
    ///
    /// # Errors
    /// Returns [`NotFound`](crate::ErrorKind::NotFound) if there is no such file, and
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the other name is taken.
    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        let owner = match self.owner(from).await {
            Err(error) if error.kind() == crate::ErrorKind::Unsupported => None,
            owner => owner.map_err(|error| error.in_operation("rename"))?,
        };
        let options = SaveOptions { exact: true, owner, ..SaveOptions::default() };
        let copied = self.copy(from, to, &options).await;
        copied.map_err(|error| error.in_operation("rename"))?;
        // If this fails, the copy stays.
        self.delete(from).await.map_err(|error| error.in_operation("rename").uncertain())
    }

    /// Stores several files in order and stops after the first failure. Returns one result for each file that
    /// was tried. By default calls [`save`](Self::save) for each. Override it if one step can serve all
    /// files, such as the sync of their directory. No file counts as stored before this returns.
    ///
    /// # Errors
    /// Each result holds the errors of [`save`](Self::save).
    async fn save_all(&self, files: Vec<NewFile<'_>>) -> Vec<Result<Saved>> {
        one_by_one(self, files).await
    }

    /// Turns a base name into one that this storage accepts. By default applies
    /// [`name::valid_name`](crate::name::valid_name), but keeps `+`. A name made by
    /// [`from_client`](crate::name::from_client) should come out unchanged.
    ///
    /// # Errors
    /// Returns [`NoFileName`](crate::ErrorKind::NoFileName) if nothing is left.
    fn valid_name(&self, name: &str) -> Result<String> {
        crate::name::kept_name(name)
    }

    /// Returns the owner tokens, if the storage keeps any. Without them, the sweeper deletes only files whose
    /// names hold a token (`naming = "unique"`).
    fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
        None
    }

    /// Returns the signer of URLs, if the storage has one.
    fn signer(&self) -> Option<&dyn UrlSigner> {
        None
    }

    /// Returns the storage's native direct uploads. Without them, direct uploads use [signed
    /// URLs](Self::signer).
    fn direct_uploads(&self) -> Option<&dyn DirectUploads> {
        None
    }

    /// Returns the place of the files, if the storage knows it.
    fn place(&self) -> Option<&dyn Place> {
        None
    }

    /// Whether `save` shows nothing before its [gate](SaveOptions::gate) opens. `false` by default.
    fn keeps_gates(&self) -> bool {
        false
    }

    /// Returns `true` if the name is known to be taken without doing I/O. `false`, the default, means
    /// unknown. Called before a name is reserved.
    fn knows(&self, name: FileName<'_>) -> bool {
        let _ = name;
        false
    }
}

/// [`Storage::save_all`] as one call of `save` per file.
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

/// A storage shared by all fields and tasks that use it.
pub type SharedStorage = Arc<dyn Storage>;

/// How to save one file.
#[derive(Clone, Debug, Default)]
pub struct SaveOptions {
    /// The maximum number of code points of the whole name. `None`, the default, leaves the storage's own
    /// limit, which counts bytes.
    pub max_length: Option<u32>,
    /// Fail with `AlreadyExists` if the name is taken, instead of choosing another one. Also applies to a
    /// storage that is configured to replace files.
    pub exact: bool,
    /// A token kept with the file, which later proves that this program saved it.
    pub owner: Option<String>,
    /// Records the id of an upload in parts, if the storage starts one.
    pub upload_log: Option<UploadLog>,
    /// Make nothing visible before this gate opens: no file, no directory, nothing with a name, and no upload
    /// in parts, because no [log](Self::upload_log) of it exists yet. Set only while the journal's entry is
    /// being committed, and only for [`save`](Storage::save) of a storage that [supports
    /// gates](Storage::keeps_gates).
    pub gate: Option<Gate>,
}

/// One file to be saved: what [`Storage::save`] takes.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// The name wanted.
    pub name: FileName<'a>,
    /// The bytes.
    pub content: Content,
    /// How to save it.
    pub options: SaveOptions,
}

/// The result of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The name used, which may differ from the wanted name.
    pub name: String,
    /// The number of bytes stored.
    pub size: u64,
}

impl Saved {
    /// Creates the result of a save of `size` bytes under `name`.
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
    /// Time of the last change of the bytes.
    pub modified: Option<SystemTime>,
    /// Time of creation (birth).
    pub created: Option<SystemTime>,
    /// Time of the last access.
    pub accessed: Option<SystemTime>,
}

impl Metadata {
    /// Creates metadata with a size only.
    pub fn new(size: u64) -> Self {
        Metadata { size, ..Metadata::default() }
    }
}

/// The direct children of a directory: names only, sorted bytewise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names of directories.
    pub dirs: Vec<String>,
    /// Names of files.
    pub files: Vec<String>,
}

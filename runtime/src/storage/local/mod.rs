//! Files in a directory of this machine.

mod ahead;
mod arriving;
mod batch;
mod buffer;
mod builder;
mod cancel;
mod check;
mod copy;
mod directories;
mod disk;
mod here;
mod operations;
mod owners;
mod placeholder;
mod read;
mod root;
mod save;
mod stage;
mod sys;
#[cfg(test)]
mod tests;
mod write;

pub use builder::FileSystemBuilder;
pub use disk::Durability;
#[cfg(feature = "object-store")]
pub(in crate::storage) use save::Names;

use super::{
    Listing, Metadata, NewFile, Public, Reader, SaveOptions, Saved, SignOptions, SignedAccess, SignedRequest,
    Storage, WhichRoot,
};
use crate::content::{Alarm, Source, TempWriter};
use crate::inspect::Inspector;
use crate::{Content, Error, FileName, Result};
use async_trait::async_trait;
use cancel::Cancel;
use disk::{Disk, hop, read_hop, write_hop};
use read::{check_regular, reader};
use root::RootDir;
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KIND: &str = "local";

/// Stores files in a directory of this machine. Corresponds to Django's `FileSystemStorage`, with more
/// guarantees.
///
/// * A save writes a file without a name, syncs it, and gives it its final name in one step that never
///   replaces another file. A partial file is never visible, a crash leaves none, and two saves of one name
///   create two files. A [`TempFile`](crate::TempFile) on the same file system is linked, not copied.
/// * No operation follows a link or leaves the root, even if links are swapped during the operation. Links,
///   FIFOs, sockets and devices are [`NotAFile`](crate::ErrorKind::NotAFile); opening them never blocks.
/// * Data and metadata in the page cache are read without switching to another thread. With
///   [`Durability::None`], contents of up to 64 KiB in memory are also saved on the calling thread while saves
///   are fast. This starts after four consecutive saves of at most 1 ms each on a blocking thread, and stops
///   after a slower save, for twenty times its duration.
///
/// The root directory is opened once and kept open. The first save creates a missing root, but no directory
/// above it, and marks it with a random identity in `.filefield/root`. Once the storage knows the identity,
/// no other directory is accepted as the root. While the root is missing, not mounted or replaced by another
/// directory, every operation fails with [`StorageUnavailable`](crate::ErrorKind::StorageUnavailable). It
/// works again when the root is back. A copy with the mark, such as one made by `rsync -aX`, is accepted as
/// the root. With a database, see [`accept_root`](crate::db::accept_root) for a new root without the mark.
///
/// The owner token of a file is stored in a user attribute. On a file system without user attributes, such as
/// NFSv3, SMB and many FUSE file systems, it is stored in a small file below `.filefield/owners` in the root.
/// Each save then costs one more sync, and a warning is logged once. Copy that folder when you move the root.
///
/// Another file system may be mounted below the root: files are saved and read there, and renamed between the
/// two by copying. But nothing can be staged there. Files on it cannot be replaced, and if it cannot create
/// files without a name, saves fail with [`Settings`](crate::ErrorKind::Settings). Use a separate storage for
/// it.
///
/// FAT, exFAT and some file systems in user space have neither hard links nor a rename that never replaces.
/// On these, a save exclusively creates an empty file under the name and renames the staged file over it. For
/// a moment the empty file is listed, but it cannot be opened. If the process is killed at that moment, a
/// sweep or [`remove_staged`](Self::remove_staged) removes the empty file. If the file system stores no
/// modes, the mount determines them. If the file system ignores case, a name that differs from a taken name
/// only in case is taken.
///
/// Files of older programs are read, listed and deleted even under names that this storage would not choose;
/// see [`FileName::existing`].
///
/// Differences from Django: it deletes only files, never a directory; it lists no links; `exists` is about
/// files only; and the system determines the group of a file.
///
/// ```
/// use filefield::storage::{FileSystemStorage, StorageExt};
/// use filefield::{Content, FileName, SaveOptions, Storage};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let dir = tempfile::tempdir()?;
/// # let media = dir.path().join("media");
/// let storage = FileSystemStorage::builder(&media).base_url("/media/").build()?;
/// let name = FileName::new("cars/chevy.jpg")?;
/// let saved = storage.save(name, Content::from("bytes"), &SaveOptions::default()).await?;
/// assert_eq!(saved.name, "cars/chevy.jpg");
/// assert_eq!(storage.url(name)?, "/media/cars/chevy.jpg");
/// assert_eq!(storage.open(name).await?.read_all(1024).await?, "bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileSystemStorage {
    disk: Arc<Disk>,
    public: Public,
}

impl FileSystemStorage {
    /// Creates a storage of the directory `location`, without a base URL.
    ///
    /// # Errors
    /// Returns the errors of [`FileSystemBuilder::build`].
    pub fn new(location: impl AsRef<Path>) -> Result<Self> {
        Self::builder(location).build()
    }

    /// Returns a builder for a storage of the directory `location`.
    pub fn builder(location: impl AsRef<Path>) -> FileSystemBuilder {
        FileSystemBuilder::new(location.as_ref())
    }

    /// The absolute path of the root directory.
    pub fn location(&self) -> &Path {
        self.disk.root.location()
    }

    /// The base URL, with a trailing slash.
    pub fn base_url(&self) -> Option<&str> {
        self.public.base_url()
    }

    /// Removes files that killed saves left in the staging folder and that were not written to for `age`, and
    /// returns their number. Also removes empty files that such saves left under their final names, without
    /// counting them. If the file system can create files without a name, there is rarely anything to remove.
    ///
    /// `age` should be longer than the longest upload.
    ///
    /// # Errors
    /// Propagates the errors of the file system.
    pub async fn remove_staged(&self, age: Duration) -> Result<u64> {
        self.blocking("remove_staged", None, move |disk| disk.remove_staged(age)).await
    }

    /// Creates a temporary file in the staging folder of this storage, to receive an upload. A save links it
    /// instead of copying. If a killed process leaves one, a later call removes it one day after its last
    /// write. Blocks while the file is created.
    ///
    /// ```
    /// use filefield::storage::FileSystemStorage;
    /// # let dir = tempfile::tempdir()?;
    /// let storage = FileSystemStorage::new(dir.path().join("media"))?;
    /// let mut writer = storage.temp_file()?;
    /// writer.write_all(b"bytes of an upload")?;
    /// let temp = writer.finish()?;
    /// assert_eq!(temp.len(), 18);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Propagates the errors of the file system, such as [`StorageFull`](crate::ErrorKind::StorageFull).
    pub fn temp_file(&self) -> Result<TempWriter> {
        self.disk.temp_file().map_err(|error| located(error, "temp_file", None))
    }

    /// Runs blocking work on another thread.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: Option<&str>,
        work: impl FnOnce(&Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = self.disk.clone();
        hop(move || work(&disk)).await.map_err(|error| located(error, operation, name))
    }

    /// Like [`blocking`](Self::blocking), for work that writes. Waits for a permit.
    async fn writing<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: Option<&str>,
        work: impl FnOnce(&Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = self.disk.clone();
        write_hop(move || work(&disk)).await.map_err(|error| located(error, operation, name))
    }

    /// Saves content from a reader supplied by the application.
    async fn save_read(&self, text: &str, mut content: Content, options: &SaveOptions) -> Result<Saved> {
        let mut alarm = Alarm::new(content.clock());
        // The wait for a free thread counts like the wait for the reader.
        alarm.clock().wait();
        let cancel = Cancel::default();
        let _held = (cancel.on_drop(), content.guard());
        let work = {
            let (disk, name, options) = (self.disk.clone(), text.to_owned(), options.clone());
            let clock = alarm.clock().clone();
            move || {
                clock.moved();
                disk.save(&name, content, &options, &cancel)
            }
        };
        let saved = alarm.guard(read_hop(work)).await;
        saved.flatten().map_err(|error| located(error, "save", Some(text)))
    }

    /// Runs work that looks up `name`: on this thread if the needed data is cached, otherwise on another
    /// thread.
    async fn look_up<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: FileName<'_>,
        work: impl Fn(&Disk, &Arc<RootDir>, &str, bool) -> rustix::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = &self.disk;
        let text = name.as_str();
        if let Some(result) = disk.root.with_cached(|root| work(disk, root, text, true)) {
            return result.map_err(|error| located(error.into(), operation, Some(text)));
        }
        let owned = text.to_owned();
        self.blocking(operation, Some(text), move |disk| {
            Ok(disk.root.with(|root| work(disk, root, &owned, false))??)
        })
        .await
    }
}

fn located(error: Error, operation: &'static str, name: Option<&str>) -> Error {
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<std::io::Error>());
    let advice = source.and_then(Errno::from_io_error).and_then(sys::advice);
    let error = match advice {
        Some(advice) => error.explained(advice),
        None => error,
    };
    let error = error.with_operation(operation).with_storage(KIND);
    match name {
        Some(name) => error.with_name(name),
        None => error,
    }
}

#[async_trait]
impl Storage for FileSystemStorage {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        let text = name.as_str();
        let content = match &options.gate {
            Some(gate) if !gate.is_open() => match self.save_ahead(name, content, options, gate).await? {
                Ok(saved) => return Ok(saved),
                Err(content) => *content,
            },
            _ => content,
        };
        let mut content = match self.disk.save_here(text, content, options).await {
            Ok(saved) => return saved.map_err(|error| located(error, "save", Some(text))),
            Err(content) => *content,
        };
        if let Source::Stream(_) = content.source() {
            return self.save_arriving(name, content, options).await;
        }
        if content.may_wait() {
            return self.save_read(text, content, options).await;
        }
        let short = self.disk.is_short(&content);
        let (owned, options) = (text.to_owned(), options.clone());
        let cancel = Cancel::default();
        // The thread outlives a dropped future. It must not publish then.
        let _held = (cancel.on_drop(), content.guard());
        let save = move |disk: &Disk| {
            let begun = Instant::now();
            let saved = disk.save(&owned, content, &options, &cancel);
            if short {
                disk.pace.note(begun, Instant::now());
            }
            saved
        };
        self.writing("save", Some(text), save).await
    }

    fn keeps_gates(&self) -> bool {
        true
    }

    fn knows(&self, name: FileName<'_>) -> bool {
        let disk = &self.disk;
        let found = disk.root.with_cached(|root| disk.handle(root, name.as_str(), true));
        found.is_some_and(|handle| handle.is_ok())
    }

    async fn save_all(&self, files: Vec<NewFile<'_>>) -> Vec<Result<Saved>> {
        if files.iter().any(|file| file.content.may_wait()) {
            // Separately, so that none of them blocks the thread of the others.
            let mut results = Vec::with_capacity(files.len());
            for file in files {
                results.push(self.save(file.name, file.content, &file.options).await);
                if results.last().is_some_and(Result::is_err) {
                    break;
                }
            }
            return results;
        }
        let names: Vec<_> = files.iter().map(|file| file.name.as_str().to_owned()).collect();
        let owned = |file: NewFile<'_>| (file.name.as_str().to_owned(), file.content, file.options);
        let mut files: Vec<_> = files.into_iter().map(owned).collect();
        let cancel = Cancel::default();
        let _held =
            (cancel.on_drop(), files.iter_mut().map(|(_, content, _)| content.guard()).collect::<Vec<_>>());
        let saved = self.writing("save", None, move |disk| Ok(disk.save_all(files, &cancel))).await;
        // If a content panicked, the results of those before it are lost.
        let saved = saved.unwrap_or_else(|error| names.iter().map(|_| Err(batch::unknown(&error))).collect());
        let saved = saved.into_iter().zip(&names);
        saved.map(|(saved, name)| saved.map_err(|error| located(error, "save", Some(name)))).collect()
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        let owned = name.as_str().to_owned();
        self.blocking("delete", Some(name.as_str()), move |disk| disk.delete(&owned)).await
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        let stat = self
            .look_up("metadata", name, |disk, root, name, cached| {
                let handle = disk.handle(root, name, cached)?;
                let stat = sys::stat(handle.as_fd())?;
                check_regular(stat.kind)?;
                if stat.size == 0 {
                    disk.size_of(&handle, root, name, cached)?;
                }
                Ok(stat)
            })
            .await?;
        Ok(Metadata {
            size: stat.size,
            modified: stat.modified,
            created: stat.created,
            accessed: stat.accessed,
        })
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.public.url(name).map_err(|error| located(error, "url", Some(name.as_str())))
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        self.look_up("open_range", name, move |disk, root, name, cached| {
            let (file, size) = disk.open_file(root, name, cached)?;
            let start = range.start.min(size);
            let count = range.end.saturating_sub(range.start).min(size - start);
            Ok(reader(file, start, count, root.local))
        })
        .await
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        crate::name::check_directory(directory).map_err(|error| located(error, "list", Some(directory)))?;
        let owned = directory.to_owned();
        self.blocking("list", Some(directory), move |disk| disk.list(&owned)).await
    }

    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let (source, target, options) = (from.as_str().to_owned(), to.as_str().to_owned(), options.clone());
        let cancel = Cancel::default();
        let _gives_up = cancel.on_drop();
        let copy = move |disk: &Disk| disk.copy(&source, &target, &options, &cancel);
        self.writing("copy", Some(from.as_str()), copy).await
    }

    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        let (source, target) = (from.as_str().to_owned(), to.as_str().to_owned());
        let cancel = Cancel::default();
        let _gives_up = cancel.on_drop();
        let rename = move |disk: &Disk| disk.rename(&source, &target, &cancel);
        self.writing("rename", Some(from.as_str()), rename).await
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
impl super::OwnerTokens for FileSystemStorage {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        let owned = name.as_str().to_owned();
        self.blocking("owner", Some(name.as_str()), move |disk| disk.owner(&owned)).await
    }

    async fn set_owner(&self, name: FileName<'_>, owner: &str) -> Result<()> {
        let (name, owned) = (name.as_str(), (name.as_str().to_owned(), owner.to_owned()));
        self.blocking("set_owner", Some(name), move |disk| disk.set_owner(&owned.0, &owned.1)).await
    }

    async fn delete_owned(&self, name: FileName<'_>, owner: &str) -> Result<bool> {
        let (owned, owner) = (name.as_str().to_owned(), owner.to_owned());
        self.blocking("delete", Some(name.as_str()), move |disk| disk.delete_owned(&owned, &owner)).await
    }

    fn owner_tokens_reliable(&self) -> bool {
        true
    }

    async fn discard_staged(&self, owner: &str) -> Result<()> {
        let owner = owner.to_owned();
        let discard =
            move |disk: &Disk| match disk.root.with(|root| stage::discard(&disk.calls, root, &owner))? {
                // Without a root there is nothing below it.
                Err(Errno::NOENT) => Ok(()),
                result => Ok(result?),
            };
        self.blocking("discard_staged", None, discard).await
    }
}

#[async_trait]
impl super::UrlSigner for FileSystemStorage {
    async fn signed_url(&self, name: FileName<'_>, options: &SignOptions) -> Result<String> {
        let url = self.public.signed_url(name, options);
        url.map_err(|error| located(error, "signed_url", Some(name.as_str())))
    }

    fn verify_signed_url(&self, request: &SignedRequest<'_>) -> Result<SignedAccess> {
        self.public.verify(request).map_err(|error| located(error, "verify_signed_url", None))
    }
}

#[async_trait]
impl super::DirectUploads for FileSystemStorage {
    async fn promote(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let (source, target, options) = (upload.as_str().to_owned(), to.as_str().to_owned(), options.clone());
        let cancel = Cancel::default();
        let _gives_up = cancel.on_drop();
        let promote = move |disk: &Disk| disk.promote(&source, &target, inspector, &options, &cancel);
        self.writing("promote", Some(to.as_str()), promote).await
    }
}

#[async_trait]
impl super::Place for FileSystemStorage {
    fn location(&self) -> Option<String> {
        let location = std::fs::canonicalize(self.location()).unwrap_or_else(|_| self.location().to_owned());
        Some(format!("file://{}", crate::name::filepath_to_uri(&location.to_string_lossy())))
    }

    fn path(&self, name: FileName<'_>) -> Result<PathBuf> {
        Ok(self.location().join(name.as_str()))
    }

    async fn root(&self, which: WhichRoot) -> Result<Option<String>> {
        self.blocking("root", None, move |disk| disk.identity(&which).map(Some)).await
    }

    fn check(&self) -> Result<()> {
        self.disk.check().map_err(|error| located(error, "check", None))
    }
}

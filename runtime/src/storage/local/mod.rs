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

/// Stores files in a directory of this machine: Django's `FileSystemStorage`, made safe.
///
/// * A save writes a file without a name, syncs it, and gives it its final name in one step which never replaces
///   another file. Nobody sees half a file, a crash leaves none, and two saves of one name give two files
///   (W05, W06). A [`TempFile`](crate::TempFile) on the same file system is linked, not copied.
/// * No operation follows a link or leaves the root, not even while links are swapped under it (W34). Links, FIFOs,
///   sockets and devices are [`NotAFile`](crate::ErrorKind::NotAFile) and never opened for waiting.
/// * What the page cache holds is read, and asked about, without a hop to another thread. So are at most 64 KiB in
///   memory saved under [`Durability::None`], as long as the storage's saves prove fast: four in a row must have taken
///   at most 1 ms each, and one that takes longer sends the others to a blocking thread for twenty times its length.
///
/// The root directory is opened once and held. The first save makes a missing one, but no directory above it, and marks
/// it with a random identity in `.filefield/root`. Once the storage knows the identity, no other directory is taken for
/// the root: while the root is missing, not mounted or replaced by another one, every operation fails with
/// [`StorageUnavailable`](crate::ErrorKind::StorageUnavailable), and works again when the root is back. A copy that has the mark,
/// such as one made by `rsync -aX`, is the root as well. With a database, see
/// [`accept_root`](crate::db::accept_root) for a new root without the mark.
///
/// The owner token of a file is kept in a user attribute. On a file system that has none, such as NFSv3, SMB and many of
/// FUSE, it is noted in a small file below `.filefield/owners` in the root, which costs one more sync for each save; a
/// warning is logged once. Copy that folder along when you move the root.
///
/// Another file system may be mounted below the root: files are saved and read there, and renamed to and fro by a copy.
/// But nothing can be staged there, so a file is not replaced, and where files cannot be made without a name none is
/// saved: [`Settings`](crate::ErrorKind::Settings) says so. Make it a storage of its own.
///
/// FAT, exFAT and some file systems in user space have neither hard links nor renames that replace nothing. There a save
/// creates an empty file under the name, exclusively, and renames the staged file over it, so for a moment an empty file is
/// listed; nobody opens it. What a killed process leaves of that is removed by a sweep and by [`remove_staged`](Self::remove_staged). Modes
/// are those of the mount where the file system keeps none. A name that differs from a taken one in case only is taken, if
/// the file system says so.
///
/// Files of older programs are read, listed and deleted under names that this storage would not give; see
/// [`FileName::existing`].
///
/// Unlike Django's it deletes files only, never a directory (D232); lists no links (D236); `exists` is about files
/// alone (D227); and the group of a file is the one that the system gives it (D221).
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
    /// A storage of the directory `location`, without a base URL.
    ///
    /// # Errors
    /// As [`FileSystemBuilder::build`].
    pub fn new(location: impl AsRef<Path>) -> Result<Self> {
        Self::builder(location).build()
    }

    /// A storage of the directory `location`, to be configured.
    pub fn builder(location: impl AsRef<Path>) -> FileSystemBuilder {
        FileSystemBuilder::new(location.as_ref())
    }

    /// The root directory, absolute (D202).
    pub fn location(&self) -> &Path {
        self.disk.root.location()
    }

    /// The base URL, with a slash at its end.
    pub fn base_url(&self) -> Option<&str> {
        self.public.base_url()
    }

    /// Removes what killed saves left in the staging folder and nobody has written to for `age`, and says how many
    /// files that were. The empty files that such saves left under their final names go too, and are not counted. Where files can be staged without a name, there is hardly ever one (F04, F05).
    ///
    /// Let `age` be longer than the longest upload.
    ///
    /// # Errors
    /// Those of the file system.
    pub async fn remove_staged(&self, age: Duration) -> Result<u64> {
        self.blocking("remove_staged", None, move |disk| disk.remove_staged(age)).await
    }

    /// A new temporary file in the staging folder of this storage, to receive an upload in. A save links it and needs no
    /// copy. One that a killed process has left is removed by a later call, a day after its last byte came. Blocks for
    /// the time that it takes to make a file.
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
    /// Those of the file system, such as [`StorageFull`](crate::ErrorKind::StorageFull).
    pub fn temp_file(&self) -> Result<TempWriter> {
        self.disk.temp_file().map_err(|error| located(error, "temp_file", None))
    }

    /// Does blocking work, in one hop.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: Option<&str>,
        work: impl FnOnce(&Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = self.disk.clone();
        hop(move || work(&disk)).await.map_err(|error| located(error, operation, name))
    }

    /// As [`blocking`](Self::blocking), for work that writes: when there is room for it.
    async fn writing<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: Option<&str>,
        work: impl FnOnce(&Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = self.disk.clone();
        write_hop(move || work(&disk)).await.map_err(|error| located(error, operation, name))
    }

    /// Saves what an application's own reader gives.
    async fn save_read(&self, text: &str, mut content: Content, options: &SaveOptions) -> Result<Saved> {
        let mut alarm = Alarm::new(content.clock());
        // A thread to read on is waited for like the reader itself.
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

    /// Does work that asks about `name`: here if what it needs is cached, else in one hop.
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
        // The thread outlives a dropped future; it must not publish then.
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
            // None of them is to keep the others' thread.
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
        // A content that panicked took the answers for those before it along.
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
                // No root, so nothing below it.
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

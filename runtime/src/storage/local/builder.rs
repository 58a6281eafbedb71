//! The builder of a [`FileSystemStorage`].

use super::FileSystemStorage;
use super::directories::Made;
use super::disk::{Disk, Durability};
use super::here::Pace;
use super::operations::Cleaned;
use super::root::Root;
use super::sys::Calls;
use crate::storage::{Public, Signer};
use crate::{Error, ErrorKind, Result};
use rustix::fs::{Mode, RawMode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The default mode of stored files, as in Django.
const FILE_MODE: u32 = 0o644;

/// Configures a [`FileSystemStorage`]. Created by [`FileSystemStorage::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FileSystemBuilder {
    location: PathBuf,
    base_url: Option<String>,
    signer: Option<Signer>,
    file_mode: u32,
    directory_mode: Option<u32>,
    allow_overwrite: bool,
    durability: Durability,
}

impl FileSystemBuilder {
    pub(super) fn new(location: &Path) -> Self {
        FileSystemBuilder {
            location: location.to_owned(),
            base_url: None,
            signer: None,
            file_mode: FILE_MODE,
            directory_mode: None,
            allow_overwrite: false,
            durability: Durability::default(),
        }
    }

    /// Sets the URL under which the files are served. A missing trailing slash is added. By default there is
    /// none.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets the signer of URLs. By default there is none.
    pub fn signer(mut self, signer: Signer) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sets the mode of stored files, by default 0644, regardless of the umask. Files are never executable.
    pub fn file_permissions_mode(mut self, mode: u32) -> Self {
        self.file_mode = mode;
        self
    }

    /// Sets the mode of every directory created by a save, regardless of the umask. By default the umask
    /// decides. Existing directories keep their mode.
    pub fn directory_permissions_mode(mut self, mode: u32) -> Self {
        self.directory_mode = Some(mode);
        self
    }

    /// Sets whether a save replaces a file of the wanted name instead of choosing another name. By default it
    /// does not. The new bytes replace the old ones in one step, so a reader sees either of them, complete,
    /// and a failed save changes nothing.
    pub fn allow_overwrite(mut self, allow: bool) -> Self {
        self.allow_overwrite = allow;
        self
    }

    /// Sets how durable a save is when it returns. By default [`Durability::Full`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Checks the configuration and creates the storage. The location need not exist yet. A relative location
    /// is resolved against the current working directory.
    ///
    /// # Errors
    /// Returns [`Settings`](ErrorKind::Settings) for an empty location, a bad base URL, a file mode with bits
    /// other than read and write, or a directory mode that does not let the owner read, write and search.
    pub fn build(self) -> Result<FileSystemStorage> {
        let refuse = |message: &'static str| Err(Error::new(ErrorKind::Settings, message));
        if self.location.as_os_str().is_empty() {
            return refuse("the location of the storage is empty");
        }
        let location = std::path::absolute(&self.location).map_err(|error| {
            Error::new(ErrorKind::Settings, "the location of the storage has no absolute form")
                .with_source(error)
        })?;
        if self.file_mode & !0o666 != 0 {
            return refuse("a file mode has bits for reading and writing only");
        }
        if self.directory_mode.is_some_and(|mode| mode & !0o7777 != 0 || mode & 0o700 != 0o700) {
            return refuse("a directory mode lets the owner read, write and search");
        }
        let public = Public::new(self.base_url.as_deref(), self.signer)?;
        let disk = Disk {
            root: Root::new(location),
            calls: Calls::default(),
            made: Made::default(),
            pace: Pace::new(Instant::now()),
            cleaned: Cleaned::default(),
            file_mode: mode(self.file_mode),
            directory_mode: self.directory_mode.map(mode),
            allow_overwrite: self.allow_overwrite,
            durability: self.durability,
        };
        Ok(FileSystemStorage { disk: Arc::new(disk), public })
    }
}

/// Mode bits that were already checked. The system's type for them may be narrower.
fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits as RawMode)
}

//! A file that is being written and has no final name yet.

use super::directories::Target;
use super::placeholder::{self, Entry};
use super::root::RootDir;
use super::sys::{self, Calls, Moved, open_component};
use crate::TempFile;
use crate::failpoints::planted;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};
use std::fs::File;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The folder below the root that is reserved for this storage, and the folder for staged files in it.
pub(super) const RESERVED: &str = crate::name::RESERVED_COMPONENT;
pub(super) const STAGING: &str = "tmp";

/// A file on its way into the storage. Dropping it removes everything that was not published.
pub(super) struct Staged {
    file: File,
    place: Place,
}

enum Place {
    /// No name at all, so a crash frees it.
    Unnamed,
    /// In the staging folder.
    Named(OwnedFd, String),
    /// A temporary file that was passed in. Its last owner removes it, because the caller may have to save it
    /// again.
    Elsewhere { _temp: TempFile },
    /// Published under its final name, its only one.
    Published,
}

impl Staged {
    /// Creates an empty file on the file system of the directory. If it needs a name, the name is the `owner`
    /// token, so that [`discard`] can find it.
    pub(super) fn new(calls: &Calls, target: &Target, owner: Option<&str>) -> Result<Staged> {
        if let Some(staged) = Staged::unnamed(calls, target)? {
            return Ok(staged);
        }
        let (root, directory) = (&target.root, &target.directory);
        let in_place = planted!("digits-tmp-in-place");
        let staging = if in_place { rustix::io::dup(directory)? } else { staging(root)? };
        let name =
            if in_place { format!("upload#{}", getrandom::u32().unwrap_or(0)) } else { random_name()? };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |name: &str| rustix::fs::openat(&staging, name, flags, Mode::RUSR | Mode::WUSR);
        let (file, name) = match owner.filter(|owner| is_plain(owner) && !in_place) {
            Some(owner) => match open(owner) {
                // The save is retried.
                Err(Errno::EXIST) => (open(&name)?, name),
                file => (file?, owner.to_owned()),
            },
            None => (open(&name)?, name),
        };
        Ok(Staged { file: file.into(), place: Place::Named(staging, name) })
    }

    /// Creates an empty file without a name. Returns `None` if the file system does not support that.
    pub(super) fn unnamed(calls: &Calls, target: &Target) -> Result<Option<Staged>> {
        let directory = &target.directory;
        let nameable = calls.unnamed.load(Relaxed) && calls.links.load(Relaxed);
        if !nameable || planted!("digits-tmp-in-place") || planted!("temp-left-behind") {
            return Ok(None);
        }
        match sys::open_unnamed(directory.as_fd()) {
            Ok(file) => Ok(Some(Staged { file: file.into(), place: Place::Unnamed })),
            // The answers of file systems without support, and of kernels that treat the call as opening a
            // directory.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Ok(None),
            // The answers of ext4 and others for a directory that was removed, and of some overlays for any
            // directory.
            Err(error @ (Errno::NOENT | Errno::PERM)) => match rustix::fs::fstat(directory)?.st_nlink {
                0 => Err(Errno::NOENT),
                _ if error == Errno::PERM => Err(error),
                _ => Ok(None),
            },
            Err(error) => Err(error),
        }
    }

    /// Wraps a temporary file that was passed in.
    pub(super) fn taken(temp: TempFile, file: File) -> Staged {
        Staged { file, place: Place::Elsewhere { _temp: temp } }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether it is a temporary file that was passed in and has no other name.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.place, Place::Elsewhere { .. })
    }

    /// Gives the file its final name, which must be free.
    pub(super) fn publish(&mut self, calls: &Calls, target: &Target, name: &str) -> Result<()> {
        let directory = target.directory.as_fd();
        match &self.place {
            Place::Unnamed => sys::link_open(calls, self.file.as_fd(), directory, name)?,
            Place::Named(staging, staged) => {
                let (from, to) = (format!("{RESERVED}/{STAGING}/{staged}"), target.path_of(name));
                let from = Entry { directory: staging.as_fd(), leaf: staged, path: &from };
                let to = Entry { directory, leaf: name, path: &to };
                if let Moved::Linked(_) = placeholder::move_to_free(calls, &target.root, from, to)? {
                    // It is published. Dropping it tries again to remove the old name.
                    return Ok(());
                }
            }
            // The old name is removed on drop, unless the file may have to be saved again.
            Place::Elsewhere { .. } => {
                return match sys::link_open(calls, self.file.as_fd(), directory, name) {
                    Err(Errno::NOENT) if rustix::fs::fstat(directory)?.st_nlink == 0 => Err(Errno::NOENT),
                    result => result.map_err(not_linked),
                };
            }
            Place::Published => return Err(Errno::INVAL),
        }
        self.place = Place::Published;
        Ok(())
    }

    /// Gives the file its final name. Replaces the regular file that has this name.
    pub(super) fn replace(
        &mut self,
        calls: &Calls,
        root: &RootDir,
        directory: BorrowedFd<'_>,
        name: &str,
    ) -> Result<()> {
        match sys::kind_at(directory, name) {
            Ok(FileType::RegularFile) | Err(Errno::NOENT) => {}
            Ok(FileType::Directory) => return Err(Errno::ISDIR),
            Ok(_) => return Err(Errno::LOOP),
            Err(error) => return Err(error),
        }
        if let Place::Unnamed | Place::Elsewhere { .. } = self.place {
            // A rename replaces, a link does not, so the file needs a name first.
            let staging = staging(root)?;
            let staged = random_name()?;
            match sys::link_open(calls, self.file.as_fd(), staging.as_fd(), &staged) {
                Ok(()) => {
                    self.forget_old_name();
                    self.place = Place::Named(staging, staged);
                }
                Err(error) if matches!(self.place, Place::Unnamed) => return Err(error),
                Err(error) => return Err(not_linked(error)),
            }
        }
        match &self.place {
            Place::Named(staging, staged) => rustix::fs::renameat(staging, staged, directory, name)?,
            Place::Unnamed | Place::Elsewhere { .. } | Place::Published => return Err(Errno::INVAL),
        }
        self.place = Place::Published;
        Ok(())
    }

    fn forget_old_name(&self) {
        // An error here needs no action: the name is already gone, or it stays in a folder for temporary
        // files.
        let _ = match &self.place {
            Place::Named(staging, staged) => rustix::fs::unlinkat(staging, staged, AtFlags::empty()),
            Place::Unnamed | Place::Elsewhere { .. } | Place::Published => Ok(()),
        };
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !planted!("temp-left-behind") {
            self.forget_old_name();
        }
    }
}

/// The error for a temporary file that cannot be linked: there are no links, no /proc, or the kernel protects
/// files of others. The bytes are then copied. The file is not moved, because the caller may have to save it
/// again.
fn not_linked(error: Errno) -> Errno {
    match error {
        Errno::EXIST | Errno::NAMETOOLONG => error,
        _ => Errno::XDEV,
    }
}

/// The maximum time between writing the last byte of a file and naming it.
const MAX_PUBLISHING: Duration = Duration::from_secs(60 * 60);

/// Removes the staging file of a save with this owner token, and the placeholder of its name. Also removes
/// abandoned placeholders. Returns `NOENT` if there is no such staging file.
pub(super) fn discard(calls: &Calls, root: &RootDir, owner: &str) -> Result<()> {
    if !is_plain(owner) {
        return Ok(());
    }
    placeholder::clear(calls, root, |from, _, idle| {
        from.rsplit_once('/').is_some_and(|(_, leaf)| leaf == owner) || idle >= MAX_PUBLISHING
    })?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let staging = open_component(root.as_fd(), RESERVED, flags)
        .and_then(|reserved| open_component(reserved.as_fd(), STAGING, flags));
    staging.and_then(|staging| rustix::fs::unlinkat(&staging, owner, AtFlags::empty()))
}

/// Whether a token can be the name of a file.
fn is_plain(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Opens the staging folder and creates it if it is missing. Only the owner can access it.
pub(super) fn staging(root: &RootDir) -> Result<OwnedFd> {
    private_directory(reserved(root)?.as_fd(), STAGING)
}

/// Opens the reserved folder and creates it if it is missing.
pub(super) fn reserved(root: &RootDir) -> Result<OwnedFd> {
    private_directory(root.as_fd(), RESERVED)
}

pub(super) fn private_directory(at: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    match open_component(at, name, flags) {
        Err(Errno::NOENT) => {}
        result => return result,
    }
    match rustix::fs::mkdirat(at, name, Mode::RWXU) {
        Ok(()) => {
            let directory = open_component(at, name, flags)?;
            sys::set_mode(directory.as_fd(), Mode::RWXU)?;
            Ok(directory)
        }
        Err(Errno::EXIST) => open_component(at, name, flags),
        Err(error) => Err(error),
    }
}

pub(super) fn random_name() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

//! Checks at program start whether a storage works.

use super::directories::{Directory, no_parent};
use super::disk::Disk;
use super::root::RootDir;
use super::stage::{self, Staged};
use crate::{Error, ErrorKind, Result};
use rustix::fd::AsFd;
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use std::path::Path;
use std::sync::Arc;

impl Disk {
    /// Checks that the root exists and is writable, or can be created, and that its file system does not give
    /// the name of one file to another.
    pub(super) fn check(&self) -> Result<()> {
        let checked = match self.root.standing()? {
            Ok(root) => self.check_root(&root),
            Err(Errno::NOENT) => return self.check_parent(),
            Err(Errno::NOTDIR) => {
                let text =
                    "a file stands at the storage's location, or above it: the location is a directory";
                return Err(Error::new(ErrorKind::Settings, text));
            }
            Err(error) => Err(error),
        };
        match checked {
            // A full disk is not a mistake in the configuration: files can still be read.
            Ok(true) | Err(Errno::NOSPC | Errno::DQUOT) => Ok(()),
            Ok(false) => Err(Error::new(
                ErrorKind::Unsupported,
                "the file system of the storage's root gives the name of one file to another: take another file system",
            )),
            Err(error) => Err(explained(error)),
        }
    }

    /// Saves an empty file twice under one name, in the staging folder. Returns whether the second save was
    /// refused.
    fn check_root(&self, root: &Arc<RootDir>) -> rustix::io::Result<bool> {
        let staging = stage::staging(root)?;
        let name = stage::random_name()?;
        let path = format!("{}/{}", stage::RESERVED, stage::STAGING);
        let target = self.target_at(root, &path, Directory::Opened(staging));
        let directory = target.directory.as_fd();
        let publish = || Staged::new(&self.calls, &target, None)?.publish(&self.calls, &target, &name);
        publish()?;
        let second = publish();
        rustix::fs::unlinkat(directory, &name, AtFlags::empty())?;
        match second {
            Err(Errno::EXIST) => Ok(true),
            second => second.map(|()| false),
        }
    }

    /// Checks that the first save can create the missing root.
    fn check_parent(&self) -> Result<()> {
        let location = self.root.location();
        if location.symlink_metadata().is_ok() {
            return Err(Error::new(ErrorKind::Settings, "the storage's location is a link to nothing"));
        }
        let parent = location.parent().unwrap_or(Path::new("/"));
        match rustix::fs::accessat(CWD, parent, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(no_parent()),
            Err(Errno::ACCESS | Errno::PERM) => Err(Error::new(
                ErrorKind::PermissionDenied,
                "the storage's location is not there and cannot be made: make it with `mkdir`, and give it to the user \
                 of this program with `chown`",
            )),
            Err(error) => Err(explained(error)),
        }
    }
}

fn explained(error: Errno) -> Error {
    let made = Error::from(error);
    let text = match error {
        Errno::ACCESS | Errno::PERM => {
            "files cannot be made in the storage's location: give it to the user of this program with `chown`"
        }
        Errno::ROFS => {
            "the file system of the storage's location is read-only: mount it for writing, or turn this check off with \
             `AppBuilder::check_storages(false)` where files are only read"
        }
        Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => {
            "the file system of the storage's location cannot give a name to a file without taking it from another: take \
             another file system"
        }
        _ => return made,
    };
    Error::new(made.kind(), text).with_source(std::io::Error::from(error))
}

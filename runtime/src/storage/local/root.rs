//! The directory a storage lives in, held open.

use super::sys::{self, PATH_ONLY};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The open root directory.
#[derive(Debug)]
pub(super) struct RootDir {
    fd: OwnedFd,
    /// Device and inode number.
    id: (u64, u64),
    /// Whether it may be asked on a thread that must not wait.
    pub(super) local: bool,
}

impl AsFd for RootDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The location and its open directory, if it was there when it was last asked for.
#[derive(Debug)]
pub(super) struct Root {
    location: PathBuf,
    open: RwLock<Option<Arc<RootDir>>>,
}

impl Root {
    pub(super) fn new(location: PathBuf) -> Self {
        Root { location, open: RwLock::new(None) }
    }

    pub(super) fn location(&self) -> &Path {
        &self.location
    }

    /// The directory, if it is open.
    pub(super) fn opened(&self) -> Option<Arc<RootDir>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The directory, opened if need be.
    pub(super) fn get(&self) -> Result<Arc<RootDir>> {
        match self.opened() {
            Some(root) => Ok(root),
            None => self.reopen(),
        }
    }

    /// Whether another directory stands at the location than the one that is open, as after a deployment or a mount.
    ///
    /// The open directory keeps the way to itself in memory, so as long as nothing has changed this asks no disk.
    pub(super) fn was_replaced(&self, opened: &RootDir) -> Result<bool> {
        match rustix::fs::stat(&self.location) {
            Ok(now) => Ok(sys::id(&now) != opened.id),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Opens the directory that stands at the location now.
    pub(super) fn reopen(&self) -> Result<Arc<RootDir>> {
        let opened = self.open_location().and_then(|fd| {
            let id = sys::id(&rustix::fs::fstat(&fd)?);
            let local = sys::is_local(fd.as_fd());
            Ok(Arc::new(RootDir { fd, id, local }))
        });
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *open = opened.as_ref().ok().cloned();
        opened
    }

    /// Does `work` in the directory; once more in the one that has taken its place, if something was not found.
    pub(super) fn with<T>(&self, work: impl Fn(&Arc<RootDir>) -> Result<T>) -> Result<T> {
        let root = self.get()?;
        match work(&root) {
            Err(Errno::NOENT) if self.was_replaced(&root)? => work(&self.reopen()?),
            result => result,
        }
    }

    /// Does `work` in the directory that stands at the location now: what changes files must not do so in one that was
    /// put aside.
    pub(super) fn with_current<T>(&self, work: impl Fn(&Arc<RootDir>) -> Result<T>) -> Result<T> {
        let root = self.get()?;
        if self.was_replaced(&root)? { work(&self.reopen()?) } else { work(&root) }
    }

    /// As [`with`](Self::with), but `None` where the disk would have to be asked.
    pub(super) fn with_cached<T>(&self, work: impl Fn(&Arc<RootDir>) -> Result<T>) -> Option<Result<T>> {
        let opened = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let root = opened.as_ref().filter(|root| root.local)?;
        match work(root) {
            Err(Errno::AGAIN) => None,
            // Where a new directory has taken the place, opening it is left to a thread that may wait.
            Err(Errno::NOENT) if !matches!(self.was_replaced(root), Ok(false)) => None,
            result => Some(result),
        }
    }

    // The administrator chose the location, so links on the way to it are followed.
    fn open_location(&self) -> Result<OwnedFd> {
        rustix::fs::openat(
            CWD,
            &self.location,
            PATH_ONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    }
}

//! Opening and creating the directories below the root.

use super::disk::{Disk, Durability};
use super::placeholder;
use super::root::{self, MARK, Mark, RootDir};
use super::stage::{self, RESERVED, Staged};
use super::sys::{self, PATH_ONLY, open_beneath, open_component};
use crate::failpoints::planted;
use crate::storage::WhichRoot;
use crate::{Error, ErrorKind, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a directory is created again if others keep removing it.
pub(super) const MOST_REMOVALS: usize = 16;

/// How long a save relies on one check that the root is still in place.
const SOON: Duration = Duration::from_millis(10);

/// How long another save may take to mark the root.
const MARKING: Duration = Duration::from_secs(3);

/// An open directory at or below the root.
pub(super) enum Directory {
    Root(Arc<RootDir>),
    Opened(OwnedFd),
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Directory::Root(root) => root.as_fd(),
            Directory::Opened(fd) => fd.as_fd(),
        }
    }
}

/// The directory in which a file is to be published.
pub(super) struct Target {
    path: String,
    pub(super) root: Arc<RootDir>,
    pub(super) directory: Directory,
    opened: Instant,
    /// Directories that must be synced too, parents first.
    unsynced: Vec<Unsynced>,
}

impl Target {
    /// The path of a file in this directory, from the root.
    pub(super) fn path_of(&self, leaf: &str) -> String {
        if self.path.is_empty() { leaf.to_owned() } else { format!("{}/{leaf}", self.path) }
    }
}

/// A directory with a new entry that is not synced yet, and the path of that entry.
pub(super) struct Unsynced {
    directory: OwnedFd,
    made: String,
}

/// The directories created by this storage whose entries may not be synced yet. A save into a directory that
/// another save has just created must not be acknowledged before that directory is durable.
#[derive(Debug, Default)]
pub(super) struct Made {
    count: AtomicUsize,
    paths: Mutex<BTreeSet<String>>,
}

impl Made {
    fn add(&self, path: &str) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.insert(path.to_owned());
        self.count.store(paths.len(), Ordering::SeqCst);
    }

    fn remove(&self, path: &str) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.remove(path);
        self.count.store(paths.len(), Ordering::SeqCst);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Returns those of `path` and the directories above it that are not synced yet.
    fn above(&self, path: &str) -> Vec<String> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.map(|end| &path[..end]).filter(|above| paths.contains(*above)).map(str::to_owned).collect()
    }
}

impl Disk {
    /// The flags of a directory handle; it can be synced if the durability needs that.
    fn directory_flags(&self) -> OFlags {
        OFlags::DIRECTORY | if self.durability == Durability::Full { OFlags::RDONLY } else { PATH_ONLY }
    }

    /// Opens the directory `path` (`""` is the root), which must exist.
    pub(super) fn directory(&self, root: &Arc<RootDir>, path: &str) -> rustix::io::Result<Directory> {
        if !path.is_empty() {
            return open_beneath(&self.calls, root.as_fd(), path, self.directory_flags(), false)
                .map(Directory::Opened);
        }
        if self.durability == Durability::Full {
            return open_component(root.as_fd(), ".", self.directory_flags()).map(Directory::Opened);
        }
        Ok(Directory::Root(root.clone()))
    }

    /// Opens the directory `path` and creates it if it is missing.
    pub(super) fn make_target(&self, path: &str) -> Result<Target> {
        let mut unsynced = Vec::new();
        match self.make(path, &mut unsynced) {
            Ok((root, directory)) => {
                Ok(Target { path: path.to_owned(), root, directory, opened: Instant::now(), unsynced })
            }
            Err(error) => {
                // The created directories stay. The first error matters more than an error of the sync.
                let _ = self.sync_made(unsynced);
                Err(error)
            }
        }
    }

    /// Opens the directory `path` if it exists. Creates nothing.
    pub(super) fn standing_target(&self, path: &str) -> Option<Target> {
        let Ok(Ok(root)) = self.root.standing() else { return None };
        let mut unsynced = Vec::new();
        let directory = self.directory(&root, path).ok()?;
        self.add_unsynced_above(&root, path, &mut unsynced).ok()?;
        Some(Target { path: path.to_owned(), root, directory, opened: Instant::now(), unsynced })
    }

    /// Opens the directory `path` if its path is cached and on this machine.
    pub(super) fn cached_target(&self, path: &str) -> Option<Target> {
        let root = self.root.opened().filter(|root| root.local)?;
        if !matches!(self.root.was_replaced(&root), Ok(false)) {
            return None;
        }
        let directory = match path {
            "" => self.directory(&root, path).ok()?,
            path => {
                let flags = self.directory_flags();
                Directory::Opened(open_beneath(&self.calls, root.as_fd(), path, flags, true).ok()?)
            }
        };
        Some(Target { path: path.to_owned(), root, directory, opened: Instant::now(), unsynced: Vec::new() })
    }

    /// Fails if the root was replaced since the directory of `target` was opened, for example while content
    /// arrived or a gate was closed.
    pub(super) fn check_still_there(&self, target: &Target) -> Result<()> {
        if target.opened.elapsed() < SOON || !self.root.was_replaced(&target.root)? {
            return Ok(());
        }
        let text = "the root of the storage was replaced while the file was written";
        Err(Error::new(ErrorKind::StorageUnavailable, text).retryable())
    }

    /// Opens or creates the directory of `target` again, after another program has removed it.
    pub(super) fn make_again(&self, target: &mut Target) -> Result<()> {
        (target.root, target.directory) = self.make(&target.path, &mut target.unsynced)?;
        Ok(())
    }

    fn make(&self, path: &str, unsynced: &mut Vec<Unsynced>) -> Result<(Arc<RootDir>, Directory)> {
        for _ in 0..MOST_REMOVALS {
            let root = self.make_root(unsynced)?;
            let made = match self.directory(&root, path) {
                Err(Errno::NOENT) => self.make_directories(&root, path, unsynced),
                result => result.and_then(|directory| {
                    self.add_unsynced_above(&root, path, unsynced)?;
                    Ok(directory)
                }),
            };
            match made {
                Err(Errno::NOENT) => {}
                result => return Ok((root, result?)),
            }
        }
        Err(kept_vanishing())
    }

    fn add_unsynced_above(
        &self,
        root: &Arc<RootDir>,
        path: &str,
        unsynced: &mut Vec<Unsynced>,
    ) -> rustix::io::Result<()> {
        for made in self.made.above(path) {
            let parent = made.rsplit_once('/').map_or("", |(parent, _)| parent);
            if let Directory::Opened(directory) = self.directory(root, parent)? {
                unsynced.push(Unsynced { directory, made });
            }
        }
        Ok(())
    }

    /// Opens the root. On a first start creates and marks a missing root, but creates no directory above it.
    pub(super) fn make_root(&self, unsynced: &mut Vec<Unsynced>) -> Result<Arc<RootDir>> {
        let root = match self.root.standing() {
            Ok(Err(Errno::NOENT)) => self.new_root(unsynced)?,
            Err(error)
                if error.kind() == ErrorKind::StorageUnavailable && planted!("new-root-while-away") =>
            {
                self.root.forget();
                self.new_root(unsynced)?
            }
            root => root??,
        };
        if root.mark != Mark::Missing {
            return Ok(root);
        }
        match self.mark(&root) {
            Ok(()) => Ok(self.root.reopen()??),
            // The files below may still be writable. Older roots have no mark.
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnly) => {
                Ok(root)
            }
            Err(error) => Err(error),
        }
    }

    fn new_root(&self, unsynced: &mut Vec<Unsynced>) -> Result<Arc<RootDir>> {
        let location = self.root.location();
        match rustix::fs::mkdir(location, self.new_directory_mode()) {
            Ok(()) => {
                let root = rustix::fs::open(
                    location,
                    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                    Mode::empty(),
                )?;
                self.set_directory_mode(root.as_fd())?;
                if self.durability == Durability::Full {
                    let parent = location.parent().unwrap_or(Path::new("/"));
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                    let directory = rustix::fs::openat(CWD, parent, flags, Mode::empty())?;
                    unsynced.push(Unsynced { directory, made: String::new() });
                }
            }
            Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => return Err(no_parent()),
            Err(error) => return Err(error.into()),
        }
        match self.root.reopen()? {
            Err(Errno::NOENT) => {
                Err(Error::new(ErrorKind::Settings, "the storage's location is a link to nothing"))
            }
            root => Ok(root?),
        }
    }

    /// Returns a target for an internal directory at `path`.
    pub(super) fn target_at(&self, root: &Arc<RootDir>, path: &str, directory: Directory) -> Target {
        let (path, unsynced) = (path.to_owned(), Vec::new());
        Target { path, root: root.clone(), directory, opened: Instant::now(), unsynced }
    }

    /// Gives the root its identity, durably. If another process is faster, its identity counts.
    fn mark(&self, root: &Arc<RootDir>) -> Result<()> {
        let directory = Directory::Opened(stage::reserved(root)?);
        let target = self.target_at(root, RESERVED, directory);
        let mut staged = Staged::new(&self.calls, &target, None)?;
        staged.file().write_all(root::new_mark()?.as_bytes())?;
        rustix::fs::fchmod(staged.file(), Mode::RUSR | Mode::WUSR)?;
        staged.file().sync_all()?;
        match staged.publish(&self.calls, &target, MARK) {
            Ok(()) => {}
            Err(Errno::EXIST) => self.other_mark(root)?,
            Err(error) => return Err(error.into()),
        }
        sys::sync_directory(target.directory.as_fd())?;
        let above = open_component(root.as_fd(), ".", OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(sys::sync_directory(above.as_fd())?)
    }

    /// Waits for the mark that another save gives the root. Without hard links an empty placeholder has its
    /// name first. Removes a placeholder left by a killed process.
    fn other_mark(&self, root: &Arc<RootDir>) -> Result<()> {
        let mark = format!("{RESERVED}/{MARK}");
        let begin = Instant::now();
        loop {
            let pending = placeholder::is_pending(&self.calls, root, &mark)?;
            if root::read_mark(root.as_fd())? != Mark::Missing {
                return Ok(());
            }
            if !pending {
                return Err(root::unreadable(Errno::ILSEQ));
            }
            if begin.elapsed() >= MARKING {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        placeholder::clear(&self.calls, root, |_, to, idle| to == mark && idle >= MARKING)?;
        Err(root::unmarked())
    }

    /// Returns the identity of the root that `which` asks for.
    pub(super) fn identity(&self, which: &WhichRoot) -> Result<String> {
        let mut unsynced = Vec::new();
        let root = match which {
            WhichRoot::Known(identity) if planted!("root-not-identified") => return Ok(identity.clone()),
            WhichRoot::Known(identity) => {
                self.root.expect(identity)?;
                self.root.standing()?
            }
            WhichRoot::Standing => self.root.standing()?,
            WhichRoot::First | WhichRoot::Accepted => {
                if let WhichRoot::Accepted = which {
                    self.root.forget();
                }
                let root = self.make_root(&mut unsynced);
                let synced = self.sync_made(unsynced);
                let root = root?;
                synced?;
                if root.mark == Mark::Missing {
                    // Marking failed before. Trying again returns the reason.
                    self.mark(&root)?;
                    self.root.reopen()?
                } else {
                    Ok(root)
                }
            }
        };
        match root {
            Err(Errno::NOENT | Errno::NOTDIR) => Err(root::gone()),
            Err(error) => Err(error.into()),
            Ok(root) => match &root.mark {
                Mark::Is(identity) => Ok(identity.to_string()),
                Mark::Missing => Err(root::unmarked()),
                Mark::Unreadable(errno) => Err(root::unreadable(*errno)),
            },
        }
    }

    fn make_directories(
        &self,
        root: &Arc<RootDir>,
        path: &str,
        unsynced: &mut Vec<Unsynced>,
    ) -> rustix::io::Result<Directory> {
        let mut here = Directory::Root(root.clone());
        let mut end = 0;
        for component in path.split('/') {
            end += component.len();
            here = match open_component(here.as_fd(), component, self.directory_flags()) {
                Err(Errno::NOENT) => {
                    let made = &path[..end];
                    let directory = self.make_directory(here.as_fd(), component, made, unsynced)?;
                    Directory::Opened(directory)
                }
                result => Directory::Opened(result?),
            };
            end += 1;
        }
        Ok(here)
    }

    fn make_directory(
        &self,
        at: BorrowedFd<'_>,
        name: &str,
        path: &str,
        unsynced: &mut Vec<Unsynced>,
    ) -> rustix::io::Result<OwnedFd> {
        if self.durability == Durability::Full {
            let directory = open_component(at, ".", OFlags::RDONLY | OFlags::DIRECTORY)?;
            self.made.add(path);
            unsynced.push(Unsynced { directory, made: path.to_owned() });
        }
        // What is not served is private.
        let private = name == RESERVED;
        let mode = if private { Mode::RWXU } else { self.new_directory_mode() };
        match rustix::fs::mkdirat(at, name, mode) {
            // Another save was faster. Its directory is used.
            Err(Errno::EXIST) => open_component(at, name, self.directory_flags()),
            Err(error) => Err(error),
            Ok(()) if self.directory_mode.is_some() && !private => {
                let directory = open_component(at, name, OFlags::RDONLY | OFlags::DIRECTORY)?;
                self.set_directory_mode(directory.as_fd())?;
                Ok(directory)
            }
            Ok(()) => open_component(at, name, self.directory_flags()),
        }
    }

    /// If a mode is configured, a new directory is private until the mode is set.
    fn new_directory_mode(&self) -> Mode {
        if self.directory_mode.is_some() { Mode::RWXU } else { Mode::RWXU | Mode::RWXG | Mode::RWXO }
    }

    /// Sets the mode on the descriptor, so that the umask does not apply.
    fn set_directory_mode(&self, directory: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let Some(mode) = self.directory_mode else { return Ok(()) };
        // A directory with the set-group-ID bit passes on its group and the bit.
        let made = Mode::from_raw_mode(rustix::fs::fstat(directory)?.st_mode);
        sys::set_mode(directory, mode | (made & Mode::SGID))
    }

    /// Makes the entry of a published file durable, then the entries of the directories created for it,
    /// parents last.
    pub(super) fn sync_target(&self, target: Target) -> rustix::io::Result<()> {
        if self.durability != Durability::Full {
            return Ok(());
        }
        if !planted!("no-directory-fsync") {
            sys::sync_directory(target.directory.as_fd())?;
        }
        self.sync_made(target.unsynced)
    }

    /// Syncs the directories created for a save that failed, so that other saves need not sync them.
    pub(super) fn settle(&self, target: Target) {
        // Directories that cannot be synced are left to the next save in them.
        let _ = self.sync_made(target.unsynced);
    }

    fn sync_made(&self, unsynced: Vec<Unsynced>) -> rustix::io::Result<()> {
        for Unsynced { directory, made } in unsynced.into_iter().rev() {
            if !planted!("no-parent-fsync") {
                sys::sync_directory(directory.as_fd())?;
            }
            self.made.remove(&made);
        }
        Ok(())
    }
}

/// The error for a location whose root cannot be created.
pub(super) fn no_parent() -> Error {
    let text = "the directory that the storage's location lies in does not exist";
    Error::new(ErrorKind::Settings, text)
}

pub(super) fn kept_vanishing() -> Error {
    Error::new(ErrorKind::NotFound, "the directory was removed again and again while a file was saved in it")
        .retryable()
}

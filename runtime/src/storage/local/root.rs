//! The root directory of a storage: kept open, and identified.
//!
//! A root carries a mark: a random identity in a file of the private folder, written once. Once a process
//! knows the identity, from the disk or from a database, it accepts no other directory as the root, and a
//! missing root is an error of the storage. So an unmounted disk is never mistaken for a root without files.

use super::stage::RESERVED;
use super::sys::{self, PATH_ONLY};
use crate::failpoints::planted;
use crate::{Error, ErrorKind};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

/// The file in the private folder that holds the identity.
pub(super) const MARK: &str = "root";
/// The number of hexadecimal digits of an identity.
const DIGITS: usize = 32;
/// How long readers rely on one check that the root is still in place.
const SOON: Duration = Duration::from_micros(100);

/// The open root directory.
#[derive(Debug)]
pub(super) struct RootDir {
    fd: OwnedFd,
    /// Device and inode number.
    id: (u64, u64),
    /// Whether it may be accessed on a thread that must not block.
    pub(super) local: bool,
    pub(super) mark: Mark,
}

impl AsFd for RootDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The mark of a root.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing yet.
    Missing,
    /// A mark that this process cannot read, and the error.
    Unreadable(Errno),
    /// The identity.
    Is(Arc<str>),
}

/// The location, its directory if it was there at the last check, and what is known about it.
#[derive(Debug)]
pub(super) struct Root {
    location: PathBuf,
    state: RwLock<State>,
    start: Instant,
    /// The time of the last check by a reader that the root is in place, in microseconds after `start`.
    looked: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Arc<RootDir>>,
    /// The identity that the root must have.
    known: Option<Arc<str>>,
    /// Whether the root was ever there.
    seen: bool,
}

/// A result of work in the directory. The outer error means that the root is not in place.
pub(super) type InRoot<T> = crate::Result<Result<T>>;

impl State {
    /// Rejects a directory that is not the root.
    fn check(&self, root: &RootDir) -> crate::Result<()> {
        match (&self.known, &root.mark) {
            (None, _) => Ok(()),
            (Some(known), Mark::Is(found)) if known == found => Ok(()),
            _ if planted!("root-not-identified") => Ok(()),
            (Some(_), Mark::Missing) => Err(unavailable(
                "the directory at the location of the storage does not carry the mark of its root: is the disk mounted?",
            )),
            (Some(_), Mark::Unreadable(errno)) => Err(unreadable(*errno)),
            (Some(_), Mark::Is(_)) => Err(unavailable(
                "the directory at the location of the storage is the root of another storage: is the right disk mounted?",
            )),
        }
    }
}

impl Root {
    pub(super) fn new(location: PathBuf) -> Self {
        let (state, looked) = (RwLock::default(), AtomicU64::new(0));
        Root { location, state, start: Instant::now(), looked }
    }

    pub(super) fn location(&self) -> &Path {
        &self.location
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the directory, if it is open.
    pub(super) fn opened(&self) -> Option<Arc<RootDir>> {
        self.state().open.clone()
    }

    /// Whether the location no longer leads to the open directory: there is another directory or none, as
    /// after a deployment or a mount.
    ///
    /// The open directory keeps its path in the kernel's cache, so if nothing changed this does no I/O.
    ///
    /// # Errors
    /// Returns an error if the location cannot be accessed.
    pub(super) fn was_replaced(&self, opened: &RootDir) -> crate::Result<bool> {
        match rustix::fs::stat(&self.location) {
            Ok(now) => Ok(sys::id(&now) != opened.id),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(true),
            Err(error) => Err(out_of_reach(error)),
        }
    }

    /// Returns the current root. The inner error means a first start: there was never a root.
    pub(super) fn standing(&self) -> InRoot<Arc<RootDir>> {
        match self.opened() {
            Some(root) if !self.was_replaced(&root)? => Ok(Ok(root)),
            _ => self.reopen(),
        }
    }

    /// Opens the directory that is at the location now, if it is the root.
    pub(super) fn reopen(&self) -> InRoot<Arc<RootDir>> {
        let mut opened = self.open_location();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let before = state.open.take();
        if let (None, Some(old)) = (&state.known, before)
            && let Ok(Mark::Is(found)) = read_mark(old.as_fd())
        {
            // Another process has marked it since it was opened here.
            state.known = Some(found);
        }
        let fits = match &opened {
            Ok(root) => state.check(root).is_ok(),
            Err(_) => !(state.seen || state.known.is_some()),
        };
        if !fits {
            // Another save may have created or marked it since.
            opened = self.open_location();
        }
        match opened {
            Ok(root) => {
                state.check(&root)?;
                state.seen = true;
                if let (None, Mark::Is(found)) = (&state.known, &root.mark) {
                    state.known = Some(found.clone());
                }
                let root = Arc::new(root);
                state.open = Some(root.clone());
                Ok(Ok(root))
            }
            Err(error) if !(state.seen || state.known.is_some()) || planted!("root-not-identified") => {
                Ok(Err(error))
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Err(gone()),
            Err(error) => Err(out_of_reach(error)),
        }
    }

    /// Sets the identity of the root. Fails if the storage already knows another one, unless the directory at
    /// the location has the given identity.
    pub(super) fn expect(&self, identity: &str) -> crate::Result<()> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let standing = self.open_location();
        let is_it = standing.is_ok_and(|root| matches!(root.mark, Mark::Is(found) if *found == *identity));
        match &state.known {
            Some(known) if **known == *identity => {}
            Some(_) if !is_it => {
                return Err(unavailable(
                    "the database knows another root of the storage than the one that stands at its location",
                ));
            }
            _ => {
                state.known = Some(identity.into());
                state.open = None;
            }
        }
        Ok(())
    }

    /// Forgets the root, so that any directory at the location is accepted.
    pub(super) fn forget(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Runs `work` in the root. If something was not found and the root was replaced by a directory that is
    /// also the root, runs it again there.
    pub(super) fn with<T>(&self, work: impl Fn(&Arc<RootDir>) -> Result<T>) -> InRoot<T> {
        let root = match self.standing()? {
            Ok(root) => root,
            Err(error) => return Ok(Err(error)),
        };
        match work(&root) {
            // Checking again detects a server or a driver that is gone.
            Err(Errno::NOENT | Errno::STALE | Errno::NOTCONN | Errno::IO) if self.was_replaced(&root)? => {
                Ok(match self.reopen()? {
                    Ok(root) => work(&root),
                    Err(error) => Err(error),
                })
            }
            result => Ok(result),
        }
    }

    /// Like [`with`](Self::with), but returns `None` if that needs I/O.
    pub(super) fn with_cached<T>(&self, work: impl Fn(&Arc<RootDir>) -> Result<T>) -> Option<Result<T>> {
        let state = self.state();
        let root = state.open.as_ref().filter(|root| root.local)?;
        let is_there = || matches!(self.was_replaced(root), Ok(false));
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.looked.load(Relaxed)) >= SOON.as_micros().try_into().unwrap_or(0) {
            if !is_there() {
                return None;
            }
            self.looked.store(now, Relaxed);
        }
        match work(root) {
            Err(Errno::AGAIN) => None,
            // If there is a new directory at the location, a blocking thread opens it.
            Err(Errno::NOENT) if !is_there() => None,
            result => Some(result),
        }
    }

    // The administrator chose the location, so links in it are followed.
    fn open_location(&self) -> Result<RootDir> {
        let flags = PATH_ONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, &self.location, flags, Mode::empty())?;
        let id = sys::id(&rustix::fs::fstat(&fd)?);
        let (local, mark) = (sys::is_local(fd.as_fd()), read_mark(fd.as_fd())?);
        Ok(RootDir { fd, id, local, mark })
    }
}

pub(super) fn read_mark(root: BorrowedFd<'_>) -> Result<Mark> {
    let read = || -> Result<Arc<str>> {
        let reserved = sys::open_component(root, RESERVED, PATH_ONLY | OFlags::DIRECTORY)?;
        let file = sys::open_component(reserved.as_fd(), MARK, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let mut text = [0; DIGITS + 1];
        let mut len = 0;
        while len < text.len() {
            match rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut text[len..]))? {
                0 => break,
                count => len += count,
            }
        }
        if len == 0 {
            // The placeholder of a mark, on file systems without links.
            return Err(Errno::NOENT);
        }
        let text = std::str::from_utf8(&text[..len]).map_err(|_| Errno::ILSEQ)?.trim_end();
        let is_identity = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_identity { Ok(text.into()) } else { Err(Errno::ILSEQ) }
    };
    match read() {
        Ok(identity) => Ok(Mark::Is(identity)),
        Err(Errno::NOENT) => Ok(Mark::Missing),
        Err(
            error @ (Errno::ACCESS | Errno::PERM | Errno::ILSEQ | Errno::NOTDIR | Errno::ISDIR | Errno::LOOP),
        ) => Ok(Mark::Unreadable(error)),
        Err(error) => Err(error),
    }
}

/// Creates the text of a new mark.
pub(super) fn new_mark() -> Result<String> {
    let mut random = [0; DIGITS / 2];
    getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
    Ok(format!("{:032x}\n", u128::from_ne_bytes(random)))
}

fn unavailable(text: &'static str) -> Error {
    Error::new(ErrorKind::StorageUnavailable, text).retryable()
}

/// The error for a root that is missing.
pub(super) fn gone() -> Error {
    unavailable("the root of the storage is not there: is the disk mounted?")
}

/// The error for a root that has no identity yet.
pub(super) fn unmarked() -> Error {
    unavailable("the directory at the location of the storage does not carry the mark of a root yet")
}

/// The error for a location that cannot be accessed.
fn out_of_reach(error: Errno) -> Error {
    match error {
        // Errors of a file server or a driver that is gone.
        Errno::NOTCONN | Errno::STALE | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::NODEV | Errno::NXIO => {
            unavailable("the root of the storage cannot be reached").with_source(std::io::Error::from(error))
        }
        error => error.into(),
    }
}

/// The error for a mark that this process cannot read.
pub(super) fn unreadable(error: Errno) -> Error {
    if let Errno::ACCESS | Errno::PERM = error {
        let text = "the mark of the storage's root, `.filefield/root`, cannot be read: let the user of this process read it";
        return Error::new(ErrorKind::PermissionDenied, text).with_source(std::io::Error::from(error));
    }
    unavailable("the mark of the storage's root, `.filefield/root`, is damaged")
}

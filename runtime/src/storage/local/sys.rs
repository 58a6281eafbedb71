//! System calls that some kernels, file systems or platforms lack. A missing call returns `NOSYS` or the
//! kernel's error, and the caller falls back.

use crate::failpoints::planted;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::path::Arg;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

/// The system calls that are available. A call found missing is not tried again. Tests switch calls off.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) openat2: AtomicBool,
    pub(super) unnamed: AtomicBool,
    pub(super) link_handle: AtomicBool,
    pub(super) noreplace: AtomicBool,
    /// Hard links. Without them an unnamed file cannot get a name.
    pub(super) links: AtomicBool,
    pub(super) copy_range: AtomicBool,
    /// Whether files keep user attributes.
    pub(super) attributes: AtomicBool,
}

impl Default for Calls {
    fn default() -> Self {
        Calls {
            openat2: AtomicBool::new(cfg!(target_os = "linux")),
            // An unnamed file gets its name through /proc, which may be missing in a chroot.
            unnamed: AtomicBool::new(
                cfg!(target_os = "linux") && std::path::Path::new("/proc/self/fd").exists(),
            ),
            link_handle: AtomicBool::new(true),
            noreplace: AtomicBool::new(true),
            links: AtomicBool::new(true),
            copy_range: AtomicBool::new(cfg!(target_os = "linux")),
            attributes: AtomicBool::new(true),
        }
    }
}

/// Opens `path` beneath `root`. Follows no links in any component.
///
/// With `cached`, returns `AGAIN` if that needs I/O.
pub(super) fn open_beneath(
    calls: &Calls,
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    cached: bool,
) -> Result<OwnedFd> {
    if planted!("open-follows-links") {
        return rustix::fs::openat(root, path, flags | OFlags::CLOEXEC, Mode::empty());
    }
    if calls.openat2.load(Relaxed) {
        match openat2(root, path, flags, cached) {
            Err(Errno::NOSYS) => {}
            // Old container profiles return PERM for unknown calls, with any path.
            Err(Errno::PERM)
                if openat2(root, ".", PATH_ONLY, false).is_err_and(|error| error == Errno::PERM) => {}
            result => return result,
        }
        calls.openat2.store(false, Relaxed);
    }
    if cached {
        return Err(Errno::AGAIN);
    }
    let mut owned: Option<OwnedFd> = None;
    let mut rest = path;
    while let Some((component, after)) = rest.split_once('/') {
        let at = owned.as_ref().map_or(root, AsFd::as_fd);
        let directory = open_component(at, component, PATH_ONLY | OFlags::DIRECTORY)?;
        owned = Some(directory);
        rest = after;
    }
    open_component(owned.as_ref().map_or(root, AsFd::as_fd), rest, flags)
}

/// Flags of a handle that only names a directory or file, on platforms that support it.
#[cfg(target_os = "linux")]
pub(super) const PATH_ONLY: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
pub(super) const PATH_ONLY: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// Opens one component. A link is `LOOP`, as with `openat2`.
pub(super) fn open_component(at: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    loop {
        match rustix::fs::openat(at, name, flags, Mode::empty()) {
            Err(Errno::NOTDIR) => match kind_at(at, name)? {
                FileType::Symlink => return Err(Errno::LOOP),
                // It has become a directory since.
                FileType::Directory => {}
                _ => return Err(Errno::NOTDIR),
            },
            result => return result,
        }
    }
}

#[cfg(target_os = "linux")]
fn openat2(root: BorrowedFd<'_>, path: &str, flags: OFlags, cached: bool) -> Result<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    resolve.set(ResolveFlags::CACHED, cached);
    // With NOFOLLOW, a path handle of a link as the last component would succeed.
    rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

#[cfg(not(target_os = "linux"))]
fn openat2(_: BorrowedFd<'_>, _: &str, _: OFlags, _: bool) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// Returns the type of a single component without following a link.
pub(super) fn kind_at(at: BorrowedFd<'_>, name: &str) -> Result<FileType> {
    let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// Opens a regular file without a name, on the file system of `directory`.
#[cfg(target_os = "linux")]
pub(super) fn open_unnamed(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    rustix::fs::openat(
        directory,
        c".",
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_unnamed(_: BorrowedFd<'_>) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// Gives the open file `fd` another name, which must be free.
#[cfg(target_os = "linux")]
pub(super) fn link_open(
    calls: &Calls,
    fd: BorrowedFd<'_>,
    directory: BorrowedFd<'_>,
    name: &str,
) -> Result<()> {
    let mut refused = false;
    if calls.link_handle.load(Relaxed) {
        match rustix::fs::linkat(fd, c"", directory, name, AtFlags::EMPTY_PATH) {
            // Older kernels allow this only with privileges. Or the directory is gone; then the next call
            // fails.
            Err(Errno::NOENT) => refused = true,
            result => return result,
        }
    }
    with_path(fd, |path| rustix::fs::linkat(CWD, path, directory, name, AtFlags::SYMLINK_FOLLOW))?;
    if refused {
        calls.link_handle.store(false, Relaxed);
    }
    Ok(())
}

/// Opens the file of a handle for reading. May block.
#[cfg(target_os = "linux")]
pub(super) fn reopen(handle: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    with_path(handle, |path| rustix::fs::openat(CWD, path, flags, Mode::empty()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reopen(_: BorrowedFd<'_>) -> Result<OwnedFd> {
    Err(Errno::AGAIN)
}

/// Calls `work` with a path that leads to the open file `fd`.
#[cfg(target_os = "linux")]
fn with_path<T>(fd: BorrowedFd<'_>, work: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    use rustix::fd::AsRawFd;
    use std::io::Write;
    let mut path = [0; 32];
    let mut room = &mut path[..];
    write!(room, "/proc/self/fd/{}", fd.as_raw_fd()).map_err(|_| Errno::NAMETOOLONG)?;
    let free = room.len();
    let end = path.len() - free;
    work(&path[..end])
}

#[cfg(not(target_os = "linux"))]
pub(super) fn link_open(_: &Calls, _: BorrowedFd<'_>, _: BorrowedFd<'_>, _: &str) -> Result<()> {
    Err(Errno::NOSYS)
}

/// The result of a move.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(super) enum Moved {
    Wholly,
    /// The file has the new name, and because of this error also the old one.
    Linked(Errno),
    /// The file was not moved: the file system has neither a rename that never replaces nor hard links.
    NoLinks(Errno),
}

/// Moves a file to a name that must be free.
pub(super) fn move_to_free(
    calls: &Calls,
    from: (BorrowedFd<'_>, impl Arg + Copy),
    to: (BorrowedFd<'_>, &str),
) -> Result<Moved> {
    if calls.noreplace.load(Relaxed) {
        match rename_noreplace(from, to) {
            // File systems without the flag return INVAL.
            Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => {}
            result => return result.map(|()| Moved::Wholly),
        }
    }
    if !calls.links.load(Relaxed) {
        return Ok(Moved::NoLinks(Errno::OPNOTSUPP));
    }
    match rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty()) {
        // The errors of file systems without hard links, or at their limit of links. A kernel that protects
        // the files of others from links returns them too.
        Err(error @ (Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK)) => {
            return Ok(Moved::NoLinks(error));
        }
        result => result?,
    }
    match rustix::fs::unlinkat(from.0, from.1, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(Moved::Wholly),
        Err(error) => Ok(Moved::Linked(error)),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_noreplace(from: (BorrowedFd<'_>, impl Arg), to: (BorrowedFd<'_>, &str)) -> Result<()> {
    rustix::fs::renameat_with(from.0, from.1, to.0, to.1, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_noreplace(_: (BorrowedFd<'_>, impl Arg), _: (BorrowedFd<'_>, &str)) -> Result<()> {
    Err(Errno::NOSYS)
}

/// Makes the entries of a directory durable, if the file system can sync directories. Some remote and
/// user-space file systems refuse.
pub(super) fn sync_directory(directory: BorrowedFd<'_>) -> Result<()> {
    match rustix::fs::fsync(directory) {
        Err(Errno::INVAL | Errno::BADF | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        result => result,
    }
}

/// Sets the mode of an open file or directory, if the file system stores modes. FAT, exFAT and others have
/// one mode for all files, set by mount options.
///
/// # Errors
/// Returns an error if the file belongs to another user and has fewer rights than `mode`.
pub(super) fn set_mode(fd: BorrowedFd<'_>, mode: Mode) -> Result<()> {
    match rustix::fs::fchmod(fd, mode) {
        Err(error @ (Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS)) => {
            let stat = rustix::fs::fstat(fd)?;
            let euid = rustix::process::geteuid();
            let may = euid.is_root() || stat.st_uid == euid.as_raw();
            let suffices = Mode::from_raw_mode(stat.st_mode).contains(mode);
            if may || suffices { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

/// Reserves blocks for `len` bytes starting at `offset`, without changing the length of the file. Returns
/// `false` if the file system cannot do that.
///
/// # Errors
/// Returns an error if there is no space or no quota left, or the file would be too large.
#[cfg(target_os = "linux")]
pub(super) fn reserve(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<bool> {
    match rustix::fs::fallocate(fd, rustix::fs::FallocateFlags::KEEP_SIZE, offset, len) {
        Ok(()) => Ok(true),
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error),
        Err(_) => Ok(false),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_: BorrowedFd<'_>, _: u64, _: u64) -> Result<bool> {
    Ok(false)
}

/// Copies up to `len` bytes in the kernel, from `offset` to the current position of `to`.
#[cfg(target_os = "linux")]
pub(super) fn copy_range(from: BorrowedFd<'_>, offset: u64, to: BorrowedFd<'_>, len: usize) -> Result<usize> {
    let mut offset = offset;
    rustix::fs::copy_file_range(from, Some(&mut offset), to, None, len)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy_range(_: BorrowedFd<'_>, _: u64, _: BorrowedFd<'_>, _: usize) -> Result<usize> {
    Err(Errno::NOSYS)
}

/// Reads at `offset`. With `nowait`, returns `AGAIN` if the bytes are not in memory.
#[cfg(target_os = "linux")]
pub(super) fn read_at(fd: BorrowedFd<'_>, buf: &mut [u8], offset: u64, nowait: bool) -> Result<usize> {
    use rustix::io::ReadWriteFlags;
    if nowait {
        return rustix::io::preadv2(fd, &mut [std::io::IoSliceMut::new(buf)], offset, ReadWriteFlags::NOWAIT);
    }
    rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *buf, offset))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read_at(fd: BorrowedFd<'_>, buf: &mut [u8], offset: u64, nowait: bool) -> Result<usize> {
    if nowait {
        return Err(Errno::AGAIN);
    }
    rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut *buf, offset))
}

/// The metadata of an open file or a path handle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    pub(super) kind: FileType,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) created: Option<SystemTime>,
    pub(super) accessed: Option<SystemTime>,
}

/// Returns the metadata of an open file.
#[cfg(target_os = "linux")]
pub(super) fn stat(fd: BorrowedFd<'_>) -> Result<Stat> {
    use rustix::fs::{StatxFlags, statx};
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let got = match statx(fd, c"", AtFlags::EMPTY_PATH, wanted) {
        Err(Errno::NOSYS | Errno::PERM) => return Ok(from_stat(&rustix::fs::fstat(fd)?)),
        result => result?,
    };
    let born = StatxFlags::from_bits_retain(got.stx_mask).contains(StatxFlags::BTIME);
    Ok(Stat {
        kind: FileType::from_raw_mode(got.stx_mode.into()),
        size: got.stx_size,
        modified: time(got.stx_mtime.tv_sec, got.stx_mtime.tv_nsec),
        created: if born { time(got.stx_btime.tv_sec, got.stx_btime.tv_nsec) } else { None },
        accessed: time(got.stx_atime.tv_sec, got.stx_atime.tv_nsec),
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stat(fd: BorrowedFd<'_>) -> Result<Stat> {
    Ok(from_stat(&rustix::fs::fstat(fd)?))
}

/// Device and inode number, which identify a file.
// Their types differ between platforms.
#[allow(clippy::unnecessary_cast)]
pub(super) fn id(stat: &rustix::fs::Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

// The types of these fields differ between platforms.
#[allow(clippy::unnecessary_cast)]
fn from_stat(got: &rustix::fs::Stat) -> Stat {
    Stat {
        kind: FileType::from_raw_mode(got.st_mode),
        size: u64::try_from(got.st_size).unwrap_or(0),
        modified: time(got.st_mtime as i64, u32::try_from(got.st_mtime_nsec).unwrap_or(0)),
        created: None,
        accessed: time(got.st_atime as i64, u32::try_from(got.st_atime_nsec).unwrap_or(0)),
    }
}

/// Converts a time of the file system, if this platform can represent it.
fn time(seconds: i64, nanos: u32) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    base?.checked_add(Duration::from_nanos(nanos.into()))
}

/// Whether access to cached data of this file system never waits for a network or another process.
#[cfg(target_os = "linux")]
pub(super) fn is_local(fd: BorrowedFd<'_>) -> bool {
    // ext2-4, XFS, btrfs, tmpfs, overlay, F2FS, ZFS.
    const LOCAL: [u64; 7] =
        [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1];
    rustix::fs::fstatfs(fd).is_ok_and(|fs| {
        #[allow(clippy::cast_sign_loss)]
        let magic = fs.f_type as u64 & 0xFFFF_FFFF;
        LOCAL.contains(&magic)
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_local(_: BorrowedFd<'_>) -> bool {
    false
}

/// What to check or to do, if the error text of the system does not say it.
pub(super) fn advice(error: Errno) -> Option<&'static str> {
    Some(match error {
        Errno::PERM | Errno::ACCESS => {
            "the process may not do this in the storage's directory: look at the owner and the mode of the directory, and \
             at the options of its mount"
        }
        Errno::ROFS => {
            "the file system of the storage is mounted read-only: mount it with `rw`, and look why it is not"
        }
        Errno::NOSPC => {
            "the file system of the storage has no blocks or no inodes left: see `df` and `df -i`"
        }
        Errno::DQUOT => "the disk quota of the user that the process runs as is used up",
        Errno::STALE => {
            "the server of this network file system has lost the file: it may have been restarted"
        }
        Errno::NOTCONN => "the program behind this file system has ended: unmount it and mount it again",
        Errno::IO => "the disk, or the way to it, has failed: look at the log of the kernel",
        Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::TIMEDOUT => {
            "the server of this network file system does not answer"
        }
        Errno::OPNOTSUPP | Errno::NOSYS => "the file system of the storage lacks what this needs",
        Errno::ILSEQ => "the file system of the storage takes no name with these characters",
        _ => return None,
    })
}

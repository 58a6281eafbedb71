//! Opening and reading files below the root.

use super::buffer::{Growing, Reused, read};
use super::disk::{Disk, hop};
use super::placeholder;
use super::root::RootDir;
use super::sys::{self, PATH_ONLY};
use crate::storage::reader::{CHUNK, ONE_PIECE, ReadSource};
use crate::{Error, ErrorKind, Reader, Result};
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use std::sync::Arc;

/// The maximum number of bytes reserved for a file read as a whole.
const MOST_RESERVED: u64 = 1 << 30;

/// Returns an error for anything that is not a regular file.
pub(super) fn check_regular(kind: FileType) -> rustix::io::Result<()> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR),
        _ => Err(Errno::LOOP),
    }
}

/// Returns the size of a regular file.
pub(super) fn regular_size(file: &OwnedFd) -> rustix::io::Result<u64> {
    let stat = rustix::fs::fstat(file)?;
    check_regular(FileType::from_raw_mode(stat.st_mode))?;
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

/// A name below a file does not exist.
pub(super) fn nothing_below_a_file<T>(result: rustix::io::Result<T>) -> rustix::io::Result<T> {
    result.map_err(|error| if error == Errno::NOTDIR { Errno::NOENT } else { error })
}

impl Disk {
    /// Opens a regular file. Never blocks on a FIFO or a device.
    pub(super) fn open_file(
        &self,
        root: &Arc<RootDir>,
        name: &str,
        cached: bool,
    ) -> rustix::io::Result<(OwnedFd, u64)> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match sys::open_beneath(&self.calls, root.as_fd(), name, flags, cached) {
            // The answer for a socket or a device without a driver.
            Err(Errno::NXIO | Errno::NODEV) => return Err(Errno::LOOP),
            // Another program holds a lease. The kernel asks it to give up the lease.
            Err(Errno::AGAIN) if !cached => self.open_leased(root, name)?,
            result => nothing_below_a_file(result)?,
        };
        let size = self.size_of(&file, root, name, cached)?;
        Ok((file, size))
    }

    /// Returns the size of a regular file that is open or named by a handle, and `NOENT` for a placeholder.
    /// File systems that answer from the cache need no placeholders.
    pub(super) fn size_of(
        &self,
        file: &OwnedFd,
        root: &Arc<RootDir>,
        name: &str,
        cached: bool,
    ) -> rustix::io::Result<u64> {
        let size = regular_size(file)?;
        if size == 0 && !cached && placeholder::is_pending(&self.calls, root, name)? {
            return Err(Errno::NOENT);
        }
        Ok(size)
    }

    /// Opens a regular file and waits for the holder of a lease.
    fn open_leased(&self, root: &Arc<RootDir>, name: &str) -> rustix::io::Result<OwnedFd> {
        let handle = self.handle(root, name, false)?;
        regular_size(&handle)?;
        sys::reopen(handle.as_fd())
    }

    /// Returns a handle of any object with this name, without opening it.
    pub(super) fn handle(
        &self,
        root: &Arc<RootDir>,
        name: &str,
        cached: bool,
    ) -> rustix::io::Result<OwnedFd> {
        nothing_below_a_file(sys::open_beneath(&self.calls, root.as_fd(), name, PATH_ONLY, cached))
    }
}

/// Returns a reader of `count` bytes of the open `file`, starting at `offset`. `local` allows reading from
/// the page cache on any thread.
pub(super) fn reader(file: OwnedFd, offset: u64, count: u64, local: bool) -> Reader {
    let source = FileSource {
        file: Arc::new(file),
        offset,
        nowait: local,
        ahead: Bytes::new(),
        reused: Reused::default(),
    };
    Reader::new(Box::new(source), Some(count))
}

struct FileSource {
    file: Arc<OwnedFd>,
    /// The position of the next read, after `ahead`.
    offset: u64,
    nowait: bool,
    /// Bytes that were read but not requested yet.
    ahead: Bytes,
    reused: Reused,
}

impl FileSource {
    fn take_ahead(&mut self, max: usize) -> Bytes {
        let count = max.min(self.ahead.len());
        self.ahead.split_to(count)
    }
}

#[async_trait]
impl ReadSource for FileSource {
    fn try_chunk(&mut self, max: usize) -> Option<Result<Bytes>> {
        if !self.ahead.is_empty() {
            return Some(Ok(self.take_ahead(max)));
        }
        if !self.nowait {
            return None;
        }
        let (file, offset) = (self.file.as_fd(), self.offset);
        match self.reused.read(max.min(ONE_PIECE), |buf| sys::read_at(file, buf, offset, true)) {
            Ok(bytes) => {
                self.offset += bytes.len() as u64;
                Some(Ok(bytes))
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                self.nowait = false;
                None
            }
            Err(error) => Some(Err(error.into())),
        }
    }

    fn try_read_at(&mut self, offset: u64, buf: &mut [u8]) -> Option<Result<usize>> {
        let mut filled = 0;
        while self.nowait && filled < buf.len() {
            match sys::read_at(self.file.as_fd(), &mut buf[filled..], offset + filled as u64, true) {
                Ok(0) => return Some(Ok(filled)),
                Ok(count) => filled += count,
                // The regular read meets the error again and handles it.
                Err(_) => return None,
            }
        }
        self.nowait.then_some(Ok(filled))
    }

    async fn chunk(&mut self, max: usize) -> Result<Bytes> {
        if self.ahead.is_empty() {
            let (file, offset) = (self.file.clone(), self.offset);
            // Switching threads costs more than reading a few more chunks.
            let want = max.clamp(CHUNK, ONE_PIECE);
            let bytes =
                hop(move || Ok(read(want, |buf| sys::read_at(file.as_fd(), buf, offset, false))?)).await?;
            self.offset += bytes.len() as u64;
            self.ahead = bytes;
        }
        Ok(self.take_ahead(max))
    }

    fn try_skip(&mut self, count: u64) -> bool {
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.ahead.len());
        self.ahead.advance(here);
        self.offset = self.offset.saturating_add(count - here as u64);
        true
    }

    async fn rest(&mut self, max: u64) -> Result<Bytes> {
        let (file, offset) = (self.file.clone(), self.offset - self.ahead.len() as u64);
        self.ahead.clear();
        let bytes = hop(move || read_rest(&file, offset, max)).await?;
        self.offset = offset + bytes.len() as u64;
        Ok(bytes)
    }
}

/// Reads `file` from `offset` to its end, at most `max` bytes.
fn read_rest(file: &OwnedFd, offset: u64, max: u64) -> Result<Bytes> {
    let most =
        usize::try_from(max).map_err(|_| Error::new(ErrorKind::TooLarge, "more bytes than fit in memory"))?;
    let size = regular_size(file)?;
    let expected = size.saturating_sub(offset).min(max).min(MOST_RESERVED);
    // One byte more, so that the end is seen without growing.
    let mut all = Growing::with_room(usize::try_from(expected).unwrap_or(0).saturating_add(1))?;
    while all.len() < most {
        let at = offset + all.len() as u64;
        let memory = all.room()?;
        match rustix::io::pread(file, spare_capacity(memory), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all.into_bytes(most))
}

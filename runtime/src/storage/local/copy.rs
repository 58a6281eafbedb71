//! Writing content into a staged file.

use super::buffer::Buffer;
use super::cancel::Cancel;
use super::sys::{self, Calls};
use crate::content::BlockingContent;
use crate::failpoints::planted;
use crate::{Error, ErrorKind, Result};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::Ordering::Relaxed;

/// Blocks are reserved for files of at least this size.
const RESERVE: u64 = 1 << 20;
/// The maximum that is reserved beyond the bytes that have arrived.
const AHEAD: u64 = 64 << 20;
/// The size of the first buffer for a content of unknown length, and of later buffers.
const FIRST: usize = 32 * 1024;
const LARGE: usize = 256 * 1024;
/// The number of bytes that the kernel copies in one call, so that signals and cancellation are noticed.
const RANGE: usize = 128 << 20;

/// Writes all of `bytes`, in as many calls as needed.
fn write(mut to: &File, bytes: &[u8]) -> std::io::Result<()> {
    if planted!("short-write-ignored") { to.write(bytes).map(drop) } else { to.write_all(bytes) }
}

/// Writes `bytes` and reserves blocks for large ones.
pub(super) fn bytes(to: &File, bytes: &[u8]) -> Result<u64> {
    let len = bytes.len() as u64;
    if len >= RESERVE {
        sys::reserve(to.as_fd(), 0, len)?;
    }
    for piece in bytes.chunks(LARGE) {
        write(to, piece)?;
    }
    Ok(len)
}

/// Writes the bytes of `content`, `len` of them if known.
pub(super) fn content(
    to: &File,
    mut content: BlockingContent,
    len: Option<u64>,
    cancel: &Cancel,
) -> Result<u64> {
    let mut output = Output::new(len);
    // One byte more than the length, so that the read of the last byte also sees the end.
    let first = len.and_then(|len| usize::try_from(len).ok()).map_or(FIRST, |len| len.saturating_add(1));
    let mut buffer = Buffer::new(first.min(LARGE));
    content.start_waiting();
    loop {
        cancel.check()?;
        let memory = buffer.as_mut_slice();
        let (filled, ended) = fill(&mut content, memory)?;
        output.write(to, &memory[..filled])?;
        if ended {
            return output.end(to);
        }
        if memory.len() < LARGE {
            buffer = Buffer::new(LARGE);
        }
    }
}

/// Writes bytes sequentially.
pub(super) struct Output {
    reserved: Reserved,
    written: u64,
}

impl Output {
    /// Expects `len` bytes, if known.
    pub(super) fn new(len: Option<u64>) -> Self {
        Output { reserved: Reserved { until: 0, len: len.filter(|len| *len >= RESERVE) }, written: 0 }
    }

    pub(super) fn write(&mut self, to: &File, bytes: &[u8]) -> Result<()> {
        let written = self.written + bytes.len() as u64;
        self.reserved.make_room(to, written)?;
        write(to, bytes)?;
        self.written = written;
        Ok(())
    }

    /// Returns the number of bytes written. Releases unused reserved blocks.
    pub(super) fn end(self, to: &File) -> Result<u64> {
        if self.written < self.reserved.until {
            to.set_len(self.written)?;
        }
        Ok(self.written)
    }
}

/// The blocks reserved for a content with a declared length. Declaring a length costs a client nothing, so
/// the reservation grows with the bytes that have arrived.
struct Reserved {
    until: u64,
    /// `None` if nothing is reserved.
    len: Option<u64>,
}

impl Reserved {
    /// Reserves blocks for the first `written` bytes, and as many again.
    fn make_room(&mut self, to: &File, written: u64) -> Result<()> {
        let Some(len) = self.len.filter(|len| self.until < written.min(*len)) else { return Ok(()) };
        let until = written.saturating_add(written.clamp(RESERVE, AHEAD)).min(len);
        if sys::reserve(to.as_fd(), self.until, until - self.until)? {
            self.until = until;
        } else {
            self.len = None;
        }
        Ok(())
    }
}

/// Fills `memory`. Returns fewer bytes only at the end.
fn fill(content: &mut BlockingContent, memory: &mut [u8]) -> Result<(usize, bool)> {
    let mut filled = 0;
    while filled < memory.len() {
        match content.read(&mut memory[filled..]) {
            Ok(0) => return Ok((filled, true)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((filled, false))
}

/// Copies the first `len` bytes of `from`, in the kernel if possible.
///
/// # Errors
/// Returns [`ErrorKind::Io`] if the file has become shorter; propagates the errors of reading and writing.
pub(super) fn file(calls: &Calls, to: &File, from: &File, len: u64, cancel: &Cancel) -> Result<u64> {
    let mut done = 0;
    while calls.copy_range.load(Relaxed) && done < len {
        cancel.check()?;
        let want = usize::try_from(len - done).unwrap_or(RANGE).min(RANGE);
        match sys::copy_range(from.as_fd(), done, to.as_fd(), want) {
            Ok(0) => break,
            Ok(count) => done += count as u64,
            Err(Errno::INTR) => {}
            Err(Errno::NOSYS) => calls.copy_range.store(false, Relaxed),
            // Different file systems, or a file system without this call.
            Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if done < len {
        let mut buffer = Buffer::new(usize::try_from(len - done).unwrap_or(LARGE).min(LARGE));
        while done < len {
            cancel.check()?;
            let memory = buffer.as_mut_slice();
            let want = usize::try_from(len - done).unwrap_or(LARGE).min(memory.len());
            let count = sys::read_at(from.as_fd(), &mut memory[..want], done, false)?;
            if count == 0 {
                return Err(Error::new(ErrorKind::Io, "the file became shorter while it was copied"));
            }
            write(to, &memory[..count])?;
            done += count as u64;
        }
    }
    Ok(done)
}

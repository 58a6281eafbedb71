//! Buffers for reading.
//!
//! The C library places every allocation of 128 KiB and more 16 bytes into a page. On some processors the
//! kernel copies from its cache to the first bytes of a page at a fifth of the speed, so no buffer starts
//! there.

use bytes::{Buf, Bytes};
use std::io;

const PAGE: usize = 4096;
/// Buffers that would start in the first bytes of a page start behind these bytes.
const SLOW: usize = 128;
/// Below this size, avoiding the slow bytes costs more than it saves.
const SMALL: usize = 2048;
/// The maximum size of memory that is kept for reuse.
const MOST_REUSED: usize = 64 * 1024;

/// Returns how many bytes to leave out at the start of `memory`.
fn lead(memory: &[u8]) -> usize {
    match memory.as_ptr().addr() % PAGE {
        offset @ 1..SLOW => SLOW - offset,
        _ => 0,
    }
}

/// Returns the bytes that `fill` puts into a new buffer of `len` bytes.
pub(super) fn read<E>(len: usize, fill: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<Bytes, E> {
    let mut memory = vec![0; len];
    let mut start = 0;
    if len >= SMALL && lead(&memory) > 0 {
        memory = vec![0; len + SLOW];
        start = lead(&memory);
    }
    let count = fill(&mut memory[start..start + len])?.min(len);
    memory.truncate(start + count);
    let mut bytes = Bytes::from(memory);
    bytes.advance(start);
    Ok(bytes)
}

/// The memory of the last chunk, reused once nothing else holds it.
#[derive(Default)]
pub(super) struct Reused(Bytes);

impl Reused {
    /// Like [`read`]. Keeps only the memory of full chunks, so a small file keeps nothing.
    pub(super) fn read<E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Bytes, E> {
        let bytes = match std::mem::take(&mut self.0).try_into_mut() {
            Ok(mut memory) if memory.len() == len => {
                let count = fill(&mut memory)?;
                memory.truncate(count);
                memory.freeze()
            }
            _ => read(len, fill)?,
        };
        if bytes.len() == len && (SMALL..=MOST_REUSED).contains(&len) {
            self.0 = bytes.clone();
        }
        Ok(bytes)
    }
}

/// A buffer for copying.
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub(super) fn new(len: usize) -> Self {
        let memory = vec![0; len + SLOW];
        let start = lead(&memory);
        Buffer { memory, start }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        let end = self.memory.len() - (SLOW - self.start);
        &mut self.memory[self.start..end]
    }
}

/// A buffer for an unknown number of bytes.
pub(super) struct Growing {
    memory: Vec<u8>,
    start: usize,
}

impl Growing {
    /// Creates a buffer with room for `len` bytes, if there is enough memory.
    pub(super) fn with_room(len: usize) -> io::Result<Self> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(len.saturating_add(SLOW))?;
        let start = lead(&memory);
        memory.resize(start, 0);
        Ok(Growing { memory, start })
    }

    pub(super) fn len(&self) -> usize {
        self.memory.len() - self.start
    }

    /// Returns the memory to append to, with room for at least some bytes.
    pub(super) fn room(&mut self) -> io::Result<&mut Vec<u8>> {
        if self.memory.len() == self.memory.capacity() {
            self.memory.try_reserve(PAGE)?;
        }
        Ok(&mut self.memory)
    }

    pub(super) fn into_bytes(self, most: usize) -> Bytes {
        let mut bytes = Bytes::from(self.memory);
        bytes.advance(self.start);
        bytes.truncate(most);
        bytes
    }
}

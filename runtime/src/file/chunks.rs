//! Reading a file in chunks.

use crate::Result;
use crate::content::rewind;
use bytes::Bytes;
use std::fmt;
use std::io::{Read, Seek};
use std::num::NonZeroUsize;

/// The default chunk size: 64 KiB.
pub const DEFAULT_CHUNK_SIZE: NonZeroUsize = NonZeroUsize::new(64 * 1024).unwrap();

/// The source of chunks.
pub(super) trait ReadSeek: Read + Seek {}

impl<S: Read + Seek> ReadSeek for S {}

/// The chunks of a file: all of the same size except the last, and none for an empty file.
///
/// Reads from the start of the file, or from the current position if it cannot seek. Ends after an error.
pub struct FileChunks<'a> {
    /// `None` at the end.
    from: Option<&'a mut dyn ReadSeek>,
    size: NonZeroUsize,
    begun: bool,
}

impl<'a> FileChunks<'a> {
    pub(super) fn new(from: &'a mut dyn ReadSeek, size: NonZeroUsize) -> Self {
        FileChunks { from: Some(from), size, begun: false }
    }
}

impl Iterator for FileChunks<'_> {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.from.as_mut()?;
        let mut read = || {
            if !std::mem::replace(&mut self.begun, true) {
                rewind(from)?;
            }
            // Larger chunks grow as bytes arrive.
            let mut chunk = Vec::with_capacity(self.size.min(DEFAULT_CHUNK_SIZE).get());
            from.take(self.size.get() as u64).read_to_end(&mut chunk)?;
            Ok(chunk)
        };
        let chunk = read();
        if chunk.as_ref().map_or(true, |chunk| chunk.len() < self.size.get()) {
            self.from = None;
        }
        match chunk {
            Ok(chunk) if chunk.is_empty() => None,
            result => Some(result.map(Into::into)),
        }
    }
}

impl std::iter::FusedIterator for FileChunks<'_> {}

impl fmt::Debug for FileChunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileChunks").field("size", &self.size).finish_non_exhaustive()
    }
}

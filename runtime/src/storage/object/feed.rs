//! Splitting a content into parts.

use crate::Result;
use crate::content::{Chunks, Part};
use bytes::Bytes;

/// The parts of a content.
#[derive(Debug)]
pub(super) struct Feed {
    chunks: Chunks,
    size: usize,
    /// The bytes after the last part.
    next: Bytes,
    ended: bool,
}

impl Feed {
    /// Creates parts of `size` bytes. The last may be smaller.
    pub(super) fn new(chunks: Chunks, size: usize) -> Self {
        Feed { chunks, size, next: Bytes::new(), ended: false }
    }

    /// Whether the content has ended and its inspector has accepted it. There are no more parts then.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns the next part. Reads beyond it, so that the last part is recognized.
    pub(super) async fn part(&mut self) -> Result<Part> {
        let mut part = Part::default();
        loop {
            let room = self.size - part.len();
            if room == 0 && !self.next.is_empty() {
                break;
            }
            part.push(self.next.split_to(self.next.len().min(room)));
            if self.next.is_empty() {
                match self.chunks.next().await? {
                    Some(chunk) => self.next = chunk,
                    None => {
                        self.ended = true;
                        break;
                    }
                }
            }
        }
        Ok(part)
    }
}

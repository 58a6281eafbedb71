//! A content in parts.

use crate::Result;
use crate::content::Chunks;
use bytes::{Bytes, BytesMut};
use object_store::PutPayload;

/// Pieces of at least this many bytes are kept as they are. Smaller ones are copied together: each may be a slice of
/// a buffer that is much larger, and memory is bounded by what is counted.
const WHOLE: usize = 64 * 1024;

/// Some bytes of a content, in order.
#[derive(Debug, Default)]
pub(super) struct Part {
    pieces: Vec<Bytes>,
    len: usize,
}

impl Part {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first bytes, at least `count` of them if there are so many.
    pub(super) fn first(&self, count: usize) -> Bytes {
        match self.pieces.first() {
            Some(piece) if piece.len() >= count || self.pieces.len() == 1 => piece.clone(),
            _ => {
                let mut first = Vec::with_capacity(count);
                for piece in &self.pieces {
                    if first.len() < count {
                        first.extend_from_slice(&piece[..piece.len().min(count - first.len())]);
                    }
                }
                first.into()
            }
        }
    }

    pub(super) fn into_payload(self) -> PutPayload {
        self.pieces.into_iter().collect()
    }
}

/// The parts of a content.
#[derive(Debug)]
pub(super) struct Feed {
    chunks: Chunks,
    size: usize,
    /// What came after the last part.
    next: Bytes,
    ended: bool,
}

impl Feed {
    /// Parts of `size` bytes; the last may be smaller.
    pub(super) fn new(chunks: Chunks, size: usize) -> Self {
        Feed { chunks, size, next: Bytes::new(), ended: false }
    }

    /// Whether the content has ended, and its inspector has agreed: there are no more parts.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The next part. It looks beyond it, so that the last one is known to be it.
    pub(super) async fn part(&mut self) -> Result<Part> {
        let mut part = Part::default();
        let mut small = BytesMut::new();
        loop {
            let room = self.size - part.len;
            if room == 0 && !self.next.is_empty() {
                break;
            }
            let piece = self.next.split_to(self.next.len().min(room));
            part.len += piece.len();
            if piece.len() >= WHOLE {
                if !small.is_empty() {
                    part.pieces.push(small.split().freeze());
                }
                part.pieces.push(piece);
            } else {
                small.extend_from_slice(&piece);
            }
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
        if !small.is_empty() {
            part.pieces.push(small.freeze());
        }
        Ok(part)
    }
}

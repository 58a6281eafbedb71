//! Some bytes of a content.

use bytes::{Bytes, BytesMut};

/// Pieces of at least this many bytes are kept as they are. Smaller ones are copied together: each may be a slice of
/// a buffer that is much larger, and memory is bounded by what is counted.
const WHOLE: usize = 64 * 1024;

/// Some bytes of a content, in order.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pieces: Vec<Bytes>,
    small: BytesMut,
    len: usize,
}

impl Part {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds `piece` at the end.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        if piece.len() >= WHOLE {
            self.close();
            self.pieces.push(piece);
        } else {
            self.small.extend_from_slice(&piece);
        }
    }

    /// The first bytes, at least `count` of them if there are so many.
    #[cfg(feature = "object-store")]
    pub(crate) fn first(&mut self, count: usize) -> Bytes {
        self.close();
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

    pub(crate) fn into_pieces(mut self) -> Vec<Bytes> {
        self.close();
        self.pieces
    }

    fn close(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }
}

//! Some bytes of a content.

use bytes::{Bytes, BytesMut};

/// Pieces of at least this many bytes are kept as they are. Smaller pieces are copied together, because each
/// may be a slice of a much larger buffer and would keep more memory alive than its length.
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

    /// Appends `piece`.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        if piece.len() >= WHOLE {
            self.close();
            self.pieces.push(piece);
        } else {
            self.small.extend_from_slice(&piece);
        }
    }

    /// Returns the first bytes: at least `count`, or all if there are fewer.
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

//! Streams that are written piece by piece, and reused memory.

use super::*;
use crate::inspect::{Inspector, Rules};
use crate::{Bytes, Error};
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Returns the pieces, then ends. Panics if polled again.
struct Pieces<I>(I, bool);

impl<I: Iterator<Item = Result<Bytes>> + Unpin> Stream for Pieces<I> {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        assert!(!self.1, "polled after its end");
        let piece = self.0.next();
        self.1 = piece.is_none();
        Poll::Ready(piece)
    }
}

/// Creates a content of these pieces.
pub(super) fn stream(pieces: impl Iterator<Item = Result<Bytes>> + Unpin + Send + 'static) -> Content {
    Content::stream(Pieces(pieces, false))
}

fn pieces(sizes: &[usize]) -> (Content, Vec<u8>) {
    let mut all = Vec::new();
    let mut items = Vec::new();
    for (number, size) in sizes.iter().enumerate() {
        let piece = vec![number as u8 + 1; *size];
        all.extend_from_slice(&piece);
        items.push(Ok(Bytes::from(piece)));
    }
    (stream(items.into_iter()), all)
}

const SHAPES: [&[usize]; 9] = [
    &[],
    &[0, 0],
    &[5],
    &[32 * 1024],
    &[40_000, 40_000, 3],
    &[3, 40_000, 0, 5, 300_000, 7],
    &[31_000, 31_000, 31_000, 33_000, 1],
    &[1 << 20, 1 << 20],
    &[262_144, 1, 262_143, 40_000, 0],
];

#[test]
fn pieces_of_any_size_keep_their_order() {
    let media = Media::new();
    for (number, shape) in SHAPES.iter().enumerate() {
        for stated in [false, true] {
            let (content, all) = pieces(shape);
            let (inspector, result) = Inspector::new(Rules { checksum: true, ..Rules::default() });
            let mut content = content.with_inspector(inspector);
            if stated {
                content = content.with_len(all.len() as u64);
            }
            let name = format!("{number}-{stated}.bin");
            assert_eq!(media.save(&name, content).unwrap().size, all.len() as u64);
            assert_eq!(media.read(&name).unwrap(), all);
            let (mut whole, expected) = Inspector::new(Rules { checksum: true, ..Rules::default() });
            whole.update(&all).unwrap();
            whole.finish().unwrap();
            assert_eq!(result.get().unwrap().sha256, expected.get().unwrap().sha256);
        }
    }
}

#[test]
fn nothing_is_published_of_pieces_that_break_a_rule() {
    let media = Media::new();
    for wrong in [39_999, 40_001, 80_000] {
        let (content, _) = pieces(&[40_000]);
        let error = media.save("length.bin", content.with_len(wrong)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
    }
    let (inspector, _) = Inspector::new(Rules { max_size: Some(100_000), ..Rules::default() });
    let (content, _) = pieces(&[64_000, 64_000]);
    let error = media.save("large.bin", content.with_inspector(inspector)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let broken = Error::new(ErrorKind::NotAccepted, "broken on purpose");
    let items = vec![Ok(Bytes::from(vec![1; 64_000])), Err(broken)];
    let error = media.save("broken.bin", stream(items.into_iter())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAccepted);
    assert!(media.files().is_empty());
}

/// A chunk that is still held is not overwritten.
#[test]
fn chunks_that_are_held_stay_what_they_were() {
    let media = Media::new();
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|i| (i / 1000 % 251) as u8).collect();
    media.save("a.bin", bytes.clone()).unwrap();
    for size in [100, 4096, 65_536, 100_000] {
        run(async {
            let mut reader = media.storage.open(name("a.bin")).await.unwrap();
            let (mut at, mut turn, mut held) = (0, 0, Vec::new());
            while let Some(chunk) = reader.next_chunk(size).await.unwrap() {
                assert_eq!(chunk, bytes[at..at + chunk.len()]);
                // Some chunks are kept whole, some in part, and some are dropped.
                match turn % 4 {
                    0 => held.push((at, chunk.clone())),
                    1 => held.push((at + chunk.len() / 2, chunk.slice(chunk.len() / 2..))),
                    _ => {}
                }
                at += chunk.len();
                turn += 1;
            }
            assert_eq!(at, bytes.len());
            for (at, chunk) in held {
                assert_eq!(chunk, bytes[at..at + chunk.len()]);
            }
        });
    }
}

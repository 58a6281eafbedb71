//! PNG (PNG specification, third edition).

use super::bytes::{be32, slice};
use super::reader::{Found, Want};
use super::tiff::Directory;

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Signature and the complete header chunk.
pub(super) const HEADER: usize = 33;

/// Length of the chunk that Xcode inserts before the header of PNGs in iOS applications.
const CGBI: usize = 16;

#[derive(Clone, Debug, Default)]
pub(super) enum Png {
    #[default]
    Header,
    Chunks,
    Exif(Directory),
}

impl Png {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        match self {
            Png::Header => {
                let chunks = bytes.strip_prefix(SIGNATURE)?;
                let skipped = if is_cgbi(chunks) { CGBI } else { 0 };
                let (width, height) = header_chunk(chunks.get(skipped..)?)?;
                found.dimensions(width, height)?;
                *self = Png::Chunks;
                Want::new((HEADER + skipped) as u64, 8)
            }
            Png::Chunks => {
                let len = u64::from(be32(bytes, 0)?);
                match slice(bytes, 4, 4)? {
                    // Most images have no orientation, and large ones have many of these chunks.
                    b"IDAT" | b"IEND" => None,
                    b"eXIf" => {
                        let (directory, want) = Directory::of_exif(at.checked_add(8)?, len)?;
                        *self = Png::Exif(directory);
                        Some(want)
                    }
                    _ => Want::after(at, len + 12, 8),
                }
            }
            Png::Exif(directory) => directory.step(found, at, bytes),
        }
    }
}

fn is_cgbi(chunks: &[u8]) -> bool {
    chunks.starts_with(b"\0\0\0\x04CgBI")
}

/// Width and height from signature and header chunk.
pub(super) fn header(bytes: &[u8]) -> Option<(u32, u32)> {
    header_chunk(bytes.strip_prefix(SIGNATURE)?)
}

/// Width and height from the header chunk. Every field and the checksum must be valid.
fn header_chunk(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = bytes.get(..HEADER - SIGNATURE.len())?;
    let (chunk, checksum) = header.get(4..)?.split_last_chunk::<4>()?;
    if be32(header, 0)? != 13 || !chunk.starts_with(b"IHDR") || crc32(chunk) != u32::from_be_bytes(*checksum)
    {
        return None;
    }
    let (width, height) = (be32(chunk, 4)?, be32(chunk, 8)?);
    let &[depth, colour, compression, filter, interlace] = chunk.last_chunk()?;
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => &[],
    };
    let valid = depths.contains(&depth) && compression == 0 && filter == 0 && interlace <= 1;
    // Sides have 31 bits (section 7.1).
    (valid && width <= i32::MAX as u32 && height <= i32::MAX as u32).then_some((width, height))
}

/// The checksum of PNG chunks (annex D), bit by bit: 17 bytes do not justify a table.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

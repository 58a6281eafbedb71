//! WebP (RFC 9649; lossy frames RFC 6386).

use super::bytes::{le16, le24, le32, slice};
use super::has_control;
use super::reader::{Found, Want};
use super::tiff::Directory;

/// Where the first chunk begins, after `RIFF`, the length and `WEBP`.
const FIRST_CHUNK: u64 = 12;

#[derive(Clone, Debug, Default)]
pub(super) enum WebP {
    #[default]
    Header,
    Chunks,
    Exif(Directory),
}

pub(super) fn is_webp(prefix: &[u8]) -> bool {
    prefix.starts_with(b"RIFF")
        && matches!(prefix.get(8..16), Some(b"WEBPVP8 " | b"WEBPVP8L" | b"WEBPVP8X"))
        // Text about WebP has letters in place of the lengths.
        && (has_control(&prefix[4..8]) || prefix.get(16..20).is_some_and(has_control))
}

impl WebP {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        match self {
            WebP::Header => {
                let (width, height, exif) = header(bytes.get(12..)?)?;
                found.dimensions(width, height)?;
                if !exif {
                    return None;
                }
                *self = WebP::Chunks;
                Want::new(FIRST_CHUNK, 8)
            }
            WebP::Chunks => {
                let len = u64::from(le32(bytes, 4)?);
                if slice(bytes, 0, 4)? == b"EXIF" {
                    let (directory, want) = Directory::of_exif(at.checked_add(8)?, len)?;
                    *self = WebP::Exif(directory);
                    return Some(want);
                }
                // Chunks are padded to an even length.
                Want::after(at, 8 + len + (len & 1), 8)
            }
            WebP::Exif(directory) => directory.step(found, at, bytes),
        }
    }
}

/// Width, height and whether there is an Exif chunk, from the first chunk.
fn header(chunk: &[u8]) -> Option<(u32, u32, bool)> {
    let len = le32(chunk, 4)?;
    let body = chunk.get(8..)?;
    match slice(chunk, 0, 4)? {
        b"VP8 " if len >= 10 => {
            // A key frame with its start code. The upper two bits of each side are a scale.
            let key = body.first()? & 1 == 0 && slice(body, 3, 3)? == b"\x9d\x01\x2a";
            key.then_some((u32::from(le16(body, 6)? & 0x3fff), u32::from(le16(body, 8)? & 0x3fff), false))
        }
        b"VP8L" if len >= 5 => {
            let bits = le32(body, 1)?;
            // Signature and version. The 1 is added after the mask because 16,384 is a valid side.
            let valid = *body.first()? == 0x2f && bits >> 29 == 0;
            valid.then_some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1, false))
        }
        b"VP8X" if len >= 10 => {
            let (width, height) = (le24(body, 4)? + 1, le24(body, 7)? + 1);
            // Section 2.7: the product has 32 bits.
            let valid = u64::from(width) * u64::from(height) <= u64::from(u32::MAX);
            valid.then_some((width, height, body.first()? & 0x08 != 0))
        }
        _ => None,
    }
}

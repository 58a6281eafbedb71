//! JPEG (ITU-T T.81, annex B): reads from marker to marker and skips the bodies of segments.

use super::bytes::{be16, slice};
use super::reader::{Found, Want};
use super::tiff::Directory;

/// The maximum number of segments before the frame header. Phones store 2 MB and more of depth maps there, 64
/// KiB per segment. The number of segments costs reads; their bytes do not.
const MAX_SEGMENTS: u16 = 1024;

/// The maximum number of stray and fill bytes skipped. Unlike segments, they must be read.
const MAX_STRAY: u64 = 64 << 10;

/// Bytes needed of a segment: up to the Exif prefix, or up to the sides in a frame header.
const ENOUGH: usize = 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Jpeg {
    /// The directory being read, and where the next segment begins.
    exif: Option<(Directory, u64)>,
    exif_seen: bool,
    /// Segments passed so far.
    segments: u16,
    /// Stray and fill bytes passed so far.
    pub(super) stray: u64,
}

impl Jpeg {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        if let Some((directory, next)) = &mut self.exif {
            let next = *next;
            if let Some(want) = directory.step(found, at, bytes) {
                return Some(want);
            }
            // Broken Exif data does not make the image invalid.
            self.exif = None;
            return Want::new(next, ENOUGH);
        }
        if *bytes.first()? != 0xff {
            // Stray bytes between segments. Decoders skip them.
            return self.skip(at, distance(bytes, |byte| byte == 0xff));
        }
        match *bytes.get(1)? {
            // Not a marker: misplaced scan data.
            0 => self.skip(at, 2),
            // Fill bytes.
            0xff => self.skip(at, distance(bytes, |byte| byte != 0xff).checked_sub(1)?),
            // Start of image, restart.
            0xd0..=0xd8 => Want::after(at, 2, ENOUGH),
            // Start of frame, except the tables in the same range.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let components = u16::from(*bytes.get(9)?);
                if components > 0 && be16(bytes, 2)? == 8 + 3 * components {
                    found.dimensions(be16(bytes, 7)?.into(), be16(bytes, 5)?.into());
                }
                None
            }
            marker @ (0xc4 | 0xcc | 0xdb..=0xef | 0xfe) => {
                let len = u64::from(be16(bytes, 2)?);
                self.segments += 1;
                if len < 2 || self.segments > MAX_SEGMENTS {
                    return None;
                }
                let next = at.checked_add(2 + len)?;
                let exif = marker == 0xe1 && slice(bytes, 4, 6) == Some(b"Exif\0\0");
                if exif && found.seek_orientation && !self.exif_seen {
                    let (directory, want) = Directory::of_exif(at + 4, len - 2)?;
                    self.exif = Some((directory, next));
                    self.exif_seen = true;
                    return Some(want);
                }
                Want::new(next, ENOUGH)
            }
            // Scan data, the end of the image, or a marker that cannot precede a frame.
            _ => None,
        }
    }

    fn skip(&mut self, at: u64, distance: u64) -> Option<Want> {
        self.stray += distance;
        if self.stray > MAX_STRAY { None } else { Want::after(at, distance, ENOUGH) }
    }
}

/// The number of bytes before the first that is `wanted`, limited to what may be skipped.
fn distance(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> u64 {
    let bytes = &bytes[..bytes.len().min(MAX_STRAY as usize + 2)];
    bytes.iter().position(|byte| wanted(*byte)).unwrap_or(bytes.len()) as u64
}

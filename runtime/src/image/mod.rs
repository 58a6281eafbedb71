//! Image headers: dimensions and orientation from a bounded number of bytes, inflating nothing.
//!
//! The bytes decide, not a name or a declared type. PNG, JPEG, GIF, WebP, BMP, TIFF, ICO, CUR, AVIF and
//! HEIF are known; SVG, HTML, XML, PDF and PostScript are not images here (requirement 52). A header can lie: what it
//! says is to be compared with limits before a codec is let near the file (requirement 56).
//!
//! [`HeaderReader`] is the one implementation. It says which bytes it needs and is fed with them, so it works on
//! bytes, on files, on range requests and on streams alike. It is total: any input ends in an answer, the same however
//! its bytes are fed, after at most 4,096 steps and 64 KiB of stray bytes. What it asks for is at most 64 KiB in all; of
//! a JPEG, the heads of its first 1,024 segments, at most 64 KiB at once.

mod avif;
mod bytes;
mod fixed;
mod ico;
mod jpeg;
mod mini;
mod png;
mod reader;
mod stream;
mod structure;
mod tiff;
mod webp;

#[cfg(test)]
mod tests;

pub(crate) use avif::file_type;
pub use reader::{HeaderReader, Need};
pub(crate) use stream::HeaderStream;
pub(crate) use structure::{has_control, is_sound};

use crate::Result;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Dimensions {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Dimensions {
    /// Number of pixels. It cannot overflow (requirement 56).
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Both sides, unless one is zero (D054).
    fn checked(width: u32, height: u32) -> Option<Self> {
        (width > 0 && height > 0).then_some(Dimensions { width, height })
    }
}

/// An image format whose header is understood.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Portable Network Graphics, APNG included.
    Png,
    /// JPEG, in JFIF or Exif shape.
    Jpeg,
    /// Graphics Interchange Format.
    Gif,
    /// WebP: lossy, lossless and extended.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF and BigTIFF, in both byte orders.
    Tiff,
    /// Windows icon.
    Ico,
    /// Windows cursor.
    Cur,
    /// AVIF, still and animated.
    Avif,
    /// HEIF, still and animated, whatever its pictures are coded in: HEIC is the most common.
    Heif,
}

impl Format {
    /// The format that the first bytes of a file show. The first 4,096 are enough.
    pub fn detect(prefix: &[u8]) -> Option<Self> {
        if prefix.starts_with(png::SIGNATURE) {
            Some(Format::Png)
        } else if prefix.starts_with(b"\xff\xd8\xff") && prefix.get(3).is_none_or(|marker| *marker >= 0xc0) {
            Some(Format::Jpeg)
        } else if structure::is_gif(prefix) {
            Some(Format::Gif)
        } else if webp::is_webp(prefix) {
            Some(Format::WebP)
        } else if fixed::is_bmp(prefix) {
            Some(Format::Bmp)
        } else if tiff::is_tiff(prefix) {
            Some(Format::Tiff)
        } else if let Some(format) = ico::format(prefix) {
            Some(format)
        } else {
            match file_type(prefix)? {
                "image/avif" => Some(Format::Avif),
                "image/heic" | "image/heic-sequence" | "image/heif" | "image/heif-sequence" => {
                    Some(Format::Heif)
                }
                _ => None,
            }
        }
    }

    /// The media type, as registered. That of a HEIF file is the general one; [`sniff`](crate::inspect::sniff) tells
    /// HEIC and sequences apart.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Gif => "image/gif",
            Format::WebP => "image/webp",
            Format::Bmp => "image/bmp",
            Format::Tiff => "image/tiff",
            Format::Ico | Format::Cur => "image/vnd.microsoft.icon",
            Format::Avif => "image/avif",
            Format::Heif => "image/heif",
        }
    }
}

/// What the header of an image says.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageInfo {
    /// The format.
    pub format: Format,
    /// Width and height as stored: of the first frame or of the canvas (D056), orientation ignored (D055). Of an
    /// icon, those of its largest member (D053).
    pub dimensions: Dimensions,
    /// The part of it that is to be shown, before it is turned, where the file says so: the clean aperture of AVIF and
    /// HEIF.
    pub aperture: Option<Dimensions>,
    /// How the stored pixels are to be turned for display: 1 to 8, as in Exif tag 274; 1 is upright. Anything
    /// else found in a file counts as 1 (requirement 61).
    pub orientation: u8,
}

impl ImageInfo {
    /// Width and height as displayed: those of the [aperture](Self::aperture), swapped for the orientations 5 to 8, which
    /// turn by a quarter.
    pub fn oriented_dimensions(&self) -> Dimensions {
        let shown = self.aperture.unwrap_or(self.dimensions);
        let Dimensions { width, height } = shown;
        if (5..=8).contains(&self.orientation) { Dimensions { width: height, height: width } } else { shown }
    }
}

/// Format, dimensions and orientation of the image in `bytes`, which may be only the beginning of a file.
pub fn probe(bytes: &[u8]) -> Option<ImageInfo> {
    run(HeaderReader::new(), bytes)
}

/// Width and height of the image in `bytes`, which may be only the beginning of a file.
///
/// ```
/// let gif = b"GIF89a\x40\x00\x30\x00\x00\x00\x00";
/// let size = filefield::image::dimensions(gif).unwrap();
/// assert_eq!((size.width, size.height), (64, 48));
/// assert_eq!(filefield::image::dimensions(b"<svg width='64' height='48'/>"), None);
/// ```
pub fn dimensions(bytes: &[u8]) -> Option<Dimensions> {
    run(HeaderReader::dimensions_only(), bytes).map(|info| info.dimensions)
}

fn run(mut reader: HeaderReader, bytes: &[u8]) -> Option<ImageInfo> {
    loop {
        match reader.need() {
            Need::Done(info) => return info,
            Need::Bytes { offset, .. } => {
                let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
                reader.feed(offset, rest.unwrap_or_default());
            }
        }
    }
}

/// Format, dimensions and orientation of an open file, or `None` where it is no image (D048).
///
/// Reads at given offsets, usually once, 4 KiB; the cursor of the file stays where it is (D049). Blocks.
///
/// # Errors
/// Those of reading.
pub fn probe_file(file: &File) -> Result<Option<ImageInfo>> {
    read_header(file, HeaderReader::new())
}

/// Width and height of an open file, or `None` where it is no image. As [`probe_file`], but never reads on for
/// an orientation only.
///
/// # Errors
/// Those of reading.
pub fn file_dimensions(file: &File) -> Result<Option<Dimensions>> {
    Ok(read_header(file, HeaderReader::dimensions_only())?.map(|info| info.dimensions))
}

/// Feeds `reader` from `file` until it is done.
pub(crate) fn read_header(file: &File, mut reader: HeaderReader) -> Result<Option<ImageInfo>> {
    feed_from(&mut reader, |offset, buffer| Some(read_at(file, buffer, offset).map_err(Into::into)))?;
    Ok(reader.result())
}

/// Feeds `reader` with what `read_at` puts into a buffer from an offset on, until the reader is done or there is no
/// answer. Says whether there was one at all.
pub(crate) fn feed_from(
    reader: &mut HeaderReader,
    mut read_at: impl FnMut(u64, &mut [u8]) -> Option<Result<usize>>,
) -> Result<bool> {
    let mut small = [0; reader::FIRST];
    let mut large = Vec::new();
    let mut answered = false;
    while let Need::Bytes { offset, len } = reader.need_local() {
        let buffer = match small.get_mut(..len) {
            Some(buffer) => buffer,
            None => {
                large.resize(len, 0);
                &mut large[..]
            }
        };
        let Some(filled) = read_at(offset, buffer) else { break };
        reader.feed_asked(offset, &buffer[..filled?], len);
        answered = true;
    }
    Ok(answered)
}

/// Fills `buffer` from `offset` on, as far as the file goes, and returns the number of bytes read.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

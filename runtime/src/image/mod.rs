//! Image headers: dimensions and orientation from a bounded number of bytes, without decompressing anything.
//!
//! The format is detected from the bytes, not from a name or a declared type. PNG, JPEG, GIF, WebP, BMP,
//! TIFF, ICO, CUR, AVIF and HEIF are supported; SVG, HTML, XML, PDF and PostScript do not count as images. A
//! header can lie: check its dimensions against limits before decoding the file.
//!
//! [`HeaderReader`] is the single implementation. It requests the bytes it needs, so it works on bytes,
//! files, range requests and streams. Every input yields an answer, independent of how the bytes are fed,
//! after at most 4,096 steps and 64 KiB of stray bytes. It requests at most 64 KiB in total; for a JPEG, the
//! heads of its first 1,024 segments, at most 64 KiB at once.

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
    /// Number of pixels. Cannot overflow.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Both sides, or `None` if one is zero.
    fn checked(width: u32, height: u32) -> Option<Self> {
        (width > 0 && height > 0).then_some(Dimensions { width, height })
    }
}

/// A supported image format.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Portable Network Graphics, including APNG.
    Png,
    /// JPEG (JFIF or Exif).
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
    /// HEIF, still and animated, with any image coding; HEIC is the most common.
    Heif,
}

impl Format {
    /// Detects the format from the first bytes of a file. 4,096 bytes are enough.
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

    /// The registered media type. HEIF files have the general type; [`sniff`](crate::inspect::sniff)
    /// distinguishes HEIC and sequences.
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

/// The information in an image header.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageInfo {
    /// The format.
    pub format: Format,
    /// Width and height as stored, of the first frame or the canvas, ignoring orientation. For an icon, of
    /// its largest member.
    pub dimensions: Dimensions,
    /// The visible part before rotation, if the file declares one: the clean aperture of AVIF and HEIF.
    pub aperture: Option<Dimensions>,
    /// The orientation for display: 1 to 8, as in Exif tag 274; 1 is upright. Any other value in a file
    /// counts as 1.
    pub orientation: u8,
}

impl ImageInfo {
    /// Width and height as displayed: the [aperture](Self::aperture) if there is one, otherwise the
    /// [dimensions](Self::dimensions), swapped for the orientations 5 to 8 (quarter turns).
    pub fn oriented_dimensions(&self) -> Dimensions {
        let shown = self.aperture.unwrap_or(self.dimensions);
        let Dimensions { width, height } = shown;
        if (5..=8).contains(&self.orientation) { Dimensions { width: height, height: width } } else { shown }
    }
}

/// Returns format, dimensions and orientation of the image in `bytes`, which may be only the beginning of a
/// file.
pub fn probe(bytes: &[u8]) -> Option<ImageInfo> {
    run(HeaderReader::new(), bytes)
}

/// Returns width and height of the image in `bytes`, which may be only the beginning of a file.
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

/// Returns format, dimensions and orientation of an open file, or `None` if it is not an image.
///
/// Reads at explicit offsets, usually a single read of 4 KiB, and does not move the file's cursor. Blocks.
///
/// # Errors
/// Propagates read errors.
pub fn probe_file(file: &File) -> Result<Option<ImageInfo>> {
    read_header(file, HeaderReader::new())
}

/// Returns width and height of an open file, or `None` if it is not an image. Like [`probe_file`], but never
/// reads more just for the orientation.
///
/// # Errors
/// Propagates read errors.
pub fn file_dimensions(file: &File) -> Result<Option<Dimensions>> {
    Ok(read_header(file, HeaderReader::dimensions_only())?.map(|info| info.dimensions))
}

/// Feeds `reader` from `file` until it is done.
pub(crate) fn read_header(file: &File, mut reader: HeaderReader) -> Result<Option<ImageInfo>> {
    feed_from(&mut reader, |offset, buffer| Some(read_at(file, buffer, offset).map_err(Into::into)))?;
    Ok(reader.result())
}

/// Feeds `reader` with what `read_at` puts into a buffer at an offset, until the reader is done or `read_at`
/// gives no answer. Returns whether `read_at` answered at least once.
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

/// Fills `buffer` from `offset`, up to the end of the file, and returns the number of bytes read.
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

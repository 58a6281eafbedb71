//! The media type that the first bytes of a file show.

use super::markup;
use crate::image::{Format, file_type};

/// How many bytes of a file [`sniff`] looks at, at most.
pub const SNIFF_LEN: usize = 4096;

/// Signatures at the start of a file. Those of images and of the family of MP4 are found elsewhere.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"PK\x07\x08", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    // PostScript in the binary envelope of DOS.
    (b"\xc5\xd0\xd3\xc6", "application/postscript"),
];

/// The media type of a file that begins with `prefix`, from signatures; `text/plain` for text without control
/// characters in UTF-8, or in UTF-16 with a byte order mark; `None` where nothing is recognised.
///
/// The whole file or its first [`SNIFF_LEN`] bytes give the same answer. Markup is recognised behind byte order
/// marks, blanks and comments (requirement 51). Archives are not looked into: the office formats built on ZIP are
/// `application/zip` (requirement 53).
///
/// ```
/// use filefield::inspect::sniff;
///
/// assert_eq!(sniff(b"GIF89a\x01\x00\x01\x00\x00\x00\x00"), Some("image/gif"));
/// assert_eq!(sniff(b"\xef\xbb\xbf <!-- x --> <svg onload='alert(1)'>"), Some("image/svg+xml"));
/// assert_eq!(sniff(b"\x00\x01\x02\x03"), None);
/// ```
pub fn sniff(prefix: &[u8]) -> Option<&'static str> {
    let prefix = &prefix[..prefix.len().min(SNIFF_LEN)];
    // Of a HEIF file its brands say more than its format.
    if let Some(found) = file_type(prefix) {
        return Some(found);
    }
    if let Some(format) = Format::detect(prefix) {
        return Some(format.content_type());
    }
    if let Some((_, found)) = SIGNATURES.iter().find(|(signature, _)| prefix.starts_with(signature)) {
        return Some(found);
    }
    riff(prefix)
        .or_else(|| quicktime(prefix))
        .or_else(|| matroska(prefix))
        .or_else(|| ogg(prefix))
        .or_else(|| mp3(prefix))
        .or_else(|| markup::sniff(prefix))
}

fn riff(prefix: &[u8]) -> Option<&'static str> {
    match (prefix.get(..4)?, prefix.get(8..12)?) {
        (b"RIFF", b"WAVE") => Some("audio/wav"),
        (b"RIFF", b"AVI ") => Some("video/x-msvideo"),
        _ => None,
    }
}

/// QuickTime from before the file type box: an atom below 16 MiB that files begin with.
fn quicktime(prefix: &[u8]) -> Option<&'static str> {
    let known = matches!(prefix.get(4..8)?, b"moov" | b"mdat" | b"wide");
    (known && *prefix.first()? == 0).then_some("video/quicktime")
}

/// EBML, told apart by the document type in its header (RFC 8794, RFC 9559).
fn matroska(prefix: &[u8]) -> Option<&'static str> {
    let header = prefix.strip_prefix(b"\x1a\x45\xdf\xa3")?;
    let at = header.array_windows().take(64).position(|id| id == b"\x42\x82")?;
    let name = header.get(at + 3..)?;
    if name.starts_with(b"webm") {
        Some("video/webm")
    } else if name.starts_with(b"matroska") {
        Some("video/matroska")
    } else {
        None
    }
}

/// Ogg, by what its first page carries (RFC 5334).
fn ogg(prefix: &[u8]) -> Option<&'static str> {
    let page = prefix.strip_prefix(b"OggS\0")?;
    let packet = page.get(22 + usize::from(*page.get(21)?)..).unwrap_or_default();
    let audio: [&[u8]; 4] = [b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   "];
    Some(if audio.iter().any(|start| packet.starts_with(start)) {
        "audio/ogg"
    } else if packet.starts_with(b"\x80theora") {
        "video/ogg"
    } else {
        "application/ogg"
    })
}

/// MPEG audio layer III without an ID3 tag: a valid frame header, and another where the frame ends.
fn mp3(prefix: &[u8]) -> Option<&'static str> {
    let next = mp3_frame(prefix)?;
    match prefix.get(next..) {
        Some(rest) if rest.len() >= 4 => mp3_frame(rest).map(|_| "audio/mpeg"),
        _ => None,
    }
}

/// The length of the frame that begins here (ISO/IEC 11172-3, 2.4.1.3, and 13818-3 for the lower rates).
fn mp3_frame(bytes: &[u8]) -> Option<usize> {
    let [0xff, second, third, _] = *bytes.first_chunk()? else { return None };
    let layer_three = second & 0b1110_0110 == 0b1110_0010;
    let (rate, frequency) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
    if !layer_three || rate == 0 || rate == 15 || frequency == 3 {
        return None;
    }
    let (kbits, samples, divisor) = match second >> 3 & 3 {
        0b11 => ([32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320], 144_000, 1),
        0b10 => ([8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160], 72_000, 2),
        0b00 => ([8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160], 72_000, 4),
        _ => return None,
    };
    let hertz = [44_100, 48_000, 32_000][frequency] / divisor;
    Some(samples * kbits[rate - 1] / hertz + usize::from(third >> 1 & 1))
}

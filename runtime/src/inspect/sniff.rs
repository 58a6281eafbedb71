//! The media type shown by the first bytes of a file.

use super::markup;
use crate::image::{Format, file_type, has_control};

/// The maximum number of bytes [`sniff`] examines.
pub const SNIFF_LEN: usize = 4096;

/// A signature at the start of a file, its media type, and a check of the bytes that follow. Text can begin
/// with a signature of letters, so the check requires bytes that do not occur in text. The check accepts
/// bytes that end early.
type Signature = (&'static [u8], &'static str, fn(&[u8]) -> bool);

/// Signatures at the start of a file. Images and the MP4 family are detected elsewhere.
const SIGNATURES: &[Signature] = &[
    (b"PK\x03\x04", "application/zip", |_| true),
    (b"PK\x05\x06", "application/zip", |_| true),
    (b"PK\x07\x08", "application/zip", |_| true),
    // The upper three flags are reserved (RFC 1952, 2.3.1.2).
    (b"\x1f\x8b\x08", "application/gzip", |rest| rest.first().is_none_or(|flags| flags & 0xe0 == 0)),
    (b"fLaC", "audio/flac", is_flac),
    (b"ID3", "audio/mpeg", is_id3),
    (b"wOFF", "font/woff", is_font),
    (b"wOF2", "font/woff2", is_font),
    (b"\xc5\xd0\xd3\xc6", "application/postscript", is_dos_eps),
];

/// Detects the media type of a file that begins with `prefix` from its signature. Returns `text/plain` for
/// text without control characters in UTF-8, or in UTF-16 with a byte order mark, and `None` if nothing
/// matches.
///
/// The whole file and its first [`SNIFF_LEN`] bytes give the same answer. Markup is recognised after byte
/// order marks, blanks, comments and processing instructions, and a PDF within the first 1,024 bytes. A
/// signature that consists of letters only is not enough to reclassify a text. Archives are not opened:
/// office formats based on ZIP are `application/zip`.
///
/// ```
/// use filefield::inspect::sniff;
///
/// assert_eq!(sniff(b"GIF89a\x01\x00\x01\x00\x00\x00\x00"), Some("image/gif"));
/// assert_eq!(sniff(b"GIF89a is a format"), Some("text/plain"));
/// assert_eq!(sniff(b"\xef\xbb\xbf <!-- x --> <svg onload='alert(1)'>"), Some("image/svg+xml"));
/// assert_eq!(sniff(b"\x00\x01\x02\x03"), None);
/// ```
pub fn sniff(prefix: &[u8]) -> Option<&'static str> {
    let prefix = &prefix[..prefix.len().min(SNIFF_LEN)];
    // In the MP4 family, the brands are more specific than the image format.
    if let Some(found) = file_type(prefix) {
        return Some(found);
    }
    if let Some(format) = Format::detect(prefix) {
        return Some(format.content_type());
    }
    let signature = SIGNATURES
        .iter()
        .find(|(signature, _, is_such)| prefix.strip_prefix(*signature).is_some_and(is_such));
    if let Some((_, found, _)) = signature {
        return Some(found);
    }
    riff(prefix)
        .or_else(|| quicktime(prefix))
        .or_else(|| matroska(prefix))
        .or_else(|| ogg(prefix))
        .or_else(|| mp3(prefix))
        .or_else(|| markup::sniff(prefix))
}

/// The first block describes the stream in 34 bytes (RFC 9639, section 8).
fn is_flac(rest: &[u8]) -> bool {
    let head = [0, 0, 0, 34];
    rest.iter().zip(head).enumerate().all(|(at, (found, wanted))| {
        // The highest bit marks the last block.
        if at == 0 { found & 0x7f == wanted } else { *found == wanted }
    }) && !rest.is_empty()
}

/// Version, revision, flags, and a length of four times seven bits (ID3v2, section 3.1).
fn is_id3(rest: &[u8]) -> bool {
    let reserved = rest.get(2).is_none_or(|flags| flags & 0x0f == 0);
    let length = rest.get(3..7).is_none_or(|length| length.iter().all(|byte| *byte < 0x80));
    matches!(rest, [2..=4, 0..=0xfe, ..]) && reserved && length
}

/// The flavour, the length, the number of tables, and two zero bytes (WOFF 1.0 and 2.0, section 4).
fn is_font(rest: &[u8]) -> bool {
    let flavour = matches!(rest.get(..4), Some(b"\0\x01\0\0" | b"OTTO" | b"true" | b"typ1" | b"ttcf"));
    flavour && rest.get(10..12).is_none_or(|reserved| reserved == [0, 0])
}

/// PostScript in the binary envelope of DOS. It begins after a header of at least 30 bytes.
fn is_dos_eps(rest: &[u8]) -> bool {
    let start = rest.first_chunk().map(|start| u32::from_le_bytes(*start));
    start.is_some_and(|start| (30..1 << 24).contains(&start))
}

/// RIFF chunks have lengths that contain bytes that do not occur in text.
fn riff(prefix: &[u8]) -> Option<&'static str> {
    let has_lengths = || has_control(&prefix[4..8]) || prefix.get(16..20).is_some_and(has_control);
    match (prefix.get(..4)?, prefix.get(8..12)?) {
        (b"RIFF", b"WAVE") if has_lengths() => Some("audio/wav"),
        (b"RIFF", b"AVI ") if has_lengths() => Some("video/x-msvideo"),
        _ => None,
    }
}

/// QuickTime files without a file type box: they begin with an atom smaller than 16 MiB.
fn quicktime(prefix: &[u8]) -> Option<&'static str> {
    let known = matches!(prefix.get(4..8)?, b"moov" | b"mdat" | b"wide");
    (known && *prefix.first()? == 0).then_some("video/quicktime")
}

/// EBML, identified by the document type in its header (RFC 8794, RFC 9559).
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

/// Ogg, identified by the content of its first page (RFC 5334).
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

/// MPEG audio layer III without an ID3 tag: a valid frame header, followed by another at the end of the
/// frame.
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

//! Checks that an image header follows the signature, for formats with sides at a fixed offset, where any
//! bytes would pass as sides. The other formats are parsed field by field until the sides are found.

use super::Format;
use super::bytes::{le16, le32, slice};
use super::reader::FIRST;

/// Whether the beginning of a file can be an image of its detected format. `prefix` may be shorter than the
/// header. If `is_whole`, everything up to the picture must be present. Examines only the first 4,096 bytes.
pub(crate) fn is_sound(prefix: &[u8], is_whole: bool) -> bool {
    let is_whole = is_whole && prefix.len() < FIRST;
    let prefix = &prefix[..prefix.len().min(FIRST)];
    let sound = match Format::detect(prefix) {
        Some(Format::Gif) => gif(prefix),
        Some(Format::Bmp) => bmp(prefix),
        Some(Format::WebP) => webp(prefix),
        _ => Some(true),
    };
    sound.unwrap_or(!is_whole)
}

/// Whether this is a GIF rather than text about GIF: the sides, the flags and the two bytes after them are
/// never all printable.
pub(super) fn is_gif(prefix: &[u8]) -> bool {
    let screen = match prefix.get(6..) {
        Some(screen) if prefix.starts_with(b"GIF87a") || prefix.starts_with(b"GIF89a") => screen,
        _ => return false,
    };
    screen.is_empty() || has_control(&screen[..screen.len().min(7)])
}

/// Whether there is a byte that does not occur in text.
pub(crate) fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f))
}

/// Parses from the screen descriptor over the extensions to the first picture (GIF89a specification, appendix
/// B). `None` if the bytes end before it.
fn gif(prefix: &[u8]) -> Option<bool> {
    let mut at = 13 + colours(*prefix.get(10)?);
    loop {
        match *prefix.get(at)? {
            // An extension: its label, then data blocks.
            0x21 => {
                at += 2;
                loop {
                    let len = usize::from(*prefix.get(at)?);
                    at += 1 + len;
                    if len == 0 {
                        break;
                    }
                }
            }
            0x2c => {
                let (width, height) = (le16(prefix, at + 5)?, le16(prefix, at + 7)?);
                let code_size = *prefix.get(at + 10 + colours(*prefix.get(at + 9)?))?;
                return Some(width > 0 && height > 0 && (1..=11).contains(&code_size));
            }
            // Some writers put an extra terminator after the data of an extension.
            0 => at += 1,
            // Includes the trailer: a GIF without a picture is not an image.
            _ => return Some(false),
        }
    }
}

/// Size in bytes of the colour table that these flags announce.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Checks planes, bits per pixel and compression of a bitmap. `None` if the bytes end before them.
fn bmp(prefix: &[u8]) -> Option<bool> {
    let size = le32(prefix, 14)?;
    let at = if size == 12 { 22 } else { 26 };
    let (planes, bits) = (le16(prefix, at)?, le16(prefix, at + 2)?);
    // 0 if the pixels are a JPEG or a PNG.
    let known = matches!(bits, 0 | 1 | 2 | 4 | 8 | 16 | 24 | 32 | 64);
    let compression = if size >= 40 { le32(prefix, 30)? } else { 0 };
    Some(planes <= 1 && known && (compression <= 13 || compression == u32::from_le_bytes(*b"DXT1")))
}

/// Checks that the chunk after the extended header may stand there (RFC 9649, section 2.7). Readers ignore
/// its reserved bits.
fn webp(prefix: &[u8]) -> Option<bool> {
    if slice(prefix, 12, 4)? != b"VP8X" {
        return Some(true);
    }
    let len = usize::try_from(le32(prefix, 16)?).ok()?;
    let next = slice(prefix, 20usize.checked_add(len)?.checked_add(len & 1)?, 4)?;
    let known: [&[u8]; 8] = [b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L", b"EXIF", b"XMP "];
    Some(known.contains(&next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gif_goes_on_to_its_first_picture() {
        let screen = b"GIF89a\x40\0\x30\0\x80\0\0".as_slice();
        let colours = [7; 6].as_slice();
        let control = b"\x21\xf9\x04\0\0\0\0\0".as_slice();
        let comment = b"\x21\xfe\x05hello\x03you\0".as_slice();
        let picture = b"\x2c\0\0\0\0\x40\0\x30\0\0\x02\x02\x4c\x01\0\x3b".as_slice();
        for parts in [
            vec![screen, colours, picture],
            vec![screen, colours, control, picture],
            vec![screen, colours, control, comment, b"\0", control, picture],
        ] {
            let file = parts.concat();
            assert!(is_sound(&file, true), "{}", file.escape_ascii());
            for cut in 0..file.len() {
                assert!(is_sound(&file[..cut], false), "cut to {cut}");
            }
        }
        assert!(!is_sound(&[screen, colours, control].concat(), true), "no picture");
        for junk in [
            &b"x"[..],
            b";",
            b";<html>",
            b"\x01",
            b"\x2c\0\0\0\0\0\0\x30\0\0\x02\x02",
            b"\x2c\0\0\0\0\x40\0\x30\0\0\x63\x02",
        ] {
            let file = [screen, colours, junk].concat();
            assert!(!is_sound(&file, false), "{}", file.escape_ascii());
        }
    }

    #[test]
    fn a_text_about_an_image_is_none() {
        for text in ["GIF89a File Specification\n", "GIF87a and GIF89a", "GIF89a\tis\r\nold, and caf\u{e9}"] {
            assert_eq!(Format::detect(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Format::detect(b"GIF89a caf\xe9s are \x1a"), None);
        assert_eq!(Format::detect(b"RIFF and WEBPVP8 are fourccs"), None);
        assert_eq!(Format::detect(b"RIFF1234WEBPVP8Xabcd"), None);
        assert_eq!(Format::detect(b"BM(a unit) is not a bitmap, is it?"), None);
    }

    #[test]
    fn a_bitmap_has_a_known_depth() {
        let file = |planes: u8, bits: u8, compression: u8| {
            let sides = [&b"BM"[..], &[0; 12], &[40, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0]].concat();
            [&sides[..], &[planes, 0, bits, 0, compression, 0, 0, 0]].concat()
        };
        assert!(is_sound(&file(1, 24, 0), true) && is_sound(&file(0, 8, 1), true));
        for (planes, bits, compression) in [(2, 24, 0), (1, 23, 0), (1, 24, 14)] {
            assert!(!is_sound(&file(planes, bits, compression), true));
        }
    }

    #[test]
    fn behind_the_header_of_an_extended_webp_stands_a_known_chunk() {
        let file = |flags: u8, next: &[u8]| {
            [&b"RIFF\x99\0\0\0WEBPVP8X\x0a\0\0\0"[..], &[flags, 0, 0, 0, 9, 0, 0, 9, 0, 0], next].concat()
        };
        assert!(is_sound(&file(0x10, b"ALPH\0\0\0\0"), true));
        assert!(is_sound(&file(0xd1, b"ANIM\0\0\0\0"), true), "reserved bits are ignored");
        assert!(is_sound(&file(0x10, b""), false) && !is_sound(&file(0x10, b""), true));
        assert!(!is_sound(&file(0, b"\x01\x02\x03\x04"), false));
    }
}

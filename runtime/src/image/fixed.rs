//! GIF and BMP: every field has a fixed offset.

use super::bytes::{le16, le32};
use super::reader::Found;

/// The screen descriptor of a GIF (GIF89a specification, section 18).
pub(super) fn gif(found: &mut Found, bytes: &[u8]) -> Option<()> {
    found.dimensions(le16(bytes, 6)?.into(), le16(bytes, 8)?.into())
}

pub(super) fn is_bmp(prefix: &[u8]) -> bool {
    // Two letters cannot tell a bitmap from text, so the size of the second header is checked too.
    prefix.starts_with(b"BM") && le32(prefix, 14).is_some_and(|size| size == 12 || is_info_header(size))
}

/// BITMAPINFOHEADER and its successors, and the shortest header of OS/2 2.x.
fn is_info_header(size: u32) -> bool {
    matches!(size, 16 | 40 | 52 | 56 | 64 | 108 | 124)
}

pub(super) fn bmp(found: &mut Found, bytes: &[u8]) -> Option<()> {
    let (width, height) = bitmap_header(bytes.get(14..)?)?;
    found.dimensions(width, height)
}

/// Width and height in a bitmap header without the file header, as in BMP and ICO. A negative height, used
/// for top-down rows, counts as its absolute value.
pub(super) fn bitmap_header(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = le32(bytes, 0)?;
    if size == 12 {
        return Some((le16(bytes, 4)?.into(), le16(bytes, 6)?.into()));
    }
    if !is_info_header(size) {
        return None;
    }
    let width = u32::try_from(le32(bytes, 4)?.cast_signed()).ok()?;
    Some((width, le32(bytes, 8)?.cast_signed().unsigned_abs()))
}

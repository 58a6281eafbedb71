//! The `mini` box: an AVIF or HEIF image with its metadata in a compact bit field (ISO/IEC 23008-12,
//! amendment 2, `MinimizedImageBox`).

/// The maximum number of bytes of the fields before the image data.
pub(super) const MAX_FIELDS: usize = 40;

/// The image described by the box.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mini {
    /// In pixels.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
    /// 1 to 8, as in Exif.
    pub(super) orientation: u8,
}

/// Reads the fields of a box whose content is `len` bytes long and begins with `content`.
///
/// Returns `None` if the fields and the lengths in them do not add up to `len`, so that text after the name
/// of the box is not taken for an image. Also returns `None` for high dynamic range images: their further
/// fields are not read.
pub(super) fn read(content: &[u8], len: u64) -> Option<Mini> {
    // Drafts of the amendment omit the matrix coefficients for images without chroma.
    [true, false]
        .into_iter()
        .filter_map(|grey_has_matrix| fields(content, grey_has_matrix))
        .find_map(|(image, stated)| (stated == len).then_some(image))
}

/// The image, and the content length declared by the fields.
fn fields(content: &[u8], grey_has_matrix: bool) -> Option<(Mini, u64)> {
    let mut bits = Bits { bytes: content, at: 0 };
    let version = bits.read(2)?;
    let has_codec_types = bits.flag()?;
    let is_float = bits.flag()?;
    let _full_range = bits.flag()?;
    let has_alpha = bits.flag()?;
    let has_colour_codes = bits.flag()?;
    let is_hdr = bits.flag()?;
    let (has_profile, has_exif, has_xmp) = (bits.flag()?, bits.flag()?, bits.flag()?);
    if version != 0 || is_hdr {
        return None;
    }
    let chroma = bits.read(2)?;
    let orientation = bits.read(3)? as u8 + 1;
    let side = if bits.flag()? { 15 } else { 7 };
    let (width, height) = (bits.read(side)? + 1, bits.read(side)? + 1);
    let _chroma_position = match chroma {
        1 => bits.read(2)?,
        2 => bits.read(1)?,
        _ => 0,
    };
    if is_float {
        // 16, 32 or 64 bits.
        if bits.read(2)? > 2 {
            return None;
        }
    } else if bits.flag()? {
        let _depth = bits.read(3)?;
    }
    if has_alpha {
        let _premultiplied = bits.flag()?;
    }
    if has_colour_codes {
        let _codes = bits.read(if chroma != 0 || grey_has_matrix { 24 } else { 16 })?;
    }
    if has_codec_types {
        // Of the item and of its configuration: four printable characters each.
        for _ in 0..8 {
            if !matches!(bits.read(8)?, 0x20..=0x7e) {
                return None;
            }
        }
    }
    // Bit widths of the following lengths.
    let metadata = if (has_profile || has_exif || has_xmp) && bits.flag()? { 20 } else { 10 };
    let configuration = if bits.flag()? { 12 } else { 3 };
    let item = if bits.flag()? { 28 } else { 15 };
    let mut len = 0;
    if has_profile {
        len += u64::from(bits.read(metadata)? + 1);
    }
    len += u64::from(bits.read(configuration)?);
    len += u64::from(bits.read(item)? + 1);
    if has_alpha {
        let alpha = bits.read(item)?;
        if alpha > 0 {
            len += u64::from(alpha) + u64::from(bits.read(configuration)?);
        }
    }
    if has_exif || has_xmp {
        let _compressed = bits.flag()?;
    }
    for has in [has_exif, has_xmp] {
        if has {
            len += u64::from(bits.read(metadata)? + 1);
        }
    }
    let fields = bits.at.div_ceil(8) as u64;
    Some((Mini { width, height, orientation }, fields + len))
}

/// Reads numbers of up to 32 bits, highest bit first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }
}

//! AVIF, and the brands of its family (ISO/IEC 14496-12 for the boxes, 23008-12 for the items in them).

use super::bytes::{be16, be32, be64, slice};
use super::reader::{FIRST, Found, MOST, Want};

/// The most boxes looked at on the way to the metadata, at the top of the file.
const MAX_BOXES: u8 = 64;

/// The media type that the file type box at the start of `prefix` stands for.
pub(crate) fn file_type(prefix: &[u8]) -> Option<&'static str> {
    if slice(prefix, 4, 4)? != b"ftyp" {
        return None;
    }
    let size = usize::try_from(be32(prefix, 0)?).ok()?;
    let brands = prefix.get(8..size.min(FIRST).min(prefix.len()))?;
    let major: &[u8; 4] = brands.first_chunk()?;
    // Behind the major brand stands its version, then come those that the file is compatible with.
    let compatible = || brands.get(8..).unwrap_or_default().as_chunks::<4>().0.iter();
    let by_brand = |brand: &[u8; 4]| match brand {
        b"avif" | b"avis" => Some("image/avif"),
        b"heic" | b"heix" | b"heim" | b"heis" => Some("image/heic"),
        b"hevc" | b"hevx" | b"hevm" | b"hevs" => Some("image/heic-sequence"),
        _ => None,
    };
    if let Some(found) = by_brand(major) {
        return Some(found);
    }
    match major {
        b"mif1" | b"miaf" => compatible().find_map(by_brand).or(Some("image/heif")),
        b"msf1" => compatible().find_map(by_brand).or(Some("image/heif-sequence")),
        b"qt  " => Some("video/quicktime"),
        b"M4A " | b"M4B " | b"M4P " => Some("audio/mp4"),
        [b'3', b'g', b'p' | b'r' | b's' | b'e', _] => Some("video/3gpp"),
        [b'3', b'g', b'2', _] => Some("video/3gpp2"),
        _ => {
            let mp4 = |brand: &[u8; 4]| {
                matches!(brand, b"isom" | b"mp41" | b"mp42" | b"avc1" | b"dash" | b"M4V " | b"MSNV")
                    || matches!(brand, [b'i', b's', b'o', b'2'..=b'9' | b'a'..=b'c'])
            };
            (mp4(major) || compatible().any(mp4)).then_some("video/mp4")
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) enum Avif {
    /// Going over the boxes at the top; so many were seen.
    #[default]
    Start,
    Boxes(u8),
    /// At the contents of the metadata box, of this length.
    Meta(usize),
}

impl Avif {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        match self {
            Avif::Start => {
                *self = Avif::Boxes(0);
                Want::new(0, 16)
            }
            Avif::Boxes(count) => {
                let (kind, head, size) = header(bytes)?;
                if kind == b"meta" {
                    let len = usize::try_from(size?.checked_sub(head)?).ok()?;
                    *self = Avif::Meta(len);
                    return if len > MOST { None } else { Want::after(at, head, len) };
                }
                *count += 1;
                // Without a size, a box goes to the end of the file.
                if *count > MAX_BOXES { None } else { Want::after(at, size?, 16) }
            }
            Avif::Meta(len) => {
                // Cut metadata may lack what would change the answer.
                primary(found, bytes.get(..*len)?);
                None
            }
        }
    }
}

/// Kind, length of the header and length of the whole box, which is `None` where it goes to the end of the file.
fn header(bytes: &[u8]) -> Option<(&[u8], u64, Option<u64>)> {
    let kind = slice(bytes, 4, 4)?;
    let (head, size) = match be32(bytes, 0)? {
        0 => return Some((kind, 8, None)),
        1 => (16, be64(bytes, 8)?),
        size => (8, size.into()),
    };
    (size >= head).then_some((kind, head, Some(size)))
}

/// The boxes in `bytes`: kind and contents. Ends at the first that is broken or cut off.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (kind, head, size) = header(bytes)?;
        let size = size.unwrap_or(bytes.len() as u64);
        let whole = bytes.get(..usize::try_from(size).ok()?)?;
        bytes = bytes.get(whole.len()..)?;
        Some((kind, whole.get(usize::try_from(head).ok()?..)?))
    })
}

fn child<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(kind, _)| kind == wanted).map(|(_, contents)| contents)
}

/// Dimensions and orientation of the primary item.
fn primary(found: &mut Found, meta: &[u8]) -> Option<()> {
    // Version and flags come first.
    let meta = meta.get(4..)?;
    let properties = child(meta, b"iprp")?;
    let container = child(properties, b"ipco")?;
    let indices = child(meta, b"pitm").and_then(primary_item).and_then(|item| {
        boxes(properties).filter(|(kind, _)| kind == b"ipma").find_map(|(_, ipma)| associations(ipma, item))
    });
    let (mut size, mut rotation, mut mirror) = (None, 0, None);
    // Properties are counted from 1. Without associations, all of them belong to the one item there is.
    for (index, (kind, contents)) in (1_u16..).zip(boxes(container)) {
        if indices.as_ref().is_some_and(|indices| !indices.contains(&index)) {
            continue;
        }
        match kind {
            b"ispe" => {
                let this = Some((be32(contents, 4)?, be32(contents, 8)?));
                if size.is_some() && size != this {
                    return None;
                }
                size = this;
            }
            b"irot" => rotation = contents.first()? & 3,
            b"imir" => mirror = Some(contents.first()? & 1),
            _ => {}
        }
    }
    let (width, height) = size?;
    found.orientation(orientation(rotation, mirror).into());
    found.dimensions(width, height)
}

fn primary_item(pitm: &[u8]) -> Option<u32> {
    if *pitm.first()? == 0 { be16(pitm, 4).map(u32::from) } else { be32(pitm, 4) }
}

/// The indices of the properties of `item`, if this box speaks of it.
fn associations(ipma: &[u8], item: u32) -> Option<Vec<u16>> {
    let wide_item = *ipma.first()? > 0;
    let wide_index = ipma.get(3)? & 1 == 1;
    let count = be32(ipma, 4)?;
    let mut rest = ipma.get(8..)?;
    for _ in 0..count {
        let id = if wide_item { be32(rest, 0)? } else { be16(rest, 0)?.into() };
        rest = rest.get(if wide_item { 4 } else { 2 }..)?;
        let len = usize::from(*rest.first()?) * if wide_index { 2 } else { 1 };
        let (these, after) = rest.get(1..)?.split_at_checked(len)?;
        if id == item {
            // The uppermost bit says whether the property is essential.
            return Some(if wide_index {
                these.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair) & 0x7fff).collect()
            } else {
                these.iter().map(|index| u16::from(index & 0x7f)).collect()
            });
        }
        rest = after;
    }
    None
}

/// The Exif orientation that equals `rotation` quarters anticlockwise, then a mirroring: 0 swaps top and bottom,
/// 1 left and right. Exif data itself does not count in this family (ISO/IEC 23008-12, A.2.1).
fn orientation(rotation: u8, mirror: Option<u8>) -> u8 {
    let by_rotation = match mirror {
        None => [1, 8, 3, 6],
        Some(0) => [4, 5, 2, 7],
        Some(_) => [2, 7, 4, 5],
    };
    by_rotation[usize::from(rotation & 3)]
}

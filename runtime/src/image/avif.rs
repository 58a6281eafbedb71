//! AVIF, and the brands of its family (ISO/IEC 14496-12 for the boxes, 23008-12 for the items in them).

use super::bytes::{be16, be32, be64, slice};
use super::reader::{FIRST, Found, Want};

/// Bytes of a box that tell what it is, and all of one that is of interest but for associations: a long header and the
/// sides of an image.
const ENOUGH: usize = 28;

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

/// Goes from box to box, into those that lead to the properties of images and over all others, however large.
#[derive(Clone, Debug, Default)]
pub(super) struct Avif {
    /// Where the boxes end that it is in: the metadata, in these the properties, in these their container.
    ends: Vec<u64>,
    /// Length of the associations that it is at.
    at_associations: Option<usize>,
    primary_item: Option<u32>,
    /// Kind and first bytes, in the order in which they are counted.
    properties: Vec<([u8; 4], Vec<u8>)>,
    associations: Vec<Vec<u8>>,
}

impl Avif {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        if let Some(len) = self.at_associations.take() {
            self.associations.push(bytes.get(..len)?.to_vec());
            return self.go_on(found, at + len as u64);
        }
        let mut bytes = &bytes[..bytes.len().min(ENOUGH)];
        let end = self.ends.last().copied();
        if let Some(end) = end {
            // Metadata that is cut may lack what would change the answer.
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            bytes = bytes.get(..left.min(ENOUGH))?;
        }
        let (kind, head, size) = match (header(bytes), end) {
            (Some(header), _) => header,
            (None, None) => return None,
            // A broken box is the last.
            (None, Some(end)) => return self.go_on(found, end),
        };
        // Without a size, a box goes to the end of what it is in.
        let after = match (size, end) {
            (Some(size), _) => at.checked_add(size)?,
            (None, end) => end?,
        };
        if let Some(end) = end.filter(|end| after > *end) {
            return self.go_on(found, end);
        }
        let inside = at + head;
        match (self.ends.len(), kind) {
            // Version and flags come first.
            (0, b"meta") => return self.enter(found, inside + 4, after),
            (1, b"iprp") => return self.enter(found, inside, after),
            (2, b"ipco") if self.properties.is_empty() => return self.enter(found, inside, after),
            (2, b"ipma") => {
                let len = usize::try_from(after - inside).ok()?;
                self.at_associations = Some(len);
                return Want::new(inside, len);
            }
            _ => {}
        }
        let contents = &bytes[..bytes.len().min(usize::try_from(after - at).unwrap_or(usize::MAX))];
        let contents = contents.get(usize::try_from(head).ok()?..).unwrap_or_default();
        match self.ends.len() {
            1 if kind == b"pitm" && self.primary_item.is_none() => self.primary_item = primary_item(contents),
            3 => self.properties.push((*kind.first_chunk()?, contents.to_vec())),
            _ => {}
        }
        self.go_on(found, after)
    }

    fn enter(&mut self, found: &mut Found, at: u64, end: u64) -> Option<Want> {
        self.ends.push(end);
        self.go_on(found, at)
    }

    /// On to the box at `at`, behind those that end there. All is known where the metadata ends.
    fn go_on(&mut self, found: &mut Found, mut at: u64) -> Option<Want> {
        while let Some(end) = self.ends.pop_if(|end| at >= *end) {
            if self.ends.is_empty() {
                self.primary(found);
                return None;
            }
            at = end;
        }
        Want::new(at, ENOUGH)
    }

    /// Dimensions and orientation of the primary item.
    fn primary(&self, found: &mut Found) -> Option<()> {
        let indices = self
            .primary_item
            .and_then(|item| self.associations.iter().find_map(|ipma| associations(ipma, item)));
        let (mut size, mut rotation, mut mirror) = (None, 0, None);
        // Properties are counted from 1. Without associations, all of them belong to the one item there is.
        for (index, (kind, contents)) in (1_u16..).zip(&self.properties) {
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

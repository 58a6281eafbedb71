//! AVIF, HEIF and the brands of their family (boxes: ISO/IEC 14496-12; items: ISO/IEC 23008-12).

use super::bytes::{be16, be32, be64, slice};
use super::reader::{FIRST, Found, Want};
use super::{Dimensions, mini};

/// Bytes to read of a box: a long header (16 bytes) and the longest content needed, the fields of a `mini`
/// box. Associations and track headers are longer and have their own lengths.
const ENOUGH: usize = 16 + mini::MAX_FIELDS;

/// Bytes to read of a track header: a long box header and the longer version of the track header.
const TRACK_HEADER: usize = 16 + 96;

/// The media type given by the file type box at the start of `prefix`.
pub(crate) fn file_type(prefix: &[u8]) -> Option<&'static str> {
    // The first byte of the length. A real box is never that long; text has a letter there.
    if slice(prefix, 4, 4)? != b"ftyp" || prefix[0] != 0 {
        return None;
    }
    let size = usize::try_from(be32(prefix, 0)?).ok()?;
    let brands = prefix.get(8..size.min(FIRST).min(prefix.len()))?;
    let major: &[u8; 4] = brands.first_chunk()?;
    // The major brand is followed by its version, then by the compatible brands.
    let compatible = || brands.get(8..).unwrap_or_default().as_chunks::<4>().0.iter();
    match major {
        // The brand alone is not enough: anything can follow it.
        b"crx " => return is_canon_raw(prefix, size).then_some("image/x-canon-cr3"),
        b"qt  " => return Some("video/quicktime"),
        b"M4A " | b"M4B " | b"M4P " => return Some("audio/mp4"),
        [b'3', b'g', b'p' | b'r' | b's' | b'e', _] => return Some("video/3gpp"),
        [b'3', b'g', b'2', _] => return Some("video/3gpp2"),
        _ => {}
    }
    // A structure brand tells a single image from a sequence; other brands give the coding. The version of
    // `mif3` is such a brand.
    let is_sequence = match major {
        b"mif1" | b"mif2" | b"mif3" | b"miaf" => Some(false),
        b"msf1" => Some(true),
        _ => coding(major).map(|(_, is_sequence)| is_sequence),
    };
    if let Some(is_sequence) = is_sequence {
        let minor = brands.get(4..8).and_then(|minor| minor.first_chunk()).filter(|_| major == b"mif3");
        let mut brands = std::iter::once(major).chain(minor).chain(compatible());
        return Some(match (brands.find_map(coding).map(|(coding, _)| coding), is_sequence) {
            (Some(Coding::Av1), _) => "image/avif",
            (Some(Coding::Hevc), false) => "image/heic",
            (Some(Coding::Hevc), true) => "image/heic-sequence",
            (_, false) => "image/heif",
            (_, true) => "image/heif-sequence",
        });
    }
    let mp4 = |brand: &[u8; 4]| {
        matches!(brand, b"isom" | b"mp41" | b"mp42" | b"avc1" | b"dash" | b"M4V " | b"MSNV")
            || matches!(brand, [b'i', b's', b'o', b'2'..=b'9' | b'a'..=b'c'])
    };
    (mp4(major) || compatible().any(mp4)).then_some("video/mp4")
}

/// Whether the `moov` box at `at` begins with Canon's own box, identified by its UUID. All Canon raw files
/// with the brand `crx` have it.
fn is_canon_raw(prefix: &[u8], at: usize) -> bool {
    let movie = prefix.get(at..).unwrap_or_default();
    slice(movie, 4, 4) == Some(b"moov")
        && slice(movie, 12, 20)
            == Some(b"uuid\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48")
}

/// How the images of a file are coded.
#[derive(Clone, Copy, PartialEq)]
enum Coding {
    Av1,
    Hevc,
    /// AVC, VVC, JPEG or JPEG 2000: their files are reported as HEIF only.
    Other,
}

/// The coding given by a brand, and whether it is a brand of sequences (ISO/IEC 23008-12, annex B, annex E
/// and later).
fn coding(brand: &[u8; 4]) -> Option<(Coding, bool)> {
    Some(match brand {
        b"avif" => (Coding::Av1, false),
        b"avis" => (Coding::Av1, true),
        b"heic" | b"heix" | b"heim" | b"heis" => (Coding::Hevc, false),
        b"hevc" | b"hevx" | b"hevm" | b"hevs" => (Coding::Hevc, true),
        b"avci" | b"vvic" | b"jpeg" | b"j2ki" | b"evbi" | b"evmi" => (Coding::Other, false),
        b"avcs" | b"vvis" | b"jpgs" | b"j2is" | b"evbs" | b"evms" => (Coding::Other, true),
        _ => return None,
    })
}

/// Walks the boxes: enters those that lead to image properties and skips all others, however large.
#[derive(Clone, Debug, Default)]
pub(super) struct Avif {
    /// The enclosing boxes, and where each ends.
    inside: Vec<(Container, u64)>,
    /// Length of the associations to read next.
    at_associations: Option<usize>,
    primary_item: Option<u32>,
    /// Kind and first bytes, in index order.
    properties: Vec<([u8; 4], Vec<u8>)>,
    associations: Vec<Vec<u8>>,
    /// Sides and orientation of the first track with sides, for a sequence without a still image.
    track: Option<(u32, u32, u8)>,
}

/// A box that is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    /// Still images: the metadata box, the properties in it, and the container of properties in those.
    Meta,
    Properties,
    Definitions,
    /// Sequences: the movie box, and one track in it.
    Movie,
    Track,
}

/// The end of a box that extends to the end of the file.
const END_OF_FILE: u64 = u64::MAX;

impl Avif {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        if let Some(len) = self.at_associations.take() {
            self.associations.push(bytes.get(..len)?.to_vec());
            return self.go_on(found, at + len as u64);
        }
        let enough = self.enough();
        let mut bytes = &bytes[..bytes.len().min(enough)];
        let (container, end) =
            self.inside.last().map_or((None, None), |(kind, end)| (Some(*kind), Some(*end)));
        if let Some(end) = end.filter(|end| *end != END_OF_FILE) {
            // Truncated metadata may lack something that would change the answer.
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            bytes = bytes.get(..left.min(enough))?;
        }
        let (kind, head, size) = match (header(bytes), end) {
            (Some(header), _) => header,
            // The end of the file.
            (None, None) => return self.sequence(found),
            // A broken box ends its container.
            (None, Some(end)) => return self.go_on(found, end),
        };
        // A box without a size extends to the end of its container.
        let after = match size {
            Some(size) => at.checked_add(size)?,
            None => end.unwrap_or(END_OF_FILE),
        };
        if let Some(end) = end.filter(|end| after > *end) {
            return self.go_on(found, end);
        }
        let inside = at + head;
        match (container, kind) {
            // Version and flags come first.
            (None, b"meta") => return self.enter(found, Container::Meta, inside + 4, after),
            (None, b"moov") => return self.enter(found, Container::Movie, inside, after),
            (Some(Container::Movie), b"trak") if self.track.is_none() => {
                return self.enter(found, Container::Track, inside, after);
            }
            (Some(Container::Meta), b"iprp") => {
                return self.enter(found, Container::Properties, inside, after);
            }
            (Some(Container::Properties), b"ipco") if self.properties.is_empty() => {
                return self.enter(found, Container::Definitions, inside, after);
            }
            (Some(Container::Properties), b"ipma") => {
                let len = usize::try_from(after - inside).ok()?;
                self.at_associations = Some(len);
                return Want::new(inside, len);
            }
            _ => {}
        }
        let contents = &bytes[..bytes.len().min(usize::try_from(after - at).unwrap_or(usize::MAX))];
        let contents = contents.get(usize::try_from(head).ok()?..).unwrap_or_default();
        match container {
            None if kind == b"mini" => {
                let image = mini::read(contents, size? - head)?;
                found.orientation(image.orientation.into());
                found.dimensions(image.width, image.height)?;
                return None;
            }
            Some(Container::Meta) if kind == b"pitm" && self.primary_item.is_none() => {
                self.primary_item = primary_item(contents);
            }
            Some(Container::Definitions) => {
                self.properties.push((*kind.first_chunk()?, contents.to_vec()));
            }
            Some(Container::Track) if kind == b"tkhd" => self.track = track_header(contents),
            _ => {}
        }
        self.go_on(found, after)
    }

    /// How many bytes of the next box to request.
    fn enough(&self) -> usize {
        if let Some((Container::Track, _)) = self.inside.last() { TRACK_HEADER } else { ENOUGH }
    }

    fn enter(&mut self, found: &mut Found, container: Container, at: u64, end: u64) -> Option<Want> {
        self.inside.push((container, end));
        self.go_on(found, at)
    }

    /// Continues with the box at `at`, after closing the boxes that end there. The end of the metadata
    /// completes the answer.
    fn go_on(&mut self, found: &mut Found, mut at: u64) -> Option<Want> {
        while let Some((container, end)) = self.inside.pop_if(|(_, end)| at >= *end) {
            if container == Container::Meta {
                self.primary(found);
                return None;
            }
            at = end;
        }
        if at == END_OF_FILE { self.sequence(found) } else { Want::new(at, self.enough()) }
    }

    /// A sequence without a still image.
    fn sequence(&self, found: &mut Found) -> Option<Want> {
        let (width, height, orientation) = self.track?;
        found.orientation(orientation.into());
        found.dimensions(width, height)?;
        None
    }

    /// Dimensions and orientation of the primary item.
    fn primary(&self, found: &mut Found) -> Option<()> {
        let indices = self
            .primary_item
            .and_then(|item| self.associations.iter().find_map(|ipma| associations(ipma, item)));
        let (mut size, mut rotation, mut mirror, mut aperture) = (None, 0, None, None);
        // Properties are counted from 1. Without associations, all of them belong to the only item.
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
                b"clap" => aperture = clean_aperture(contents),
                b"irot" => rotation = contents.first()? & 3,
                b"imir" => mirror = Some(contents.first()? & 1),
                _ => {}
            }
        }
        let (width, height) = size?;
        found.orientation(orientation(rotation, mirror).into());
        found.dimensions(width, height)?;
        found.aperture = aperture.filter(|inner| inner.width <= width && inner.height <= height);
        Some(())
    }
}

/// Kind, header length and total length of a box. The length is `None` if the box extends to the end of the
/// file.
fn header(bytes: &[u8]) -> Option<(&[u8], u64, Option<u64>)> {
    let kind = slice(bytes, 4, 4)?;
    let (head, size) = match be32(bytes, 0)? {
        0 => return Some((kind, 8, None)),
        1 => (16, be64(bytes, 8)?),
        size => (8, size.into()),
    };
    (size >= head).then_some((kind, head, Some(size)))
}

/// The visible size of an image before rotation (ISO/IEC 14496-12, 12.1.4): two fractions.
fn clean_aperture(clap: &[u8]) -> Option<Dimensions> {
    let side = |at| be32(clap, at)?.checked_div(be32(clap, at + 4)?);
    Dimensions::checked(side(0)?, side(8)?)
}

/// Sides and orientation of a track, if it has sides (ISO/IEC 14496-12, 8.3.2): 16.16 fixed point, after the
/// rotation matrix.
fn track_header(tkhd: &[u8]) -> Option<(u32, u32, u8)> {
    let matrix = if *tkhd.first()? == 0 { 40 } else { 52 };
    let number = |index: usize| be32(tkhd, matrix + 4 * index);
    let turned = [0, 1, 3, 4].map(|index| number(index).unwrap_or_default().cast_signed() >> 16);
    let orientation = match turned {
        [0, 1, -1, 0] => 6,
        [-1, 0, 0, -1] => 3,
        [0, -1, 1, 0] => 8,
        _ => 1,
    };
    let (width, height) = (number(9)? >> 16, number(10)? >> 16);
    (width > 0 && height > 0).then_some((width, height, orientation))
}

fn primary_item(pitm: &[u8]) -> Option<u32> {
    if *pitm.first()? == 0 { be16(pitm, 4).map(u32::from) } else { be32(pitm, 4) }
}

/// The property indices of `item`, if this box lists it.
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
            // The highest bit marks an essential property.
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

/// The Exif orientation equal to `rotation` quarter turns anticlockwise followed by a mirroring: 0 swaps top
/// and bottom, 1 left and right. This family ignores the orientation in Exif data (ISO/IEC 23008-12, A.2.1).
fn orientation(rotation: u8, mirror: Option<u8>) -> u8 {
    let by_rotation = match mirror {
        None => [1, 8, 3, 6],
        Some(0) => [4, 5, 2, 7],
        Some(_) => [2, 7, 4, 5],
    };
    by_rotation[usize::from(rotation & 3)]
}

//! The first directory of a TIFF file (TIFF 6.0), also inside Exif data.
//!
//! Camera raw files are TIFFs whose first directory describes a preview. That directory says so and lists the
//! directories below it (TIFF supplement 1); of those, the largest full-size image counts: DNG, NEF, ARW. A
//! CR2 does not say so; the size of its image is in its Exif data.

use super::bytes::{be16, be32, be64, le16, le32, le64, slice};
use super::reader::{Found, TABLE, Want};

pub(super) fn is_tiff(prefix: &[u8]) -> bool {
    matches!(prefix.get(..4), Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+"))
}

/// The maximum number of directories below the first that are read.
const MAX_BELOW: usize = 16;

/// Reads the first directory and those it lists itself, but never the next one, so there are no loops.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// Where the header begins; offsets are relative to it.
    base: u64,
    /// The end of the bytes that belong to it.
    end: u64,
    exif: bool,
    order: Order,
    state: State,
    /// Whether the mark after the header is that of a CR2.
    canon: bool,
    /// Offsets of the directories below the first that are still to be read.
    below: Vec<u64>,
    /// Set once the first directory has been read: the sides known so far.
    sides: Option<Option<(u32, u32)>>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Count,
    Entries(u64),
    /// Reading the offsets of this many directories.
    Below(usize),
}

/// The entries of interest in a directory.
#[derive(Default)]
struct Entries {
    width: Option<Option<u64>>,
    height: Option<Option<u64>>,
    orientation: Option<Option<u64>>,
    /// 0 for a full-size image, 1 for a reduced one.
    subfile: Option<Option<u64>>,
    /// The number of directories below, and the offset of the only one or of the list of offsets.
    below: Option<Option<(u64, u64)>>,
    exif: Option<Option<u64>>,
    exif_width: Option<Option<u64>>,
    exif_height: Option<Option<u64>>,
}

/// Byte order, and whether numbers have the width of BigTIFF.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    big_endian: bool,
    wide: bool,
}

impl Directory {
    /// For a whole file.
    pub(super) fn of_file() -> Self {
        Directory::new(0, u64::MAX, false)
    }

    /// For Exif data of `len` bytes at `base`, in which only the orientation counts. Also returns the first
    /// request.
    pub(super) fn of_exif(base: u64, len: u64) -> Option<(Self, Want)> {
        let end = base.checked_add(len)?;
        Some((Directory::new(base, end, true), Want { at: base, len: 20 }))
    }

    fn new(base: u64, end: u64, exif: bool) -> Self {
        Directory {
            base,
            end,
            exif,
            order: Order::default(),
            state: State::Header,
            canon: false,
            below: Vec::new(),
            sides: None,
        }
    }

    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        // Ignores everything beyond the end, whatever was fed.
        let left = usize::try_from(self.end.checked_sub(at)?).unwrap_or(usize::MAX);
        let bytes = bytes.get(..left).unwrap_or(bytes);
        match self.state {
            State::Header => {
                let mut header = bytes;
                // JPEG has this prefix. Some WebP writers add it too, and some JPEG writers add it twice.
                for _ in 0..2 {
                    if let Some(rest) = header.strip_prefix(b"Exif\0\0").filter(|_| self.exif) {
                        self.base = self.base.checked_add(6)?;
                        header = rest;
                    }
                }
                let (order, offset) = Order::of(header)?;
                if offset < 8 || (order.wide && self.exif) {
                    return None;
                }
                self.order = order;
                self.canon = !self.exif && slice(header, 8, 3) == Some(b"CR\x02");
                self.directory_at(offset)
            }
            State::Count => {
                let count = self.order.count(bytes)?;
                self.state = State::Entries(count);
                // Entries are sorted and the tags of interest are among the lowest, so an absurd count can be
                // cut.
                let len = count.checked_mul(self.order.entry_len() as u64)?;
                let start = self.order.count_len() as u64;
                let left = self.end.checked_sub(at)?.checked_sub(start)?;
                Want::after(at, start, usize::try_from(len.min(left)).unwrap_or(TABLE).min(TABLE))
            }
            State::Entries(count) => {
                let entries = self.entries(count, &bytes[..bytes.len().min(TABLE)])?;
                match self.sides {
                    None => self.first(found, &entries),
                    Some(_) => {
                        self.one_below(&entries);
                        self.next_below(found)
                    }
                }
            }
            State::Below(count) => {
                let len = self.order.offset_len();
                let offsets = bytes.get(..count * len)?.chunks_exact(len);
                self.below = offsets.rev().filter_map(|offset| self.order.offset(offset, 0)).collect();
                self.next_below(found)
            }
        }
    }

    /// Continues with the directory at `offset`. Stops if the offset lies outside the data.
    fn directory_at(&mut self, offset: u64) -> Option<Want> {
        self.state = State::Count;
        let want = Want::after(self.base, offset, self.order.count_len())?;
        (want.at < self.end).then_some(want)
    }

    /// Processes the first directory and returns the next request.
    fn first(&mut self, found: &mut Found, entries: &Entries) -> Option<Want> {
        if let Some(value) = entries.orientation {
            found.orientation(value.unwrap_or(1));
        }
        if self.exif {
            return None;
        }
        let own = sides(entries.width, entries.height);
        let is_preview = entries.subfile.flatten().is_some_and(|kind| kind & 1 == 1);
        match (entries.below.flatten(), entries.exif.flatten()) {
            (_, Some(exif)) if self.canon => {
                self.sides = Some(own);
                self.directory_at(exif)
            }
            (Some((count, at)), _) if is_preview && count > 0 => {
                self.sides = Some(None);
                match usize::try_from(count).unwrap_or(MAX_BELOW).min(MAX_BELOW) {
                    1 => self.directory_at(at),
                    count => {
                        self.state = State::Below(count);
                        Want::after(self.base, at, count * self.order.offset_len())
                    }
                }
            }
            _ => {
                let (width, height) = own?;
                found.dimensions(width, height)?;
                None
            }
        }
    }

    /// Takes the sides of a directory below the first if it describes a full-size image and the largest so
    /// far.
    fn one_below(&mut self, entries: &Entries) {
        let these = match self.canon {
            true => sides(entries.exif_width, entries.exif_height),
            false => sides(entries.width, entries.height)
                .filter(|_| entries.subfile.flatten().is_none_or(|kind| kind == 0)),
        };
        let area =
            |sides: Option<(u32, u32)>| sides.map(|(width, height)| u64::from(width) * u64::from(height));
        if area(these) > area(self.sides.flatten()) {
            self.sides = Some(these);
        }
    }

    fn next_below(&mut self, found: &mut Found) -> Option<Want> {
        if let Some(offset) = self.below.pop() {
            return self.directory_at(offset);
        }
        let (width, height) = self.sides.flatten()?;
        found.dimensions(width, height)?;
        None
    }

    fn entries(&self, count: u64, bytes: &[u8]) -> Option<Entries> {
        let mut entries = Entries::default();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        for entry in bytes.chunks_exact(self.order.entry_len()).take(count) {
            let slot = match self.order.u16(entry, 0)? {
                254 => &mut entries.subfile,
                256 => &mut entries.width,
                257 => &mut entries.height,
                274 => {
                    entries.orientation.get_or_insert_with(|| self.order.first_value(entry));
                    continue;
                }
                330 => {
                    entries.below.get_or_insert_with(|| self.order.offsets(entry));
                    continue;
                }
                34_665 => &mut entries.exif,
                40_962 => &mut entries.exif_width,
                40_963 => &mut entries.exif_height,
                _ => continue,
            };
            // The first entry of a kind counts.
            slot.get_or_insert_with(|| self.order.value(entry));
        }
        Some(entries)
    }
}

/// Width and height, if both are 32-bit integers.
fn sides(width: Option<Option<u64>>, height: Option<Option<u64>>) -> Option<(u32, u32)> {
    Some((u32::try_from(width??).ok()?, u32::try_from(height??).ok()?))
}

impl Order {
    /// Byte order and offset of the first directory.
    fn of(header: &[u8]) -> Option<(Self, u64)> {
        let big_endian = match slice(header, 0, 2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let narrow = Order { big_endian, wide: false };
        match narrow.u16(header, 2)? {
            42 => Some((narrow, narrow.u32(header, 4)?.into())),
            43 if narrow.u16(header, 4)? == 8 && narrow.u16(header, 6)? == 0 => {
                Some((Order { big_endian, wide: true }, narrow.u64(header, 8)?))
            }
            _ => None,
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        if self.big_endian { be16(bytes, at) } else { le16(bytes, at) }
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        if self.big_endian { be32(bytes, at) } else { le32(bytes, at) }
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.big_endian { be64(bytes, at) } else { le64(bytes, at) }
    }

    fn count_len(self) -> usize {
        if self.wide { 8 } else { 2 }
    }

    fn count(self, bytes: &[u8]) -> Option<u64> {
        if self.wide { self.u64(bytes, 0) } else { self.u16(bytes, 0).map(u64::from) }
    }

    fn entry_len(self) -> usize {
        if self.wide { 20 } else { 12 }
    }

    /// The number of values in an entry, and where the values or their offset are.
    fn values(self, entry: &[u8]) -> Option<(u64, usize)> {
        Some(if self.wide { (self.u64(entry, 4)?, 12) } else { (self.u32(entry, 4)?.into(), 8) })
    }

    /// The value of an entry with a single integer.
    fn value(self, entry: &[u8]) -> Option<u64> {
        let (count, at) = self.values(entry)?;
        if count == 1 { self.number(entry, at) } else { None }
    }

    /// The first value of an entry with integers. Some writers use signed ones.
    fn first_value(self, entry: &[u8]) -> Option<u64> {
        let (count, at) = self.values(entry)?;
        let room = entry.len().checked_sub(at)? as u64;
        let len = match self.u16(entry, 2)? {
            1 | 6 => 1,
            3 | 8 => 2,
            4 | 9 => 4,
            _ => 8,
        };
        let is_inside = count >= 1 && count.checked_mul(len)? <= room;
        if is_inside { self.number(entry, at) } else { None }
    }

    fn number(self, entry: &[u8], at: usize) -> Option<u64> {
        match self.u16(entry, 2)? {
            1 | 6 => entry.get(at).copied().map(u64::from),
            3 | 8 => self.u16(entry, at).map(u64::from),
            4 | 9 | 13 => self.u32(entry, at).map(u64::from),
            16 | 18 if self.wide => self.u64(entry, at),
            _ => None,
        }
    }

    fn offset_len(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    fn offset(self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.wide { self.u64(bytes, at) } else { self.u32(bytes, at).map(u64::from) }
    }

    /// The number of offsets in an entry, and the only offset or the offset of the list.
    fn offsets(self, entry: &[u8]) -> Option<(u64, u64)> {
        let kind = self.u16(entry, 2)?;
        let (count, at) = self.values(entry)?;
        let is_offset = if self.wide { matches!(kind, 16 | 18) } else { matches!(kind, 4 | 13) };
        if is_offset { Some((count, self.offset(entry, at)?)) } else { None }
    }
}

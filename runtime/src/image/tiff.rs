//! The first directory of a TIFF file (TIFF 6.0), also as it stands in Exif data.

use super::bytes::{be16, be32, be64, le16, le32, le64, slice};
use super::reader::{Found, TABLE, Want};

pub(super) fn is_tiff(prefix: &[u8]) -> bool {
    matches!(prefix.get(..4), Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+"))
}

/// Reads the first directory, never a second one: there is nothing to loop through (requirement 61).
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// Where the header begins; offsets count from here.
    base: u64,
    /// Where the bytes end that belong to it.
    end: u64,
    exif: bool,
    order: Order,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Count,
    Entries(u64),
}

/// Byte order, and whether numbers are the wide ones of BigTIFF.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    big_endian: bool,
    wide: bool,
}

impl Directory {
    /// Of a whole file.
    pub(super) fn of_file() -> Self {
        Directory { base: 0, end: u64::MAX, exif: false, order: Order::default(), state: State::Header }
    }

    /// Of Exif data at `base`, `len` bytes long, of which only the orientation counts; and what it needs first.
    pub(super) fn of_exif(base: u64, len: u64) -> Option<(Self, Want)> {
        let end = base.checked_add(len)?;
        let directory = Directory { base, end, exif: true, order: Order::default(), state: State::Header };
        Some((directory, Want { at: base, len: 14 }))
    }

    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        // Nothing beyond the end is looked at, whatever was fed.
        let left = usize::try_from(self.end.checked_sub(at)?).unwrap_or(usize::MAX);
        let bytes = bytes.get(..left).unwrap_or(bytes);
        match self.state {
            State::Header => {
                let mut header = bytes;
                // JPEG has this prefix, and some writers of WebP put it there too.
                if let Some(rest) = bytes.strip_prefix(b"Exif\0\0").filter(|_| self.exif) {
                    self.base = self.base.checked_add(6)?;
                    header = rest;
                }
                let (order, offset) = Order::of(header)?;
                if offset < 8 || (order.wide && self.exif) {
                    return None;
                }
                self.order = order;
                self.state = State::Count;
                let want = Want::after(self.base, offset, order.count_len())?;
                // Far offsets end here (requirement 61): nothing is read only to find that it lies outside.
                (want.at < self.end).then_some(want)
            }
            State::Count => {
                let count = self.order.count(bytes)?;
                self.state = State::Entries(count);
                // The tags of interest are among the lowest, and entries are sorted: an absurd count is cut.
                let len = count.checked_mul(self.order.entry_len() as u64)?;
                let start = self.order.count_len() as u64;
                let left = self.end.checked_sub(at)?.checked_sub(start)?;
                Want::after(at, start, usize::try_from(len.min(left)).unwrap_or(TABLE).min(TABLE))
            }
            State::Entries(count) => {
                self.entries(found, count, &bytes[..bytes.len().min(TABLE)]);
                None
            }
        }
    }

    fn entries(&self, found: &mut Found, count: u64, bytes: &[u8]) -> Option<()> {
        let (mut width, mut height, mut orientation) = (None, None, None);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        for entry in bytes.chunks_exact(self.order.entry_len()).take(count) {
            let slot = match self.order.u16(entry, 0)? {
                256 => &mut width,
                257 => &mut height,
                274 => &mut orientation,
                _ => continue,
            };
            // The first of its kind counts.
            slot.get_or_insert_with(|| self.order.value(entry));
        }
        if let Some(value) = orientation {
            found.orientation(value.unwrap_or(1));
        }
        if !self.exif {
            found.dimensions(u32::try_from(width??).ok()?, u32::try_from(height??).ok()?)?;
        }
        Some(())
    }
}

impl Order {
    /// Order and offset of the first directory.
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

    /// The value of an entry that holds one whole number.
    fn value(self, entry: &[u8]) -> Option<u64> {
        let (count, at) = if self.wide { (self.u64(entry, 4)?, 12) } else { (self.u32(entry, 4)?.into(), 8) };
        if count != 1 {
            return None;
        }
        match self.u16(entry, 2)? {
            1 => entry.get(at).copied().map(u64::from),
            3 => self.u16(entry, at).map(u64::from),
            4 => self.u32(entry, at).map(u64::from),
            16 if self.wide => self.u64(entry, at),
            _ => None,
        }
    }
}

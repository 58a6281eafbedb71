//! Windows icons and cursors.
//!
//! The directory stores 0 for 256 and above, and can be wrong, so the header of the largest member is read.
//! Among members of equal area, the one with the lowest colour depth counts, as in Pillow.

use super::bytes::{le16, le32};
use super::reader::{Found, TABLE, Want};
use super::{Format, fixed, png};
use std::cmp::Reverse;

const HEADER: usize = 6;
const ENTRY: usize = 16;

/// The maximum number of members examined.
const MAX_MEMBERS: usize = TABLE / ENTRY;

#[derive(Clone, Debug, Default)]
pub(super) enum Ico {
    #[default]
    Header,
    /// Reading a directory with this many members.
    Directory(usize),
    Member,
}

/// Recognises an icon or a cursor. Its four bytes are almost all zero and also occur as the length of
/// QuickTime atoms. So there must be a plausible number of members, and the reserved byte of the first must
/// be 0, or 255 as .NET writes it.
pub(super) fn format(prefix: &[u8]) -> Option<Format> {
    let format = match prefix.get(..4)? {
        b"\0\0\x01\0" => Format::Ico,
        b"\0\0\x02\0" => Format::Cur,
        _ => return None,
    };
    let count = usize::from(le16(prefix, 4)?);
    let reserved = matches!(prefix.get(HEADER + 3)?, 0 | 255);
    ((1..=MAX_MEMBERS).contains(&count) && reserved).then_some(format)
}

impl Ico {
    pub(super) fn step(&mut self, found: &mut Found, at: u64, bytes: &[u8]) -> Option<Want> {
        match self {
            Ico::Header => {
                let count = usize::from(le16(bytes, 4)?);
                *self = Ico::Directory(count);
                Want::after(at, HEADER as u64, count * ENTRY)
            }
            Ico::Directory(count) => {
                let members = bytes.get(..*count * ENTRY)?.chunks_exact(ENTRY);
                let icon = found.format == Some(Format::Ico);
                let largest = members.min_by_key(|member| rank(member, icon))?;
                *self = Ico::Member;
                Want::new(le32(largest, 12)?.into(), png::HEADER)
            }
            Ico::Member => {
                let (width, height) = match png::header(bytes) {
                    Some(sides) => sides,
                    // The stored height covers the picture and its mask.
                    None => fixed::bitmap_header(bytes).map(|(width, height)| (width, height / 2))?,
                };
                found.dimensions(width, height)?;
                None
            }
        }
    }
}

/// Lowest for the largest area, then for the lowest colour depth.
fn rank(member: &[u8], icon: bool) -> (Reverse<u32>, u32) {
    let side = |at| match member.get(at) {
        None | Some(0) => 256,
        Some(side) => u32::from(*side),
    };
    let colours = member.get(2).copied().unwrap_or(0);
    let depth = match le16(member, 6).unwrap_or(0) {
        // In a cursor, these bytes hold the hot spot.
        _ if !icon => 0,
        0 if colours == 0 => 256,
        0 => u32::from(colours).next_power_of_two().ilog2(),
        depth => depth.into(),
    };
    (Reverse(side(0) * side(1)), depth)
}

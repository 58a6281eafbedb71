//! The pull state machine that all sources share.

use super::{Dimensions, Format, ImageInfo, avif, fixed, ico, is_sound, jpeg, png, tiff, webp};
use std::ops::Range;

/// Length of the first request, in bytes. A page: an ordinary image is done with it.
pub(crate) const FIRST: usize = 4096;

/// Length of a later request, at least: headers come in clusters.
const LATER: usize = 1024;

/// Length of a request that tells where the next large segment is, at least: behind the last, the tables of a JPEG and
/// its frame header take less.
const HOP: usize = 256;

/// The most bytes a format may ask for at once, and all but JPEG in all.
pub(crate) const MOST: usize = 64 << 10;

/// The most bytes of a table that a format may ask for at once, between a request that says where it is and one that it
/// leads to.
pub(super) const TABLE: usize = MOST - FIRST - LATER;

/// Length of a request after the first where requests are slow. With the first it is the most that is asked for.
const PIECE: usize = MOST - FIRST;

/// The most steps any file may take, those over stray bytes of a JPEG aside. Every step moves on or ends, so this only
/// cuts absurd files short.
const MAX_STEPS: u16 = 4096;

/// What a [`HeaderReader`] wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The bytes of the file from `offset` on.
    Bytes {
        /// Where they begin, in bytes from the start of the file. It does not decrease from request to request,
        /// but for a file whose parts are out of order.
        offset: u64,
        /// How many, 1,024 to 65,536.
        len: usize,
    },
    /// Nothing more. `None`: not an image of a known format, or its header is broken or cut off.
    Done(Option<ImageInfo>),
}

/// Reads the header of an image from bytes that it asks for.
///
/// ```
/// use filefield::image::{HeaderReader, Need};
///
/// fn probe(file: &[u8]) -> Option<filefield::image::ImageInfo> {
///     let mut reader = HeaderReader::new();
///     loop {
///         match reader.need() {
///             Need::Done(info) => return info,
///             Need::Bytes { offset, len } => {
///                 // Any source of ranges will do: a file, an object store, a stream that skips.
///                 let start = file.len().min(offset as usize);
///                 let end = file.len().min(start + len);
///                 reader.feed(offset, &file[start..end]);
///             }
///         }
///     }
/// }
/// assert!(probe(b"GIF87a\x01\x00\x01\x00\x00\x00\x00").is_some());
/// ```
#[derive(Clone, Debug)]
pub struct HeaderReader {
    state: State,
    /// The bytes to go on with; `None` when done.
    want: Option<Want>,
    found: Found,
    steps: u16,
    /// What has been asked for last, and how much in all, where requests are answered with no more than they are for.
    asked: Range<u64>,
    asked_in_all: u64,
    /// How far `want` lies behind what was wanted before.
    jump: u64,
}

/// The bytes a step needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) at: u64,
    pub(crate) len: usize,
}

impl Want {
    pub(crate) fn new(at: u64, len: usize) -> Option<Self> {
        Some(Want { at, len })
    }

    /// `len` bytes, `distance` after `at`; nothing where the sum leaves the range of file offsets.
    pub(crate) fn after(at: u64, distance: u64, len: usize) -> Option<Self> {
        Some(Want { at: at.checked_add(distance)?, len })
    }
}

/// What is known so far.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) format: Option<Format>,
    pub(crate) dimensions: Option<Dimensions>,
    /// The part of it that is to be shown, where that is smaller.
    pub(crate) aperture: Option<Dimensions>,
    /// 1 to 8.
    pub(crate) orientation: u8,
    /// Whether bytes may be asked for only because of the orientation.
    pub(crate) seek_orientation: bool,
}

impl Found {
    /// Notes the dimensions. `None`, so that the reader ends, where one is zero.
    pub(crate) fn dimensions(&mut self, width: u32, height: u32) -> Option<()> {
        self.dimensions = Some(Dimensions::checked(width, height)?);
        Some(())
    }

    pub(crate) fn orientation(&mut self, value: u64) {
        self.orientation = match value {
            1..=8 => value as u8,
            _ => 1,
        };
    }
}

#[derive(Clone, Debug)]
enum State {
    Start,
    Jpeg(jpeg::Jpeg),
    Png(png::Png),
    WebP(webp::WebP),
    Tiff(tiff::Directory),
    Ico(ico::Ico),
    Avif(avif::Avif),
}

impl Default for HeaderReader {
    fn default() -> Self {
        HeaderReader::new()
    }
}

impl HeaderReader {
    /// A reader that looks for dimensions and orientation.
    pub fn new() -> Self {
        let found =
            Found { format: None, dimensions: None, aperture: None, orientation: 1, seek_orientation: true };
        HeaderReader {
            state: State::Start,
            want: Want::new(0, FIRST),
            found,
            steps: 0,
            asked: 0..FIRST as u64,
            asked_in_all: FIRST as u64,
            jump: 0,
        }
    }

    /// A reader that never asks for bytes because of the orientation, and so reports a 1 for every image.
    pub fn dimensions_only() -> Self {
        let mut reader = HeaderReader::new();
        reader.found.seek_orientation = false;
        reader
    }

    /// What is wanted next. The first request is for 4 KiB at offset 0, and for most files the only one.
    pub fn need(&self) -> Need {
        match self.want {
            Some(want) => Need::Bytes { offset: want.at, len: want.len.max(LATER) },
            None => Need::Done(self.result()),
        }
    }

    /// As [`need`](Self::need), where one request more costs less than bytes that are not used: from one large
    /// segment of a JPEG to the next, only the few bytes that tell where the next one is. Answer by
    /// [`feed_asked`](Self::feed_asked).
    pub(crate) fn need_local(&self) -> Need {
        match self.want {
            Some(want) if self.jump > FIRST as u64 && self.is_jpeg() => {
                Need::Bytes { offset: want.at, len: want.len.max(HOP) }
            }
            _ => self.need(),
        }
    }

    /// As [`need`](Self::need), where a request more costs more than bytes that are not used: pieces of 60 KiB, but
    /// where parts lie further apart.
    pub(crate) fn need_far(&self) -> Need {
        match self.need() {
            Need::Bytes { offset, len } if offset > 0 && self.jump <= PIECE as u64 => {
                Need::Bytes { offset, len: len.max(PIECE) }
            }
            need => need,
        }
    }

    /// Hands over the bytes of the file from `offset` on, which is the offset asked for or an earlier one. More than
    /// asked for is welcome and may save a request; fewer mean that the file ends with them.
    ///
    /// Where a request is slow, feed 64 KiB for each. No file needs more than 70 such requests then, but for a JPEG with
    /// many large segments, which needs one for each, 1,024 at most.
    pub fn feed(&mut self, offset: u64, bytes: &[u8]) {
        let Need::Bytes { len, .. } = self.need() else { return };
        self.feed_asked(offset, bytes, len);
    }

    /// As [`feed`](Self::feed), with the answer to a request for `len` bytes.
    pub(crate) fn feed_asked(&mut self, offset: u64, bytes: &[u8], len: usize) {
        let Need::Bytes { offset: asked, .. } = self.need() else { return };
        if offset > asked {
            // The bytes asked for are not to be had.
            self.want = None;
            return;
        }
        let ends = offset.saturating_add(bytes.len() as u64) < asked.saturating_add(len as u64);
        while let Some(want) = self.want {
            // An earlier part of the file than this one has to be asked for.
            let Some(start) = want.at.checked_sub(offset) else { break };
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            if rest.len() < want.len && !ends {
                break;
            }
            self.step(want, rest);
        }
    }

    /// What is known so far.
    pub(super) fn result(&self) -> Option<ImageInfo> {
        let Found { format, dimensions, aperture, orientation, .. } = self.found;
        Some(ImageInfo { format: format?, dimensions: dimensions?, aperture, orientation })
    }

    /// Whether the limit allows to ask for `want`. What was fed beyond what was asked for does not count, for the answer
    /// must not depend on it. A JPEG has a limit of its own.
    fn affords(&mut self, want: Want) -> bool {
        if want.at < self.asked.start || want.at + want.len as u64 > self.asked.end {
            let len = want.len.max(LATER) as u64;
            self.asked = want.at..want.at + len;
            self.asked_in_all += len;
        }
        self.asked_in_all <= MOST as u64
    }

    fn is_jpeg(&self) -> bool {
        matches!(self.state, State::Jpeg(_))
    }

    fn stray(&self) -> u64 {
        if let State::Jpeg(jpeg) = &self.state { jpeg.stray } else { 0 }
    }

    fn step(&mut self, want: Want, bytes: &[u8]) {
        let stray = self.stray();
        let found = &mut self.found;
        let next = match &mut self.state {
            State::Start => {
                // The answer must not depend on how much was fed.
                let prefix = &bytes[..bytes.len().min(FIRST)];
                self.state = match start(found, prefix) {
                    Some(state) => state,
                    None => {
                        self.want = None;
                        return;
                    }
                };
                // The same bytes again, for the format found.
                Want::new(0, FIRST)
            }
            State::Jpeg(jpeg) => jpeg.step(found, want.at, bytes),
            State::Png(png) => png.step(found, want.at, bytes),
            State::WebP(webp) => webp.step(found, want.at, bytes),
            State::Tiff(directory) => directory.step(found, want.at, bytes),
            State::Ico(ico) => ico.step(found, want.at, bytes),
            State::Avif(avif) => avif.step(found, want.at, bytes),
        };
        // Stray bytes are passed over in pieces as large as what was fed, and have a limit of their own.
        self.steps += u16::from(self.stray() == stray);
        let found = &self.found;
        let enough = found.dimensions.is_some() && !found.seek_orientation;
        // File offsets are signed 64-bit numbers to the system.
        let next = next.filter(|next| {
            let end = next.at.saturating_add(MOST as u64);
            !enough && next.len <= MOST && end <= i64::MAX as u64 && self.steps < MAX_STEPS
        });
        self.want = next.filter(|next| self.is_jpeg() || self.affords(*next));
        self.jump = self.want.map_or(0, |next| next.at.saturating_sub(want.at));
    }
}

/// Finds out the format. For those with everything at a fixed place, the dimensions too.
fn start(found: &mut Found, prefix: &[u8]) -> Option<State> {
    let format = Format::detect(prefix).filter(|_| is_sound(prefix, false))?;
    found.format = Some(format);
    match format {
        Format::Jpeg => Some(State::Jpeg(jpeg::Jpeg::default())),
        Format::Png => Some(State::Png(png::Png::default())),
        Format::WebP => Some(State::WebP(webp::WebP::default())),
        Format::Tiff => Some(State::Tiff(tiff::Directory::of_file())),
        Format::Ico | Format::Cur => Some(State::Ico(ico::Ico::default())),
        Format::Avif | Format::Heif => Some(State::Avif(avif::Avif::default())),
        Format::Gif => {
            fixed::gif(found, prefix);
            None
        }
        Format::Bmp => {
            fixed::bmp(found, prefix);
            None
        }
    }
}

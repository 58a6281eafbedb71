//! The pull state machine shared by all sources.

use super::{Dimensions, Format, ImageInfo, avif, fixed, ico, is_sound, jpeg, png, tiff, webp};
use std::ops::Range;

/// Length of the first request, in bytes. One page is enough for an ordinary image.
pub(crate) const FIRST: usize = 4096;

/// Minimum length of a later request, in bytes. Headers are clustered.
const LATER: usize = 1024;

/// Minimum length of a request that only locates the next large segment, in bytes. After the last segment,
/// the tables of a JPEG and its frame header fit in it.
const HOP: usize = 256;

/// The maximum number of bytes a format may request at once, and in total for all formats except JPEG.
pub(crate) const MOST: usize = 64 << 10;

/// The maximum number of bytes of a table that a format may request at once. It leaves room for one request
/// before it and one after it.
pub(super) const TABLE: usize = MOST - FIRST - LATER;

/// Length of a request after the first if requests are slow. Together with the first it reaches the maximum.
const PIECE: usize = MOST - FIRST;

/// The maximum number of steps for any file, excluding steps over stray bytes of a JPEG. Every step moves on
/// or ends, so this only stops absurd files.
const MAX_STEPS: u16 = 4096;

/// The next thing a [`HeaderReader`] needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Bytes of the file starting at `offset`.
    Bytes {
        /// Offset in bytes from the start of the file. Offsets never decrease, unless parts of the file are out
        /// of order.
        offset: u64,
        /// Number of bytes, 1,024 to 65,536.
        len: usize,
    },
    /// Nothing more. `None` if the file is not an image of a known format, or its header is broken or
    /// truncated.
    Done(Option<ImageInfo>),
}

/// Reads the header of an image, requesting the bytes it needs.
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
    /// The bytes needed next; `None` when done.
    want: Option<Want>,
    found: Found,
    steps: u16,
    /// The last request and the total requested so far, assuming that every answer is exactly as long as its
    /// request.
    asked: Range<u64>,
    asked_in_all: u64,
    /// The distance from the previous wanted bytes to `want`.
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

    /// `len` bytes at `at` plus `distance`, or `None` if the sum overflows.
    pub(crate) fn after(at: u64, distance: u64, len: usize) -> Option<Self> {
        Some(Want { at: at.checked_add(distance)?, len })
    }
}

/// The result so far.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) format: Option<Format>,
    pub(crate) dimensions: Option<Dimensions>,
    /// The visible part, if it is smaller.
    pub(crate) aperture: Option<Dimensions>,
    /// 1 to 8.
    pub(crate) orientation: u8,
    /// Whether bytes may be requested only for the orientation.
    pub(crate) seek_orientation: bool,
}

impl Found {
    /// Records the dimensions. Returns `None`, which ends the reader, if one is zero.
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
    /// Creates a reader for dimensions and orientation.
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

    /// Creates a reader that never requests bytes for the orientation and reports 1 for every image.
    pub fn dimensions_only() -> Self {
        let mut reader = HeaderReader::new();
        reader.found.seek_orientation = false;
        reader
    }

    /// Returns the next request. The first is for 4 KiB at offset 0; for most files it is the only one.
    pub fn need(&self) -> Need {
        match self.want {
            Some(want) => Need::Bytes { offset: want.at, len: want.len.max(LATER) },
            None => Need::Done(self.result()),
        }
    }

    /// Like [`need`](Self::need), for sources with cheap requests: between large segments of a JPEG it
    /// requests only the few bytes that locate the next one. Answer with [`feed_asked`](Self::feed_asked).
    pub(crate) fn need_local(&self) -> Need {
        match self.want {
            Some(want) if self.jump > FIRST as u64 && self.is_jpeg() => {
                Need::Bytes { offset: want.at, len: want.len.max(HOP) }
            }
            _ => self.need(),
        }
    }

    /// Like [`need`](Self::need), for sources with expensive requests: pieces of 60 KiB, unless the wanted
    /// parts are further apart.
    pub(crate) fn need_far(&self) -> Need {
        match self.need() {
            Need::Bytes { offset, len } if offset > 0 && self.jump <= PIECE as u64 => {
                Need::Bytes { offset, len: len.max(PIECE) }
            }
            need => need,
        }
    }

    /// Feeds the bytes of the file starting at `offset`, which must not exceed the requested offset. Extra
    /// bytes are allowed and may save a request; fewer bytes mean that the file ends there.
    ///
    /// If requests are slow, feed 64 KiB each time. A file then needs at most 70 requests, except a JPEG with
    /// many large segments, which needs one for each, up to 1,024.
    pub fn feed(&mut self, offset: u64, bytes: &[u8]) {
        let Need::Bytes { len, .. } = self.need() else { return };
        self.feed_asked(offset, bytes, len);
    }

    /// Like [`feed`](Self::feed), answering a request for `len` bytes.
    pub(crate) fn feed_asked(&mut self, offset: u64, bytes: &[u8], len: usize) {
        let Need::Bytes { offset: asked, .. } = self.need() else { return };
        if offset > asked {
            // The requested bytes are not available.
            self.want = None;
            return;
        }
        let ends = offset.saturating_add(bytes.len() as u64) < asked.saturating_add(len as u64);
        while let Some(want) = self.want {
            // An earlier part of the file is needed.
            let Some(start) = want.at.checked_sub(offset) else { break };
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            if rest.len() < want.len && !ends {
                break;
            }
            self.step(want, rest);
        }
    }

    /// The result so far.
    pub(super) fn result(&self) -> Option<ImageInfo> {
        let Found { format, dimensions, aperture, orientation, .. } = self.found;
        Some(ImageInfo { format: format?, dimensions: dimensions?, aperture, orientation })
    }

    /// Whether the limit allows requesting `want`. Bytes fed without a request do not count, so that the
    /// answer does not depend on them. JPEG has a limit of its own.
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
                // The answer must not depend on the number of bytes fed.
                let prefix = &bytes[..bytes.len().min(FIRST)];
                self.state = match start(found, prefix) {
                    Some(state) => state,
                    None => {
                        self.want = None;
                        return;
                    }
                };
                // The detected format reads the same bytes again.
                Want::new(0, FIRST)
            }
            State::Jpeg(jpeg) => jpeg.step(found, want.at, bytes),
            State::Png(png) => png.step(found, want.at, bytes),
            State::WebP(webp) => webp.step(found, want.at, bytes),
            State::Tiff(directory) => directory.step(found, want.at, bytes),
            State::Ico(ico) => ico.step(found, want.at, bytes),
            State::Avif(avif) => avif.step(found, want.at, bytes),
        };
        // Stray bytes are skipped in pieces of the size that was fed. They have a separate limit.
        self.steps += u16::from(self.stray() == stray);
        let found = &self.found;
        let enough = found.dimensions.is_some() && !found.seek_orientation;
        // File offsets are signed 64-bit numbers in system calls.
        let next = next.filter(|next| {
            let end = next.at.saturating_add(MOST as u64);
            !enough && next.len <= MOST && end <= i64::MAX as u64 && self.steps < MAX_STEPS
        });
        self.want = next.filter(|next| self.is_jpeg() || self.affords(*next));
        self.jump = self.want.map_or(0, |next| next.at.saturating_sub(want.at));
    }
}

/// Detects the format. If its fields have fixed offsets, also reads the dimensions.
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

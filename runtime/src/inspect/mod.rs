//! One pass over the bytes being stored: size, SHA-256, sniffed type and image header, and the rules that can
//! stop it.

mod accept;
mod markup;
mod sniff;
mod types;

#[cfg(test)]
mod tests;

pub use accept::accepts;
pub use sniff::{SNIFF_LEN, sniff};
pub(crate) use types::extensions;
pub use types::{TYPES, UNKNOWN};

use crate::error::{EMPTY, not_accepted, too_large};
use crate::failpoints::planted;
use crate::image::{
    Dimensions, Format, HeaderReader, HeaderStream, ImageInfo, is_sound, read_at, read_header,
};
use crate::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::sync::{Arc, OnceLock};

/// Buffer size for reading a whole file, in bytes.
const BUFFER: usize = 64 << 10;

/// The size of a page, in bytes. Buffers are page-aligned: on some processors, the kernel's copy into a
/// buffer at a small offset from the alignment of its source is several times slower.
const PAGE: usize = 4096;

/// The rules for the bytes of a file, and the properties to compute from them.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Maximum size in bytes.
    pub max_size: Option<u64>,
    /// Accepted media types, compared with the sniffed type as in [`accepts`]. [`UNKNOWN`] accepts content of
    /// no known type. An empty list accepts everything.
    pub accept: &'static [&'static str],
    /// Whether to compute the SHA-256. This requires reading every byte.
    pub checksum: bool,
    /// Whether to read the image header.
    pub dimensions: bool,
    /// Maximum width and height of an image, in pixels.
    pub max_sides: Option<Dimensions>,
    /// Whether to refuse content that has no image dimensions.
    pub needs_dimensions: bool,
    /// Whether content of a known image format must have a valid header, from its signature to its
    /// dimensions.
    pub sound_images: bool,
    /// Declared properties of the file, which must be correct.
    pub stated: Stated,
}

/// Properties declared before the file arrives, by its sender or by a row. Each one present is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Size in bytes.
    pub size: Option<u64>,
    /// SHA-256 of the bytes.
    pub sha256: Option<[u8; 32]>,
    /// Media type, without regard to parameters. A type that cannot be detected from bytes is accepted as
    /// declared.
    pub content_type: Option<String>,
}

/// The results of an inspection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Size in bytes.
    pub size: u64,
    /// The type detected from the bytes, or `None` if no signature matches.
    pub content_type: Option<&'static str>,
    /// SHA-256 of all bytes, if requested.
    pub sha256: Option<[u8; 32]>,
    /// Stored width and height in pixels, if requested and the bytes are an image.
    pub dimensions: Option<Dimensions>,
    /// Orientation, 1 to 8 as in [`ImageInfo`], if there are dimensions.
    pub orientation: Option<u8>,
}

/// Receives the result of an [`Inspector`] once the content has been read to its end.
#[derive(Clone, Debug, Default)]
pub struct InspectionResult(Arc<OnceLock<Inspection>>);

impl InspectionResult {
    /// Returns the result, or `None` if the content has not been read to its end or broke a rule.
    pub fn get(&self) -> Option<&Inspection> {
        self.0.get()
    }
}

/// Inspects content as it passes and stops it at the first broken rule. Buffers at most 68 KiB.
///
/// ```
/// use filefield::inspect::{Inspector, Rules};
///
/// let (mut inspector, result) = Inspector::new(Rules { max_size: Some(100), ..Rules::default() });
/// inspector.update(b"%PDF-1.7 ")?;
/// inspector.update(b"...")?;
/// inspector.finish()?;
/// assert_eq!(result.get().unwrap().content_type, Some("application/pdf"));
/// # Ok::<(), filefield::Error>(())
/// ```
pub struct Inspector {
    rules: Rules,
    result: InspectionResult,
    size: u64,
    /// The first bytes, until there are enough to detect the type.
    prefix: Vec<u8>,
    /// Set once enough bytes, or all bytes, have been seen.
    sniffed: Option<Option<&'static str>>,
    /// Whether the content begins like an image whose header is to be read.
    is_image: bool,
    /// Whether that header is known to be broken although it must be valid.
    is_broken: bool,
    hash: Option<Sha256>,
    header: Option<HeaderStream>,
}

impl Inspector {
    /// Creates an inspector and the handle for its result.
    pub fn new(rules: Rules) -> (Self, InspectionResult) {
        let result = InspectionResult::default();
        let inspector = Inspector {
            result: result.clone(),
            size: 0,
            prefix: Vec::new(),
            sniffed: None,
            is_image: false,
            is_broken: false,
            hash: (rules.checksum || rules.stated.sha256.is_some()).then(Sha256::new),
            header: rules.reads_header().then(|| HeaderStream::new(rules.header_reader())),
            rules,
        };
        (inspector, result)
    }

    /// Whether every byte must be passed to [`update`](Self::update): `true` only for the checksum. A file is
    /// otherwise inspected by [`inspect_file`](Self::inspect_file) in one or two reads.
    pub fn needs_all_bytes(&self) -> bool {
        self.hash.is_some()
    }

    /// Checks `size` against the limit, in bytes. `qualifier` precedes the number in the error.
    pub(crate) fn check_size(&self, size: u64, qualifier: &str) -> Result<()> {
        check_size(&self.rules, size, qualifier)
    }

    /// The number of leading bytes that must be passed in, for content that supports range requests. Feed
    /// [`header`](Self::header) with whatever it still needs after that.
    #[cfg(feature = "object-store")]
    pub(crate) fn needed_bytes(&self) -> u64 {
        match (self.needs_all_bytes(), self.rules.reads_header()) {
            (true, _) => u64::MAX,
            (false, true) => BUFFER as u64,
            (false, false) => SNIFF_LEN as u64,
        }
    }

    /// The reader of the image header, if there is one.
    #[cfg(feature = "object-store")]
    pub(crate) fn header(&mut self) -> Option<&mut HeaderReader> {
        self.header.as_mut().map(HeaderStream::reader)
    }

    /// Like [`finish`](Self::finish), for content of `size` bytes of which only the
    /// [needed](Self::needed_bytes) ones were passed in.
    #[cfg(feature = "object-store")]
    pub(crate) fn finish_of(mut self, size: u64) -> Result<()> {
        self.size = self.size.max(size);
        self.finish()
    }

    /// Inspects the next bytes.
    ///
    /// # Errors
    /// Returns [`TooLarge`](ErrorKind::TooLarge) as soon as the content exceeds the maximum size, and
    /// [`NotAccepted`](ErrorKind::NotAccepted) or [`NotAnImage`](ErrorKind::NotAnImage) as soon as the first
    /// [`SNIFF_LEN`] bytes have been seen.
    pub fn update(&mut self, bytes: &[u8]) -> Result<()> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        check_size(&self.rules, self.size, "at least ")?;
        if self.sniffed.is_none() {
            if self.prefix.is_empty() && bytes.len() >= SNIFF_LEN {
                self.judge(bytes)?;
            } else {
                let missing = SNIFF_LEN - self.prefix.len();
                self.prefix.extend_from_slice(&bytes[..missing.min(bytes.len())]);
                if self.prefix.len() == SNIFF_LEN {
                    self.judge_prefix()?;
                }
            }
        }
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(header) = &mut self.header {
            header.push(bytes);
        }
        Ok(())
    }

    /// Ends the content and publishes the result.
    ///
    /// # Errors
    /// Returns the errors of [`update`](Self::update): content shorter than [`SNIFF_LEN`] is checked here,
    /// and a rule broken before fails again, so that no result is published. Returns
    /// [`TooLarge`](ErrorKind::TooLarge) if a side of the image is too long,
    /// [`NotAnImage`](ErrorKind::NotAnImage) if required dimensions are missing, and
    /// [`NotAsStated`](ErrorKind::NotAsStated) if the content differs from what was
    /// [declared](Rules::stated).
    pub fn finish(mut self) -> Result<()> {
        check_size(&self.rules, self.size, "at least ")?;
        match self.sniffed {
            Some(content_type) => self.check_type(content_type)?,
            None => self.judge_prefix()?,
        }
        let image = self.header.take().and_then(HeaderStream::finish);
        self.publish(image)
    }

    /// Inspects a whole file without copying it and publishes the result. Reads its length and its beginning,
    /// and the whole file only for the checksum. Does not move the file's cursor. Blocks.
    ///
    /// # Errors
    /// Propagates read errors and the errors of [`update`](Self::update) and [`finish`](Self::finish).
    pub fn inspect_file(mut self, file: &File) -> Result<()> {
        self.size = file.metadata()?.len();
        check_size(&self.rules, self.size, "")?;
        let len = if self.needs_all_bytes() { BUFFER } else { SNIFF_LEN };
        let mut memory = vec![0; PAGE + len];
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        let buffer = &mut memory[start..start + len];
        let filled = read_at(file, buffer, 0)?;
        let first = &buffer[..filled];
        self.judge(first)?;
        let mut image = None;
        if self.rules.reads_header() && self.is_image {
            let mut reader = self.rules.header_reader();
            reader.feed(0, first);
            image = read_header(file, reader)?;
        }
        if self.needs_all_bytes() {
            self.read_all(file, buffer, filled)?;
        }
        self.publish(image)
    }

    /// Hashes and counts all of `file`. Its first `filled` bytes are already in `buffer`.
    fn read_all(&mut self, file: &File, buffer: &mut [u8], mut filled: usize) -> Result<()> {
        let mut offset = 0;
        while filled > 0 {
            // The file may have grown since its length was read. The hashed bytes count.
            offset += filled as u64;
            check_size(&self.rules, offset, "at least ")?;
            if let Some(hash) = &mut self.hash {
                hash.update(&buffer[..filled]);
            }
            filled = read_at(file, buffer, offset)?;
        }
        self.size = offset;
        Ok(())
    }

    fn judge_prefix(&mut self) -> Result<()> {
        let prefix = std::mem::take(&mut self.prefix);
        self.judge(&prefix)
    }

    /// Detects the type and checks the rules. `prefix` holds enough bytes, or all of them.
    fn judge(&mut self, prefix: &[u8]) -> Result<()> {
        let content_type = sniff(prefix);
        self.sniffed = Some(content_type);
        self.check_type(content_type)?;
        self.is_image = self.rules.reads_header() && Format::detect(prefix).is_some();
        let is_whole = prefix.len() < SNIFF_LEN;
        self.is_broken = self.is_image && self.rules.sound_images && !is_sound(prefix, is_whole);
        if self.is_broken { Err(broken(content_type)) } else { Ok(()) }
    }

    fn check_type(&self, content_type: Option<&str>) -> Result<()> {
        check_type(&self.rules, content_type, self.size == 0)
    }

    fn publish(self, image: Option<ImageInfo>) -> Result<()> {
        if self.is_broken || (self.is_image && self.rules.sound_images && image.is_none()) {
            return Err(broken(self.sniffed.flatten()));
        }
        let image = image.filter(|_| self.rules.dimensions);
        let inspection = Inspection {
            size: self.size,
            content_type: self.sniffed.flatten(),
            sha256: self.hash.map(|hash| hash.finalize().into()),
            dimensions: image.map(|image| image.dimensions),
            orientation: image.map(|image| image.orientation),
        };
        check_sides(&self.rules, inspection.dimensions)?;
        check_end(&self.rules.stated, &inspection)?;
        // Cannot fail: the inspector is the only writer, and `finish` consumes it.
        let _ = self.result.0.set(inspection);
        Ok(())
    }
}

impl Rules {
    fn reads_header(&self) -> bool {
        self.dimensions || self.sound_images
    }

    /// The orientation may be stored away from the dimensions, so it is read only if requested.
    fn header_reader(&self) -> HeaderReader {
        if self.dimensions { HeaderReader::new() } else { HeaderReader::dimensions_only() }
    }
}

/// The error for content that begins like an image but is not a valid one.
fn broken(content_type: Option<&str>) -> Error {
    let text =
        format!("the content begins like {}, and its header is broken", content_type.unwrap_or("an image"));
    Error::new(ErrorKind::NotAnImage, text)
}

fn check_size(rules: &Rules, size: u64, qualifier: &str) -> Result<()> {
    match rules.max_size {
        Some(max) if size > max + u64::from(planted!("limit-off-by-one")) => Err(Error::new(
            ErrorKind::TooLarge,
            format!("the content has {qualifier}{size} bytes, the limit is {max} bytes"),
        )
        .with_message(too_large(max))),
        _ => Ok(()),
    }
}

/// Checks that the fields for the dimensions can hold them.
fn check_sides(rules: &Rules, found: Option<Dimensions>) -> Result<()> {
    let Some(found) = found else {
        if !rules.needs_dimensions {
            return Ok(());
        }
        let text = "the content shows no width and height, and the field for them cannot be empty: make it an `Option` \
                    to accept such files";
        return Err(Error::new(ErrorKind::NotAnImage, text));
    };
    let Some(max) = rules.max_sides else { return Ok(()) };
    for (side, found, max) in [("wide", found.width, max.width), ("high", found.height, max.height)] {
        if found > max {
            let text =
                format!("the image is {found} pixels {side}, and the field for that holds at most {max}");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
    }
    Ok(())
}

/// Checks the declared properties that are known only at the end.
fn check_end(stated: &Stated, found: &Inspection) -> Result<()> {
    match stated.size {
        // Like a declared content length: the transfer may have broken off.
        Some(size) if size != found.size => {
            let text = format!("the content has {} bytes, and {size} were stated", found.size);
            Err(Error::new(ErrorKind::Io, text).retryable())
        }
        _ if stated.sha256.is_some() && stated.sha256 != found.sha256 => {
            let text = "the content has another SHA-256 than was stated";
            Err(Error::new(ErrorKind::NotAsStated, text))
        }
        _ => Ok(()),
    }
}

/// Whether `stated` equals the detected type, or specialises a detected text or archive type.
fn is_kind_of(stated: &str, found: &str) -> bool {
    let stated = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match found {
        _ if stated == found => true,
        "text/plain" => stated.starts_with("text/") || stated.starts_with("application/"),
        "application/zip" => stated.starts_with("application/"),
        _ => false,
    }
}

fn check_type(rules: &Rules, content_type: Option<&str>, is_empty: bool) -> Result<()> {
    if let (Some(stated), Some(found)) = (&rules.stated.content_type, content_type)
        && !is_kind_of(stated, found)
    {
        let message = format!("the type of the content is {found}, and {stated} was stated");
        return Err(Error::new(ErrorKind::NotAsStated, message));
    }
    let is_accepted = match content_type {
        Some(found) => accepts(rules.accept, found),
        None => rules.accept.contains(&UNKNOWN),
    };
    if rules.accept.is_empty() || is_accepted {
        return Ok(());
    }
    let found = content_type.unwrap_or(UNKNOWN);
    let message = format!("the type of the content is {found}, accepted are {}", rules.accept.join(", "));
    let error = Error::new(ErrorKind::NotAccepted, message);
    Err(if is_empty { error.with_message(EMPTY) } else { error.with_message(not_accepted(rules.accept)) })
}

/// `bytes` in hexadecimal digits, two for each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector")
            .field("rules", &self.rules)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

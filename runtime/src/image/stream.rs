//! A [`HeaderReader`] fed from a stream.

use super::{HeaderReader, ImageInfo, Need};

/// Feeds a reader from a stream and skips everything it does not request. Buffers at most one request (64
/// KiB).
#[derive(Debug)]
pub(crate) struct HeaderStream {
    reader: HeaderReader,
    /// The latest bytes from the requested offset on; empty before that offset is reached.
    window: Vec<u8>,
    /// The number of bytes seen.
    passed: u64,
}

impl HeaderStream {
    pub(crate) fn new(reader: HeaderReader) -> Self {
        HeaderStream { reader, window: Vec::new(), passed: 0 }
    }

    /// Processes the next bytes of the stream.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while let Need::Bytes { offset, len } = self.reader.need() {
            let start = self.passed - self.window.len() as u64;
            let Some(skip) = offset.checked_sub(start) else {
                // Already past these bytes: the parts of this file are out of order.
                self.reader.feed(offset, &[]);
                continue;
            };
            if skip > 0 {
                let kept = usize::try_from(skip).unwrap_or(usize::MAX).min(self.window.len());
                self.window.drain(..kept);
                let ahead = usize::try_from(skip - kept as u64).unwrap_or(usize::MAX).min(bytes.len());
                bytes = self.take(bytes, ahead);
                if self.passed < offset {
                    return;
                }
            }
            if self.window.is_empty() && bytes.len() >= len {
                // All requested bytes are available: no copy.
                self.reader.feed(offset, bytes);
                if let Need::Bytes { offset: next, .. } = self.reader.need() {
                    let used = usize::try_from(next.saturating_sub(offset)).unwrap_or(usize::MAX);
                    bytes = self.take(bytes, used.min(bytes.len()));
                    continue;
                }
                break;
            }
            let missing = len.saturating_sub(self.window.len()).min(bytes.len());
            self.window.extend_from_slice(&bytes[..missing]);
            bytes = self.take(bytes, missing);
            if self.window.len() < len {
                return;
            }
            self.reader.feed(offset, &self.window);
        }
        self.window = Vec::new();
    }

    /// The reader, to be fed with bytes that will not come through the stream.
    #[cfg(feature = "object-store")]
    pub(crate) fn reader(&mut self) -> &mut HeaderReader {
        &mut self.reader
    }

    fn take<'a>(&mut self, bytes: &'a [u8], len: usize) -> &'a [u8] {
        self.passed += len as u64;
        &bytes[len..]
    }

    /// Ends the stream and returns the result.
    pub(crate) fn finish(mut self) -> Option<ImageInfo> {
        loop {
            match self.reader.need() {
                Need::Done(info) => return info,
                Need::Bytes { offset, .. } => {
                    let start = self.passed - self.window.len() as u64;
                    let skip = offset.checked_sub(start).and_then(|skip| usize::try_from(skip).ok());
                    self.reader
                        .feed(offset, skip.and_then(|skip| self.window.get(skip..)).unwrap_or_default());
                }
            }
        }
    }
}

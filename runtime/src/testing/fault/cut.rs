//! Contents and readers that are cut off.

use super::Armed;
use crate::content::Chunks;
use crate::storage::author::ReadSource;
use crate::{Bytes, Content, Error, ErrorKind, Reader, Result, async_trait};
use futures_core::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

fn broken() -> Error {
    Error::new(ErrorKind::Io, "injected: the connection broke before the end").retryable()
}

/// Yields the chunks of a content up to a limit, then an error on every call. The content has no visible end.
pub(super) struct CutContent {
    chunks: Chunks,
    left: u64,
    broke: bool,
    armed: Arc<Armed>,
}

impl CutContent {
    pub(super) fn cut(content: Content, bytes: u64, armed: Arc<Armed>) -> Content {
        let (len, content_type) = (content.len(), content.content_type().map(str::to_owned));
        let chunks = content.chunks();
        let mut cut = Content::stream(CutContent { chunks, left: bytes, broke: false, armed });
        if let Some(len) = len {
            cut = cut.with_len(len);
        }
        match content_type {
            Some(content_type) => cut.with_content_type(content_type),
            None => cut,
        }
    }

    fn break_off(&mut self) -> Error {
        if !std::mem::replace(&mut self.broke, true) {
            self.armed.fire();
        }
        broken()
    }
}

impl Stream for CutContent {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(Some(Err(self.break_off())));
        }
        Poll::Ready(Some(match ready!(Pin::new(&mut self.chunks).poll_next(cx)) {
            Some(Ok(mut bytes)) => {
                bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= bytes.len() as u64;
                Ok(bytes)
            }
            Some(Err(error)) => Err(error),
            None => Err(self.break_off()),
        }))
    }
}

/// Yields the bytes of a reader up to a limit, then an error.
pub(super) struct CutReader {
    reader: Reader,
    left: u64,
    armed: Arc<Armed>,
}

impl CutReader {
    pub(super) fn cut(reader: Reader, bytes: u64, armed: Arc<Armed>) -> Result<Reader> {
        let len = reader.len();
        let left = match len {
            Some(0) => {
                armed.fire();
                return Err(broken());
            }
            // Nobody reads a file past its length, so an error after the end would never be seen.
            Some(len) => bytes.min(len - 1),
            None => bytes,
        };
        Ok(Reader::new(Box::new(CutReader { reader, left, armed }), len))
    }
}

#[async_trait]
impl ReadSource for CutReader {
    async fn chunk(&mut self, max: usize) -> Result<Bytes> {
        if self.left == 0 {
            self.armed.fire();
            return Err(broken());
        }
        let max = max.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let bytes = self.reader.next_chunk(max).await?.unwrap_or_default();
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }
}

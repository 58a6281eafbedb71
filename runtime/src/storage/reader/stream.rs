//! A [`Reader`] as a stream.

use super::Reader;
use crate::Result;
use bytes::Bytes;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The chunks of a reader. After the end or an error it stays ended.
pub(super) struct Chunked {
    reader: Option<Reader>,
    chunk_size: usize,
}

impl Chunked {
    pub(super) fn new(reader: Reader, chunk_size: usize) -> Self {
        Chunked { reader: Some(reader), chunk_size }
    }
}

impl Stream for Chunked {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let chunk_size = self.chunk_size;
        let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
        let item = ready!(reader.poll_chunk(cx, chunk_size)).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.reader = None;
        }
        Poll::Ready(item)
    }
}

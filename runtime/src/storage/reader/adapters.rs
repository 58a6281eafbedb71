//! Sources over bytes in memory and over tokio's `AsyncRead`.

use super::CHUNK;
use super::source::ReadSource;
use crate::{Error, Result};
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use std::future::poll_fn;
use std::pin::Pin;
use tokio::io::{AsyncRead, ReadBuf};

pub(super) struct FromBytes(pub(super) Bytes);

impl FromBytes {
    fn take(&mut self, max: u64) -> Bytes {
        let count = usize::try_from(max).unwrap_or(usize::MAX).min(self.0.len());
        self.0.split_to(count)
    }
}

#[async_trait]
impl ReadSource for FromBytes {
    async fn chunk(&mut self, max: usize) -> Result<Bytes> {
        Ok(self.take(max as u64))
    }

    fn try_chunk(&mut self, max: usize) -> Option<Result<Bytes>> {
        Some(Ok(self.take(max as u64)))
    }

    async fn skip(&mut self, count: u64) -> Result<()> {
        self.0.advance(usize::try_from(count).unwrap_or(usize::MAX).min(self.0.len()));
        Ok(())
    }

    async fn rest(&mut self, max: u64) -> Result<Bytes> {
        Ok(self.take(max))
    }
}

pub(super) struct FromAsyncRead<R>(Pin<Box<R>>);

impl<R: AsyncRead> FromAsyncRead<R> {
    pub(super) fn new(read: R) -> Self {
        FromAsyncRead(Box::pin(read))
    }
}

#[async_trait]
impl<R: AsyncRead + Send + 'static> ReadSource for FromAsyncRead<R> {
    async fn chunk(&mut self, max: usize) -> Result<Bytes> {
        let mut memory = vec![0; max.min(CHUNK)];
        let mut buf = ReadBuf::new(&mut memory);
        poll_fn(|cx| self.0.as_mut().poll_read(cx, &mut buf)).await.map_err(Error::from_io)?;
        let filled = buf.filled().len();
        memory.truncate(filled);
        Ok(memory.into())
    }
}

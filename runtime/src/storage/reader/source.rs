//! The trait that a storage implements to return a file.

use super::CHUNK;
use crate::Result;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::coop;

/// The source of the bytes of a [`Reader`](super::Reader). Storages implement it.
///
/// Only [`chunk`](Self::chunk) is required. Override the other methods if the source has a faster way.
#[async_trait]
pub trait ReadSource: Send + 'static {
    /// Returns the next bytes, at most `max`. Returns no bytes only at the end.
    ///
    /// # Errors
    /// Propagates the errors of the medium.
    async fn chunk(&mut self, max: usize) -> Result<Bytes>;

    /// Like [`chunk`](Self::chunk), if that needs no waiting. Otherwise does nothing and returns `None`,
    /// which is the default.
    fn try_chunk(&mut self, max: usize) -> Option<Result<Bytes>> {
        let _ = max;
        None
    }

    /// Skips `count` bytes if the source can do that without reading. Otherwise does nothing and returns
    /// `false`, which is the default.
    fn try_skip(&mut self, count: u64) -> bool {
        let _ = count;
        false
    }

    /// Fills `buf` with bytes of the file starting at `offset`, and returns their number, if that needs no
    /// waiting. Otherwise returns `None`, which is the default. The offset counts from the start of the file,
    /// even if the source is a part of it. The position of the source does not change. Used to read image
    /// headers.
    fn try_read_at(&mut self, offset: u64, buf: &mut [u8]) -> Option<Result<usize>> {
        let _ = (offset, buf);
        None
    }

    /// Skips `count` bytes, or up to the end. By default reads and discards them.
    ///
    /// # Errors
    /// Propagates the errors of the medium.
    async fn skip(&mut self, count: u64) -> Result<()> {
        if self.try_skip(count) {
            return Ok(());
        }
        let mut left = count;
        while left > 0 {
            let got = self.chunk(usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK)).await?;
            if got.is_empty() {
                break;
            }
            left = left.saturating_sub(got.len() as u64);
            // A source that is always ready would keep other tasks from running.
            coop::consume_budget().await;
        }
        Ok(())
    }

    /// Returns all bytes up to the end, at most `max`. Memory is allocated as bytes arrive, never for `max`
    /// in advance.
    ///
    /// # Errors
    /// Propagates the errors of the medium.
    async fn rest(&mut self, max: u64) -> Result<Bytes> {
        let mut all = Vec::new();
        let mut left = max;
        while left > 0 {
            let mut got = self.chunk(usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK)).await?;
            if got.is_empty() {
                break;
            }
            got.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= got.len() as u64;
            if all.is_empty() && left == 0 {
                return Ok(got);
            }
            all.extend_from_slice(&got);
            coop::consume_budget().await;
        }
        Ok(all.into())
    }
}

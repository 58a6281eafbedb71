//! What a storage implements to hand out a file.

use super::CHUNK;
use crate::Result;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::coop;

/// Where a [`Reader`](super::Reader) gets its bytes: implemented by storages.
///
/// [`chunk`](Self::chunk) is all that is needed; the other methods are faster ways for sources that have one.
#[async_trait]
pub trait ReadSource: Send + 'static {
    /// The next bytes, at most `max`; empty at the end and only there.
    ///
    /// # Errors
    /// Those of the medium.
    async fn chunk(&mut self, max: usize) -> Result<Bytes>;

    /// As [`chunk`](Self::chunk), if it can be done without waiting; else `None`, and nothing has happened.
    fn try_chunk(&mut self, max: usize) -> Option<Result<Bytes>> {
        let _ = max;
        None
    }

    /// Moves `count` bytes ahead, if the source can do that without reading; else `false`, and nothing has happened.
    fn try_skip(&mut self, count: u64) -> bool {
        let _ = count;
        false
    }

    /// Fills `buf` with bytes of the file from `offset` on, and says how many there are, if that can be done without
    /// waiting; else `None`. The offset is from the start of the file, whatever part of it the source gives, and where
    /// the source stands does not change. Image headers are read so.
    fn try_read_at(&mut self, offset: u64, buf: &mut [u8]) -> Option<Result<usize>> {
        let _ = (offset, buf);
        None
    }

    /// Moves `count` bytes ahead without handing them out, as far as the end. The default reads and drops them.
    ///
    /// # Errors
    /// Those of the medium.
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
            // Bytes that are always at hand would keep other tasks from running.
            coop::consume_budget().await;
        }
        Ok(())
    }

    /// All bytes up to the end, at most `max`. Memory is taken as bytes arrive, never for `max` beforehand.
    ///
    /// # Errors
    /// Those of the medium.
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

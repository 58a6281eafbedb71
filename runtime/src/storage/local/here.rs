//! Saving small contents on the calling thread.
//!
//! Without syncs, a save of a few bytes only touches memory: about 10 µs of work, while switching to another
//! thread and back takes 30 to 100 µs. But a directory that is not cached, a full journal of the file system,
//! or too many dirty pages can make any call wait. So a storage saves on the calling thread only while its
//! saves are fast. After a slow save it stops for long enough that waiting takes at most a twentieth of the
//! time.

use super::disk::{Disk, Durability};
use crate::content::Source;
use crate::{Content, Result, SaveOptions, Saved};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::task::coop;

/// The maximum number of bytes saved on the calling thread.
const MOST: usize = 64 * 1024;
/// How many saves in a row must have been fast on another thread.
const TRIALS: u32 = 4;
/// A save that takes longer than this is slow.
const SLOW: Duration = Duration::from_millis(1);
/// After a slow save, the calling thread is not used for this many times its duration.
const PAUSE: u32 = 20;
/// The time that one unit of a task's budget stands for. A task has 128 units until it yields.
const PIECE: Duration = Duration::from_micros(16);

/// Measures how long the small saves of a storage take.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    /// When saves count again, in microseconds after `start`.
    resumes: AtomicU64,
    fast: AtomicU32,
}

impl Pace {
    pub(super) fn new(start: Instant) -> Self {
        Pace { start, resumes: AtomicU64::new(0), fast: AtomicU32::new(0) }
    }

    pub(super) fn is_fast(&self) -> bool {
        self.fast.load(Relaxed) >= TRIALS
    }

    /// Records a save that started at `begun` and ended at `end`.
    pub(super) fn note(&self, begun: Instant, end: Instant) {
        let took = end.saturating_duration_since(begun);
        if took > SLOW {
            let resumes =
                end.saturating_duration_since(self.start).saturating_add(took.saturating_mul(PAUSE));
            self.resumes.fetch_max(u64::try_from(resumes.as_micros()).unwrap_or(u64::MAX), Relaxed);
            self.fast.store(0, Relaxed);
        } else if !self.is_fast() {
            let since = begun.saturating_duration_since(self.start).as_micros();
            if since >= u128::from(self.resumes.load(Relaxed)) {
                self.fast.fetch_add(1, Relaxed);
            }
        }
    }
}

impl Disk {
    /// Whether a save of `content` usually touches only memory.
    pub(super) fn is_short(&self, content: &Content) -> bool {
        let small = matches!(content.source(), Source::Bytes(bytes) if bytes.len() <= MOST);
        // A replaced file may be large, and freeing its blocks takes time.
        small && self.durability == Durability::None && !self.allow_overwrite
    }

    /// Saves on this thread if `content` is short, saves are fast at present, and the directory is cached.
    /// Otherwise returns the content. Never waits after the file was published, so a caller who drops the
    /// future leaves no file behind.
    pub(super) async fn save_here(
        &self,
        name: &str,
        content: Content,
        options: &SaveOptions,
    ) -> std::result::Result<Result<Saved>, Box<Content>> {
        if !self.pace.is_fast() || !self.is_short(&content) {
            return Err(Box::new(content));
        }
        // Work that never waits would keep other tasks from running.
        coop::consume_budget().await;
        let begun = Instant::now();
        let saved = self.save_cached(name, content, options)?;
        let end = Instant::now();
        self.pace.note(begun, end);
        let pieces = end.saturating_duration_since(begun).as_micros() / PIECE.as_micros();
        poll_fn(|cx| {
            for _ in 0..pieces {
                if !coop::has_budget_remaining() {
                    break;
                }
                if let Poll::Ready(used) = coop::poll_proceed(cx) {
                    used.made_progress();
                }
            }
            Poll::Ready(())
        })
        .await;
        Ok(saved)
    }
}

//! Saving small contents on the thread that asks for it.
//!
//! Where no sync is wanted, a save of a few bytes only touches memory: some 10 µs of work, around which a hop to
//! another thread and back takes 30 to 100. But a directory that must first be read from the disk, a full journal, or
//! more dirty pages than the kernel likes can make any of its calls wait. So a storage saves here only as long as its
//! saves prove fast, and a slow one ends it for so long that waiting stays a twentieth of the time.

use super::disk::{Disk, Durability};
use crate::content::Source;
use crate::{Content, Result, SaveOptions, Saved};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::task::coop;

/// The most bytes that are saved here.
const MOST: usize = 64 * 1024;
/// How many saves in a row must have been fast on another thread.
const TRIALS: u32 = 4;
/// What takes longer has waited for something.
const SLOW: Duration = Duration::from_millis(1);
/// How many times as long as a slow save has taken no other one is done here.
const PAUSE: u32 = 20;
/// A task has a budget of 128 such pieces of time until it lets others run.
const PIECE: Duration = Duration::from_micros(16);

/// What a storage knows of how long its small saves take.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    /// When the saves count again, in microseconds after `start`.
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

    /// Notes that a save has begun at `begun` and ended at `end`.
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
    /// Whether a save of `content` touches memory only, unless something has to be waited for.
    pub(super) fn is_short(&self, content: &Content) -> bool {
        let small = matches!(content.source(), Source::Bytes(bytes) if bytes.len() <= MOST);
        // What is replaced may be a large file, whose blocks have to be freed.
        small && self.durability == Durability::None && !self.allow_overwrite
    }

    /// Saves on this thread, if `content` is short, saves are fast at present, and the directory is known to the
    /// kernel; else hands the content back. It never waits after the file was published, so a caller who drops the
    /// future has no file that he was not told of.
    pub(super) async fn save_here(
        &self,
        name: &str,
        content: Content,
        options: &SaveOptions,
    ) -> std::result::Result<Result<Saved>, Box<Content>> {
        if !self.pace.is_fast() || !self.is_short(&content) {
            return Err(Box::new(content));
        }
        // Work that is never waited for would keep other tasks from running.
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

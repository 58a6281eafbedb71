//! Replaces places below the root by links to the outside.

use crate::campaign::Result;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};

pub(super) struct Swapper {
    over: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: JoinHandle<io::Result<()>>,
}

impl Swapper {
    /// Starts to exchange the `places` below `media` with links, and back. The kernel does either in one
    /// step, so there is always a directory or file, or a link to one.
    pub(super) fn start(media: &Path, outside: &Path, places: &[&str]) -> Result<Swapper> {
        let mut pairs: Vec<(PathBuf, PathBuf)> = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let link = outside.with_file_name(format!("link{number}"));
            let target = match *place {
                "deep/middle" => outside.join("middle"),
                "f/victim.txt" => outside.join("victim.txt"),
                _ => outside.to_owned(),
            };
            // Absolute and relative ones. The exchange puts them where they are read from.
            match number % 2 {
                0 => symlink(&target, &link)?,
                _ => {
                    let up = "../".repeat(place.split('/').count());
                    let base = outside.parent().unwrap_or(outside);
                    symlink(Path::new(&up).join(target.strip_prefix(base)?), &link)?;
                }
            }
            pairs.push((media.join(place), link));
        }
        // Inner places first, because the outer ones hide them.
        pairs.reverse();
        let (over, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, count) = (over.clone(), swaps.clone());
        let thread = spawn(move || {
            let mut turn = 1_u64;
            while !ends.load(Ordering::Relaxed) {
                turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (place, link) = &pairs[usize::try_from(turn >> 33).unwrap_or(0) % pairs.len()];
                // While an outer place is a link, the inner one must not be touched, because it is outside.
                if place.parent().is_some_and(|parent| parent.ends_with("middle") && parent.is_symlink()) {
                    continue;
                }
                renameat_with(CWD, place, CWD, link, RenameFlags::EXCHANGE)?;
                count.fetch_add(1, Ordering::Relaxed);
                // From time to time, each state stays for a moment, so that the other side also gets turns on
                // one core.
                if turn >> 60 == 0 {
                    std::thread::yield_now();
                }
            }
            Ok(())
        });
        Ok(Swapper { over, swaps, thread })
    }

    pub(super) fn swaps(&self) -> u64 {
        self.swaps.load(Ordering::Relaxed)
    }

    /// Stops. Returns the number of exchanges.
    pub(super) fn stop(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the swapper panicked")??;
        Ok(self.swaps.load(Ordering::Relaxed))
    }
}

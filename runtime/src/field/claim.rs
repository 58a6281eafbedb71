//! State of a staged file's value until a row owns the file.

use std::sync::atomic::{AtomicBool, Ordering};

/// The journal entry of a staged file. Shared by all clones of the value.
pub(crate) struct Claim {
    entry: i64,
    tried: AtomicBool,
    release: Box<dyn Fn(i64) + Send + Sync>,
}

impl Claim {
    /// `release` is called with the entry when the last value that holds it is dropped, unless an attach was
    /// tried.
    pub(crate) fn new(entry: i64, release: impl Fn(i64) + Send + Sync + 'static) -> Self {
        Claim { entry, tried: AtomicBool::new(false), release: Box::new(release) }
    }

    /// Returns the entry.
    pub(crate) fn entry(&self) -> i64 {
        self.entry
    }

    /// Records whether a row may own the file. If so, only the journal knows for sure.
    pub(crate) fn set_tried(&self, tried: bool) {
        self.tried.store(tried, Ordering::Relaxed);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !*self.tried.get_mut() {
            (self.release)(self.entry);
        }
    }
}

//! What a staged file's value holds until a row owns it.

use std::sync::atomic::{AtomicBool, Ordering};

/// The journal entry of a staged file, shared by all clones of the value.
pub(crate) struct Claim {
    entry: i64,
    tried: AtomicBool,
    release: Box<dyn Fn(i64) + Send + Sync>,
}

impl Claim {
    /// `release` is told the entry when the last value that holds it goes without ever having been attached.
    pub(crate) fn new(entry: i64, release: impl Fn(i64) + Send + Sync + 'static) -> Self {
        Claim { entry, tried: AtomicBool::new(false), release: Box::new(release) }
    }

    /// The entry.
    pub(crate) fn entry(&self) -> i64 {
        self.entry
    }

    /// Whether a row may own the file, which only the journal knows then.
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

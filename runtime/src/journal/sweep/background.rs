//! The clean-up of saves, which runs in the background.
//!
//! A sweep waits for the clean-ups that began before it, so everything that was due at its call is done when
//! it returns. No clean-up waits for a sweep.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Clean-ups under way, in the order in which they began.
static RUNNING: LazyLock<watch::Sender<BTreeSet<u64>>> = LazyLock::new(watch::Sender::default);

/// A clean-up under way. It ends on drop.
pub(super) struct Begun(u64);

impl Begun {
    pub(super) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        RUNNING.send_modify(|running| {
            running.insert(number);
        });
        Begun(number)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        RUNNING.send_modify(|running| {
            running.remove(&self.0);
        });
    }
}

/// Waits for all clean-ups that began before this call.
pub(super) async fn begun_before_now() {
    let now = NEXT.load(Ordering::SeqCst);
    let has_ended = |running: &BTreeSet<u64>| running.first().is_none_or(|first| *first >= now);
    // Cannot fail: the sender is never dropped.
    let _ = RUNNING.subscribe().wait_for(has_ended).await;
}

#[cfg(test)]
mod tests {
    use super::{Begun, begun_before_now};
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn what_begins_later_is_not_waited_for() {
        let first = Begun::new();
        let mut waiting = std::pin::pin!(begun_before_now());
        assert!(timeout(Duration::from_millis(20), waiting.as_mut()).await.is_err());
        let _later = Begun::new();
        drop(first);
        waiting.await;
    }
}

//! A limit on deletions per hour.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Counts deletions since its hour began. It uses the monotonic clock of the machine, so a change of the
/// system time does not reset it.
#[derive(Debug)]
pub(super) struct Brake {
    limit: u64,
    hour: Mutex<(Instant, u64)>,
}

impl Default for Brake {
    fn default() -> Self {
        Brake::new(10_000)
    }
}

impl Brake {
    pub(super) fn new(limit: u64) -> Self {
        Brake { limit, hour: Mutex::new((Instant::now(), 0)) }
    }

    /// How many files may be deleted now.
    pub(super) fn allowance(&self) -> u64 {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        if hour.0.elapsed() >= HOUR {
            *hour = (Instant::now(), 0);
        }
        self.limit.saturating_sub(hour.1)
    }

    pub(super) fn count(&self, deleted: u64) {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner).1 += deleted;
    }
}

#[cfg(test)]
mod tests {
    use super::Brake;

    #[test]
    fn stops_at_its_limit() {
        let brake = Brake::new(3);
        brake.count(2);
        assert_eq!(brake.allowance(), 1);
        brake.count(2);
        assert_eq!(brake.allowance(), 0);
    }
}

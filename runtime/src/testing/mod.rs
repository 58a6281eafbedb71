//! Tools for tests: the storage conformance suite.
//!
//! [`storage_suite`] checks on a storage what [`Storage`](crate::Storage) promises and what the rest of the crate
//! relies on. It is run on every built-in storage; run it on your own:
//!
//! ```
//! use filefield::storage::MemoryStorage;
//! use filefield::testing::storage_suite;
//! use std::sync::Arc;
//!
//! # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! storage_suite(async || Arc::new(MemoryStorage::new()) as _).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod checks;
#[cfg(test)]
mod faults;
mod kit;
#[cfg(test)]
mod tests;

pub use crate::registry::{deny_real_storage, spawn, with_storage, with_storage_sync};

use crate::SharedStorage;
use kit::{Outcome, Stop};
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// How long one check may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One check: its name, and what it does with a fresh storage.
struct Check {
    name: &'static str,
    run: fn(SharedStorage) -> Running,
}

/// What became of the checks.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SuiteReport {
    /// Names of the checks that passed.
    pub passed: Vec<&'static str>,
    /// Names of the checks of operations that the storage does not offer, and which operation that is.
    pub skipped: Vec<(&'static str, String)>,
    /// Names of the checks that failed, and why.
    pub failed: Vec<(&'static str, String)>,
}

impl SuiteReport {
    /// Whether no check failed.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for SuiteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SuiteReport { passed, skipped, failed } = self;
        write!(f, "{} passed, {} skipped, {} failed", passed.len(), skipped.len(), failed.len())?;
        for (name, reason) in skipped {
            write!(f, "\n  skipped {name}: {reason}")?;
        }
        for (name, reason) in failed {
            write!(f, "\n  FAILED {name}: {reason}")?;
        }
        Ok(())
    }
}

/// Runs every check on a fresh storage and panics at the end with a list of those that failed.
///
/// `make` is called once per check and gives an empty storage that does not overwrite; what must outlive the check,
/// such as a temporary directory, is kept by the closure. Call it inside a tokio runtime with its timer enabled; a
/// multi-threaded one tests races better. An optional operation that answers
/// [`Unsupported`](crate::ErrorKind::Unsupported) skips its checks, which the report names.
///
/// # Panics
/// If a check fails.
pub async fn storage_suite(make: impl AsyncFnMut() -> SharedStorage) -> SuiteReport {
    let report = storage_report(make).await;
    assert!(report.is_success(), "the storage does not conform: {report}");
    report
}

/// As [`storage_suite`], without the panic.
pub async fn storage_report(mut make: impl AsyncFnMut() -> SharedStorage) -> SuiteReport {
    let mut report = SuiteReport::default();
    for check in checks::all() {
        match run(check, make().await).await {
            Ok(()) => report.passed.push(check.name),
            Err(Stop::Skipped(reason)) => report.skipped.push((check.name, reason)),
            Err(Stop::Failed(reason)) => report.failed.push((check.name, reason)),
        }
    }
    report
}

/// Runs one check on a task of its own, so that a panic of the storage fails that check only.
async fn run(check: &Check, storage: SharedStorage) -> Outcome {
    let mut task = tokio::spawn((check.run)(storage));
    match tokio::time::timeout(PATIENCE, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Err(Stop::Failed(error.to_string())),
        Err(_) => {
            task.abort();
            Err(Stop::Failed(format!("not done after {PATIENCE:?}")))
        }
    }
}

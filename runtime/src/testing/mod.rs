//! The test kit: checks that your own code keeps files and rows together.
//!
//! * [`FaultStorage`] fails, stalls, cuts off or loses the answer of the N-th call of an operation.
//! * [`RecordingStorage`] records every operation, and checks at each deletion whether a row still names the
//!   file.
//! * `Invariants` and `assert_no_orphans` (with a database) compare all rows, all files and the journal.
//! * [`storage_suite`] checks your own storage.
//! * [`with_storage`] replaces the storage of every field by one of these, for one test.
//! * `failpoints` (feature `failpoints`) stops the library itself at each of its steps.
//!
//! # Test a handler
//!
//! Write the handler as usual. In the test, make each of its storage operations fail in turn, until a run
//! succeeds without a fault. After every run, files and rows must agree, whatever the handler returned.
//!
#![cfg_attr(feature = "db-sqlite", doc = "```")]
#![cfg_attr(not(feature = "db-sqlite"), doc = "```ignore")]
//! use filefield::db::Db;
//! use filefield::prelude::*;
//! use filefield::testing::{Fault, FaultStorage, Invariants, RecordingStorage, assert_no_orphans, with_storage};
//! use filefield::{ErrorKind, SharedStorage, storage::MemoryStorage};
//! use std::sync::Arc;
//!
//! #[derive(Debug, Clone, Default, Model)]
//! #[model(table = "cars")]
//! struct Car {
//!     #[model(primary_key)]
//!     id: i64,
//!     #[file(upload_to = "cars", meta_field = photo_meta)]
//!     photo: FileField,
//!     photo_meta: FileMeta,
//! }
//!
//! /// The handler.
//! async fn replace_photo(db: &Db, mut car: Car) -> filefield::Result<()> {
//!     car.photo = FileField::new("new.jpg", "new");
//!     car.save(db).await
//! }
//!
//! /// The test, run with a tokio runtime.
//! async fn photos_and_rows_agree() -> filefield::Result<()> {
//!     let db = filefield::db::connect("sqlite::memory:").await?;
//!     filefield::db::migrate::<Car>(&db).await?;
//!     let memory = Arc::new(MemoryStorage::new());
//!     let recording = Arc::new(RecordingStorage::new(memory).forbid_deleting_referenced(&db));
//!     let faults = Arc::new(FaultStorage::new(recording.clone()));
//!     let storage: SharedStorage = faults.clone();
//!     with_storage(storage.clone(), every_call(&db, &faults, &storage)).await?;
//!     // Sizes and hashes too, and what was seen of deletions.
//!     let check = Invariants::new(&db, &storage).model::<Car>().recording(&recording);
//!     with_storage(storage.clone(), check.check()).await?.assert_clean();
//!     Ok(())
//! }
//!
//! async fn every_call(db: &Db, faults: &FaultStorage, storage: &SharedStorage) -> filefield::Result<()> {
//!     for call in 1.. {
//!         let mut car = Car { photo: FileField::new("old.jpg", "old"), ..Car::default() };
//!         car.save(db).await?;
//!         let fault = faults.inject(Fault::fail(ErrorKind::Io).at(call));
//!         let _ = replace_photo(db, car).await;
//!         faults.clear();
//!         assert_no_orphans(db, storage).await;
//!         if fault.fired() == 0 {
//!             assert!(call > 1, "the handler uses the storage");
//!             break;
//!         }
//!     }
//!     Ok(())
//! }
//! # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
//! # runtime.block_on(photos_and_rows_agree())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! A fault may leave files that only a sweep deletes. In that case run `Sweeper` when they are due, and call
//! `Invariants::swept`.
//!
//! # Test a storage
//!
//! [`storage_suite`] checks what [`Storage`](crate::Storage) promises and what the rest of the crate relies
//! on. It runs on every built-in storage. Run it on your own:
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

#[cfg(test)]
mod bugs;
mod checks;
#[cfg(feature = "failpoints")]
pub mod failpoints;
mod fault;
#[cfg(feature = "db")]
mod invariants;
mod kit;
mod operation;
mod recording;
#[cfg(test)]
mod tests;
mod violation;

pub use fault::{Fault, FaultStorage, Injected};
#[cfg(feature = "db")]
pub use invariants::{Baseline, InvariantReport, Invariants, assert_no_orphans, invariants};
pub use operation::Operation;
pub use recording::{Outcome, Recorded, RecordingStorage};
pub use violation::{Invariant, Violation};

pub use crate::registry::{deny_real_storage, spawn, with_storage, with_storage_sync};

use crate::SharedStorage;
use kit::{Checked, Stop};
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// How long one check may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

type Running = Pin<Box<dyn Future<Output = Checked> + Send>>;

/// One check: its name, and the function that runs it on a fresh storage.
struct Check {
    name: &'static str,
    run: fn(SharedStorage) -> Running,
}

/// The results of the checks.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SuiteReport {
    /// Names of the checks that passed.
    pub passed: Vec<&'static str>,
    /// Names of the checks that were skipped because the storage does not offer an operation, and that
    /// operation.
    pub skipped: Vec<(&'static str, String)>,
    /// Names of the checks that failed, with the reason.
    pub failed: Vec<(&'static str, String)>,
}

impl SuiteReport {
    /// Returns `true` if no check failed.
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

/// Runs every check on a fresh storage, and panics at the end with a list of the failed checks.
///
/// The suite calls `make` once per check. It must return an empty storage that does not overwrite. The
/// closure keeps what must outlive the check, such as a temporary directory. Call the suite inside a tokio
/// runtime with its timer enabled; a multi-threaded runtime tests races better. If an optional operation
/// returns [`Unsupported`](crate::ErrorKind::Unsupported), its checks are skipped and named in the report.
///
/// # Panics
/// If a check fails.
pub async fn storage_suite(make: impl AsyncFnMut() -> SharedStorage) -> SuiteReport {
    let report = storage_report(make).await;
    assert!(report.is_success(), "the storage does not conform: {report}");
    report
}

/// Like [`storage_suite`], but returns the failures in the report and does not panic.
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

/// Runs one check on a separate task, so that a panic of the storage fails only that check.
async fn run(check: &Check, storage: SharedStorage) -> Checked {
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

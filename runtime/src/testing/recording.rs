//! A storage that records its operations.

use super::operation::{Operation, storage_around};
use super::violation::{Invariant, Violation};
use crate::{Content, ErrorKind, Reader, Result, SharedStorage, StorageExt};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The outcome of a recorded operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It succeeded.
    Done,
    /// It failed, with an error of this kind.
    Failed(ErrorKind),
    /// It failed with an error that [is uncertain](crate::Error::is_uncertain).
    Uncertain(ErrorKind),
    /// It has not ended: it is in progress, or its future was dropped.
    Unfinished,
}

/// One operation of a [`RecordingStorage`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The operation.
    pub operation: Operation,
    /// The name it was called with, or the directory of a `list`.
    pub name: String,
    /// The target of a `copy` or `rename`, or the name that a finished `save` or `copy` used.
    pub to: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
}

type Asked = Pin<Box<dyn Future<Output = Result<Option<String>>> + Send>>;
type Check = Box<dyn Fn(String) -> Asked + Send + Sync>;

/// A storage that forwards every call to another one, records it, and checks every deletion as it happens
/// ([`R5`](Invariant::R5)).
///
/// ```
/// use filefield::storage::MemoryStorage;
/// use filefield::testing::{Operation, Outcome, RecordingStorage};
/// use filefield::{FileName, SaveOptions, Storage};
/// use std::sync::Arc;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = RecordingStorage::new(Arc::new(MemoryStorage::new()))
///     .forbid_deletion(|name| async move { Ok((name == "logo.png").then(|| "the site's header".to_owned())) });
///
/// storage.save(FileName::new("a.txt")?, "a".into(), &SaveOptions::default()).await?;
/// storage.delete(FileName::new("a.txt")?).await?;
/// assert_eq!(storage.count(Operation::Delete), 1);
/// assert_eq!(storage.operations()[0].outcome, Outcome::Done);
/// assert!(storage.violations().is_empty());
///
/// storage.delete(FileName::new("logo.png")?).await?;
/// assert_eq!(storage.violations().len(), 1);
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordingStorage {
    inner: SharedStorage,
    check: Option<Check>,
    #[cfg(feature = "db")]
    db: Option<crate::db::Db>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    operations: VecDeque<Recorded>,
    /// Number of the oldest operation that is still kept.
    first: usize,
    most: Option<usize>,
    counts: [u64; Operation::ALL.len()],
    judged: u64,
    violations: Vec<Violation>,
}

/// More violations add no information.
const MOST_VIOLATIONS: usize = 1000;

impl RecordingStorage {
    /// Wraps `inner`.
    pub fn new(inner: SharedStorage) -> Self {
        RecordingStorage {
            inner,
            check: None,
            #[cfg(feature = "db")]
            db: None,
            log: Mutex::default(),
        }
    }

    /// Keeps only the last `most` operations, for long runs. [`count`](Self::count) still counts all.
    #[must_use]
    pub fn keep_last(self, most: usize) -> Self {
        self.log().most = Some(most);
        self
    }

    /// Calls `check` before every `delete` and `rename`, to ask what references the name. Deleting a
    /// referenced name is a [violation](Self::violations). The deletion still runs.
    #[must_use]
    pub fn forbid_deletion<F>(mut self, check: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<String>>> + Send + 'static,
    {
        self.check = Some(Box::new(move |name| Box::pin(check(name))));
        self
    }

    /// Searches for the name in all file columns of the registered models, with fresh reads of `db`. It
    /// searches before every `delete` and `rename`, and again after it, for rows that were written in
    /// between. A deletion that cannot be checked, because no column is known to store here or the database
    /// does not answer, is a violation too.
    ///
    /// A column stores here if its field's storage is this one, or has the same
    /// [`location`](crate::storage::Place::location).
    #[cfg(feature = "db")]
    #[must_use]
    pub fn forbid_deleting_referenced(mut self, db: &crate::db::Db) -> Self {
        self.db = Some(db.clone());
        self
    }

    /// The wrapped storage.
    pub fn inner(&self) -> &SharedStorage {
        &self.inner
    }

    /// The operations, in the order in which they began.
    pub fn operations(&self) -> Vec<Recorded> {
        self.log().operations.iter().cloned().collect()
    }

    /// The number of calls of `operation` that began.
    pub fn count(&self, operation: Operation) -> u64 {
        self.log().counts[operation as usize]
    }

    /// The number of deletions that were checked.
    pub fn judged(&self) -> u64 {
        self.log().judged
    }

    /// The deletions of referenced names so far, at most 1,000.
    pub fn violations(&self) -> Vec<Violation> {
        self.log().violations.clone()
    }

    /// Clears operations, counts and violations.
    pub fn clear(&self) {
        let mut log = self.log();
        let (first, most) = (log.first + log.operations.len(), log.most);
        *log = Log { first, most, ..Log::default() };
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_judge(&self) -> bool {
        #[cfg(feature = "db")]
        if self.db.is_some() {
            return true;
        }
        self.check.is_some()
    }

    /// Returns what references `name`, or an error if that cannot be determined.
    async fn references(&self, name: &str) -> Result<Option<String>> {
        #[cfg(feature = "db")]
        if let Some(db) = &self.db
            && let Some(found) = self.rows(db, name).await?
        {
            return Ok(Some(found));
        }
        match &self.check {
            Some(check) => check(name.to_owned()).await,
            None => Ok(None),
        }
    }

    #[cfg(feature = "db")]
    async fn rows(&self, db: &crate::db::Db, name: &str) -> Result<Option<String>> {
        use super::invariants::Places;
        let is_here = |storage: &SharedStorage| {
            std::ptr::addr_eq(std::sync::Arc::as_ptr(storage), std::ptr::from_ref(self))
        };
        let places = Places::find(db, &self.inner, &is_here, &[]).await?;
        if places.is_empty() {
            return Err(crate::Error::new(
                ErrorKind::Usage,
                "no file column of this database is known to store here",
            ));
        }
        places.referencing(name).await
    }

    async fn judge(&self, operation: Operation, name: &str) {
        if !self.is_judge() {
            return;
        }
        self.log().judged += 1;
        match self.references(name).await {
            Ok(None) => {}
            Ok(Some(what)) => self.violation(name, format!("{operation} while {what} references it")),
            Err(error) => self.violation(name, format!("{operation} of what may be referenced: {error}")),
        }
    }

    /// A row may have been written while the file was deleted.
    async fn judge_again(&self, operation: Operation, name: &str) {
        // A reference from before the deletion has already been reported.
        let reported = |log: &Log| log.violations.iter().any(|known| known.name.as_deref() == Some(name));
        if !self.is_judge() || reported(&self.log()) {
            return;
        }
        let Ok(checked) = crate::FileName::new(name) else { return };
        // The name may have been reused, so the file is checked between two searches of the rows.
        if let Ok(Some(_)) = self.references(name).await
            && let Ok(false) = self.inner.exists(checked).await
            && let Ok(Some(what)) = self.references(name).await
        {
            self.violation(name, format!("{operation} while {what} came to reference it"));
        }
    }

    fn violation(&self, name: &str, seen: String) {
        let mut log = self.log();
        if log.violations.len() < MOST_VIOLATIONS {
            log.violations.push(Violation::new(Invariant::R5, name.to_owned(), seen));
        }
    }

    async fn begin(&self, operation: Operation, name: &str, to: Option<&str>) -> Result<Call<'_>> {
        let number = {
            let mut log = self.log();
            log.counts[operation as usize] += 1;
            let (name, to) = (name.to_owned(), to.map(str::to_owned));
            log.operations.push_back(Recorded { operation, name, to, outcome: Outcome::Unfinished });
            if log.most.is_some_and(|most| log.operations.len() > most) {
                log.operations.pop_front();
                log.first += 1;
            }
            log.first + log.operations.len() - 1
        };
        if matches!(operation, Operation::Delete | Operation::Rename) {
            self.judge(operation, name).await;
        }
        Ok(Call { storage: self, number, operation, name: name.to_owned() })
    }
}

/// A call in progress.
struct Call<'a> {
    storage: &'a RecordingStorage,
    number: usize,
    operation: Operation,
    name: String,
}

impl Call<'_> {
    fn content(&self, content: Content) -> Content {
        content
    }

    fn reader(&self, reader: Reader) -> Result<Reader> {
        Ok(reader)
    }

    async fn end<T>(self, result: Result<T>, used: impl Fn(&T) -> Option<&String>) -> Result<T> {
        {
            let mut log = self.storage.log();
            let at = self.number.checked_sub(log.first);
            if let Some(recorded) = at.and_then(|at| log.operations.get_mut(at)) {
                recorded.outcome = match &result {
                    Ok(_) => Outcome::Done,
                    Err(error) if error.is_uncertain() => Outcome::Uncertain(error.kind()),
                    Err(error) => Outcome::Failed(error.kind()),
                };
                if let Some(used) = result.as_ref().ok().and_then(used) {
                    recorded.to = Some(used.clone());
                }
            }
        }
        if matches!(self.operation, Operation::Delete | Operation::Rename) {
            self.storage.judge_again(self.operation, &self.name).await;
        }
        result
    }
}

storage_around!(RecordingStorage);

impl fmt::Debug for RecordingStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingStorage").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;

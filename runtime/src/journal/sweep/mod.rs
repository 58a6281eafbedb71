//! The sweeper, which processes the entries that are due. [`crate::db::protocol`] lists its steps.

mod away;
mod background;
mod brake;
mod dead;
mod judge;
mod referenced;
mod restore;
mod task;

pub use dead::DeadEntry;
pub use restore::RestoreReport;
pub(crate) use restore::after_restore;
pub use task::SweeperTask;

pub(crate) use judge::is_named;

use super::connection::{Journal, Param};
use super::statements::{Entry, count, entries, execute, look, sql};
use super::transaction;
use crate::failpoints::{planted, step};
use crate::{Error, ErrorKind, Result, registry};
use brake::Brake;
use judge::{Outcome, judge};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Base of the exponential back-off between two tries of one entry, in seconds.
const BACK_OFF: i64 = 30;
/// After this many tries an entry is `dead` and waits for a person. If that person retries it, it gets as
/// many again.
const MAX_ATTEMPTS: i64 = 20;
/// Seconds that a swept write stays a `tombstone`: longer than any upload.
const TOMBSTONE: i64 = 24 * 60 * 60;
/// Entries acquired in one transaction.
const BATCH: u64 = 100;
/// Limit for waiting for the clean-up of saves.
const PATIENCE: Duration = Duration::from_secs(2);
/// Limit for one file, so that a storage that hangs does not hold up the others. The entry stays acquired.
const PATIENCE_FOR_ONE: Duration = Duration::from_secs(60);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// Entries that were due.
    pub examined: u64,
    /// Files deleted.
    pub deleted: u64,
    /// Files kept because a row names them.
    pub referenced: u64,
    /// Files that were not there, or not ours.
    pub absent: u64,
    /// Entries that failed and will be tried again. This includes entries whose storage is not available,
    /// such as a disk that is not mounted.
    pub failed: u64,
    /// Entries that wait for a person, including old ones. Raise an alarm if this grows. [`Sweeper::dead`]
    /// lists them.
    pub dead: u64,
    /// Whether the sweep reached the limit of deletions per hour, or of entries per run, before it was done.
    pub braked: bool,
}

/// Sweeps the journal of one database. Any number of sweepers may run at once, in any number of processes.
///
/// A file is kept as long as a row names it, in a column of a registered model or in one that
/// [`migrate`](crate::db::migrate) of any program has noted in the database.
///
/// ```no_run
/// # use filefield::{Sweeper, db};
/// # use std::time::Duration;
/// # async fn run() -> filefield::Result<()> {
/// # let db = db::connect("sqlite://garage.db").await?;
/// let sweeper = Sweeper::new(&db).every(Duration::from_secs(60)).spawn();
/// // .. serve ..
/// sweeper.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sweeper {
    db: Journal,
    tombstone: i64,
    every: Duration,
    entries: u64,
    brake: Arc<Brake>,
}

impl Sweeper {
    pub(crate) fn of(db: Journal) -> Self {
        Sweeper {
            db,
            tombstone: TOMBSTONE,
            every: Duration::from_secs(60),
            entries: 10_000,
            brake: Arc::default(),
        }
    }

    /// Sets how many seconds a swept write is remembered for a second look. The default is one day. If an
    /// upload takes longer, it may be swept while it runs and leave a file that no sweep finds.
    #[must_use]
    pub fn tombstone_seconds(mut self, seconds: u32) -> Self {
        self.tombstone = seconds.into();
        self
    }

    /// Sets how long [`spawn`](Self::spawn) sleeps between two turns. The default is one minute. A turn with
    /// nothing to do costs one indexed query.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// Sets the maximum number of entries processed by one [`run`](Self::run). The default is 10,000.
    #[must_use]
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.entries = entries;
        self
    }

    /// Sets the maximum number of files deleted in one hour. The default is 10,000. The limit bounds the
    /// damage of a wrong configuration; files over the limit wait. Clones of this sweeper share the count.
    /// The clean-up after a save is not counted.
    #[must_use]
    pub fn max_deletions_per_hour(mut self, deletions: u64) -> Self {
        self.brake = Arc::new(Brake::new(deletions));
        self
    }

    /// Processes the entries that are due.
    ///
    /// An entry that fails is tried again later, and the sweep continues.
    ///
    /// # Errors
    /// Returns [`Database`](ErrorKind::Database) if the journal's tables are newer than this program;
    /// propagates database errors.
    pub async fn run(&self) -> Result<SweepReport> {
        let _ = tokio::time::timeout(PATIENCE, background::begun_before_now()).await;
        let mut report = self.turn().await?;
        report.dead = count(&self.db, &sql(&self.db)?.count_dead).await?;
        Ok(report)
    }

    /// Runs one turn. Counts only the dead entries that it adds.
    async fn turn(&self) -> Result<SweepReport> {
        let mut report = SweepReport::default();
        let mut is_away = true;
        while look(&self.db).await? {
            if std::mem::take(&mut is_away) {
                let put_off = self.put_off().await?;
                report.failed += put_off;
                if put_off > 0 {
                    continue;
                }
            }
            let left = self.entries.saturating_sub(report.examined);
            let limit = left.min(BATCH).min(self.brake.allowance());
            if limit == 0 {
                report.braked = true;
                break;
            }
            step!("sweep.looked");
            let due = fence(&self.db, Which::Due(limit)).await?;
            if due.is_empty() {
                // Other sweepers have acquired the rest.
                break;
            }
            for entry in &due {
                let deleted = report.deleted;
                is_away |= self.work_off(entry, false, &mut report).await? == Worked::StorageIsAway;
                self.brake.count(report.deleted - deleted);
            }
        }
        Ok(report)
    }

    /// Processes one acquired entry. `finished` says that its writer is known to have ended.
    pub(super) async fn work_off(
        &self,
        entry: &Entry,
        finished: bool,
        report: &mut SweepReport,
    ) -> Result<Worked> {
        report.examined += 1;
        let (db, sql, id) = (&self.db, sql(&self.db)?, entry.id);
        let judged = tokio::time::timeout(PATIENCE_FOR_ONE, caught(judge(db, entry))).await;
        let judged = judged.unwrap_or_else(|_| {
            let text = format!("no answer within {} seconds", PATIENCE_FOR_ONE.as_secs());
            Err(Error::new(ErrorKind::Io, text))
        });
        match judged {
            Ok(Outcome::Dead(reason)) => {
                execute(db, &sql.dead, vec![reason.into(), id.into(), entry.attempts.into()]).await?;
                report.dead += 1;
            }
            Ok(outcome) => {
                let referenced = matches!(outcome, Outcome::Referenced);
                match outcome {
                    Outcome::Deleted => report.deleted += 1,
                    Outcome::Referenced => report.referenced += 1,
                    _ => report.absent += 1,
                }
                // If this is the first time that the entry was acquired, no other sweeper can still be about
                // to delete the file, and the name can be given away at once. Otherwise the name stays
                // reserved. A row that names the file did so before the first sweeper acquired the entry, so
                // every sweeper has seen it. This does not hold for a write that is still on its way: it may
                // still publish its file.
                let over = entry.is_delete || entry.is_tombstone || finished;
                if (over && (referenced || entry.attempts == 1)) || planted!("no-tombstone") {
                    execute(db, &sql.forget, vec![id.into(), entry.attempts.into()]).await?;
                } else {
                    let values = vec![self.tombstone.into(), id.into(), entry.attempts.into()];
                    execute(db, &sql.bury, values).await?;
                }
                step!("sweep.finished");
            }
            Err(error) if error.kind() == ErrorKind::StorageUnavailable => {
                let values = vec![error.to_string().into(), away::PAUSE.into(), id.into()];
                execute(db, &sql.put_off, values).await?;
                report.failed += 1;
                return Ok(Worked::StorageIsAway);
            }
            Err(error) => {
                let mut values = vec![error.to_string().into(), id.into()];
                if planted!("forget-after-failure") {
                    execute(db, &sql.forget, vec![id.into(), entry.attempts.into()]).await?;
                } else if entry.attempts % MAX_ATTEMPTS == 0 {
                    values.push(entry.attempts.into());
                    execute(db, &sql.dead, values).await?;
                    report.dead += 1;
                } else {
                    execute(db, &sql.failed, values).await?;
                    report.failed += 1;
                }
            }
        }
        Ok(Worked::Done)
    }

    async fn one(&self, id: i64) -> Result<()> {
        step!("cleanup.begun");
        for entry in &fence(&self.db, Which::One(id)).await? {
            self.work_off(entry, true, &mut SweepReport::default()).await?;
        }
        Ok(())
    }
}

/// Runs `work`. A panic of a storage becomes an error, so that the sweeper continues.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(Error::new(ErrorKind::Io, "the storage panicked"))))
    })
    .await
}

/// How an entry was processed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worked {
    /// Processed, or failed by itself.
    Done,
    /// Put off, because the root of its storage is not in its place.
    StorageIsAway,
}

/// Which entries to acquire.
#[derive(Clone, Copy)]
enum Which {
    /// Entries that are due, at most this many.
    Due(u64),
    /// This entry, whatever its due time, if no sweeper has acquired it yet.
    One(i64),
}

/// Acquires entries that nobody holds, and commits. A save that attaches one of them later finds it gone. An
/// entry that an open transaction holds is skipped.
async fn fence(db: &Journal, which: Which) -> Result<Vec<Entry>> {
    let sql = sql(db)?;
    let fenced = transaction::own(db, move |tx| {
        Box::pin(async move {
            let (text, value): (_, Param) = match which {
                Which::Due(limit) => (&sql.due, limit.min(BATCH).cast_signed().into()),
                Which::One(id) => (&sql.one, id.into()),
            };
            let mut found = entries(tx, text, vec![value]).await?;
            for entry in &mut found {
                execute(tx, &sql.fence, vec![BACK_OFF.into(), entry.id.into()]).await?;
                entry.attempts += 1;
            }
            step!("sweep.acquiring");
            Ok(found)
        })
    });
    let fenced = fenced.await?;
    step!("sweep.acquired");
    Ok(fenced)
}

/// Processes these entries at once: files whose row is known not to have been written. What cannot be done
/// now is left to the next sweep.
pub(crate) async fn work_off(db: &Journal, ids: Vec<i64>) {
    let sweeper = Sweeper::of(db.clone());
    for id in ids {
        let _ = sweeper.one(id).await;
    }
}

/// Processes an entry that the caller has acquired, in a spawned task. The entry is remembered for at least
/// `seconds`.
pub(super) fn work_off_fenced(db: &Journal, entry: Entry, seconds: i64) {
    let sweeper = Sweeper { tombstone: TOMBSTONE.max(seconds), ..Sweeper::of(db.clone()) };
    in_background(async move {
        let _ = sweeper.work_off(&entry, false, &mut SweepReport::default()).await;
    });
}

/// Processes entries that were just committed, in a spawned task. Without a runtime they are left to the
/// sweeper.
pub(crate) fn nudge(db: &Journal, ids: Vec<i64>) {
    if ids.is_empty() || tokio::runtime::Handle::try_current().is_err() {
        return;
    }
    let db = db.clone();
    in_background(async move { work_off(&db, ids).await });
}

fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    // Before the task runs, so that a sweep that is called after the save waits for it.
    let begun = background::Begun::new();
    registry::spawn(async move {
        work.await;
        drop(begun);
    });
}

//! The sweeper: finish what the journal says (G1–G5).

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
/// After this many tries an entry waits for a person; after as many again, if that person lets it be tried again.
const MAX_ATTEMPTS: i64 = 20;
/// How long a swept write is remembered for a second look, in seconds: longer than any upload (F45).
const TOMBSTONE: i64 = 24 * 60 * 60;
/// Entries fenced at a time.
const BATCH: u64 = 100;
/// How long a sweep waits for the clean-up of saves.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one file may take: a storage that hangs may not keep the others waiting. The entry stays fenced.
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
    /// Entries that failed and will be tried again, among them those whose storage is not available, such as a disk
    /// that is not mounted.
    pub failed: u64,
    /// Entries that wait for a person, old ones included: alarm when this grows. [`Sweeper::dead`] lists them.
    pub dead: u64,
    /// Whether the sweep stopped at the limit of deletions an hour, or of entries a turn, with more to do.
    pub braked: bool,
}

/// Sweeps the journal of one database. Any number may run at once, in any number of processes.
///
/// A file is kept as long as any column names it that a registered model has, or that
/// [`migrate`](crate::db::migrate) has noted in the database for whatever program.
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

    /// How many seconds a swept write is remembered for a second look, a day by default. An upload that takes longer
    /// may be swept while it runs, and then leave a file that nothing finds later.
    #[must_use]
    pub fn tombstone_seconds(mut self, seconds: u32) -> Self {
        self.tombstone = seconds.into();
        self
    }

    /// How long [`spawn`](Self::spawn) sleeps between two turns, a minute by default. A turn with nothing to do costs
    /// one indexed query.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// The most entries worked off in one [`run`](Self::run), 10,000 by default.
    #[must_use]
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.entries = entries;
        self
    }

    /// The most files deleted in any hour, 10,000 by default: a brake against a wrong configuration (requirement 91).
    /// What is over it waits. Clones of this sweeper share the count; the clean-up that follows a save is not counted.
    #[must_use]
    pub fn max_deletions_per_hour(mut self, deletions: u64) -> Self {
        self.brake = Arc::new(Brake::new(deletions));
        self
    }

    /// Works off what is due.
    ///
    /// An entry that fails is tried again later; the sweep goes on.
    ///
    /// # Errors
    /// Those of the database; also where the journal's tables are newer than this program.
    pub async fn run(&self) -> Result<SweepReport> {
        let _ = tokio::time::timeout(PATIENCE, background::begun_before_now()).await;
        let mut report = self.turn().await?;
        report.dead = count(&self.db, &sql(&self.db)?.count_dead).await?;
        Ok(report)
    }

    /// One turn. Entries that wait for a person are counted only where new ones are among them.
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
                // Others have them in hand.
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

    /// Works off one fenced entry (G2–G5). `finished` says that its writer is known to have ended.
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
                // Where this is the only fence there ever was, no other sweeper can still be about to delete the name,
                // and it may be given away at once. Otherwise it stays reserved for longer than one could sleep. A row
                // that names the file did so before the first fence, so all sweepers have seen it. But it is not the
                // row of a write that is still on its way: that one may publish yet (F45).
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

/// Does `work`. A storage that panics has failed; the sweeper goes on (requirement 93).
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(Error::new(ErrorKind::Io, "the storage panicked"))))
    })
    .await
}

/// How an entry was worked off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worked {
    /// As it should be, or it failed by itself.
    Done,
    /// Not at all: it was put off, for the root of its storage is not in its place.
    StorageIsAway,
}

/// What is to be fenced.
#[derive(Clone, Copy)]
enum Which {
    /// At most so many of the entries that are due.
    Due(u64),
    /// This entry whatever its due time, if nobody has fenced it yet.
    One(i64),
}

/// G1: fences entries that nobody holds, and commits. Whoever attaches one of them later finds it gone; whoever holds
/// one in an open transaction has it passed over.
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

/// Works off these entries at once, fenced like any other: stages whose row is known not to have been written. What
/// cannot be done now is done by the next sweep.
pub(crate) async fn work_off(db: &Journal, ids: Vec<i64>) {
    let sweeper = Sweeper::of(db.clone());
    for id in ids {
        let _ = sweeper.one(id).await;
    }
}

/// The same for an entry that the caller has fenced, on a task of its own. It is remembered for `seconds` at least.
pub(super) fn work_off_fenced(db: &Journal, entry: Entry, seconds: i64) {
    let sweeper = Sweeper { tombstone: TOMBSTONE.max(seconds), ..Sweeper::of(db.clone()) };
    in_background(async move {
        let _ = sweeper.work_off(&entry, false, &mut SweepReport::default()).await;
    });
}

/// W6: the same on a task of its own, for entries that were just committed. Without a runtime the sweeper does it.
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

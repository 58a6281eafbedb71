//! The resources of the process: R9, R10.
#![cfg_attr(
    not(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql")),
    allow(unused, clippy::match_single_binding, reason = "without a driver there is no pool")
)]

use super::report::InvariantReport;
use crate::Result;
use crate::backend::database;
use crate::db::{Db, Dialect, Queries};
use crate::testing::Invariant;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long background tasks may take to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many samples in a row must show no decrease, and the time between two samples.
const SAMPLES: usize = 8;
const SAMPLE: Duration = Duration::from_millis(5);

/// The resources that this process holds at one moment: descriptors, tasks of its runtime, connections in
/// use. For [`Invariants::since`](super::Invariants::since).
///
/// Take it after a warm-up (a first save opens the media root and connections, which stay open), and only if
/// nothing else runs in the process, because it cannot tell who owns a descriptor.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Descriptors by target; `None` if the platform does not tell.
    descriptors: Option<BTreeMap<String, usize>>,
    /// `None` outside a runtime.
    tasks: Option<usize>,
    pool: Option<PoolState>,
}

#[derive(Clone, Copy, Debug)]
struct PoolState {
    size: usize,
    in_use: usize,
}

impl Baseline {
    /// Takes the baseline after everything has ended that ends by itself within some hundredths of a second.
    /// For example, a connection returns to its pool on a separate task.
    ///
    /// # Errors
    /// Propagates errors of the database: a SQLite database is asked for its files, because connections open
    /// them on demand.
    pub async fn take(db: &Db) -> Result<Self> {
        // First, because this query starts a task.
        let own = own_files(db).await?;
        let mut least = Baseline::now(db, &own);
        let mut unchanged = 0;
        while unchanged < SAMPLES {
            tokio::time::sleep(SAMPLE).await;
            unchanged = if least.lower(Baseline::now(db, &own)) { 0 } else { unchanged + 1 };
        }
        Ok(least)
    }

    fn now(db: &Db, own: &BTreeSet<String>) -> Self {
        let tasks = Handle::try_current().ok().map(|runtime| runtime.metrics().num_alive_tasks());
        Baseline { descriptors: descriptors(own), tasks, pool: pool(db) }
    }

    /// Takes the minimum of both, and returns whether that changed anything.
    fn lower(&mut self, now: Baseline) -> bool {
        let count =
            |held: &Option<BTreeMap<String, usize>>| held.as_ref().map(|held| held.values().sum::<usize>());
        let fewer = count(&now.descriptors) < count(&self.descriptors);
        if fewer {
            self.descriptors = now.descriptors;
        }
        let ended = now.tasks < self.tasks;
        self.tasks = self.tasks.min(now.tasks);
        let mut returned = false;
        if let (Some(least), Some(now)) = (&mut self.pool, now.pool) {
            returned = now.in_use < least.in_use;
            *least = PoolState { size: now.size.max(least.size), in_use: now.in_use.min(least.in_use) };
        }
        fewer || ended || returned
    }

    /// Describes what is held now and was not held then.
    fn growth(&self, now: &Baseline) -> Vec<String> {
        let mut grown = Vec::new();
        if let (Some(before), Some(after)) = (&self.descriptors, &now.descriptors) {
            let count = |held: &BTreeMap<String, usize>| held.values().sum::<usize>();
            let connections = match (self.pool, now.pool) {
                (Some(before), Some(after)) => after.size.saturating_sub(before.size),
                _ => 0,
            };
            let sockets = |held: &BTreeMap<String, usize>| held.get(SOCKET).copied().unwrap_or(0);
            let allowed = connections.min(sockets(after).saturating_sub(sockets(before)));
            if count(after) > count(before) + allowed {
                let held = |what: &&String| before.get(*what).copied().unwrap_or(0);
                let new: Vec<_> = after
                    .iter()
                    .filter(|(what, now)| **now > held(what))
                    .map(|(what, _)| leaf(what))
                    .collect();
                let (before, after) = (count(before), count(after));
                grown.push(format!("{after} descriptors are open, {before} were; new: {}", new.join(", ")));
            }
        }
        if let (Some(before), Some(after)) = (self.tasks, now.tasks)
            && after > before
        {
            grown.push(format!("{after} tasks are alive, {before} were"));
        }
        if let (Some(before), Some(after)) = (self.pool, now.pool)
            && after.in_use > before.in_use
        {
            grown.push(format!("{} connections are in use, {} were", after.in_use, before.in_use));
        }
        grown
    }
}

const SOCKET: &str = "socket";

/// The last component of a path. The full path must not be shown.
fn leaf(what: &str) -> &str {
    what.rsplit('/').next().unwrap_or(what)
}

/// The files of a SQLite database.
async fn own_files(db: &Db) -> Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    if db.dialect() == Dialect::Sqlite {
        for row in db.query("PRAGMA database_list", Vec::new()).await? {
            let file: String = row.get("file")?;
            files.extend(["", "-wal", "-shm", "-journal"].map(|end| format!("{file}{end}")));
        }
    }
    Ok(files)
}

fn descriptors(own: &BTreeSet<String>) -> Option<BTreeMap<String, usize>> {
    let mut held = BTreeMap::new();
    for entry in std::fs::read_dir(Path::new("/proc/self/fd")).ok()?.flatten() {
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let target = target.to_string_lossy();
        let what = if target.starts_with("socket:") { SOCKET } else { &target };
        if !own.contains(what.trim_end_matches(" (deleted)")) {
            *held.entry(what.to_owned()).or_default() += 1;
        }
    }
    Some(held)
}

/// Checks R9.
pub(super) async fn check_growth(db: &Db, before: &Baseline, report: &mut InvariantReport) -> Result<()> {
    let began = Instant::now();
    let grown = loop {
        let grown = before.growth(&Baseline::take(db).await?);
        if grown.is_empty() || began.elapsed() > PATIENCE {
            break grown;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for what in grown {
        report.broken(Invariant::R9, None, what);
    }
    if before.descriptors.is_none() {
        report.unchecked(Invariant::R9, "descriptors: the platform does not list them");
    }
    if before.pool.is_none() {
        report.unchecked(Invariant::R9, "connections: not a pool of a known driver");
    }
    Ok(())
}

/// Runs `$then` with the pool of a database, for each driver. `None` without a driver.
macro_rules! with_pool {
    ($db:ident, $pool:ident, $probe:ident => $then:expr) => {
        'pool: {
            #[cfg(feature = "db-sqlite")]
            if let Some($pool) = $db.sqlite() {
                let $probe = probes::sqlite;
                break 'pool Some($then);
            }
            #[cfg(feature = "db-postgres")]
            if let Some($pool) = $db.postgres() {
                let $probe = probes::postgres;
                break 'pool Some($then);
            }
            #[cfg(feature = "db-mysql")]
            if let Some($pool) = $db.mysql() {
                let $probe = probes::mysql;
                break 'pool Some($then);
            }
            None
        }
    };
}

fn pool(db: &Db) -> Option<PoolState> {
    with_pool!(db, pool, _probe => {
        let size = usize::try_from(pool.size()).unwrap_or(usize::MAX);
        PoolState { size, in_use: size.saturating_sub(pool.num_idle()) }
    })
}

/// Checks R10: takes every idle connection and queries it.
pub(super) async fn check_idle(db: &Db, report: &mut InvariantReport) -> Result<()> {
    let asked: Option<()> = with_pool!(db, pool, probe => {
        let mut idle = Vec::new();
        // All connections are held until all were queried; otherwise one could be returned twice.
        while let Some(connection) = pool.try_acquire() {
            idle.push(connection);
        }
        if idle.is_empty() {
            idle.push(pool.acquire().await.map_err(database)?);
        }
        for connection in &mut idle {
            if let Some(seen) = probe(connection).await {
                report.broken(Invariant::R10, None, format!("a connection of the pool {seen}"));
            }
        }
    });
    if asked.is_none() {
        report.unchecked(Invariant::R10, "not a pool of a known driver");
    }
    Ok(())
}

/// Whether an idle connection is inside a transaction. If it answers with an error, it is not usable.
#[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
mod probes {
    #[cfg(any(feature = "db-sqlite", feature = "db-postgres", feature = "db-mysql"))]
    use sqlx::Executor;
    #[cfg(any(feature = "db-postgres", feature = "db-mysql"))]
    use sqlx::Row;

    /// `BEGIN` is refused inside a transaction.
    #[cfg(feature = "db-sqlite")]
    pub(super) async fn sqlite(connection: &mut sqlx::SqliteConnection) -> Option<String> {
        match connection.execute(sqlx::raw_sql("BEGIN")).await {
            Ok(_) => match connection.execute(sqlx::raw_sql("ROLLBACK")).await {
                Ok(_) => None,
                Err(error) => Some(format!("cannot roll back: {error}")),
            },
            Err(error) => Some(format!("refuses BEGIN: {error}")),
        }
    }

    /// Outside a transaction, `now()` is the time of the statement. Both times are read in one statement,
    /// because otherwise they would differ.
    #[cfg(feature = "db-postgres")]
    pub(super) async fn postgres(connection: &mut sqlx::PgConnection) -> Option<String> {
        let question = sqlx::raw_sql("SELECT now() = statement_timestamp()");
        match connection.fetch_one(question).await.and_then(|row| row.try_get::<bool, _>(0)) {
            Ok(true) => None,
            Ok(false) => Some("is inside a transaction".to_owned()),
            Err(error) => Some(format!("is not fit for use: {error}")),
        }
    }

    /// Uses the server's flag. MySQL has no flag, but a list of transactions.
    #[cfg(feature = "db-mysql")]
    pub(super) async fn mysql(connection: &mut sqlx::MySqlConnection) -> Option<String> {
        let listed =
            "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()";
        let mut answer = Err(sqlx::Error::RowNotFound);
        for question in ["SELECT CAST(@@in_transaction AS SIGNED)", listed] {
            let row = connection.fetch_one(sqlx::raw_sql(question)).await;
            answer = row.and_then(|row| row.try_get::<i64, _>(0));
            if answer.is_ok() {
                break;
            }
        }
        match answer {
            Ok(0) => None,
            Ok(_) => Some("is inside a transaction".to_owned()),
            Err(error) => Some(format!("is not fit for use: {error}")),
        }
    }
}

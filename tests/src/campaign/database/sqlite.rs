//! SQLite. At a step of an operation, another connection takes the lock and holds it until the operation has
//! ended. If the operation already has the lock and uses a rollback journal, a reader blocks its commit.
//! There is also a read-only file.

use super::{can_be_repeated, judge_outcome};
use crate::campaign::kill::judge;
use crate::campaign::options::Options;
use crate::campaign::place::in_memory;
use crate::campaign::report::Report;
use crate::campaign::scenario;
use crate::campaign::world::{Expected, Outcome, Random, World};
use crate::campaign::{Error, Result, shuffle};
use filefield::StorageExt;
use filefield::db::{Db, Queries, Transaction};
use filefield::storage::Durability;
use filefield::testing::{Baseline, failpoints};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the operations wait for a lock.
const PATIENCE: Duration = Duration::from_millis(40);

/// Recorded steps, and the step at which the lock is taken.
static STEPS: Mutex<Option<Steps>> = Mutex::new(None);

struct Steps {
    noted: Vec<&'static str>,
    armed: Option<(&'static str, u64)>,
    holder: Holder,
    fired: Option<Held>,
}

fn steps<T>(with: impl FnOnce(&mut Steps) -> T) -> Option<T> {
    STEPS.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(with)
}

fn visited(step: &'static str) {
    steps(|steps| {
        steps.noted.push(step);
        let Some((armed, hits)) = &mut steps.armed else { return };
        if *armed == step {
            *hits -= 1;
            if *hits == 0 {
                steps.armed = None;
                steps.fired = steps.holder.hold();
            }
        }
    });
}

/// What the other connection holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    WriteLock,
    ReadLock,
}

/// The other connection, on a separate thread.
struct Holder {
    orders: Sender<bool>,
    answers: Receiver<Option<Held>>,
}

impl Holder {
    fn new(url: String, readers_count: bool) -> Holder {
        let ((orders, to_do), (answer, answers)) = (channel(), channel());
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            let Ok(db) = runtime.block_on(connect(&url, Duration::ZERO, 1)) else { return };
            let mut held: Option<Transaction<'static>> = None;
            for hold in to_do {
                if let Some(lock) = held.take() {
                    let _ = runtime.block_on(lock.rollback());
                }
                let mut what = None;
                if hold {
                    (held, what) = runtime.block_on(lock(&db, readers_count));
                }
                if answer.send(what).is_err() {
                    break;
                }
            }
        });
        Holder { orders, answers }
    }

    fn hold(&self) -> Option<Held> {
        self.orders.send(true).ok()?;
        self.answers.recv().ok().flatten()
    }

    fn release(&self) {
        if self.orders.send(false).is_ok() {
            let _ = self.answers.recv();
        }
    }
}

async fn lock(db: &Db, readers_count: bool) -> (Option<Transaction<'static>>, Option<Held>) {
    if let Ok(tx) = db.begin_write().await {
        return (Some(tx), Some(Held::WriteLock));
    }
    if !readers_count {
        return (None, None);
    }
    let Ok(tx) = db.begin().await else { return (None, None) };
    if tx.query("SELECT COUNT(*) FROM cars", Vec::new()).await.is_err() {
        return (None, None);
    }
    (Some(tx), Some(Held::ReadLock))
}

async fn connect(url: &str, patience: Duration, connections: u32) -> Result<Db> {
    let options: SqliteConnectOptions = url.parse()?;
    let options = options.foreign_keys(true).busy_timeout(patience).disable_statement_logging();
    let pool = SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
    Ok(pool.connect_with(options).await?.into())
}

/// A world, and what it held when nothing was running.
struct Stage {
    world: World,
    before: Baseline,
    tasks: usize,
    expected: Expected,
    readonly: World,
    _folder: TempDir,
}

impl Stage {
    /// With a rollback journal, or with write-ahead logging.
    async fn new(rollback_journal: bool) -> Result<Stage> {
        let folder = in_memory()?;
        std::fs::create_dir(folder.path().join("temp"))?;
        let url = World::sqlite(folder.path());
        let open = World::open(folder.path(), &url, Durability::None, true).await?;
        if rollback_journal {
            open.execute("PRAGMA journal_mode = DELETE").await?;
        }
        let world = open.with(connect(&url, PATIENCE, 5).await?);
        let readonly = open.with(connect(&url.replace("rwc", "ro"), PATIENCE, 1).await?);
        world.storage.exists(filefield::FileName::new("warm")?).await?;
        let holder = Holder::new(url, rollback_journal);
        holder.release();
        *STEPS.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Steps { noted: Vec::new(), armed: None, holder, fired: None });
        let before = Baseline::take(&world.db).await?;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        Ok(Stage { world, before, tasks, expected: Expected::default(), readonly, _folder: folder })
    }

    async fn perform(&mut self, order: &super::Order, world: &World) -> Outcome {
        self.expected.begin(order);
        let outcome = Outcome::of(world.perform(order).await);
        self.expected.end(order, &outcome);
        steps(|steps| steps.holder.release());
        let (began, metrics) = (Instant::now(), tokio::runtime::Handle::current().metrics());
        while metrics.num_alive_tasks() > self.tasks && began.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Background work may have reached the step in between.
        steps(|steps| (steps.armed = None, steps.holder.release()));
        outcome
    }

    async fn settle(&mut self, report: &mut Report, order: &super::Order, tried: &str) -> Result {
        let world = self.world.clone();
        let settled = world.settle(&self.before).await.map_err(|error| format!("{error}; after {tried}"))?;
        judge(report, &mut self.expected, &settled, tried);
        if can_be_repeated(order, &settled) {
            report.add("repeated", 1);
            if let Outcome::Failed { text, .. } = self.perform(order, &world).await {
                report.violation("retry", format!("{text}; again after {tried}"));
            }
        }
        Ok(())
    }
}

pub(super) fn run(options: &Options) -> Result<Report> {
    for step in failpoints::POINTS {
        failpoints::cfg_callback(*step, || visited(step))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = Report::default();
    let mut random = Random::new(options.seed);
    let (mut visited, mut tries) = (BTreeSet::new(), 0);
    let count = options.count.unwrap_or(300);
    while report.fired < count {
        let before = report.fired;
        for rollback_journal in [true, false] {
            runtime.block_on(async {
                let mut stage = Stage::new(rollback_journal).await?;
                let world = stage.world.clone();
                let run =
                    round(options, &mut stage, &mut report, &mut random, &mut visited, &mut tries, count);
                world.enter(run).await
            })?;
        }
        if report.fired == before {
            break;
        }
    }
    report.points = visited.len() as u64;
    Ok(report)
}

/// One round: every step of some operations, and a read-only file.
async fn round(
    options: &Options,
    stage: &mut Stage,
    report: &mut Report,
    random: &mut Random,
    visited: &mut BTreeSet<(&'static str, &'static str, u64)>,
    tries: &mut u64,
    count: u64,
) -> Result {
    let world = stage.world.clone();
    let mut scenarios = scenario::some(options.text("operations", "all"), 0, random);
    shuffle(&mut scenarios, random);
    for scenario in scenarios.into_iter().take(4) {
        *tries += 1;
        let named = |tries: u64, random: &mut Random| scenario::some(scenario.name, tries, random).remove(0);
        let counted = named(*tries, random);
        for order in &counted.prepare {
            stage.perform(order, &world).await;
        }
        steps(|steps| steps.noted.clear());
        stage.perform(&counted.order, &world).await;
        let mut targets: Vec<(&'static str, u64)> = Vec::new();
        for step in steps(|steps| std::mem::take(&mut steps.noted)).unwrap_or_default() {
            let hit = 1 + targets.iter().filter(|(known, _)| *known == step).count() as u64;
            targets.push((step, hit));
        }
        shuffle(&mut targets, random);
        for (step, hit) in targets {
            if report.fired >= count {
                return Ok(());
            }
            *tries += 1;
            let scenario = named(*tries, random);
            let tried =
                format!("{} at {step}, time {hit}, try {tries} of --seed {}", scenario.name, options.seed);
            for order in &scenario.prepare {
                stage.perform(order, &world).await;
            }
            steps(|steps| (steps.armed, steps.fired) = (Some((step, hit)), None));
            let outcome = stage.perform(&scenario.order, &world).await;
            let fired = steps(|steps| {
                steps.armed = None;
                steps.fired.take()
            });
            let Some(held) = fired.flatten() else {
                report.add("armed, and the lock was not to be had", 1);
                continue;
            };
            report.fired += 1;
            report.add(if held == Held::ReadLock { "fault: commit busy" } else { "fault: busy" }, 1);
            visited.insert((scenario.name, step, hit));
            judge_outcome(report, &outcome, &tried);
            if let Outcome::Failed { retryable: false, uncertain: false, text, .. } = &outcome {
                report.violation("typed", format!("not said to be worth another try: {text}; after {tried}"));
            }
            stage.settle(report, &scenario.order, &tried).await?;
        }
        // Nothing can be written.
        *tries += 1;
        let scenario = named(*tries, random);
        let tried = format!("{} read-only, try {tries} of --seed {}", scenario.name, options.seed);
        for order in &scenario.prepare {
            stage.perform(order, &world).await;
        }
        let readonly = stage.readonly.clone();
        let outcome = stage.perform(&scenario.order, &readonly).await;
        if let Outcome::Failed { .. } = outcome {
            report.fired += 1;
            report.add("fault: read-only", 1);
            judge_outcome(report, &outcome, &tried);
        }
        stage.settle(report, &scenario.order, &tried).await?;
    }
    Ok::<_, Error>(())
}

//! Polls the future of every operation once, twice, and so on, and drops it, until it completes first; on
//! every storage. What it started comes to an end, everything due is swept, and file and row must agree.
//!
//! `drop [--storage local|memory|prefix|all] [--operations create,replace] [--plant BUG]`
//!
//! Without `--count`, every number of polls is tried once. With it, the campaign repeats until that many
//! futures were dropped, with pauses before the drop in which background work continues, and alternates
//! between one thread and several.

mod judge;
mod operation;

use super::Result;
use super::options::Options;
use super::parts::plant;
use super::place::in_memory;
use super::report::Report;
use super::world::{Car, Change, Expected, Files, Order, Outcome, Random, World};
use filefield::SharedStorage;
use filefield::storage::{FileSystemStorage, MemoryStorage, PrefixStorage};
use filefield::testing::Baseline;
use filefield_tests::databases::Database;
use filefield_tests::polled::polled_and_held;
use operation::Operation;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long background work, or a commit, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// No operation takes more polls. One that does hangs.
const MOST_POLLS: usize = 400;

const STORAGES: [&str; 3] = ["local", "memory", "prefix"];

pub(super) fn run(options: &Options) -> Result<Report> {
    plant(options)?;
    let mut report = Report::default();
    let mut pass = 0;
    while pass == 0 || options.count.is_some_and(|count| report.fired < count) {
        for storage in STORAGES.into_iter().filter(|storage| options.wants("storage", storage)) {
            let seed = options.seed.wrapping_add(pass << 32);
            let mut series = Series { storage, pass, random: Random::new(seed), seed, options };
            let mut builder = match pass % 2 {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            // With a single blocking thread, work that is submitted now runs after all earlier work.
            let runtime = builder.worker_threads(2).max_blocking_threads(1).enable_all().build()?;
            let wanted = Operation::ALL
                .iter()
                .copied()
                .filter(|operation| options.wants("operations", operation.name()));
            runtime.block_on(series.run(wanted, &mut report))?;
        }
        pass += 1;
    }
    report.add("passes", pass);
    if report.points == 0 {
        return Err("no such storage or operation".into());
    }
    Ok(report)
}

/// All operations on one storage.
struct Series<'a> {
    storage: &'static str,
    pass: u64,
    random: Random,
    seed: u64,
    options: &'a Options,
}

/// A world, and its content before anything was dropped.
struct Place {
    world: World,
    expected: Expected,
    /// Tasks of the runtime.
    tasks: usize,
    /// How often tasks that do not end were given up.
    given_up: u64,
    database: Database,
    _folder: TempDir,
}

impl Series<'_> {
    async fn run(&mut self, operations: impl Iterator<Item = Operation>, report: &mut Report) -> Result {
        let mut place = Place::new(self.options, self.storage, &mut self.random).await?;
        let world = place.world.clone();
        let done = world
            .enter(async {
                for operation in operations {
                    self.polls(&mut place, operation, report).await?;
                }
                Result::Ok(())
            })
            .await;
        world.close().await?;
        done
    }

    /// One operation: dropped after one poll, after two, and so on.
    async fn polls(&mut self, place: &mut Place, operation: Operation, report: &mut Report) -> Result {
        place.idle().await;
        let mut before = Baseline::take(&place.world.db).await?;
        let mut again = String::new();
        for times in 1..=MOST_POLLS {
            let name = operation.name();
            again = format!(
                "`{name}` dropped at poll {times}, pass {} with --storage {} --seed {}",
                self.pass, self.storage, self.seed
            );
            let given_up = place.given_up;
            let done = self.once(place, operation, times, report, &again).await?;
            if place.given_up > given_up {
                before = Baseline::take(&place.world.db).await?;
            }
            report.points += u64::from(self.pass == 0);
            report.fired += u64::from(!done);
            if done {
                judge::resources(place, &before, report, &again).await?;
                report.add(name, times as u64 - 1);
                return Ok(());
            }
        }
        report.violation("hang", format!("not done: {again}"));
        Ok(())
    }

    /// Returns whether the operation completed.
    async fn once(
        &mut self,
        place: &mut Place,
        operation: Operation,
        times: usize,
        report: &mut Report,
        again: &str,
    ) -> Result<bool> {
        let row = format!("{} {times}", operation.name());
        let random = &mut self.random;
        if operation.has_row() {
            let create = Order::new(row.as_str(), Change::Create(Files::all(random)));
            place.perform(&create).await?;
        }
        let orders = operation.orders(&row, random);
        orders.iter().for_each(|order| place.expected.begin(order));
        let world = place.world.clone();
        let prepared = operation.perform(&world, &orders).await?;
        let pause = Duration::from_micros(if self.pass == 0 { 0 } else { random.below(3000) });
        let meanwhile = async {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        };
        let done = polled_and_held(prepared.running, times, meanwhile).await;
        let is_done = done.is_some();
        if let Some(tx) = prepared.around.and_then(Arc::into_inner) {
            // If this fails, the save has not happened either.
            match tokio::time::timeout(PATIENCE, tx.commit()).await {
                Ok(Err(error)) if is_done => report.violation("error", format!("{error}; {again}")),
                Ok(_) => {}
                Err(_) => judge::lost_connection(place, operation, report, again).await?,
            }
        }
        if let Some(result) = done {
            if let Err(error) = &result {
                report.violation("error", format!("{error}; {again}"));
            }
            let outcome = Outcome::of(result);
            orders.iter().for_each(|order| place.expected.end(order, &outcome));
        }
        let rows = judge::agreement(place, operation, &orders, report, again).await?;
        for order in orders.iter().filter(|order| rows.contains_key(&order.row)) {
            place.perform(&Order::new(order.row.as_str(), Change::Delete)).await?;
        }
        Ok(is_done)
    }
}

impl Place {
    async fn new(options: &Options, storage: &'static str, random: &mut Random) -> Result<Place> {
        let folder = in_memory()?;
        let database = Database::fresh(options.db)?;
        let local = || FileSystemStorage::builder(folder.path().join("media")).base_url("/media/").build();
        let shared: SharedStorage = match storage {
            "local" => Arc::new(local()?),
            "memory" => Arc::new(MemoryStorage::builder().base_url("/media/").build()?),
            _ => Arc::new(PrefixStorage::new(Arc::new(local()?), "tenants/7")?),
        };
        let world = World::over(folder.path(), database.url(), shared, true).await?;
        judge::put_foreign(&world).await?;
        let mut place = Place {
            world,
            expected: Expected::default(),
            tasks: usize::MAX,
            given_up: 0,
            database,
            _folder: folder,
        };
        // Warms up connections, directories and threads.
        for (row, change) in [
            ("bystander", Change::Create(Files::all(random))),
            ("warm", Change::Create(Files::all(random))),
            ("warm", Change::Delete),
            ("warm", Change::Sweep),
        ] {
            let (order, world) = (Order::new(row, change), place.world.clone());
            world.enter(place.perform(&order)).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        place.tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        Ok(place)
    }

    /// Runs an operation to its end.
    async fn perform(&mut self, order: &Order) -> Result {
        self.expected.begin(order);
        self.world.perform(order).await?;
        self.expected.end(order, &Outcome::Done);
        Ok(())
    }

    /// From now on, ignores tasks that do not end. They were reported.
    fn give_up(&mut self) {
        self.tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        self.given_up += 1;
    }

    /// Waits for background work. Returns whether all of it has ended.
    async fn idle(&self) -> bool {
        let began = std::time::Instant::now();
        let metrics = tokio::runtime::Handle::current().metrics();
        loop {
            let alive = metrics.num_alive_tasks();
            // Work that had no thread yet runs before this.
            let _ = tokio::task::spawn_blocking(|| ()).await;
            if alive <= self.tasks && metrics.num_alive_tasks() <= self.tasks {
                return true;
            }
            if began.elapsed() > PATIENCE {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

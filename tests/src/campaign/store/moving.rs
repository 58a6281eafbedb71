//! Moves of a field into the bucket and out of it. Each request is broken, and each move is then continued.
//!
//! Aliases belong to the process, so these rows have a separate database, bucket and proxy for the whole run.

use super::fault::{Ask, Extent, Fault};
use super::proxy::{Armed, Proxy, Seen};
use super::stage::{BACK_OFF, BUCKET, Habits, storage_of};
use super::{LEAST_PATIENCE, judge};
use crate::campaign::options::Options;
use crate::campaign::place::in_memory;
use crate::campaign::report::Report;
use crate::campaign::world::{Outcome, Random, World, bytes};
use crate::campaign::{Result, shuffle};
use filefield::db::Queries;
use filefield::db::{self, Db, Table};
use filefield::ops::storage_move;
use filefield::prelude::*;
use filefield::registry::AppBuilder;
use filefield::storage::MemoryStorage;
use filefield::testing::Invariants;
use filefield::{SharedStorage, Sweeper};
use filefield_tests::buckets::s3::Server;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// The name of the operation, for `--operations` and the report.
const NAME: &str = "move";

/// Files of a few hundred to about ten thousand bytes.
const FILES: [u32; 3] = [3, 40, 77];

const HABITS: Habits = Habits { patience: LEAST_PATIENCE, retries: 1 };

#[derive(Debug, Clone, Default, Model)]
#[model(table = "boxes")]
struct Parcel {
    #[model(primary_key)]
    id: i64,
    number: u32,
    #[file(upload_to = "boxes", storage = attic, meta_field = content_meta)]
    content: FileField,
    content_meta: FileMeta,
}

fn attic() -> &'static str {
    "attic"
}

/// From one alias to another.
type Way = (&'static str, &'static str);

const WAYS: [Way; 2] = [("attic", "depot"), ("depot", "attic")];

pub(super) struct Yard {
    db: Db,
    storages: [SharedStorage; 2],
    proxy: Proxy,
    _server: Server,
    _folder: TempDir,
}

impl Yard {
    /// Whether the options ask for moves.
    pub(super) fn is_wanted(options: &Options) -> bool {
        options.wants("operations", NAME)
    }

    pub(super) async fn new(back: &Handle, app: AppBuilder) -> Result<Yard> {
        let server = back.spawn(Server::start()).await?;
        std::fs::create_dir_all(server.root().join(BUCKET))?;
        let proxy = Proxy::start(back, &server.endpoint, server.root().to_owned()).await?;
        let depot: SharedStorage = Arc::new(storage_of(&proxy.endpoint(), HABITS, None)?);
        let attic: SharedStorage = Arc::new(MemoryStorage::new());
        app.storage("attic", attic.clone()).storage("depot", depot.clone()).model::<Parcel>().build()?;
        let folder = in_memory()?;
        let db = db::connect(&World::sqlite(folder.path())).await?;
        db::migrate::<Parcel>(&db).await?;
        for number in FILES {
            let content = FileField::new("parcel.bin", bytes(number));
            Parcel { number, content, ..Parcel::default() }.save(&db).await?;
        }
        Ok(Yard { db, storages: [attic, depot], proxy, _server: server, _folder: folder })
    }

    /// Breaks requests of moves until `count` faults have happened.
    pub(super) async fn run(
        self,
        count: u64,
        options: &Options,
        report: &mut Report,
        random: &mut Random,
    ) -> Result {
        let mut targets = Vec::new();
        for way in WAYS {
            let asked = self.unharmed(way).await?;
            report.add(&format!("requests: {NAME} {} to {}", way.0, way.1), asked.len() as u64);
            for fault in Fault::ALL.iter().copied().filter(|fault| options.wants("faults", fault.name())) {
                let befallen = (1..).zip(&asked).filter(|(_, ask)| fault.befalls(**ask));
                targets.extend(befallen.map(|(at, _)| (way, at, fault)));
            }
        }
        shuffle(&mut targets, random);
        let (wanted, mut tries) = (report.fired + count, 0);
        for (way, at, fault) in targets.iter().cycle().take(4 * targets.len()).copied() {
            if report.fired >= wanted || !report.violations.is_empty() {
                break;
            }
            let extent = *random.pick(&[Extent::Once, Extent::Onward, Extent::SecondTry]);
            let armed = Armed { fault, extent, at, detail: random.next() >> 8 };
            tries += 1;
            self.broken(way, armed, report, &format!("{NAME} {tries} of --seed {}", options.seed)).await?;
        }
        self.proxy.stop().await;
        self.db.close().await;
        Ok(())
    }

    async fn unharmed(&self, way: Way) -> Result<Vec<Ask>> {
        // In both directions: requests that happen only once have been made.
        self.unbroken(way).await?;
        self.unbroken((way.1, way.0)).await?;
        self.proxy.arm(None).await;
        self.unbroken(way).await?;
        let seen = self.proxy.disarm().await?;
        self.unbroken((way.1, way.0)).await?;
        Ok(seen.asked.into_iter().map(|(ask, _)| ask).collect())
    }

    /// One fault. The move may fail, rows keep their files throughout, and the next move continues.
    async fn broken(&self, way: Way, armed: Armed, report: &mut Report, tried: &str) -> Result {
        let Armed { fault, extent, at, detail } = armed;
        let (from, to) = way;
        let tried = format!(
            "{} of a move, {from} to {to}, request {at}, {extent:?}, detail {detail}, {tried}",
            fault.name()
        );
        // All files are in the source of the move.
        self.unbroken((to, from)).await?;
        self.proxy.arm(Some(armed)).await;
        let began = Instant::now();
        let failures = self.failures(way).await;
        let (took, seen) = (began.elapsed(), self.proxy.disarm().await?);
        match seen.fired.is_empty() {
            true => report.add("armed and not reached", 1),
            false => {
                report.fired += 1;
                report.points += 1;
                report.add(&format!("fault: {}", fault.name()), 1);
            }
        }
        for failure in &failures {
            self.judge(report, failure, fault, &tried);
        }
        let bound = (HABITS.patience + BACK_OFF) * u32::try_from(seen.asked.len().max(1))? + judge::ROOM;
        if took > bound {
            report.violation("time", format!("{took:?}, {bound:?} may be; after {tried}"));
        }
        self.all_well(report, &seen, &tried).await?;
        self.sweep().await?;
        let failures = self.failures(way).await;
        if !failures.is_empty() {
            report.violation("retry", format!("{failures:?}; again after {tried}"));
        }
        self.sweep().await?;
        self.all_well(report, &seen, &tried).await?;
        for storage in &self.storages {
            let check = Invariants::new(&self.db, storage).model::<Parcel>().swept();
            for violation in check.check().await?.violations {
                report
                    .violation(&format!("{:?}", violation.invariant), format!("{violation}; after {tried}"));
            }
        }
        Ok(())
    }

    /// Moves without faults.
    async fn unbroken(&self, way: Way) -> Result {
        let failures = self.failures(way).await;
        if !failures.is_empty() {
            return Err(format!("a move fails unharmed: {failures:?}").into());
        }
        self.sweep().await
    }

    /// Moves, and returns what failed.
    async fn failures(&self, (from, to): Way) -> Vec<Outcome> {
        let moving = storage_move::<Parcel>(&self.db, &Parcel::columns().content, from, to);
        let errors = match moving.grace(Duration::ZERO).concurrency(1).run().await {
            Ok(report) => report.errors.into_iter().map(|failed| failed.error).collect(),
            Err(error) => vec![error],
        };
        errors.into_iter().map(|error| Outcome::of(Err(error))).collect()
    }

    fn judge(&self, report: &mut Report, outcome: &Outcome, fault: Fault, tried: &str) {
        let Outcome::Failed { kind, retryable, uncertain, text } = outcome else { return };
        report.add(if *uncertain { "failed, nobody knows how" } else { "failed, nothing was done" }, 1);
        let is_fitting = match kind.as_str() {
            "Io" | "AlreadyExists" => *retryable || *uncertain,
            "PermissionDenied" => fault == Fault::Skewed && !retryable,
            // The hash or the length of what arrived differs from the row's.
            "NotAsStated" => matches!(fault, Fault::Corrupt | Fault::Short),
            _ => false,
        };
        if !is_fitting {
            report.violation("typed", format!("{kind}, retryable: {retryable}: {text}; after {tried}"));
        }
    }

    /// Sweeps as if all leases and waiting times were over.
    async fn sweep(&self) -> Result {
        for _ in 0..4 {
            self.db.run("UPDATE filefield_journal SET due_at = 0").await?;
            let _ = Sweeper::new(&self.db).tombstone_seconds(0).run().await?;
        }
        Ok(())
    }

    /// Every row has its file, wherever it is.
    async fn all_well(&self, report: &mut Report, seen: &Seen, tried: &str) -> Result {
        let parcels = Parcel::objects(&self.db).all().await?;
        if parcels.len() != FILES.len() {
            report.violation("R6", format!("{} rows; after {tried}", parcels.len()));
        }
        for parcel in parcels {
            match parcel.content().read().await {
                Ok(read) if read == bytes(parcel.number) => {}
                Ok(read) => report.violation("R1", format!("{} wrong bytes; after {tried}", read.len())),
                Err(error) => report.violation("R1", format!("{error}, {seen:?}; after {tried}")),
            }
        }
        Ok(())
    }
}

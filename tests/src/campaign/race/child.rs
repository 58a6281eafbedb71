//! One process of the race.

use super::sums::Sums;
use super::{Setup, replacer, saver};
use crate::campaign::Result;
use crate::campaign::world::World;
use filefield::Sweeper;
use filefield::db::{self, Db};
use filefield::db::{Dialect, Queries};
use filefield::storage::{Durability, FileSystemStorage};
use filefield::testing::{Operation, RecordingStorage, failpoints, spawn};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Stages that began, and names that were reserved. Every additional reservation is one that came to nothing.
static STAGED: AtomicU64 = AtomicU64::new(0);
static RESERVED: AtomicU64 = AtomicU64::new(0);

/// `SETUP`
pub(crate) fn main(setup: &str) -> Result {
    let setup: Setup = serde_json::from_str(setup)?;
    for (step, count) in [("stage.prepared", &STAGED), ("reserve.committed", &RESERVED)] {
        failpoints::cfg_callback(step, || {
            count.fetch_add(1, Ordering::Relaxed);
        })?;
    }
    if !setup.plant.is_empty() {
        failpoints::cfg(format!("planted:{}", setup.plant), "return")?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sums = runtime.block_on(race(setup))?;
    let mut line = serde_json::to_string(&sums)?;
    line.push('\n');
    Ok(std::io::stdout().lock().write_all(line.as_bytes())?)
}

async fn race(setup: Setup) -> Result<Sums> {
    let db = db::connect(&setup.url).await?;
    let local =
        FileSystemStorage::builder(setup.folder.join("media")).durability(Durability::None).build()?;
    let judge = db.clone();
    // One statement for every deletion: what it finds is committed.
    let recording = RecordingStorage::new(Arc::new(local)).keep_last(1);
    let recording = recording.forbid_deletion(move |name| named(judge.clone(), name));
    let recording = Arc::new(recording);
    let world =
        World { folder: setup.folder.clone(), db, storage: recording.clone(), recording: None, beside: None };
    let mut sums = world.enter(work(world.clone(), &setup)).await?;
    sums.done.insert("deletions".to_owned(), recording.count(Operation::Delete));
    for violation in recording.violations() {
        sums.broken("R5", violation.to_string());
    }
    let lost = RESERVED.load(Ordering::Relaxed).saturating_sub(STAGED.load(Ordering::Relaxed));
    sums.lost("names", lost);
    world.close().await?;
    Ok(sums)
}

/// The row that names a photo.
async fn named(db: Db, name: String) -> filefield::Result<Option<String>> {
    let parameter = if db.dialect() == Dialect::Postgres { "$1" } else { "?" };
    let sql = format!("SELECT name FROM cars WHERE photo = {parameter}");
    let rows = db.query(&sql, vec![name.into()]).await?;
    rows.first().map(|row| Ok(format!("row `{}`", row.only::<String>()?))).transpose()
}

async fn work(world: World, setup: &Setup) -> Result<Sums> {
    let over = Arc::new(AtomicBool::new(false));
    let (saves, replaces) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut racers = Vec::new();
    for number in 0..setup.savers {
        let saver = saver::Saver::new(world.clone(), setup, number, saves.clone());
        racers.push(spawn(saver.run()));
    }
    for number in 0..setup.replacers {
        let replacer = replacer::Replacer::new(world.clone(), setup, number, replaces.clone());
        racers.push(spawn(replacer.run()));
    }
    let sweeper = spawn(sweep(world, setup.hurry, over.clone()));
    let mut sums = Sums::default();
    for racer in racers {
        sums.add(racer.await?);
    }
    over.store(true, Ordering::Relaxed);
    sums.add(sweeper.await?);
    Ok(sums)
}

/// A sweeper for which all leases and tombstones expire at once.
async fn sweep(world: World, hurry: u64, over: Arc<AtomicBool>) -> Sums {
    let mut sums = Sums::default();
    let hurry = Duration::from_millis(hurry);
    let mut sweeps = Sweeper::new(&world.db).max_deletions_per_hour(u64::MAX).every(hurry).spawn();
    while !over.load(Ordering::Relaxed) {
        // It takes its locks in no order, so it may be the one that has to give way.
        if world.execute("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await.is_err() {
            sums.lost("clock", 1);
        }
        match tokio::time::timeout(hurry, sweeps.turned()).await.ok().flatten().as_deref() {
            Some(Err(error)) if error.is_retryable() => sums.lost("sweeps", 1),
            Some(Err(error)) => sums.broken("error", format!("sweep: {error}")),
            Some(Ok(_)) => sums.done("sweeps"),
            None => {}
        }
    }
    sweeps.stop().await;
    sums
}

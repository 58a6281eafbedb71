//! Savers of one name, replacers and deleters of one row, and sweepers for which everything is due at once,
//! in several processes. Nothing is lost or overwritten, no file that a row names is deleted, and every error
//! says that a retry is right.
//!
//! `race [--saves N] [--replaces N] [--savers 64] [--replacers 16] [--processes 2] [--hurry MILLISECONDS]
//! [--plant BUG]`
//!
//! `--mode names`: savers of one name of a storage alone, without rows.
//!
//! `--count` is the number of saves. After each `--hurry`, everything in the journal becomes due, including
//! what is in progress.

mod child;
mod names;
mod replacer;
mod saver;
mod sums;

pub(crate) use child::main as child;

use super::Result;
use super::options::Options;
use super::place::in_memory;
use super::report::Report;
use super::world::{Car, World};
use filefield::prelude::*;
use filefield::storage::Durability;
use filefield::testing::Invariants;
use filefield_tests::databases::{Database, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use sums::Sums;

/// The hidden sub-command of one process.
pub(crate) const CHILD: &str = "__race";

/// The name of the row that all replacers and deleters work on.
const SHARED: &str = "shared";

/// The work of one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Setup {
    folder: PathBuf,
    url: String,
    seed: u64,
    process: u64,
    savers: u64,
    saves: u64,
    replacers: u64,
    replaces: u64,
    /// Milliseconds until everything becomes due again.
    hurry: u64,
    /// A planted bug, or the empty string.
    plant: String,
}

pub(super) fn run(options: &Options) -> Result<Report> {
    if options.text("mode", "rows") == "names" {
        return names::run(options);
    }
    let number = |key: &str, default: u64| options.text(key, &default.to_string()).parse::<u64>();
    let saves = options.count.unwrap_or(number("saves", 5_000)?);
    let replaces = number("replaces", (saves / 10).max(1))?;
    let (savers, replacers) = (number("savers", 64)?, number("replacers", 16)?);
    let (processes, hurry) = (number("processes", 2)?.max(1), number("hurry", 20)?.max(1));
    let folder = in_memory()?;
    let database = Database::fresh(options.db)?;
    let url = match options.db {
        Kind::Sqlite => World::sqlite(folder.path()),
        _ => database.url().to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime
        .block_on(async { World::open(folder.path(), &url, Durability::None, false).await?.close().await })?;
    let mut running = Vec::new();
    for process in 0..processes {
        let setup = Setup {
            folder: folder.path().to_owned(),
            url: url.clone(),
            seed: options.seed,
            process,
            savers: share(savers, processes, process),
            saves: share(saves, processes, process),
            replacers: share(replacers, processes, process),
            replaces: share(replaces, processes, process),
            hurry,
            plant: options.text("plant", "").to_owned(),
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args([CHILD, &serde_json::to_string(&setup)?]).stdin(Stdio::null()).stdout(Stdio::piped());
        running.push(command.spawn()?);
    }
    let (mut report, mut sums) = (Report::default(), Sums::default());
    for child in running {
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.lines().last().and_then(|line| serde_json::from_str::<Sums>(line).ok()) {
            Some(other) if output.status.success() => sums.add(other),
            _ => report.violation("crash", format!("a process ends with {}: {text}", output.status)),
        }
    }
    let again = format!("--db {} --seed {} --saves {saves} --replaces {replaces}", options.db, options.seed);
    sums.report(&mut report, &again);
    runtime.block_on(async {
        let world = World::open(folder.path(), &url, Durability::None, false).await?;
        world.enter(judge(&world, &sums, &mut report, &again)).await?;
        world.close().await
    })?;
    Ok(report)
}

/// The part of `all` that the process does.
fn share(all: u64, processes: u64, process: u64) -> u64 {
    all / processes + u64::from(process < all % processes)
}

/// At the end: the rows are exactly those that were acknowledged and not deleted, each with its own bytes.
async fn judge(world: &World, sums: &Sums, report: &mut Report, again: &str) -> Result {
    let mut left = usize::MAX;
    loop {
        world.execute("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await?;
        let swept = filefield::db::sweep(&world.db).await?;
        report.add("files deleted at the end", swept.deleted);
        let journal = world.journal().await?.len();
        if journal == 0 || (journal >= left && swept.examined == 0) {
            break;
        }
        left = journal;
    }
    let mut check = Invariants::new(&world.db, &world.storage).model::<Car>().swept();
    // The storage lists it, but does not accept the name.
    check = check.leave_out(|name| name.starts_with('.') && !name.starts_with(".filefield/"));
    for (name, bytes) in super::world::foreign_files() {
        check = check.foreign(name, bytes);
    }
    let found = check.check().await?;
    report.add("files with their hash", found.hashed);
    for violation in &found.violations {
        report.violation(&violation.invariant.to_string(), format!("{violation}; {again}"));
    }
    let mut rows = BTreeSet::new();
    for car in Car::objects(&world.db).all().await? {
        let bytes = car.photo().read().await;
        if car.name == SHARED {
            if !bytes.is_ok_and(|bytes| bytes.starts_with(&content(SHARED, ""))) {
                report.violation("R1", format!("the shared row has another's file; {again}"));
            }
            continue;
        }
        match bytes {
            Ok(bytes) if bytes == content(&car.name, "") => {}
            Ok(_) => report.violation("P4", format!("row `{}` has another's bytes; {again}", car.name)),
            Err(error) => report.violation("R1", format!("row `{}`: {error}; {again}", car.name)),
        }
        rows.insert(car.name);
    }
    for lost in sums.rows.difference(&rows) {
        report.violation("R6", format!("row `{lost}` was acknowledged and is not there; {again}"));
    }
    for unknown in rows.difference(&sums.rows) {
        report.violation("R6", format!("row `{unknown}` was not acknowledged, or was deleted; {again}"));
    }
    report.add("rows at the end", rows.len() as u64);
    Ok(())
}

/// The content of a row's file: a valid image, and its owner.
fn content(row: &str, which: &str) -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\x02\x03\x04\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;".to_vec();
    bytes.extend(format!("{row} {which}").bytes());
    bytes
}

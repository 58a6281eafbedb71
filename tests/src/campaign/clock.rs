//! Clocks that jump a day forward and back while files are saved and swept. The clocks of program and
//! database really jump, with libfaketime. The campaign also moves all due times at once, which has the same
//! effect on the journal. Another process sweeps at the same time. An operation may fail cleanly, and a file
//! may be deleted late. Nothing else may happen.
//!
//! `clock [--db sqlite] [--count 200] [--operations create,replace]`

use super::child::{Child, Durable, End};
use super::kill::{judge, panics};
use super::options::Options;
use super::place::Place;
use super::report::Report;
use super::scenario;
use super::world::{Change, Expected, Outcome, Random, World};
use super::{Error, Result};
use filefield::storage::Durability;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The folder with one file per clock, for the process under libfaketime.
const FOLDER: &str = "CAMPAIGN_CLOCKS";

const PACKAGE: &str = "libfaketime is not installed (Debian's package `faketime`)";

pub(crate) fn run(options: &Options) -> Result<Report> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return inside(options, Path::new(&folder));
    }
    // The servers must have the clock of this process, so all of it runs under libfaketime.
    let folder = super::place::in_memory()?;
    let clocks = Clocks(folder.path().to_owned());
    clocks.set("database", 0)?;
    clocks.set("program", 0)?;
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["clock", "--db", &options.db.to_string(), "--seed", &options.seed.to_string()]);
    command.args(["--count", &options.count.unwrap_or(200).to_string()]);
    command.args(["--operations", options.text("operations", "all")]);
    command.env(FOLDER, folder.path()).stdout(Stdio::piped());
    command
        .env("LD_PRELOAD", library().ok_or(PACKAGE)?)
        .env("FAKETIME_NO_CACHE", "1")
        .env("NO_FAKE_STAT", "1");
    // Only the calendar clock jumps.
    command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command.env(Clocks::VARIABLE, clocks.file("database"));
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Report::from_json(&serde_json::from_str(text.lines().last().ok_or("no report")?)?)
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|folder| folder.path());
    let files = folders.chain([PathBuf::from("/usr/lib")]).map(|path| path.join("faketime/libfaketime.so.1"));
    files.into_iter().find(|file| file.exists())
}

/// One file per clock, with its offset from the true time.
pub(crate) struct Clocks(PathBuf);

impl Clocks {
    /// The variable that tells libfaketime where a process reads its clock.
    pub(crate) const VARIABLE: &str = "FAKETIME_TIMESTAMP_FILE";

    fn file(&self, clock: &str) -> PathBuf {
        self.0.join(clock)
    }

    fn set(&self, clock: &str, days: i64) -> Result {
        let next = self.0.join(format!("{clock}.next"));
        std::fs::write(&next, format!("{:+}\n", days * 86_400))?;
        Ok(std::fs::rename(next, self.file(clock))?)
    }
}

/// What jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jump {
    Program,
    Database,
    DueTimes,
}

impl Jump {
    /// Jumps by `days` from the current setting.
    async fn by(self, days: i64, clocks: &Clocks, world: &World) -> Result {
        match self {
            Jump::Program => clocks.set("program", days)?,
            Jump::Database => clocks.set("database", days)?,
            // Same as a clock that goes forward: everything is due earlier.
            Jump::DueTimes => {
                let shift = format!("UPDATE filefield_journal SET due_at = due_at - {}", days * 86_400);
                world.execute(&shift).await?;
            }
        }
        Ok(())
    }
}

fn inside(options: &Options, folder: &Path) -> Result<Report> {
    let clocks = Clocks(folder.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (mut report, mut random) = (Report::default(), Random::new(options.seed));
    let count = options.count.unwrap_or(200);
    let mut tries = 0;
    while report.fired < count && tries < count * 3 {
        let place = Place::new(options)?;
        let setup = place.setup(Durable::Never, false);
        let mut child = Child::ready_with(&setup, &[(Clocks::VARIABLE, clocks.file("program"))])?;
        let mut expected = Expected::default();
        let world = runtime.block_on(World::open(&setup.folder, &setup.url, Durability::None, true))?;
        prove_that_they_jump(&runtime, &clocks, &world, &mut report)?;
        for _ in 0..25 {
            if report.fired >= count {
                break;
            }
            tries += 1;
            let scenarios = scenario::some(options.text("operations", "all"), tries, &mut random);
            let scenario = random.pick(&scenarios).clone();
            let jump = match tries % 4 {
                0 => Jump::Program,
                2 => Jump::Database,
                _ => Jump::DueTimes,
            };
            let tried =
                format!("{} while {jump:?} jumps, try {tries} of --seed {}", scenario.name, options.seed);
            for order in &scenario.prepare {
                child.perform(order, &mut expected)?;
            }
            let ended = AtomicBool::new(false);
            let mut own = Random::new(random.next());
            let (end, jumps) = std::thread::scope(|scope| {
                let jumper = scope.spawn(|| {
                    runtime.block_on(world.enter(jumping(jump, &clocks, &world, &mut own, &ended)))
                });
                let end = child.perform(&scenario.order, &mut expected);
                ended.store(true, Ordering::Release);
                (end, jumper.join())
            });
            let jumps = jumps.map_err(|_| "the thread of the clocks has panicked")??;
            if jumps > 0 {
                report.fired += 1;
                report.add(&format!("jumps: {jump:?}"), jumps);
            }
            match end? {
                End::Told(Outcome::Done) => report.add("done all the same", 1),
                End::Told(Outcome::Failed { uncertain, retryable, text, kind }) => {
                    report.add("failed cleanly", 1);
                    // It was swept during the operation, or SQLite's only lock was not available. Content
                    // that was staged before the transaction must be assigned again, so a retry does not help
                    // there.
                    let is_staged =
                        matches!(scenario.order.change, Change::ReplaceIn(_) | Change::RolledBack(_));
                    let helps = retryable || (is_staged && kind == "StagedExpired");
                    if !matches!(kind.as_str(), "StagedExpired" | "Database") || uncertain || !helps {
                        report.violation("P9", format!("{kind}: {text}; after {tried}"));
                    }
                }
                End::Killed => report.violation("crash", format!("the process ended in {tried}")),
            }
            if random.below(2) == 0 {
                clocks.set("program", 0)?;
                clocks.set("database", 0)?;
            }
            match child.settle()? {
                Some(settled) => judge(&mut report, &mut expected, &settled, &tried),
                None => report.violation("crash", format!("the process ended in a sweep after {tried}")),
            }
            panics(&mut report, &mut child, &tried);
        }
        runtime.block_on(world.close())?;
    }
    report.points = tries;
    Ok(report)
}

/// Jumps and sweeps until the operation has ended. Returns the number of jumps.
async fn jumping(
    jump: Jump,
    clocks: &Clocks,
    world: &World,
    random: &mut Random,
    ended: &AtomicBool,
) -> Result<u64> {
    let mut jumps = 0;
    let mut days = *random.pick(&[-1, 1, 1]);
    loop {
        tokio::time::sleep(Duration::from_micros(random.below(1_500))).await;
        jump.by(days, clocks, world).await?;
        // Forward and back: nothing is promised to an operation that takes longer than a day.
        days = match jump {
            Jump::DueTimes => -days,
            _ => *random.pick(&[-1, 1, 1]),
        };
        if ended.load(Ordering::Acquire) {
            return Ok(jumps);
        }
        jumps += 1;
        filefield::db::sweep(&world.db).await?;
    }
}

/// A clock that does not jump would show nothing.
fn prove_that_they_jump(
    runtime: &tokio::runtime::Runtime,
    clocks: &Clocks,
    world: &World,
    report: &mut Report,
) -> Result {
    use filefield::db::{Dialect, Queries};
    let now = match world.db.dialect() {
        Dialect::Sqlite => "unixepoch()",
        Dialect::Postgres => "CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint)",
        _ => "CAST(UNIX_TIMESTAMP() AS signed)",
    };
    let ask = || {
        runtime.block_on(async {
            let rows = world.db.query(&format!("SELECT {now}"), Vec::new()).await?;
            Ok::<i64, Error>(rows.first().ok_or("no time")?.only()?)
        })
    };
    clocks.set("database", 0)?;
    let before = ask()?;
    clocks.set("database", 1)?;
    let after = ask()?;
    clocks.set("database", 0)?;
    clocks.set("program", 0)?;
    if (86_300..86_500).contains(&(after - before)) {
        report.add("worlds whose database's clock was seen to jump", 1);
        return Ok(());
    }
    Err(format!("the database's clock went from {before} to {after} instead of jumping by a day").into())
}

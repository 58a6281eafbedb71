//! Interleavings of saves, deletions, sweeps and the clock, chosen by shuttle.
//!
//! The library itself runs: `save`, `delete`, `Sweeper::run` and the clean-up that they spawn, with the real
//! statements on a real SQLite. Only two parts are replaced: the driver of the database, and the storage. Both stop before every call until the scheduler gives the actor its turn, so no model of the
//! library has to be kept up to date. An actor is a task of a tokio runtime with one thread. One shuttle
//! thread per actor gives it turns, and shuttle decides which thread continues.
//!
//! This cannot show two write transactions at once, which SQLite does not have.

mod actors;
mod bugs;
mod check;
mod database;
mod findings;
mod gate;
mod storage;

use actors::{Actor, Card, Photo, Stage};
use bugs::Bug;
use filefield::db::{Table, migrate};
use filefield::{App, FileField, Settings};
use findings::Findings;
use gate::Turn;
use serde_json::{Value, json};
use shuttle::rand::Rng;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::runtime::Runtime;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Schedules per seed of shuttle. To repeat a violation, pass the number of its round as `--seed`, and this
/// count.
const ROUND: usize = 500;

/// Every fourth round uses shuttle's preemption-bounded scheduler in place of the random one.
const PCT_EVERY: u64 = 4;

/// An actor that got no turn this often is stuck.
const PATIENCE: u32 = 5000;

/// A panic under these locks ends the schedule anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Options {
    count: u64,
    seed: u64,
    jobs: u64,
    /// The bugs to plant: `all`, `none`, or one by name.
    plant: String,
    /// The schedule to print, in each round.
    trace: Option<usize>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { count: 10_000, seed: 1, jobs: 2, plant: "all".to_owned(), trace: None };
        while let Some(argument) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
            match argument.as_str() {
                "--count" => options.count = value.parse()?,
                "--seed" => options.seed = value.parse()?,
                "--jobs" => options.jobs = value.parse()?,
                "--plant" => options.plant = value,
                "--trace" => options.trace = Some(value.parse()?),
                "--db" if value == "sqlite" => {}
                _ => return Err(format!("`{argument} {value}` is no option").into()),
            }
        }
        Ok(options)
    }
}

/// Runs the campaign and prints its JSON line. Returns whether it passed.
pub(super) fn run(arguments: impl Iterator<Item = String>) -> Result<bool> {
    let options = Options::parse(arguments)?;
    let began = Instant::now();
    let line = if options.jobs > 1 { in_parts(&options)? } else { alone(&options)? };
    let passed = line["violations"].as_object().is_some_and(serde_json::Map::is_empty)
        && line["fired"].as_u64() > Some(0);
    let mut line = line;
    line["passed"] = passed.into();
    line["seconds"] = ((began.elapsed().as_secs_f64() * 10.0).round() / 10.0).into();
    println!("{line}");
    Ok(passed)
}

/// A process runs one schedule at a time, because the library's process-wide state is part of it.
fn in_parts(options: &Options) -> Result<Value> {
    let rounds = options.count.div_ceil(ROUND as u64);
    let mut parts = Vec::new();
    for job in 0..options.jobs {
        let rounds = rounds / options.jobs + u64::from(job < rounds % options.jobs);
        // Every part handles its share of the planted bugs.
        let plant =
            if options.plant == "all" { format!("{job}/{}", options.jobs) } else { options.plant.clone() };
        let mut part = Command::new(std::env::current_exe()?);
        part.args(["--jobs", "1", "--plant", &plant]);
        part.args(["--count", &(rounds * ROUND as u64).to_string()]);
        part.args(["--seed", &(options.seed + job * 1_000_000).to_string()]);
        parts.push(part.stdout(Stdio::piped()).spawn()?);
    }
    let mut sum = json!({});
    for part in parts {
        let output = part.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let line = serde_json::from_str(text.lines().last().ok_or("a part ended without its line")?)?;
        add(&mut sum, line);
    }
    sum["seed"] = options.seed.into();
    Ok(sum)
}

/// Adds up numbers under any key, and copies everything else.
fn add(sum: &mut Value, part: Value) {
    match (sum, part) {
        (Value::Object(sum), Value::Object(part)) => {
            part.into_iter().for_each(|(key, value)| match sum.get_mut(&key) {
                Some(found) => add(found, value),
                None => drop(sum.insert(key, value)),
            });
        }
        (sum, Value::Number(part)) => *sum = (sum.as_u64().unwrap_or(0) + part.as_u64().unwrap_or(0)).into(),
        (sum, part) => *sum = part,
    }
}

fn alone(options: &Options) -> Result<Value> {
    let dir = tempfile::Builder::new().prefix("schedules").tempdir_in(memory())?;
    let world = World::new(dir.path(), options.trace)?;
    let mut violations: BTreeMap<String, u64> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for bug in planted(&options.plant)? {
        bugs::plant(Some(bug));
        let rounds = world.run(options.seed, options.count, true);
        let fired = bugs::fired();
        let seen = findings::take();
        match seen.violations.first() {
            Some((invariant, _)) => {
                found.insert(format!("{bug:?}"), json!({ "after": rounds, "as": invariant }));
            }
            None => {
                eprintln!("violation of C19: {bug:?} fired {fired} times and was not found");
                *violations.entry("C19".to_owned()).or_default() += 1;
            }
        }
    }
    bugs::plant(None);
    let points = world.run(options.seed, options.count, false);
    let Findings { fired, violations: seen } = findings::take();
    for (invariant, what) in seen {
        if violations.values().sum::<u64>() < 20 {
            eprintln!("violation of {invariant}: {what}");
        }
        *violations.entry(invariant).or_default() += 1;
    }
    Ok(json!({
        "campaign": "schedules", "db": "sqlite", "seed": options.seed, "points": points,
        "statements": database::STATEMENTS.load(Ordering::Relaxed),
        "fired": fired.values().sum::<u64>(), "faults": fired, "planted": found, "violations": violations,
    }))
}

/// `all`, `none`, a name, or `0/2` for the first of two parts.
fn planted(which: &str) -> Result<Vec<Bug>> {
    let all = bugs::ALL.into_iter();
    if let Some((part, of)) = which.split_once('/') {
        return Ok(all.skip(part.parse()?).step_by(of.parse()?).collect());
    }
    let chosen: Vec<_> = all.filter(|bug| which == "all" || format!("{bug:?}") == which).collect();
    if chosen.is_empty() && which != "none" {
        return Err(format!("no bug `{which}`; there are {:?}", bugs::ALL).into());
    }
    Ok(chosen)
}

/// A folder in memory, if there is one.
fn memory() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

struct World {
    runtime: Arc<Runtime>,
    stage: Stage,
    trace: Option<usize>,
}

impl World {
    fn new(dir: &Path, trace: Option<usize>) -> Result<World> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let db = runtime.block_on(async {
            let db = database::connect(&dir.join("t.db"))?;
            App::builder()
                .settings(Settings::default())
                .default_storage(storage::Stepped)
                .model::<Photo>()
                .model::<Card>()
                .build()?;
            migrate::<Photo>(&db).await?;
            migrate::<Card>(&db).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(db)
        })?;
        Ok(World { runtime: Arc::new(runtime), stage: Stage { db, stale: Photo::default() }, trace })
    }

    /// Runs `count` schedules, or until the first violation. Returns the number of schedules.
    fn run(&self, seed: u64, count: u64, until_found: bool) -> u64 {
        let mut done = 0;
        let mut round = seed;
        while done < count && !(until_found && findings::violations() > 0) {
            let schedules = ROUND.min(usize::try_from(count - done).unwrap_or(ROUND));
            done += match round % PCT_EVERY {
                0 => self.round(PctScheduler::new_from_seed(round, 4, schedules), round, until_found),
                _ => self.round(RandomScheduler::new_from_seed(round, schedules), round, until_found),
            };
            round += 1;
        }
        done
    }

    fn round(&self, scheduler: impl Scheduler + 'static, round: u64, until_found: bool) -> u64 {
        let mut config = shuttle::Config::new();
        config.stack_size = 1 << 20;
        config.failure_persistence = shuttle::FailurePersistence::None;
        config.silence_warnings = true;
        let (runtime, stage) = (self.runtime.clone(), self.stage.clone());
        let (schedule, ran) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let counted = ran.clone();
        let trace = self.trace;
        let over = AtomicBool::new(false);
        shuttle::Runner::new(scheduler, config).run(move || {
            let number = schedule.fetch_add(1, Ordering::Relaxed);
            // shuttle has no way to stop.
            if over.load(Ordering::Relaxed) {
                shuttle::thread::spawn(|| {}).join().ok();
                return;
            }
            counted.fetch_add(1, Ordering::Relaxed);
            gate::set_traced(trace == Some(number));
            let before = findings::violations();
            let actors = match one(&runtime, &stage) {
                Ok(actors) => actors,
                Err(error) => {
                    findings::violation("error", error.to_string());
                    Vec::new()
                }
            };
            if findings::violations() > before {
                findings::note(before, &format!("seed {round}, schedule {number}: {actors:?}"));
                over.store(until_found, Ordering::Relaxed);
            }
        });
        ran.load(Ordering::Relaxed) as u64
    }
}

/// The actors of a schedule: half of the time any, otherwise those of a known conflict. The clock and two
/// sweepers always take part.
fn draw() -> Vec<Actor> {
    let mut rng = shuttle::rand::thread_rng();
    let mut cast = match rng.gen_range(0..2 * actors::QUARRELS.len()) {
        quarrel if quarrel < actors::QUARRELS.len() => actors::QUARRELS[quarrel].to_vec(),
        _ => (0..rng.gen_range(2..5)).map(|_| actors::DRAWN[rng.gen_range(0..actors::DRAWN.len())]).collect(),
    };
    if rng.gen_ratio(1, 4) && cast[0] != Actor::Accessor {
        cast.push(Actor::Cancel);
    }
    cast.extend([Actor::Clock, Actor::Sweep, Actor::Sweep]);
    if rng.gen_ratio(1, 3) {
        cast.extend([Actor::Clock, Actor::Sweep]);
    }
    cast
}

/// One schedule.
fn one(runtime: &Arc<Runtime>, stage: &Stage) -> Result<Vec<Actor>> {
    bugs::forget();
    actors::reset();
    storage::reset();
    database::reset(&["photo", "card", "filefield_journal"])?;
    let mut rng = shuttle::rand::thread_rng();
    let shared = rng.gen_ratio(1, 4);
    let stale = runtime.block_on(async {
        let mut photo = Photo { image: FileField::new("a.jpg", "before"), ..Photo::default() };
        photo.save(&stage.db).await?;
        // The key is 1 in every schedule.
        database::rename_key("photo", photo.id)?;
        photo = Photo::objects(&stage.db).get(Photo::columns().id.eq(1)).await?;
        if shared {
            Card { id: 0, image: photo.image.clone() }.save(&stage.db).await?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(photo)
    })?;
    let stage = Stage { stale, ..stage.clone() };
    let cast = draw();
    storage::set_faults(rng.gen_ratio(1, 3));
    let late = rng.gen_ratio(1, 3);
    let longest = if rng.gen_ratio(1, 2) { 24 } else { 6 };
    gate::close();
    let mut threads = Vec::new();
    for (number, &actor) in cast.iter().enumerate() {
        let delay = match actor {
            Actor::Sweep | Actor::Clock | Actor::Cancel => rng.gen_range(0..longest),
            _ => rng.gen_range(0..if late { longest } else { 3 }),
        };
        let task = runtime.spawn(actors::run(actor, stage.clone(), delay, number));
        gate::enter(task.id(), number);
        if number == 0 {
            actors::set_first(task.abort_handle());
        }
        threads.push((number, task));
    }
    gate::settle(runtime);
    let threads: Vec<_> = threads
        .into_iter()
        .map(|(number, task)| {
            let runtime = runtime.clone();
            shuttle::thread::spawn(move || drive(&runtime, number, &task))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "an actor panicked")?;
    }
    // Tasks that they spawned continue without them.
    for _ in 0..PATIENCE {
        if gate::turn(runtime, None) == Turn::Blocked {
            break;
        }
    }
    gate::open();
    gate::settle(runtime);
    runtime.block_on(check::after(&stage.db))?;
    Ok(cast)
}

/// Gives turns to one actor, as often as shuttle lets it.
fn drive(runtime: &Runtime, actor: usize, task: &tokio::task::JoinHandle<()>) {
    let turns = shuttle::sync::atomic::AtomicUsize::new(0);
    for _ in 0..PATIENCE {
        // The point at which shuttle may continue with another thread.
        turns.fetch_add(1, Ordering::SeqCst);
        if gate::turn(runtime, Some(actor)) == Turn::Stepped {
            // From time to time a machine is paused.
            if shuttle::rand::thread_rng().gen_ratio(1, 40) {
                for _ in 0..shuttle::rand::thread_rng().gen_range(4..80) {
                    turns.fetch_add(1, Ordering::SeqCst);
                }
            }
            continue;
        }
        if task.is_finished() {
            return;
        }
        if shuttle::rand::thread_rng().gen_ratio(1, 4) {
            gate::wait_over(runtime);
        }
        shuttle::thread::yield_now();
    }
    findings::violation("stuck", format!("actor {actor} got no turn"));
}

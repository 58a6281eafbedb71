//! The child process.

use super::{Command, Reply, Setup};
use crate::campaign::Result;
use crate::campaign::world::{Outcome, World};
use filefield::StorageExt;
use filefield::testing::{Baseline, failpoints};
use filefield_tests::databases::pool;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The recorded steps, and the step to die at.
static STEPS: Mutex<Steps> = Mutex::new(Steps { noted: None, armed: None });

struct Steps {
    noted: Option<Vec<String>>,
    armed: Option<(String, u64)>,
}

/// How long the background work of operations may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Works until the standard input ends.
pub(crate) fn main(setup: &str) -> Result {
    let setup: Setup = serde_json::from_str(setup)?;
    std::panic::set_hook(Box::new(|panic| tell(&Reply::Panicked(panic.to_string()))));
    for step in failpoints::POINTS {
        failpoints::cfg_callback(*step, || visited(step))?;
    }
    let mut builder = if setup.counted {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if setup.counted {
        builder.max_blocking_threads(1).thread_keep_alive(Duration::from_secs(3600));
    } else {
        builder.worker_threads(2);
    }
    let runtime = builder.enable_all().build()?;
    let world = runtime.block_on(async {
        let judged = !setup.counted && setup.judge.is_none();
        let world = World::open(&setup.folder, &setup.url, setup.durable.into(), judged).await?;
        let Some(judge) = &setup.judge else { return Ok(world) };
        Ok::<_, crate::campaign::Error>(world.judged(&pool(judge, 1).await?))
    })?;
    let before = runtime.block_on(async {
        world.storage.exists(filefield::FileName::new("warm")?).await?;
        let before = Baseline::take(&world.db).await?;
        // Connections return to their pool in tasks. A connection that is counted now would hide one that
        // leaks later.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok::<_, crate::campaign::Error>(before)
    })?;
    let tasks = runtime.metrics().num_alive_tasks();
    tell(&Reply::Ready);
    for line in std::io::stdin().lines() {
        let command: Command = serde_json::from_str(&line?)?;
        let run = world.enter(run(&world, command, tasks, &before));
        if let Err(error) = runtime.block_on(run) {
            tell(&Reply::Failed(error.to_string()));
        }
    }
    runtime.block_on(world.close())
}

async fn run(world: &World, command: Command, tasks: usize, before: &Baseline) -> Result {
    match command {
        Command::Record => steps(|steps| steps.noted = Some(Vec::new())),
        Command::Steps => tell(&Reply::Steps(steps(|steps| steps.noted.take()).unwrap_or_default())),
        Command::Arm { step, hit } => steps(|steps| steps.armed = Some((step, hit))),
        Command::Do(order) => {
            tell(&Reply::Told(order.clone(), None));
            let outcome = Outcome::of(world.perform(&order).await);
            tell(&Reply::Told(order, Some(outcome)));
            idle(tasks).await;
            tell(&Reply::Idle);
        }
        Command::Load { seed, tasks } => {
            world
                .load(seed, tasks, u64::MAX, |order, outcome| tell(&Reply::Told(order.clone(), outcome)))
                .await;
        }
        Command::Settle => {
            let settled = world.settle(before).await?;
            tell(&Reply::Settled(settled));
        }
        Command::Threads => tell(&Reply::Threads(threads()?)),
    }
    Ok(())
}

/// Waits until no more tasks are alive than at the start.
async fn idle(tasks: usize) {
    let began = Instant::now();
    let metrics = tokio::runtime::Handle::current().metrics();
    while metrics.num_alive_tasks() > tasks && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn steps<T>(with: impl FnOnce(&mut Steps) -> T) -> T {
    with(&mut STEPS.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Called at every step of the library.
fn visited(step: &'static str) {
    let is_last = steps(|steps| {
        if let Some(noted) = &mut steps.noted {
            noted.push(step.to_owned());
        }
        match &mut steps.armed {
            Some((armed, hits)) if armed == step => {
                *hits -= 1;
                *hits == 0
            }
            _ => false,
        }
    });
    if is_last {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// One line, one write: a killed process never leaves half a line that counts.
fn tell(reply: &Reply) {
    let Ok(mut line) = serde_json::to_string(reply) else { return };
    line.push('\n');
    // A parent that is gone needs no answer.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

fn threads() -> Result<Vec<(u32, String)>> {
    let mut threads = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        let name = std::fs::read_to_string(entry.path().join("comm"))?;
        threads.push((entry.file_name().to_string_lossy().parse()?, name.trim().to_owned()));
    }
    threads.sort();
    Ok(threads)
}

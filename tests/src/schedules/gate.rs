//! The gate before every statement and every storage call. A caller waits until the scheduler gives its actor
//! one step.

use super::lock;
use shuttle::rand::Rng;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task;

/// A sweep that waits for the clean-up of saves in its own process gives up after two seconds.
const PATIENCE: Duration = Duration::from_millis(2100);

static GATES: Mutex<Gates> = Mutex::new(Gates::new());

/// Steps taken in this schedule: its clock of events.
static STEP: AtomicU64 = AtomicU64::new(0);

/// Whether an actor has the only write transaction.
pub(super) static WRITING: AtomicBool = AtomicBool::new(false);

struct Gates {
    closed: bool,
    /// The actor whose turn it is.
    current: usize,
    tasks: Option<HashMap<task::Id, usize>>,
    waiting: Vec<Waiter>,
}

impl Gates {
    const fn new() -> Self {
        Gates { closed: false, current: 0, tasks: None, waiting: Vec::new() }
    }
}

struct Waiter {
    actor: usize,
    needs_writer: bool,
    open: oneshot::Sender<()>,
}

/// The result of a turn.
#[derive(PartialEq)]
pub(super) enum Turn {
    Stepped,
    /// Everything that the actor does waits for another actor, or it has ended.
    Blocked,
}

pub(super) fn step() -> u64 {
    STEP.load(Ordering::Relaxed)
}

/// Whether the schedule is printed, step by step.
static TRACED: AtomicBool = AtomicBool::new(false);

pub(super) fn set_traced(traced: bool) {
    TRACED.store(traced, Ordering::Relaxed);
}

/// Prints what is done in this step.
pub(super) fn trace(what: impl FnOnce() -> String) {
    if TRACED.load(Ordering::Relaxed) {
        eprintln!("{:4} actor {}: {}", step(), lock(&GATES).current, what());
    }
}

/// Closes the gates: from now on every step needs a turn.
pub(super) fn close() {
    *lock(&GATES) = Gates { closed: true, tasks: Some(HashMap::new()), ..Gates::new() };
    STEP.store(1, Ordering::Relaxed);
}

/// Opens the gates: code runs without turns.
pub(super) fn open() {
    lock(&GATES).closed = false;
}

pub(super) fn is_closed() -> bool {
    lock(&GATES).closed
}

/// Records whose task this is. Tasks that it spawns are recognised at their first step.
pub(super) fn enter(task: task::Id, actor: usize) {
    if let Some(tasks) = &mut lock(&GATES).tasks {
        tasks.insert(task, actor);
    }
}

/// Waits for a turn. With `needs_writer`, it gets none while another transaction writes.
pub(super) async fn pass(needs_writer: bool) {
    let wait = {
        let mut gates = lock(&GATES);
        if !gates.closed {
            return;
        }
        let current = gates.current;
        let actor = match (&mut gates.tasks, task::try_id()) {
            (Some(tasks), Some(id)) => *tasks.entry(id).or_insert(current),
            _ => current,
        };
        let (open, wait) = oneshot::channel();
        gates.waiting.push(Waiter { actor, needs_writer, open });
        wait
    };
    // The sender is dropped only with the schedule.
    let _ = wait.await;
}

/// Lets `actor`, or any actor for `None`, take a step, and runs it until everybody waits again.
pub(super) fn turn(runtime: &Runtime, actor: Option<usize>) -> Turn {
    let next = {
        let mut gates = lock(&GATES);
        let writing = WRITING.load(Ordering::Relaxed);
        gates.waiting.retain(|waiter| !waiter.open.is_closed());
        let may = |waiter: &Waiter| {
            actor.is_none_or(|actor| waiter.actor == actor) && !(waiter.needs_writer && writing)
        };
        let ready: Vec<usize> =
            (0..gates.waiting.len()).filter(|&index| may(&gates.waiting[index])).collect();
        let chosen = match ready.len() {
            0 => None,
            1 => Some(ready[0]),
            many => Some(ready[shuttle::rand::thread_rng().gen_range(0..many)]),
        };
        chosen.map(|index| {
            let waiter = gates.waiting.swap_remove(index);
            gates.current = waiter.actor;
            waiter.open
        })
    };
    let Some(open) = next else { return Turn::Blocked };
    STEP.fetch_add(1, Ordering::Relaxed);
    let _ = open.send(());
    settle(runtime);
    Turn::Stepped
}

/// Lets the time of waits pass.
pub(super) fn wait_over(runtime: &Runtime) {
    runtime.block_on(tokio::time::advance(PATIENCE));
    settle(runtime);
}

/// Runs all tasks until each has ended or waits.
pub(super) fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        // A transaction of the caller begins in a task of its own.
        for _ in 0..6 {
            task::yield_now().await;
        }
    });
}

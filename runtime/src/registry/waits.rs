//! Which thread evaluates what and waits for what, so that storage functions that need each other are an error and
//! not a deadlock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// A cell, by its address.
pub(super) type Id = usize;

/// A thread is on the left of one entry of `waits` at most, and a cell of one of `owners`. Both are as long as there
/// are evaluations under way, which is hardly ever more than a few.
struct Graph {
    owners: Vec<(Id, ThreadId)>,
    waits: Vec<(ThreadId, Id)>,
}

static GRAPH: Mutex<Graph> = Mutex::new(Graph { owners: Vec::new(), waits: Vec::new() });

fn graph() -> MutexGuard<'static, Graph> {
    GRAPH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread wants a cell, until this is dropped.
pub(super) struct Wait(ThreadId);

/// This thread evaluates a cell, until this is dropped.
pub(super) struct Owner(Id);

/// Says that this thread is about to wait for `cell`, or evaluate it. `None` if it would wait for itself: a circle
/// always closes with a wait, so looking for one here finds all.
pub(super) fn wait(cell: Id) -> Option<Wait> {
    let this = thread::current().id();
    let mut graph = graph();
    let mut next = Some(cell);
    while let Some(wanted) = next {
        let owner = graph.owners.iter().find(|(owned, _)| *owned == wanted).map(|(_, owner)| *owner);
        if owner == Some(this) {
            return None;
        }
        next = graph.waits.iter().find(|(waiting, _)| Some(*waiting) == owner).map(|(_, wanted)| *wanted);
    }
    graph.waits.push((this, cell));
    Some(Wait(this))
}

/// Says that this thread evaluates `cell`, and so waits no longer.
pub(super) fn own(cell: Id) -> Owner {
    let this = thread::current().id();
    let mut graph = graph();
    graph.waits.retain(|(waiting, _)| *waiting != this);
    graph.owners.push((cell, this));
    Owner(cell)
}

impl Drop for Wait {
    fn drop(&mut self) {
        graph().waits.retain(|(waiting, _)| *waiting != self.0);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        graph().owners.retain(|(owned, _)| *owned != self.0);
    }
}

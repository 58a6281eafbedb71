//! Which thread evaluates and waits for which cell, so that storage functions that need each other cause an
//! error instead of a deadlock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// A cell, identified by its address.
pub(super) type Id = usize;

/// Each thread appears at most once in `waits`, and each cell at most once in `owners`. Both are as long as
/// the number of running evaluations, which is rarely more than a few.
struct Graph {
    owners: Vec<(Id, ThreadId)>,
    waits: Vec<(ThreadId, Id)>,
}

static GRAPH: Mutex<Graph> = Mutex::new(Graph { owners: Vec::new(), waits: Vec::new() });

fn graph() -> MutexGuard<'static, Graph> {
    GRAPH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread waits for a cell, until this is dropped.
pub(super) struct Wait(ThreadId);

/// This thread evaluates a cell, until this is dropped.
pub(super) struct Owner(Id);

/// Records that this thread is about to wait for `cell` or evaluate it. Returns `None` if it would wait for
/// itself. Every circle closes with a wait, so checking here finds all of them.
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

/// Records that this thread evaluates `cell` and no longer waits.
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

//! Findings: faults and refusals by name, and violations with the schedule that shows them.

use super::lock;
use std::collections::BTreeMap;
use std::sync::Mutex;

static SEEN: Mutex<Findings> = Mutex::new(Findings::new());

#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How often something happened that only an interleaving or a fault causes.
    pub(super) fired: BTreeMap<String, u64>,
    pub(super) violations: Vec<(String, String)>,
}

impl Findings {
    const fn new() -> Self {
        Findings { fired: BTreeMap::new(), violations: Vec::new() }
    }
}

pub(super) fn fired(what: &str) {
    let mut seen = lock(&SEEN);
    match seen.fired.get_mut(what) {
        Some(count) => *count += 1,
        None => drop(seen.fired.insert(what.to_owned(), 1)),
    }
}

pub(super) fn violation(invariant: &str, seen: String) {
    lock(&SEEN).violations.push((invariant.to_owned(), seen));
}

pub(super) fn violations() -> usize {
    lock(&SEEN).violations.len()
}

/// Takes what was seen so far.
pub(super) fn take() -> Findings {
    std::mem::take(&mut *lock(&SEEN))
}

/// Adds the place to the violations after the first `known`.
pub(super) fn note(known: usize, place: &str) {
    for (_, seen) in &mut lock(&SEEN).violations[known..] {
        seen.push_str(&format!(" ({place})"));
    }
}

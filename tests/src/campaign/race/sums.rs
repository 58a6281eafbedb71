//! Counts of what happened.

use super::Report;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More texts of one kind add no information.
const MOST_TEXTS: usize = 20;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    /// Operations that were acknowledged, by name.
    pub(super) done: BTreeMap<String, u64>,
    /// Races that were lost: a name was taken, or a lease or a row was gone.
    pub(super) lost: BTreeMap<String, u64>,
    /// Broken invariants and what was seen.
    pub(super) violations: Vec<(String, String)>,
    /// Rows that were acknowledged and not deleted.
    pub(super) rows: BTreeSet<String>,
}

impl Sums {
    pub(super) fn done(&mut self, what: &str) {
        *self.done.entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn lost(&mut self, what: &str, count: u64) {
        *self.lost.entry(what.to_owned()).or_default() += count;
    }

    pub(super) fn broken(&mut self, invariant: &str, seen: impl Into<String>) {
        if self.violations.len() < MOST_TEXTS {
            self.violations.push((invariant.to_owned(), seen.into()));
        } else {
            self.violations.push((invariant.to_owned(), String::new()));
        }
    }

    /// Whether so much is broken that continuing shows nothing new, and may never end.
    pub(super) fn is_enough(&self) -> bool {
        self.violations.len() >= MOST_TEXTS
    }

    pub(super) fn add(&mut self, other: Sums) {
        for (what, count) in other.done {
            *self.done.entry(what).or_default() += count;
        }
        for (what, count) in other.lost {
            self.lost(&what, count);
        }
        self.violations.extend(other.violations);
        self.rows.extend(other.rows);
    }

    pub(super) fn report(&self, report: &mut Report, again: &str) {
        for (what, count) in &self.done {
            report.add(what, *count);
        }
        for (what, count) in &self.lost {
            report.add(&format!("lost: {what}"), *count);
        }
        report.points = self.done.values().sum();
        report.fired = self.lost.values().sum();
        for (invariant, seen) in &self.violations {
            report.violation(invariant, format!("{seen}; {again}"));
        }
    }
}

//! What a campaign visited, injected and found.

use super::Result;
use super::options::Options;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Points, states, sequences or schedules that were visited.
    pub(crate) points: u64,
    /// Faults that actually happened.
    pub(crate) fired: u64,
    /// Broken invariants by name: `R1`, `R5`.
    pub(crate) violations: BTreeMap<String, u64>,
    /// Additional figures of one campaign.
    pub(crate) more: Map<String, Value>,
    /// Whether violations are counted without printing: those of a planted bug are expected.
    pub(crate) is_quiet: bool,
}

impl Report {
    /// Counts a broken invariant, and prints the observation.
    pub(crate) fn violation(&mut self, invariant: &str, seen: impl std::fmt::Display) {
        *self.violations.entry(invariant.to_owned()).or_default() += 1;
        if !self.is_quiet {
            eprintln!("violation of {invariant}: {seen}");
        }
    }

    /// Adds to an additional figure.
    pub(crate) fn add(&mut self, figure: &str, count: u64) {
        let before = self.more.get(figure).and_then(Value::as_u64).unwrap_or(0);
        self.more.insert(figure.to_owned(), (before + count).into());
    }

    /// Zero fired is a failure: a campaign that injects nothing shows nothing.
    pub(crate) fn is_passed(&self) -> bool {
        self.violations.is_empty() && self.fired > 0
    }

    /// Parses the output of [`to_json`](Self::to_json) of another process.
    pub(crate) fn from_json(line: &Value) -> Result<Report> {
        let number = |key: &str| line.get(key).and_then(Value::as_u64).ok_or("a report without figures");
        let violations = line.get("violations").cloned().unwrap_or_default();
        let mut more = line.as_object().cloned().unwrap_or_default();
        for key in ["campaign", "db", "seed", "points", "fired", "violations", "seconds", "passed"] {
            more.remove(key);
        }
        Ok(Report {
            points: number("points")?,
            fired: number("fired")?,
            violations: serde_json::from_value(violations)?,
            more,
            is_quiet: false,
        })
    }

    pub(crate) fn to_json(&self, campaign: &str, options: &Options, took: Duration) -> Value {
        let mut line = json!({
            "campaign": campaign, "db": options.db.to_string(), "seed": options.seed,
            "points": self.points, "fired": self.fired, "violations": self.violations,
            "seconds": (took.as_secs_f64() * 10.0).round() / 10.0, "passed": self.is_passed(),
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(self.more.clone());
        }
        line
    }
}

//! What the rows may hold, according to the reported operations (R6).

use super::{Files, Order, Outcome, Rows};
use std::collections::{BTreeMap, BTreeSet};

/// The possible states of every row; `None` stands for no row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    rows: BTreeMap<String, BTreeSet<Option<Files>>>,
    /// States before the operation in progress.
    before: BTreeMap<String, BTreeSet<Option<Files>>>,
    acknowledged: u64,
}

impl Expected {
    /// An operation begins: from now on the row may be in the old or the new state.
    pub(crate) fn begin(&mut self, order: &Order) {
        let before = self.rows.get(&order.row).cloned().unwrap_or_else(|| [None].into());
        let after = before.iter().map(|files| order.after(*files));
        let both = before.iter().copied().chain(after).collect();
        self.rows.insert(order.row.clone(), both);
        self.before.insert(order.row.clone(), before);
    }

    /// It has ended: done, not done, or unknown.
    pub(crate) fn end(&mut self, order: &Order, outcome: &Outcome) {
        let Some(before) = self.before.remove(&order.row) else { return };
        match outcome {
            Outcome::Done => {
                self.acknowledged += 1;
                let after = before.iter().map(|files| order.after(*files)).collect();
                self.rows.insert(order.row.clone(), after);
            }
            Outcome::Failed { uncertain: false, .. } => drop(self.rows.insert(order.row.clone(), before)),
            Outcome::Failed { uncertain: true, .. } => {}
        }
    }

    /// Records a report: the beginning of an operation, or its end.
    pub(crate) fn told(&mut self, order: &Order, outcome: Option<&Outcome>) {
        match outcome {
            None => self.begin(order),
            Some(outcome) => self.end(order, outcome),
        }
    }

    /// Whether the row certainly exists.
    pub(crate) fn is_there(&self, row: &str) -> bool {
        self.rows.get(row).is_some_and(|states| !states.contains(&None))
    }

    /// How many operations were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Returns what is wrong with the rows that were found. From now on they are the expected state.
    pub(crate) fn compare(&mut self, found: &Rows) -> Vec<String> {
        let mut wrong = Vec::new();
        for (row, states) in &self.rows {
            let files = found.get(row).copied();
            if !states.contains(&files) {
                wrong.push(format!("row `{row}` is {files:?}, and may be one of {states:?}"));
            }
        }
        let unknown = found.keys().filter(|row| !self.rows.contains_key(*row));
        wrong.extend(unknown.map(|row| format!("nobody has made row `{row}`")));
        self.before.clear();
        self.rows = found.iter().map(|(row, files)| (row.clone(), [Some(*files)].into())).collect();
        wrong
    }
}

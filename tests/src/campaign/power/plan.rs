//! The operations of a workload. They follow from its seed, so the checker knows them too.

use crate::campaign::world::{Change, Files, Order, Random, Rows};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A workload, as both hidden sub-commands get it on the command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(super) seed: u64,
    pub(super) tasks: u64,
    /// Operations of each task, one after the other.
    pub(super) operations: u64,
    /// A planted bug, or the empty string.
    pub(super) planted: String,
    /// Where the checker counts.
    pub(super) tally: PathBuf,
}

impl Plan {
    /// The operations of one task. The first ones need no row.
    pub(super) fn orders(&self, task: u64) -> Vec<Order> {
        let mut random = Random::new(self.seed ^ (task << 48));
        let (mut names, mut orders) = (Vec::<String>::new(), Vec::new());
        for number in 0..self.operations {
            let mut file = || Some(random.file());
            let files = Files { photo: file(), manual: file(), key: file() };
            let parts = match random.below(4) {
                0 => files,
                1 => Files { manual: None, ..files },
                2 => Files { key: None, manual: None, ..files },
                _ => Files { photo: None, ..files },
            };
            let choice = if names.is_empty() { 0 } else { random.below(12) };
            let name = match choice {
                0..4 => format!("task {task}, row {number}"),
                _ => random.pick(&names).clone(),
            };
            let change = match choice {
                0..4 => Change::Create(parts),
                4..7 => Change::Replace(parts),
                7 => Change::Clear,
                8 => Change::Refused(parts),
                9 => Change::Sweep,
                10 => Change::DeleteIn,
                _ => Change::Delete,
            };
            match change {
                Change::Create(_) => names.push(name.clone()),
                Change::Delete | Change::DeleteIn => names.retain(|known| *known != name),
                _ => {}
            }
            orders.push(Order::new(name, change));
        }
        orders
    }

    /// The rows of one task after none, one, two and more of its operations.
    pub(super) fn states(&self, task: u64) -> Vec<Rows> {
        let mut states = vec![Rows::new()];
        for order in self.orders(task) {
            let mut rows = states[states.len() - 1].clone();
            if let Some(files) = order.after(rows.remove(&order.row)) {
                rows.insert(order.row, files);
            }
            states.push(rows);
        }
        states
    }
}

//! The findings of the checker for each state. They are lines in a file, because the rig reports only how
//! often each text came.

use crate::campaign::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// One state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// The number of operations of each task that were acknowledged before the cut.
    pub(super) acknowledged: BTreeMap<u64, u64>,
    /// Operations that had happened without being acknowledged.
    pub(super) ahead: u64,
    pub(super) violations: Vec<(String, String)>,
    /// Files that the sweeps after the cut deleted.
    pub(super) deleted: u64,
}

impl Tally {
    pub(super) fn append(&self, path: &Path) -> Result {
        let mut file = std::fs::File::options().append(true).create(true).open(path)?;
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        file.write_all(line.as_bytes())?;
        Ok(())
    }
}

/// All of them.
pub(super) fn read(path: &Path) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
        tallies.push(serde_json::from_str(line)?);
    }
    Ok(tallies)
}

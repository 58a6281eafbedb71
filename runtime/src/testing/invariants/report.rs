//! The result of a check of the invariants.

use crate::testing::{Invariant, Violation};
use std::fmt;

/// More violations add no information.
const MOST_VIOLATIONS: usize = 1000;

/// The findings of a check, and how much it covered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvariantReport {
    /// The violations, at most 1,000.
    pub violations: Vec<Violation>,
    /// The number of violations beyond those.
    pub omitted: u64,
    /// What could not be checked, with the reason.
    pub unchecked: Vec<(Invariant, String)>,
    /// The file columns that were searched, as `table.column`.
    pub columns: Vec<String>,
    /// Names in these columns whose files were checked.
    pub referenced: u64,
    /// Files whose bytes were read and compared with a hash.
    pub hashed: u64,
    /// Files that the storage lists.
    pub listed: u64,
    /// Listed files that only the journal knows.
    pub journaled: u64,
}

impl InvariantReport {
    /// Returns `true` if no invariant is broken.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns `true` if this invariant is broken.
    pub fn breaks(&self, invariant: Invariant) -> bool {
        self.violations.iter().any(|violation| violation.invariant == invariant)
    }

    /// Checks that no invariant is broken.
    ///
    /// # Panics
    /// If an invariant is broken. The message lists all findings.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "files and rows do not agree: {self}");
    }

    pub(super) fn add(&mut self, violation: Violation) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(violation);
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn broken(
        &mut self,
        invariant: Invariant,
        name: impl Into<Option<String>>,
        seen: impl Into<String>,
    ) {
        self.add(Violation::new(invariant, name, seen));
    }

    pub(super) fn unchecked(&mut self, invariant: Invariant, why: impl Into<String>) {
        self.unchecked.push((invariant, why.into()));
    }
}

impl fmt::Display for InvariantReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvariantReport {
            violations,
            omitted,
            unchecked,
            columns,
            referenced,
            hashed,
            listed,
            journaled,
        } = self;
        write!(
            f,
            "{} violations; looked at {referenced} referenced names ({hashed} hashed) in {}, and at {listed} files \
             ({journaled} of them in the journal only)",
            violations.len() as u64 + omitted,
            columns.join(", "),
        )?;
        for violation in violations {
            write!(f, "\n  {violation}")?;
        }
        if *omitted > 0 {
            write!(f, "\n  and {omitted} more")?;
        }
        for (invariant, why) in unchecked {
            write!(f, "\n  not checked, {invariant}: {why}")?;
        }
        Ok(())
    }
}

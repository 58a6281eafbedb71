//! The invariants, and their violations.

use std::fmt;

/// An invariant that must hold after every crash, fault and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Invariant {
    /// Every referenced name has a complete file, with the stored size and hash.
    R1,
    /// Every file in the storage is referenced or in the journal. After a full sweep, every file is
    /// referenced.
    R2,
    /// There is no `#digits` name, temporary file or empty leftover.
    R3,
    /// The journal is empty after a full sweep with healthy backends.
    R4,
    /// No file is deleted while it is referenced.
    R5,
    /// An acknowledged operation is visible, also after a restart.
    R6,
    /// Names that differ in one byte never compare equal in the database.
    R7,
    /// Files of other programs in the storage are unchanged.
    R8,
    /// There are no more descriptors, tasks, connections in use or temporary files than before.
    R9,
    /// A connection taken from the pool is not inside a transaction.
    R10,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The invariant.
    pub invariant: Invariant,
    /// The stored name in question, if there is one.
    pub name: Option<String>,
    /// The observation.
    pub seen: String,
}

impl Violation {
    pub(super) fn new(
        invariant: Invariant,
        name: impl Into<Option<String>>,
        seen: impl Into<String>,
    ) -> Self {
        Violation { invariant, name: name.into(), seen: seen.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.invariant)?;
        if let Some(name) = &self.name {
            write!(f, "\"{}\": ", name.escape_debug())?;
        }
        f.write_str(&self.seen)
    }
}

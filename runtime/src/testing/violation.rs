//! What must hold, and what was seen to be broken.

use std::fmt;

/// What must hold after every crash, fault and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Invariant {
    /// Every referenced name exists, whole, its size and hash as stored.
    R1,
    /// No name in the storage that is neither referenced nor journaled; after a full sweep none that is not referenced.
    R2,
    /// No `#digits` name, temporary file or empty leftover.
    R3,
    /// The journal is empty after a full sweep with healthy backends.
    R4,
    /// No file is deleted while it is referenced.
    R5,
    /// An acknowledged operation is visible, also after a restart.
    R6,
    /// Names that differ in one byte never compare equal in the database.
    R7,
    /// Files of others in the storage are untouched.
    R8,
    /// No descriptor, task, connection in use or temporary file more than before.
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
    /// Which one.
    pub invariant: Invariant,
    /// The stored name in question, where there is one.
    pub name: Option<String>,
    /// What was seen.
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

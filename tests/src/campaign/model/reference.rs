//! The expected state: rows, the names they hold, and the bytes under each name. It knows nothing of journals
//! and sweeps.

use std::collections::{BTreeMap, BTreeSet};

/// Columns `photo`, `deed` and `kept`.
pub(super) const COLUMNS: usize = 3;

/// The column whose files outlive their rows.
pub(super) const KEPT: usize = 2;

/// What a column should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// This name, or none if it is empty.
    Name(String),
    /// An unused name, chosen by the library, with these bytes under it.
    New(String),
}

impl Held {
    pub(super) fn name(&self) -> &str {
        match self {
            Held::Name(name) => name,
            Held::New(_) => "",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) note: String,
    pub(super) files: [Held; COLUMNS],
}

pub(super) type Rows = BTreeMap<i64, Row>;

/// The key of a row that is to be inserted.
pub(super) const INSERTED: i64 = 0;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// With an error that says that nothing was written.
    Badly,
    /// Unknown: its future was dropped, or its error says so.
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) rows: Rows,
    /// The bytes under every name that may be read.
    pub(super) bytes: BTreeMap<String, String>,
    /// Names of files that no row holds and that no sweep may delete.
    pub(super) loose: BTreeSet<String>,
}

impl Reference {
    pub(super) fn is_held(&self, name: &str) -> bool {
        self.rows.values().flat_map(|row| &row.files).any(|held| held.name() == name)
    }

    /// All names that rows hold.
    pub(super) fn held(&self) -> BTreeSet<String> {
        let files = self.rows.values().flat_map(|row| &row.files);
        files.map(|held| held.name().to_owned()).filter(|name| !name.is_empty()).collect()
    }

    /// Compares the actual state with the expected one: `after` if the operation succeeded, the previous
    /// state if it failed. Returns the new names, with the bytes that must be under them.
    pub(super) fn agree(
        &mut self,
        after: &Rows,
        ended: Ended,
        actual: &Rows,
    ) -> Result<Vec<(String, String)>, String> {
        let happened = self.matches(after, actual);
        let new = match (ended, happened) {
            (Ended::Well, Ok(new)) => new,
            // An unchanged row may name a missing file, which looks like the name of a new one.
            (Ended::Unknown, Ok(new)) if *actual != self.rows => new,
            (Ended::Well, Err(difference)) => return Err(difference),
            (Ended::Badly | Ended::Unknown, _) => self
                .matches(&self.rows, actual)
                .map_err(|difference| format!("it ended {ended:?}, and yet {difference}"))?,
        };
        // What a row of the column `kept` releases stays.
        for (key, row) in &self.rows {
            let name = row.files[KEPT].name();
            let now = actual.get(key).map_or("", |row| row.files[KEPT].name());
            if !name.is_empty() && name != now {
                self.loose.insert(name.to_owned());
            }
        }
        self.rows = actual.clone();
        Ok(new)
    }

    fn matches(&self, expected: &Rows, actual: &Rows) -> Result<Vec<(String, String)>, String> {
        let mut new = Vec::new();
        let mut strangers = actual.keys().filter(|key| !expected.contains_key(key));
        for (key, row) in expected {
            let key = match *key {
                INSERTED => strangers.next().filter(|key| !self.rows.contains_key(key)),
                _ => Some(key),
            };
            let found =
                key.and_then(|key| actual.get(key)).ok_or_else(|| format!("no row {key:?} like {row:?}"))?;
            if found.note != row.note {
                return Err(format!("row {key:?} says `{}`, not `{}`", found.note, row.note));
            }
            for (wanted, held) in row.files.iter().zip(&found.files) {
                match wanted {
                    Held::Name(_) if wanted == held => {}
                    Held::New(bytes) if !held.name().is_empty() => {
                        let name = held.name().to_owned();
                        if self.is_held(&name) && self.bytes.contains_key(&name) || self.loose.contains(&name)
                        {
                            return Err(format!("`{name}` was given away twice"));
                        }
                        new.push((name, bytes.clone()));
                    }
                    _ => return Err(format!("row {key:?} holds {held:?}, not {wanted:?}")),
                }
            }
        }
        match strangers.next() {
            Some(key) => Err(format!("row {key} came from nowhere: {:?}", actual.get(key))),
            None => Ok(new),
        }
    }
}

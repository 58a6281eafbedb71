//! After a crash: everything becomes due and is swept, and then file and row must agree (R1 to R10).

use super::{Car, Files, Rows, World, foreign, model};
use crate::campaign::Result;
use filefield::db::Db;
use filefield::db::Queries;
use filefield::prelude::*;
use filefield::testing::{Baseline, Invariants};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How often everything may become due until the journal is empty: an entry, its tombstone, and one more.
const ROUNDS: usize = 4;

/// The state of a settled world.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) rows: Rows,
    /// Broken invariants, with the observation.
    pub(crate) violations: Vec<(String, String)>,
    /// Files that the sweeps deleted.
    pub(crate) deleted: u64,
}

impl Settled {
    fn broken(&mut self, invariant: &str, seen: impl Into<String>) {
        self.violations.push((invariant.to_owned(), seen.into()));
    }
}

impl World {
    /// Sweeps as if all leases and tombstones had passed, until the journal is empty, and checks everything.
    pub(crate) async fn settle(&self, before: &Baseline) -> Result<Settled> {
        let mut settled = Settled::default();
        for _ in 0..ROUNDS {
            self.execute("UPDATE filefield_journal SET due_at = 0").await?;
            settled.deleted += filefield::db::sweep(&self.db).await?.deleted;
            if self.journal().await?.is_empty() {
                break;
            }
        }
        self.check(&mut settled, before).await?;
        Ok(settled)
    }

    /// The entries of the journal, as text.
    pub(crate) async fn journal(&self) -> Result<Vec<String>> {
        let sql = "SELECT kind, state, name, COALESCE(last_error, '') AS problem FROM filefield_journal";
        let mut entries = Vec::new();
        for row in self.db.query(sql, Vec::new()).await? {
            let text = |column: &str| row.get::<String>(column);
            let (kind, state, name, problem) =
                (text("kind")?, text("state")?, text("name")?, text("problem")?);
            entries.push(format!("{kind} {state} {name} {problem}"));
        }
        Ok(entries)
    }

    async fn check(&self, settled: &mut Settled, before: &Baseline) -> Result<()> {
        let beside = match &self.beside {
            Some(db) => files_named(db).await?,
            None => BTreeSet::new(),
        };
        let mut check = Invariants::new(&self.db, &self.storage).model::<Car>().swept().since(before);
        // The storage lists it, but does not accept the name. It is checked below.
        check = check.leave_out(move |name| {
            (name.starts_with('.') && !name.starts_with(".filefield/")) || beside.contains(name)
        });
        for (name, bytes) in foreign::files() {
            check = check.foreign(name, bytes);
        }
        if let Some(recording) = &self.recording {
            check = check.recording(recording);
        }
        let report = check.check().await?;
        for violation in report.violations {
            settled.broken(&violation.invariant.to_string(), violation.to_string());
        }
        if let Some(recording) = &self.recording {
            recording.clear();
        }
        let mut named = BTreeSet::new();
        for car in Car::objects(&self.db).all().await? {
            let files = self.files_of(&car, &mut named, settled).await;
            settled.rows.insert(car.name, files);
        }
        for touched in foreign::touched(&self.media()) {
            settled.broken("R8", touched);
        }
        Ok(())
    }

    /// The numbers of one row's files. The library's checker compares them with the row; here the bytes are
    /// compared with those that were saved (R1).
    async fn files_of(&self, car: &Car, named: &mut BTreeSet<String>, settled: &mut Settled) -> Files {
        let mut files = Files::default();
        let photo = (car.photo.name(), car.photo().read().await, Some(&car.photo_meta), &mut files.photo);
        let manual = car.manual.as_ref().and_then(|manual| manual.name());
        let manual = (manual, car.manual().read().await, Some(&car.manual_meta), &mut files.manual);
        let key = (car.key.name(), car.key().read().await, None, &mut files.key);
        for (name, read, meta, number) in [photo, manual, key] {
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                if meta.is_some_and(|meta| !meta.is_empty()) {
                    settled
                        .broken("R1", format!("row `{}` has meta of a file that it does not name", car.name));
                }
                continue;
            };
            if !named.insert(name.to_owned()) {
                settled.broken("R1", format!("{name} belongs to two rows"));
            }
            match read {
                Err(error) => settled.broken("R1", format!("row `{}`: {error}", car.name)),
                Ok(bytes) => {
                    *number = model::number(&bytes);
                    if number.is_none() {
                        let seen =
                            format!("{name} of row `{}` is not whole: {} bytes", car.name, bytes.len());
                        settled.broken("R1", seen);
                    }
                    if meta.is_some_and(|meta| meta.size != Some(bytes.len() as u64)) {
                        settled.broken("R1", format!("{name} of row `{}` has another size", car.name));
                    }
                }
            }
        }
        if car.photo.name().is_some_and(|name| !name.is_empty()) != (car.width == Some(513)) {
            settled.broken("R1", format!("row `{}` has dimensions of another file", car.name));
        }
        files
    }
}

/// The names of all files that the rows of a database have.
pub(crate) async fn files_named(db: &Db) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for car in Car::objects(db).all().await? {
        let manual = car.manual.as_ref().and_then(|manual| manual.name());
        let found = [car.photo.name(), manual, car.key.name()].into_iter().flatten();
        names.extend(found.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    Ok(names)
}

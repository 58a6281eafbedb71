//! The sweeper: finish what the journal says (G1–G5).

use super::entry::{Entry, any, check_backend, count, entries, execute, token};
use super::{is_missing_table, sql};
use crate::field::FieldDef;
use crate::registry;
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, name};
use sea_orm::DatabaseConnection;
use std::time::Duration;
use tokio::sync::RwLock;

/// Base of the exponential back-off between two tries of one entry, in seconds.
const BACK_OFF: i64 = 30;
/// After this many tries an entry waits for a person.
const MAX_ATTEMPTS: i64 = 20;
/// How long a swept write is remembered for a second look, in seconds: longer than any upload (F45).
const TOMBSTONE: i64 = 24 * 60 * 60;
/// Entries fenced at a time.
const BATCH: i64 = 100;
/// How long a sweep waits for the clean-up of saves.
const PATIENCE: Duration = Duration::from_secs(2);

/// Held for reading while a save's own clean-up runs in the background. A sweep waits for those that have begun, so
/// that what was due when it was called is done when it returns, but not for ever: a storage may hang.
static NUDGED: RwLock<()> = RwLock::const_new(());

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// Entries that were due.
    pub examined: u64,
    /// Files deleted.
    pub deleted: u64,
    /// Files kept because a row names them.
    pub referenced: u64,
    /// Files that were not there, or not ours.
    pub absent: u64,
    /// Entries that failed and will be tried again.
    pub failed: u64,
    /// Entries that wait for a person, old ones included: alarm when this grows.
    pub dead: u64,
}

/// Sweeps the journal of one database. Any number may run at once, in any number of processes.
///
/// A file that several rows name is kept as long as a column of a *registered* model names it: register all models that
/// share a storage before the first save or sweep of a process, with [`App::build`](crate::App) or
/// [`migrate`](crate::db::migrate).
#[derive(Clone, Debug)]
pub struct Sweeper {
    db: DatabaseConnection,
    tombstone: i64,
}

/// What became of one entry.
enum Outcome {
    Deleted,
    Referenced,
    Absent,
    Dead(String),
}

impl Sweeper {
    /// A sweeper of `db`.
    pub fn new(db: &DatabaseConnection) -> Self {
        Sweeper { db: db.clone(), tombstone: TOMBSTONE }
    }

    /// How many seconds a swept write is remembered for a second look, a day by default. An upload that takes longer
    /// may be swept under its feet and then leave a file for the audit.
    #[must_use]
    pub fn tombstone_seconds(mut self, seconds: u32) -> Self {
        self.tombstone = seconds.into();
        self
    }

    /// Works off everything that is due.
    ///
    /// An entry that fails is tried again later; the sweep goes on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn run(&self) -> Result<SweepReport> {
        check_backend(&self.db)?;
        let _ = tokio::time::timeout(PATIENCE, NUDGED.write()).await;
        let mut report = SweepReport::default();
        loop {
            let due = entries(&self.db, sql::FENCE_DUE, vec![BACK_OFF.into(), BATCH.into()]).await?;
            for entry in &due {
                self.work_off(entry, false, &mut report).await?;
            }
            if due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                break;
            }
        }
        report.dead = count(&self.db, sql::COUNT_DEAD).await?;
        Ok(report)
    }

    /// Works off one fenced entry (G2–G5). `finished` says that its writer is known to have ended.
    async fn work_off(&self, entry: &Entry, finished: bool, report: &mut SweepReport) -> Result<()> {
        report.examined += 1;
        let id = entry.id;
        match self.judge(entry).await {
            Ok(Outcome::Dead(reason)) => {
                let values = vec![reason.into(), id.into(), entry.attempts.into()];
                execute(&self.db, sql::DEAD, values).await?;
                report.dead += 1;
            }
            Ok(outcome) => {
                let referenced = matches!(outcome, Outcome::Referenced);
                match outcome {
                    Outcome::Deleted => report.deleted += 1,
                    Outcome::Referenced => report.referenced += 1,
                    _ => report.absent += 1,
                }
                // Where this is the only fence there ever was, no other sweeper can still be about to delete the name,
                // and it may be given away at once. Otherwise it stays reserved for longer than one could sleep. A row
                // that names the file did so before the first fence, so all sweepers have seen it.
                let over = entry.is_delete || entry.is_tombstone || finished;
                if referenced || (over && entry.attempts == 1) {
                    execute(&self.db, sql::FORGET, vec![id.into(), entry.attempts.into()]).await?;
                } else {
                    let values = vec![self.tombstone.into(), id.into(), entry.attempts.into()];
                    execute(&self.db, sql::BURY, values).await?;
                }
            }
            Err(error) => {
                let dead = entry.attempts >= MAX_ATTEMPTS;
                let mut values = vec![error.to_string().into(), id.into()];
                if dead {
                    values.push(entry.attempts.into());
                    execute(&self.db, sql::DEAD, values).await?;
                    report.dead += 1;
                } else {
                    execute(&self.db, sql::FAILED, values).await?;
                    report.failed += 1;
                }
            }
        }
        Ok(())
    }

    /// Decides about the file of a fenced entry, and deletes it where that is proven right.
    async fn judge(&self, entry: &Entry) -> Result<Outcome> {
        let name = match FileName::new(&entry.name) {
            Ok(name) => name,
            Err(error) => return Ok(Outcome::Dead(error.to_string())),
        };
        let columns = file_columns();
        let storage = storage_of(&entry.storage, &columns)?;
        // Asked before the rows: from now on such a save either has its entry or has its row.
        let mut writer = None;
        if entry.is_delete {
            let aliases = registry::aliases(&entry.storage, &storage);
            writer = token(&self.db, sql::WRITER, vec![aliases.into(), name.as_str().into()]).await?;
        }
        if self.is_referenced(entry, name, &storage, &columns).await? {
            return Ok(Outcome::Referenced);
        }
        match storage.owner(name).await {
            // The file to be deleted was gone already, and a save has taken its name.
            Ok(Some(token)) if writer.as_ref() == Some(&token) => return Ok(Outcome::Absent),
            Ok(Some(token)) if entry.is_delete || token == entry.token => {}
            // Another save of ours owns it, so what this entry announced was never published (F11).
            Ok(Some(_)) => return Ok(Outcome::Absent),
            Ok(None) => return Ok(Outcome::Dead("the file carries no proof that it is ours".to_owned())),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => return Ok(Outcome::Absent),
                ErrorKind::Unsupported if writer.is_none() && entry.name.contains(&entry.token) => {}
                ErrorKind::Unsupported => {
                    return Ok(Outcome::Dead("the storage cannot prove that the file is ours".to_owned()));
                }
                _ => return Err(error),
            },
        }
        storage.delete(name).await?;
        Ok(Outcome::Deleted)
    }

    /// G2: whether the entry's own column names the file, or any registered one, by whatever name its storage has
    /// for it.
    async fn is_referenced(
        &self,
        entry: &Entry,
        name: FileName<'_>,
        storage: &SharedStorage,
        columns: &[(&'static str, &'static FieldDef)],
    ) -> Result<bool> {
        let own = (entry.table.as_str(), entry.column.as_str(), name.to_string());
        if self.names(&own).await? {
            return Ok(true);
        }
        for (table, def) in columns {
            let (called, unknown) = match def.storage() {
                Ok(handle) => match name_in(&handle, storage, name) {
                    Some(called) => (called, None),
                    None => continue,
                },
                Err(error) => (name.to_string(), Some(error)),
            };
            let column = (*table, def.spec().column, called);
            if column == own {
                continue;
            }
            match (self.names(&column).await, unknown) {
                (Ok(false), _) => {}
                (Ok(true), None) => return Ok(true),
                // The row may mean this file.
                (Ok(true), Some(error)) => return Err(error),
                // A model of this program may live in another database; the entry's own table may not be missing
                // (requirement 92).
                (Err(error), _) if is_missing_table(&error) => {}
                (Err(error), _) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn names(&self, (table, column, name): &(&str, &str, String)) -> Result<bool> {
        any(&self.db, &sql::probe(table, column), vec![name.as_str().into()]).await
    }
}

/// Every file column of every registered model with a table.
fn file_columns() -> Vec<(&'static str, &'static FieldDef)> {
    let mut columns = Vec::new();
    for model in registry::models() {
        if let Some(table) = model.table() {
            columns.extend(model.fields().iter().map(|def| (table, *def)));
        }
    }
    columns
}

/// The storage that an alias of the journal stands for: that of a registered field, or of the settings. Never
/// another one (F34); one that is not known here may be in another process, so that is no reason to give up at once.
fn storage_of(alias: &str, columns: &[(&'static str, &'static FieldDef)]) -> Result<SharedStorage> {
    let evaluated = columns.iter().filter_map(|(_, def)| def.storage().ok());
    match evaluated.into_iter().find(|handle| handle.alias() == alias) {
        Some(handle) => Ok(handle.storage().clone()),
        None => registry::storage(alias),
    }
}

/// What `storage` calls the file that `other` calls `name`; `None` where it does not show it.
fn name_in(storage: &SharedStorage, other: &SharedStorage, name: FileName<'_>) -> Option<String> {
    if registry::is_same(storage, other) {
        return Some(name.to_string());
    }
    let (root, place) = (storage.location()?, other.location()?);
    let file = format!("{}/{}", place.trim_end_matches('/'), name::filepath_to_uri(name.as_str()));
    let below = file.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
    name::uri_to_filepath(below)
}

/// Works off these entries at once, fenced like any other: stages whose row is known not to have been written. What
/// cannot be done now is done by the next sweep.
pub(crate) async fn work_off(db: &DatabaseConnection, ids: Vec<i64>) {
    let sweeper = Sweeper::new(db);
    for id in ids {
        let _ = sweeper.one(id).await;
    }
}

/// W6: the same on a task of its own, for entries that were just committed.
pub(crate) fn nudge(db: &DatabaseConnection, ids: Vec<i64>) {
    if ids.is_empty() {
        return;
    }
    let db = db.clone();
    registry::spawn(async move {
        let _nudged = NUDGED.read().await;
        work_off(&db, ids).await;
    });
}

impl Sweeper {
    async fn one(&self, id: i64) -> Result<(), Error> {
        let fenced = entries(&self.db, sql::FENCE_ONE, vec![BACK_OFF.into(), id.into()]).await?;
        for entry in &fenced {
            self.work_off(entry, true, &mut SweepReport::default()).await?;
        }
        Ok(())
    }
}

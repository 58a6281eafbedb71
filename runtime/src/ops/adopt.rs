//! Adopting files stored by an older program.

use super::storage_move::rows::{Row, Rows};
use super::storage_move::{FieldName, MoveError, field_named};
use crate::backend::journal_of;
use crate::db::{Db, Table};
use crate::field::FieldDef;
use crate::{Error, ErrorKind, FileName, Result, StorageExt, journal, name, registry};
use std::fmt;
use std::marker::PhantomData;

/// The maximum number of errors in a report.
const SHOWN: usize = 100;

/// Gives files named in `field` by rows of the model `M` an owner token, if they have none: files stored by
/// an older program, or copied into the storage by hand. From then on they are deleted when their row
/// releases them, like all other files. Nothing happens before [`run`](Adopt::run).
///
/// The bytes and names do not change. The run may be killed at any moment and repeated, also while the site
/// is running. Files in a storage that cannot give an existing file a token are reported and not changed. In
/// a bucket each object is rewritten, which is unsupported for objects larger than a part (8 MiB by default).
///
/// A file with the token of another database belongs to another application and is not changed.
///
/// ```no_run
/// # use filefield::prelude::*;
/// # #[derive(Debug, Clone, Default, Model)]
/// # #[model(table = "cars")]
/// # struct Car { #[model(primary_key)] id: i64, #[file(upload_to = "cars")] photo: ImageField }
/// # async fn run(db: filefield::db::Db) -> filefield::Result<()> {
/// let report = filefield::ops::adopt::<Car>(&db, "photo").run().await?;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
pub fn adopt<'a, M: Table>(db: &Db, field: impl FieldName<M>) -> Adopt<'a, M> {
    Adopt {
        db: db.clone(),
        field: field.name(),
        from_other_databases: false,
        dry_run: false,
        progress: Box::new(|_| {}),
        model: PhantomData,
    }
}

/// A run that adopts files. Created by [`adopt`].
#[must_use = "nothing is adopted before `run`"]
pub struct Adopt<'a, M> {
    db: Db,
    field: String,
    from_other_databases: bool,
    dry_run: bool,
    progress: Box<dyn FnMut(&AdoptReport) + Send + 'a>,
    model: PhantomData<fn() -> M>,
}

/// The progress or the result of a run. Rows without a file are not counted.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it says which files could not be adopted"]
pub struct AdoptReport {
    /// Rows with a file in the field when the run started.
    pub total: u64,
    /// Files that got an owner token; in a dry run, files that would get one.
    pub adopted: u64,
    /// Files that already had a token of this database.
    pub owned: u64,
    /// Files with the token of another database. They were not changed.
    pub foreign: u64,
    /// Files that do not exist.
    pub missing: u64,
    /// Files in storages that cannot give an existing file a token.
    pub unsupported: u64,
    /// Rows whose file could not be adopted because of an error.
    pub failed: u64,
    /// The first 100 errors, including those of missing and unsupported files.
    pub errors: Vec<MoveError>,
}

impl AdoptReport {
    /// Whether every file named by a row now has a token of this database.
    pub fn is_complete(&self) -> bool {
        self.foreign + self.missing + self.unsupported + self.failed == 0
    }
}

impl fmt::Display for AdoptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AdoptReport { total, adopted, owned, foreign, missing, unsupported, failed, errors } = self;
        write!(
            f,
            "{total} rows with a file: {adopted} adopted, {owned} owned before, {foreign} of another database, {missing} \
             missing, {unsupported} in a storage that cannot, {failed} failed"
        )?;
        for error in errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

/// The outcome for one file.
enum Outcome {
    Adopted,
    Owned,
    Foreign,
}

impl<'a, M: Table> Adopt<'a, M> {
    /// Sets a callback. It is called at the start and after every file, with the progress.
    pub fn progress(mut self, progress: impl FnMut(&AdoptReport) + Send + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Also adopts files with the token of another database. Use it after the rows were copied into a new
    /// database that replaces the old one. If the other database is still in use, each may delete files that
    /// the other one needs.
    pub fn from_other_databases(mut self) -> Self {
        self.from_other_databases = true;
        self
    }

    /// Counts the files that would be adopted. Changes nothing.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Processes the rows in the order of their keys. If a file cannot be adopted, the error is recorded and
    /// the run continues.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) if there is no such field; propagates errors of the database.
    /// Files adopted before the error stay adopted.
    pub async fn run(mut self) -> Result<AdoptReport> {
        let result = self.go_through().await;
        result.map_err(|error| error.with_operation("adopt").with_model(M::MODEL))
    }

    async fn go_through(&mut self) -> Result<AdoptReport> {
        let def = field_named::<M>(&self.field)?;
        crate::db::enter::<M>()?;
        let identity = journal::identity(&journal_of(&self.db)).await?;
        let rows = Rows::<M>::new(&self.db, def.spec().column, def.spec().meta_column);
        let mut report = AdoptReport { total: rows.count().await?, ..AdoptReport::default() };
        (self.progress)(&report);
        let mut after = None;
        loop {
            let page = rows.page(after.take(), 500).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = Some(last.key.clone());
            for row in page {
                let outcome = self.one(def, &identity, &row).await;
                self.note(def, row, outcome, &mut report);
            }
        }
    }

    async fn one(&self, def: &'static FieldDef, identity: &str, row: &Row) -> Result<Outcome> {
        if let Some(reason) = &row.unreadable {
            let text = format!("what the row says of its file cannot be read: {reason}");
            return Err(Error::new(ErrorKind::Database, text));
        }
        let own = def.storage()?;
        let storage = match row.meta.storage.as_deref().filter(|stated| !stated.is_empty()) {
            Some(stated) => registry::elsewhere(own, stated)?,
            None => own,
        };
        let blame = |error: Error| error.with_storage(storage.alias());
        let name = FileName::existing(&row.name)?;
        let found = match storage.owner(name).await {
            // It may still be able to set a token.
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            found => found.map_err(blame)?,
        };
        if let Some(owner) = &found
            && !journal::identity_in(owner).is_empty()
        {
            if journal::is_own(&journal_of(&self.db), owner).await? {
                return Ok(Outcome::Owned);
            }
            if !self.from_other_databases {
                return Ok(Outcome::Foreign);
            }
        }
        if !self.dry_run {
            // From now on the files are deleted with their rows, and only from this root.
            journal::ensure_root(&journal_of(&self.db), &storage).await.map_err(blame)?;
            let token = match (&found, name::token_in(&row.name)) {
                (Some(owner), _) => journal::token_part(owner).to_owned(),
                (None, Some(token)) => token.to_owned(),
                (None, None) => name::token()?,
            };
            storage.set_owner(name, &journal::owner_token(identity, &token)).await.map_err(blame)?;
        }
        Ok(Outcome::Adopted)
    }

    fn note(&mut self, def: &'static FieldDef, row: Row, outcome: Result<Outcome>, report: &mut AdoptReport) {
        match outcome {
            Ok(Outcome::Adopted) => report.adopted += 1,
            Ok(Outcome::Owned) => report.owned += 1,
            Ok(Outcome::Foreign) => report.foreign += 1,
            Err(error) => {
                match error.kind() {
                    ErrorKind::NotFound => report.missing += 1,
                    ErrorKind::Unsupported => report.unsupported += 1,
                    _ => report.failed += 1,
                }
                if report.errors.len() < SHOWN {
                    let error = def.blame(error.with_operation("adopt").with_name(&row.name));
                    report.errors.push(MoveError { key: row.shown, name: row.name, error });
                }
            }
        }
        (self.progress)(report);
    }
}

impl<M> fmt::Debug for Adopt<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopt")
            .field("field", &self.field)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

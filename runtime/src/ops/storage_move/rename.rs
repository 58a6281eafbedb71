//! Giving files of older programs names that this library would choose.

use super::one::{Job, Outcome, Whereabouts};
use super::report::MoveError;
use super::rows::{Row, Rows};
use super::{FieldName, MoveReport, SHOWN, field_named, keeps_owners};
use crate::backend::journal_of;
use crate::db::{Db, Table};
use crate::failpoints::step;
use crate::field::FieldDef;
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileName, Metadata, Result, StorageExt, journal};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Renames the files of `field` whose names were made by an older program, such as `10:30.txt`, `.hidden` or
/// `docs\\win.txt`, to the names returned by [`cleaned`](crate::name::cleaned), in file and column. Other
/// files do not change. Nothing happens before [`run`](RenameNames::run).
///
/// Each file is copied to its new name in the same storage, and the copy is compared with the original. Then
/// the row gets the new name, if it still names the same file. The original is deleted after
/// [`DELETE_AFTER`](crate::settings::Settings::delete_after) if this database owns it:
/// [`adopt`](crate::ops::adopt()) files of older programs first to have their originals deleted. An original
/// that was not adopted, that another database owns or that another row names is kept. If the process is
/// killed, each row has either its old name and file or its new ones, and at worst an original stays.
///
/// ```no_run
/// # use filefield::prelude::*;
/// # #[derive(Debug, Clone, Default, Model)]
/// # #[model(table = "cars")]
/// # struct Car {
/// #     #[model(primary_key)]
/// #     id: i64,
/// #     #[file(upload_to = "cars")]
/// #     photo: ImageField,
/// # }
/// # async fn run(db: filefield::db::Db) -> filefield::Result<()> {
/// let would = filefield::ops::rename_names::<Car>(&db, "photo").dry_run().run().await?;
/// println!("{would}");
/// let report = filefield::ops::rename_names::<Car>(&db, "photo").run().await?;
/// assert!(report.is_complete(), "{report}");
/// # Ok(())
/// # }
/// ```
pub fn rename_names<'a, M: Table>(db: &Db, field: impl FieldName<M>) -> RenameNames<'a, M> {
    RenameNames {
        db: db.clone(),
        field: field.name(),
        keep_source: false,
        dry_run: false,
        progress: Box::new(|_| {}),
        model: PhantomData,
    }
}

/// A renaming that can be configured and [run](Self::run). Created by [`rename_names`].
#[must_use = "nothing is renamed before `run`"]
pub struct RenameNames<'a, M> {
    db: Db,
    field: String,
    keep_source: bool,
    dry_run: bool,
    progress: Box<dyn FnMut(&MoveReport) + Send + 'a>,
    model: PhantomData<fn() -> M>,
}

impl<'a, M: Table> RenameNames<'a, M> {
    /// Sets a callback. It is called at the start and after every row, with the progress.
    pub fn progress(mut self, progress: impl FnMut(&MoveReport) + Send + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Keeps the files of the old names, so that links to them keep working.
    pub fn keep_source(mut self) -> Self {
        self.keep_source = true;
        self
    }

    /// Counts the files that would be renamed, and checks that each exists. Changes nothing.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Processes the rows in the order of their keys. In the report, [`moved`](MoveReport::moved) counts the
    /// files with a new name, [`left`](MoveReport::left) those whose old file stays, and
    /// [`skipped`](MoveReport::skipped) the rows whose name needs no change. If a file cannot be renamed, the
    /// error is recorded and the run continues. The future may be dropped at any await, and the run repeated.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) if there is no such field; propagates errors of the database.
    /// Files renamed before the error stay renamed.
    pub async fn run(mut self) -> Result<MoveReport> {
        self.go_through().await.map_err(|error| error.with_operation("rename").with_model(M::MODEL))
    }

    async fn go_through(&mut self) -> Result<MoveReport> {
        let def = field_named::<M>(&self.field)?;
        crate::db::enter::<M>()?;
        journal::note_columns(&journal_of(&self.db), M::TABLE, M::FIELDS.iter().map(|field| field.def()))
            .await?;
        let rows = Rows::new(&self.db, def.spec().column, def.spec().meta_column);
        let mut report = MoveReport { total: rows.count().await?, ..MoveReport::default() };
        (self.progress)(&report);
        let (mut jobs, mut after) = (HashMap::new(), None);
        loop {
            let page = rows.page(after.take(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = Some(last.key.clone());
            for row in page {
                let outcome = self.one(def, &rows, &mut jobs, &row).await;
                let blame = |error: Error| def.blame(error.with_operation("rename").with_name(&row.name));
                let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(blame(error)));
                note(row.outcome(outcome), &mut report);
                (self.progress)(&report);
            }
        }
    }

    /// Renames the file of one row. `jobs` are keyed by the storage that rows record.
    async fn one(
        &self,
        def: &'static FieldDef,
        rows: &Rows<M>,
        jobs: &mut HashMap<Option<String>, Arc<Job<M>>>,
        row: &Row,
    ) -> Result<Outcome> {
        if FileName::new(&row.name).is_ok() {
            return Ok(Outcome::Skipped);
        }
        if let Some(reason) = &row.unreadable {
            let text = format!("what the row says of its file cannot be read: {reason}");
            return Err(Error::new(ErrorKind::Database, text));
        }
        let old = FileName::existing(&row.name)?;
        let stated = row.meta.storage.clone();
        let job = match jobs.get(&stated) {
            Some(job) => job.clone(),
            None => {
                let job = Arc::new(self.job(def, rows, stated.as_deref()).await?);
                jobs.insert(stated, job.clone());
                job
            }
        };
        let before = if self.dry_run { None } else { Some(job.from.metadata(old).await?) };
        let outcome = job.run(row, Whereabouts::From).await?;
        let (Outcome::Moved { bytes, .. }, Some(before)) = (&outcome, before) else { return Ok(outcome) };
        let bytes = *bytes;
        step!("rename.renamed");
        // The row has its new name, so errors from here on do not count as failures.
        let left =
            self.keep_source || !self.release(def, &job.from, row, old, &before).await.unwrap_or(false);
        Ok(Outcome::Moved { bytes, renamed: true, left })
    }

    async fn job(&self, def: &'static FieldDef, rows: &Rows<M>, stated: Option<&str>) -> Result<Job<M>> {
        let own = def.storage()?;
        let home = match stated {
            Some(alias) => registry::elsewhere(own, alias)?,
            None => own,
        };
        let keeps_owners = keeps_owners(home.storage()).await?;
        Ok(Job {
            rows: rows.clone(),
            def,
            from: home.clone(),
            to: home,
            keeps_owners,
            grace: 0,
            // `release` queues the original after the row has its new name.
            keep_source: true,
            in_place: true,
            dry_run: self.dry_run,
        })
    }

    /// Queues the original for deletion, like a row that gets another file. Returns `false` if the original
    /// stays: another row names it, it has changed since it was copied, or this database is not its owner.
    async fn release(
        &self,
        def: &'static FieldDef,
        home: &StorageHandle<'_>,
        row: &Row,
        old: FileName<'_>,
        before: &Metadata,
    ) -> Result<bool> {
        let place = (M::TABLE, def.spec().column);
        if journal::is_named(&journal_of(&self.db), home.alias(), place, &row.name).await? {
            return Ok(false);
        }
        let now = home.metadata(old).await?;
        if (now.size, now.modified) != (before.size, before.modified) {
            return Ok(false);
        }
        match home.owner(old).await {
            Ok(Some(owner)) if journal::is_own(&journal_of(&self.db), &owner).await? => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(false),
            Err(error) => return Err(error),
        }
        journal::release(&journal_of(&self.db), home.alias(), old.as_str(), place, journal::grace()).await?;
        Ok(true)
    }
}

/// The number of rows read at a time.
const PAGE: u64 = 500;

fn note((key, name, outcome): (String, String, Outcome), report: &mut MoveReport) {
    match outcome {
        Outcome::Skipped => report.skipped += 1,
        Outcome::Overtaken => report.overtaken += 1,
        Outcome::Moved { bytes, renamed, left } => {
            report.moved += 1;
            report.bytes += bytes;
            report.renamed += u64::from(renamed);
            report.left += u64::from(left);
        }
        Outcome::Failed(error) => {
            report.failed += 1;
            if report.errors.len() < SHOWN {
                report.errors.push(MoveError { key, name, error });
            }
        }
    }
}

impl<M> fmt::Debug for RenameNames<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenameNames").field("field", &self.field).finish_non_exhaustive()
    }
}

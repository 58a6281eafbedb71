//! Moving the files of one field to another storage: options, and the run.

mod one;
mod rename;
mod report;
pub(super) mod rows;

pub use rename::{RenameNames, rename_names};
pub use report::{MoveError, MoveReport};

use crate::backend::journal_of;
use crate::db::{AnyColumn, Column, Db, Table};
use crate::field::{FieldDef, FieldValue, Retention};
use crate::settings::OVERRIDE;
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, StorageExt, journal, registry, settings};
use one::{Job, Outcome};
use rows::{Homes, Rows};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// How long an original is kept by default after its row was changed.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// The maximum number of errors in a report.
const SHOWN: usize = 100;

/// Names a field: by its column (`&Car::columns().photo`), or by its name, for example from a command line.
pub trait FieldName<M>: sealed::FieldName<M> {}

impl<M, T: sealed::FieldName<M>> FieldName<M> for T {}

mod sealed {
    use super::{AnyColumn, Column, FieldValue};

    pub trait FieldName<M> {
        fn name(self) -> String;
    }

    impl<M> FieldName<M> for &str {
        fn name(self) -> String {
            self.to_owned()
        }
    }

    impl<M, V: FieldValue> FieldName<M> for &Column<M, V> {
        fn name(self) -> String {
            self.spec().field.to_owned()
        }
    }
}

/// Creates a move of all files of `field` from the storage `from` to the storage `to`, given by their
/// aliases. Nothing happens before [`run`](StorageMove::run). [The module](super) describes the procedure and
/// the guarantees.
///
/// ```no_run
/// # use filefield::prelude::*;
/// # #[derive(Debug, Clone, Default, Model)]
/// # #[model(table = "cars")]
/// # struct Car {
/// #     #[model(primary_key)]
/// #     id: i64,
/// #     #[file(upload_to = "cars", meta_field = photo_meta)]
/// #     photo: ImageField,
/// #     photo_meta: FileMeta,
/// # }
/// # async fn run(db: filefield::db::Db) -> filefield::Result<()> {
/// let report = filefield::ops::storage_move::<Car>(&db, "photo", "disk", "photos").dry_run().run().await?;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
pub fn storage_move<'a, M: Table>(
    db: &Db,
    field: impl FieldName<M>,
    from: &str,
    to: &str,
) -> StorageMove<'a, M> {
    StorageMove {
        db: db.clone(),
        field: field.name(),
        from: from.to_owned(),
        to: to.to_owned(),
        formerly: Vec::new(),
        concurrency: 1,
        batch: 500,
        max_errors: u64::MAX,
        grace: None,
        keep_source: false,
        dry_run: false,
        progress: Box::new(|_| {}),
        model: PhantomData,
    }
}

/// A move that can be configured and [run](Self::run). Created by [`storage_move`].
#[must_use = "nothing moves before `run`"]
pub struct StorageMove<'a, M> {
    db: Db,
    field: String,
    from: String,
    to: String,
    formerly: Vec<String>,
    concurrency: usize,
    batch: u64,
    max_errors: u64,
    grace: Option<Duration>,
    keep_source: bool,
    dry_run: bool,
    progress: Box<dyn FnMut(&MoveReport) + Send + 'a>,
    model: PhantomData<fn() -> M>,
}

impl<'a, M: Table> StorageMove<'a, M> {
    /// Sets a callback. It is called at the start and after every file, with the progress.
    pub fn progress(mut self, progress: impl FnMut(&MoveReport) + Send + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Sets how many files are copied at the same time, by default 1. Values above the number of database
    /// connections bring nothing.
    pub fn concurrency(mut self, files: usize) -> Self {
        self.concurrency = files.max(1);
        self
    }

    /// Sets how many rows are read at a time, by default 500.
    pub fn batch(mut self, rows: u64) -> Self {
        self.batch = rows.clamp(1, 100_000);
        self
    }

    /// Sets a limit on failures: the move stops when more files than this could not be moved. By default
    /// there is no limit.
    pub fn max_errors(mut self, errors: u64) -> Self {
        self.max_errors = errors;
        self
    }

    /// Sets how long the original is kept after its row was changed, in whole seconds. By default one day, or
    /// [`DELETE_AFTER`](crate::settings::Settings::delete_after) if that is longer. Until then the file is
    /// still reachable by old URLs, by rows that were read before the move, and by rows of a database
    /// restored from a backup. With a grace shorter than `DELETE_AFTER`, restored rows may find no file. The
    /// next sweep after the grace deletes the original.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Keeps the originals permanently. They are not recorded: keep a list if you want to delete them later.
    pub fn keep_source(mut self) -> Self {
        self.keep_source = true;
        self
    }

    /// Treats rows that record `alias` as rows whose files are in `from`. Use it for an alias that meant that
    /// storage when the rows were saved and means another one now, such as `default` after the default
    /// storage was changed. Until they are moved, the accessors of these rows look in the wrong storage.
    pub fn formerly(mut self, alias: &str) -> Self {
        self.formerly.push(alias.to_owned());
        self
    }

    /// Counts the files that would be moved, and checks that each exists with its size. Changes nothing.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Processes the rows in the order of their keys. If a file cannot be moved, the error is recorded, its
    /// row and file do not change, and the run continues. The future may be dropped at any await: a sweep
    /// removes what is unfinished, and the next run does the rest.
    ///
    /// A row whose key comes before those already processed is found by the next run.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) if there is no such field or it has no `meta_field`, if the
    /// storages are the same or one contains the other, and inside [`with_storage`](registry::with_storage);
    /// returns [`UnknownStorage`](ErrorKind::UnknownStorage) for an unknown alias; propagates errors of the
    /// database. Files moved before the error stay moved.
    pub async fn run(mut self) -> Result<MoveReport> {
        let job = self.prepare().await.map_err(|error| error.with_operation("move").with_model(M::MODEL))?;
        let mut report = MoveReport { total: job.rows.count().await?, ..MoveReport::default() };
        (self.progress)(&report);
        let mut tasks = JoinSet::new();
        let result = self.go_through(&Arc::new(job), &mut tasks, &mut report).await;
        // Running copies are finished in any case.
        while let Some(done) = tasks.join_next().await {
            self.note(settled(done), &mut report);
        }
        result.map(|()| report)
    }

    async fn go_through(
        &mut self,
        job: &Arc<Job<M>>,
        tasks: &mut JoinSet<Done>,
        report: &mut MoveReport,
    ) -> Result<()> {
        let mut homes = Homes::new(job, std::mem::take(&mut self.formerly));
        let mut after = None;
        loop {
            let page = job.rows.page(after.take(), self.batch).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for row in page {
                while tasks.len() >= self.concurrency {
                    if let Some(done) = tasks.join_next().await {
                        self.note(settled(done), report);
                    }
                }
                if report.failed > self.max_errors {
                    report.stopped = true;
                    return Ok(());
                }
                let whereabouts = match homes.of(&row) {
                    Ok(Some(whereabouts)) => whereabouts,
                    Ok(None) => {
                        self.note(row.outcome(Outcome::Skipped), report);
                        continue;
                    }
                    Err(error) => {
                        let error = job.blame(error, &row);
                        self.note(row.outcome(Outcome::Failed(error)), report);
                        continue;
                    }
                };
                let job = job.clone();
                tasks.spawn(async move {
                    let outcome = job.run(&row, whereabouts).await;
                    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(job.blame(error, &row)));
                    row.outcome(outcome)
                });
            }
        }
    }

    fn note(&mut self, (key, name, outcome): Done, report: &mut MoveReport) {
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
        (self.progress)(report);
    }

    /// Checks the options and prepares the move.
    async fn prepare(&mut self) -> Result<Job<M>> {
        let usage = |text: String| Error::new(ErrorKind::Usage, text);
        let def = field_named::<M>(&self.field)?;
        let blame = |error: Error| def.blame(error);
        let Some(meta) = def.spec().meta_column else {
            let name = def.name();
            return Err(blame(usage(format!(
                "a row cannot say which storage its file is in: add `meta_field = {name}_meta` to `#[file(..)]` and a \
                 field `{name}_meta: FileMeta`, with a column for it in the table, then move the files"
            ))));
        };
        let own = def.storage()?;
        let place = |alias: &str| {
            let known = registry::storage(alias).and_then(|_| registry::elsewhere(own.clone(), alias));
            known.map_err(blame)
        };
        let (from, to) = (place(&self.from)?, place(&self.to)?);
        if [&from, &to].iter().any(|place| place.alias() == OVERRIDE) {
            return Err(blame(usage(
                "a test has put one storage in the place of all others here".to_owned(),
            )));
        }
        if overlap(&from, &to) {
            let (from, to) = (self.from.escape_debug(), self.to.escape_debug());
            return Err(blame(usage(format!("the storages `{from}` and `{to}` show the same files"))));
        }
        crate::db::enter::<M>()?;
        journal::note_columns(&journal_of(&self.db), M::TABLE, M::FIELDS.iter().map(|field| field.def()))
            .await?;
        let replaced = def.spec().on_replace == Retention::Delete;
        if self.keep_source && replaced && journal::has_triggers(&journal_of(&self.db), M::TABLE, def).await?
        {
            let text = "the table's triggers delete a file that a row lets go of, so `keep_source` cannot be kept; use \
                        `on_replace = \"keep\"`, or take the triggers away";
            return Err(blame(usage(text.to_owned())));
        }
        let keeps_owners = keeps_owners(&to).await.map_err(|error| blame(error.with_storage(to.alias())))?;
        let grace = self.grace.unwrap_or_else(|| GRACE.max(settings::settings().delete_after()));
        let grace = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX).min(MOST_GRACE);
        Ok(Job {
            rows: Rows::new(&self.db, def.spec().column, Some(meta)),
            def,
            from,
            to,
            keeps_owners,
            grace,
            keep_source: self.keep_source,
            in_place: false,
            dry_run: self.dry_run,
        })
    }
}

/// Returns the field of this name.
pub(super) fn field_named<M: Table>(name: &str) -> Result<&'static FieldDef> {
    if let Some(field) = M::FIELDS.iter().find(|field| field.def().name() == name) {
        return Ok(field.def());
    }
    let known: Vec<_> = M::FIELDS.iter().map(|field| field.def().name()).collect();
    let help = settings::help(name, known.iter().copied());
    let text = format!("the model has no file field `{}`; {help}", name.escape_debug());
    Err(Error::new(ErrorKind::Usage, text))
}

/// Whether a storage keeps an owner token with each file.
async fn keeps_owners(storage: &SharedStorage) -> Result<bool> {
    match storage.owner(FileName::new("filefield")?).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(false),
        Err(error) => Err(error),
    }
}

/// Key and name of a row, and the outcome.
type Done = (String, String, Outcome);

/// If a task panicked, its copy is left to the sweeper.
fn settled(done: Result<Done, JoinError>) -> Done {
    done.unwrap_or_else(|error| {
        let error =
            Error::new(ErrorKind::Usage, "the task that moved the file ended early").with_source(error);
        ("?".to_owned(), String::new(), Outcome::Failed(error.with_operation("move").uncertain()))
    })
}

/// The maximum grace: a hundred years, in seconds. It is added to the clock of the database.
const MOST_GRACE: i64 = 100 * 365 * 24 * 60 * 60;

/// Whether one storage shows files of the other.
fn overlap(a: &SharedStorage, b: &SharedStorage) -> bool {
    if registry::is_same(a, b) {
        return true;
    }
    let (Some(a), Some(b)) = (a.location(), b.location()) else { return false };
    let (a, b) = (format!("{}/", a.trim_end_matches('/')), format!("{}/", b.trim_end_matches('/')));
    a.starts_with(&b) || b.starts_with(&a)
}

impl<M> fmt::Debug for StorageMove<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageMove")
            .field("field", &self.field)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

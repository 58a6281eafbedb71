//! Checks that files and rows agree.

mod files;
mod places;
mod report;
mod resources;
mod rows;
mod sql;

pub(super) use places::Places;
pub use report::InvariantReport;
pub use resources::Baseline;

use super::{Invariant, RecordingStorage};
use crate::db::{Db, Table};
use crate::inspect::hex;
use crate::{Error, ErrorKind, Result, SharedStorage};
use rows::TypedModel;
use sha2::{Digest, Sha256};
use std::fmt;

/// Checks the invariants [`R1`](Invariant::R1) to [`R10`](Invariant::R10), as far as they are visible from
/// inside the process.
///
/// The registered models ([`App`](crate::App), [`migrate`](crate::db::migrate)) determine which columns name
/// files of the storage. These are the columns whose field stores in this storage, in one with the same
/// [`location`](crate::storage::Place::location), in one that contains it, or in one inside it. If a row records
/// another storage in the field's `meta_field`, its file is in that storage. Tables that this database does
/// not have are skipped, so models of other databases do no harm. In a test that replaces storages, call this
/// inside [`with_storage`](super::with_storage).
///
/// Other tasks may save, delete and sweep while it runs: every finding is checked again before it is
/// reported.
///
/// Memory does not grow with the number of rows or files, except for the names in one directory. Time does:
/// every row and every file is visited, and every file with a stored hash is read.
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
/// # async fn test(db: filefield::db::Db, storage: filefield::SharedStorage) -> filefield::Result<()> {
/// use filefield::testing::{Baseline, Invariants};
///
/// let before = Baseline::take(&db).await?;
/// // ... the test: requests, faults, a sweep of all that is due ...
/// let report = Invariants::new(&db, &storage)
///     .model::<Car>()                     // sizes and hashes too, as the rows have them
///     .swept()                            // nothing is left to do
///     .foreign("robots.txt", "User-agent: *")
///     .since(&before)
///     .check()
///     .await?;
/// report.assert_clean();
/// # Ok(())
/// # }
/// ```
///
/// | | Seen | Not seen |
/// |---|---|---|
/// | R1 | A file that is missing, or has another size or hash than its row says | Size and hash of models that were not named with [`model`](Self::model), or have no `meta_field` |
/// | R2 | Every listed file that neither a row nor the journal names | What `list` does not show; open multipart uploads |
/// | R3 | `#digits` names, empty files and temporary names without a row; after [`swept`](Self::swept) the local staging folder | Temporary files elsewhere |
/// | R4 | After [`swept`](Self::swept): every entry of the journal | |
/// | R5 | What a [`RecordingStorage`] saw, given with [`recording`](Self::recording) | Deletions past that storage |
/// | R6 | Names given with [`acknowledged`](Self::acknowledged) | Other operations: only the caller knows what was acknowledged |
/// | R7 | Other cases, blanks, accents and compositions of up to 100 names a column, and of the journal's | Columns without rows |
/// | R8 | Files given with [`foreign`](Self::foreign) | Others |
/// | R9 | With [`since`](Self::since): descriptors (Linux), tasks of this runtime, connections in use | Blocking threads, temporary files elsewhere |
/// | R10 | All connections that are idle at that moment | Those in use |
#[must_use = "nothing is checked before `check`"]
pub struct Invariants<'a> {
    db: &'a Db,
    storage: &'a SharedStorage,
    models: Vec<TypedModel>,
    swept: bool,
    foreign: Vec<(String, Content)>,
    acknowledged: Vec<(String, Content)>,
    left_out: Box<dyn Fn(&str) -> bool + Send + Sync + 'a>,
    recordings: Vec<&'a RecordingStorage>,
    before: Option<&'a Baseline>,
    most_files: u64,
}

/// What a file should contain, as far as that is known.
#[derive(Clone, Debug, Default)]
struct Content {
    size: Option<u64>,
    /// In hexadecimal digits.
    sha256: Option<String>,
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Content { size: Some(bytes.len() as u64), sha256: Some(hex(&Sha256::digest(bytes))) }
    }
}

impl<'a> Invariants<'a> {
    /// Checks `storage` against all registered models with a table in `db`.
    pub fn new(db: &'a Db, storage: &'a SharedStorage) -> Self {
        Invariants {
            db,
            storage,
            models: Vec::new(),
            swept: false,
            foreign: Vec::new(),
            acknowledged: Vec::new(),
            left_out: Box::new(|_| false),
            recordings: Vec::new(),
            before: None,
            most_files: 1_000_000,
        }
    }

    /// Restricts the check to this model and the others that are named this way, and compares files with the
    /// sizes and hashes in their rows (`meta_field`). Name all models that store here; otherwise the files of
    /// the others count as orphans.
    pub fn model<M: Table>(mut self) -> Self {
        self.models.push(TypedModel::of::<M>());
        self
    }

    /// States that everything due was swept, with `tombstone_seconds(0)` and all backends healthy. The
    /// journal must then be empty (R4), and an entry no longer excuses a file (R2).
    pub fn swept(mut self) -> Self {
        self.swept = true;
        self
    }

    /// States that this file belongs to another program. It must exist with this content (R8), and is not an
    /// orphan.
    pub fn foreign(mut self, name: impl Into<String>, content: impl AsRef<[u8]>) -> Self {
        self.foreign.push((name.into(), Content::of(content.as_ref())));
        self
    }

    /// States that a client was told that this name is saved. A row must name it, and it must have this
    /// content (R6).
    pub fn acknowledged(mut self, name: impl Into<String>, content: impl AsRef<[u8]>) -> Self {
        self.acknowledged.push((name.into(), Content::of(content.as_ref())));
        self
    }

    /// Names that are not orphans, for example files kept by `on_replace = "keep"`.
    pub fn leave_out(mut self, is_left_out: impl Fn(&str) -> bool + Send + Sync + 'a) -> Self {
        self.left_out = Box::new(is_left_out);
        self
    }

    /// Adds the violations that a recording storage saw (R5).
    pub fn recording(mut self, recording: &'a RecordingStorage) -> Self {
        self.recordings.push(recording);
        self
    }

    /// Compares the resources of the process with `before` (R9). Waits up to two seconds for background
    /// tasks.
    pub fn since(mut self, before: &'a Baseline) -> Self {
        self.before = Some(before);
        self
    }

    /// Stops listing after `most` files or directories. The default is one million. The report says so if the
    /// limit is reached.
    pub fn most_files(mut self, most: u64) -> Self {
        self.most_files = most;
        self
    }

    /// Runs the check. It changes nothing.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) if no file column of this database is known to store in the
    /// storage, because nothing could be checked then; propagates errors of the database and of the storage.
    pub async fn check(&self) -> Result<InvariantReport> {
        let tables: Vec<&str> = self.models.iter().map(|model| model.table).collect();
        let places = Places::find(self.db, self.storage, &|_| false, &tables).await?;
        if places.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "no file column of this database is known to store in this storage: register the models, and check \
                 inside `with_storage` where the test runs there",
            ));
        }
        let columns = places.places.iter().map(ToString::to_string).collect();
        let mut report = InvariantReport { columns, ..InvariantReport::default() };
        rows::check_files(self, &places, &mut report).await?;
        files::walk(self, &places, &mut report).await?;
        if self.swept {
            files::check_staging(self, &mut report).await?;
            files::check_journal(&places, &mut report).await?;
        }
        for recording in &self.recordings {
            recording.violations().into_iter().for_each(|violation| report.add(violation));
        }
        rows::check_equality(&places, &mut report).await?;
        files::check_foreign(self, &mut report).await?;
        if let Some(before) = self.before {
            resources::check_growth(self.db, before, &mut report).await?;
        }
        resources::check_idle(places.sql.db(), &mut report).await?;
        Ok(report)
    }
}

impl fmt::Debug for Invariants<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Invariants { storage, models, swept, foreign, acknowledged, before, most_files, .. } = self;
        f.debug_struct("Invariants")
            .field("storage", storage)
            .field("models", models)
            .field("swept", swept)
            .field("foreign", foreign)
            .field("acknowledged", acknowledged)
            .field("before", before)
            .field("most_files", most_files)
            .finish_non_exhaustive()
    }
}

/// Runs [`Invariants`] with the defaults: all registered models, at any time.
///
/// # Errors
/// Returns the errors of [`Invariants::check`].
pub async fn invariants(db: &Db, storage: &SharedStorage) -> Result<InvariantReport> {
    Invariants::new(db, storage).check().await
}

/// Panics unless every file of the storage belongs to a row or to the journal, and every row has its file.
/// Files in the journal are not orphans: a sweep will find them.
///
/// ```no_run
/// # async fn test(db: filefield::db::Db, storage: filefield::SharedStorage) {
/// use filefield::testing::assert_no_orphans;
///
/// // ... a request whose client went away in the middle ...
/// assert_no_orphans(&db, &storage).await;
/// # }
/// ```
///
/// # Panics
/// If an invariant is broken; the message lists all findings. If it cannot be checked, because the database
/// or the storage does not answer, the storage cannot be listed, or no registered model stores there.
pub async fn assert_no_orphans(db: &Db, storage: &SharedStorage) {
    match invariants(db, storage).await {
        Ok(report) => {
            let listed = !report.unchecked.iter().any(|(invariant, _)| *invariant == Invariant::R2);
            assert!(listed && report.is_clean(), "files and rows do not agree: {report}");
        }
        Err(error) => panic!("files and rows could not be compared: {error}"),
    }
}

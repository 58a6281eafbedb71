//! Staging the pending files of instances before the transaction that saves them.

use super::Table;
use super::save::{Columns, check_columns};
use crate::Result;
use crate::backend::journal_of;
use crate::backend::sqlx::Db;
use crate::content::Pending;
use crate::field::claim::Claim;
use crate::field::{FieldDef, FileField, store};
use crate::inspect::Stated;
use crate::journal::{self, Request, Staged, Unstaged};

/// An instance whose pending files can be staged: any model with a table.
pub trait Stage: sealed::Stage {}

impl<M: Table> Stage for M {}

mod sealed {
    use super::{Columns, Db, FieldDef, Looked, Pending, Request, Result, Staged};

    pub trait Stage: Send {
        /// The pending contents that must be inspected before they are named, each with the number of its
        /// field and whether the field is an image.
        fn to_examine(&self, columns: Columns<'_>) -> Vec<(usize, bool, &'static FieldDef, Pending)>;
        /// The files to be stored, each with the number of its field. `examined` are the inspected contents.
        fn requests(
            &self,
            db: &Db,
            columns: Columns<'_>,
            examined: Vec<Looked>,
        ) -> Result<Vec<(usize, Request)>>;
        /// Puts a stored file into its field.
        fn take_over(&mut self, field: usize, alias: &str, staged: Staged, db: &Db);
    }
}

/// An inspected pending content: the number of its field, the content to use from now on, and the extensions
/// that its bytes allow.
type Looked = (usize, Pending, Option<&'static [&'static str]>);

/// Inspects the pending contents of an instance that need it.
async fn examine(contents: Vec<(usize, bool, &'static FieldDef, Pending)>) -> Result<Vec<Looked>> {
    let mut looked = Vec::new();
    for (number, is_image, def, pending) in contents {
        let blame = |error: crate::Error| def.blame(error.with_operation("save").with_name(pending.name()));
        let mut content = pending.content().map_err(blame)?;
        let examined = store::examine(def, is_image, &mut content).await;
        // Also if the content is refused, so that another try gets the same error.
        let is_copy = matches!(examined, Ok((true, _)));
        let looked_at = pending.looked_at(content, is_copy);
        let (_, extensions) = examined.map_err(blame)?;
        looked.push((number, looked_at, extensions));
    }
    Ok(looked)
}

impl<M: Table> sealed::Stage for M {
    fn to_examine(&self, columns: Columns<'_>) -> Vec<(usize, bool, &'static FieldDef, Pending)> {
        let mut found = Vec::new();
        for (number, field) in M::FIELDS.iter().enumerate().filter(|(_, field)| columns.has_file(*field)) {
            let value = field.value(self);
            if let Some(pending) = value.file().as_pending().filter(|_| store::examines(field.def())) {
                found.push((number, value.is_image(), field.def(), pending.clone()));
            }
        }
        found
    }

    fn requests(
        &self,
        db: &Db,
        columns: Columns<'_>,
        examined: Vec<Looked>,
    ) -> Result<Vec<(usize, Request)>> {
        super::enter::<M>()?;
        if self.has_pending() {
            check_columns(self, db.dialect(), columns)?;
        }
        let mut requests = Vec::new();
        for (number, field) in M::FIELDS.iter().enumerate().filter(|(_, field)| columns.has_file(*field)) {
            let Some(pending) = field.value(self).file().as_pending() else { continue };
            let def = field.def();
            let blame = |error: crate::Error| def.blame(error.with_operation("save"));
            let handle = def.storage()?;
            let looked = examined.iter().find(|(examined, ..)| *examined == number);
            let (pending, extensions) = match looked {
                Some((_, pending, extensions)) => (pending.clone(), *extensions),
                None => (pending.clone(), None),
            };
            let content = pending.content().map_err(blame)?;
            let examined = store::Examined { content, extensions };
            let prepared = store::prepare(self, field, &handle, pending.name(), examined, Stated::default())?;
            let pending = Some(pending);
            requests.push((number, Request { def, table: M::TABLE, handle, prepared, pending }));
        }
        Ok(requests)
    }

    fn take_over(&mut self, field: usize, alias: &str, staged: Staged, db: &Db) {
        take_over(self, field, alias, &staged, db);
    }
}

/// Puts a staged file into its field.
pub(super) fn take_over<M: Table>(model: &mut M, field: usize, alias: &str, staged: &Staged, db: &Db) {
    let db = journal_of(db);
    let claim = Claim::new(staged.id, move |entry| journal::nudge(&db, vec![entry]));
    let file = FileField::staged(&staged.stored.saved.name, claim);
    store::fill(model, M::FIELDS.at(field), alias, &staged.stored, file);
}

/// Stores the pending files of several instances, which may be of different models. All are stored or none:
/// their names are reserved in one commit of the journal, and each directory is synced once. Afterwards every
/// instance has the names of its files, and you can save each one in your own transaction or by itself.
///
/// ```no_run
/// # use filefield::prelude::*;
/// # use filefield::db::{self, Table};
/// # #[derive(Debug, Clone, Default, Model)]
/// # #[model(table = "cars")]
/// # struct Car { #[model(primary_key)] id: i64, #[file(upload_to = "cars")] photo: ImageField }
/// # async fn save(db: &db::Db, mut one: Car, mut other: Car) -> Result<(), Box<dyn std::error::Error>> {
/// db::stage_all(db, &mut [&mut one, &mut other]).await?;
/// let tx = db.begin().await?;
/// one.save(&tx).await?;
/// other.save(&tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Table::stage`]. After an error no instance is changed and nothing stays stored, except readers and
/// streams that were stored before the error: their fields keep the staged files for the next try.
pub async fn stage_all(db: &Db, instances: &mut [&mut dyn Stage]) -> Result<()> {
    stage_columns(db, instances, Columns::ALL).await
}

/// As [`stage_all`], for the pending files of these columns.
pub(super) async fn stage_columns(
    db: &Db,
    instances: &mut [&mut dyn Stage],
    columns: Columns<'_>,
) -> Result<()> {
    let (mut places, mut requests) = (Vec::new(), Vec::new());
    for (instance, model) in instances.iter_mut().enumerate() {
        let examined = examine(model.to_examine(columns)).await?;
        for (field, request) in model.requests(db, columns, examined)? {
            places.push((instance, field, request.handle.alias().to_owned()));
            requests.push(request);
        }
    }
    let (staged, result) = match journal::stage(&journal_of(db), requests).await {
        Ok(staged) => (staged.into_iter().enumerate().collect(), Ok(())),
        Err(Unstaged { error, kept }) => (kept, Err(error)),
    };
    for (number, staged) in staged {
        let (instance, field, alias) = &places[number];
        instances[*instance].take_over(*field, alias, staged, db);
    }
    result
}

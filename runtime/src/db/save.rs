//! Saving and deleting an instance: its files and its row in one transaction.

use super::mark::{mark_columns, mark_of, mark_row, mark_uncertain};
use super::row::unreadable_key;
use super::value::parameter;
use super::write::{Change, FileChange, RowWrite, Rows, Written};
use super::{Dialect, Objects, Table, kinds};
use crate::backend::journal_of;
use crate::backend::sqlx::{Connection, InTransaction, Target};
use crate::failpoints::step;
use crate::field::claim::Claim;
use crate::field::{self, Mark, Retention, stated, store};
use crate::journal::{self, TransactionError};
use crate::model::{FileModel, ModelField};
use crate::{Error, ErrorKind, FileName, Result, name, registry};
use sea_query::{Alias, Expr, ExprTrait, Value};

/// The columns that a save writes: all, or those with these names.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a>(Option<&'a [&'static str]>);

impl<'a> Columns<'a> {
    pub(super) const ALL: Columns<'static> = Columns(None);

    pub(super) fn only(names: &'a [&'static str]) -> Self {
        Columns(Some(names))
    }

    fn are_all(self) -> bool {
        self.0.is_none()
    }

    fn has(self, name: &str) -> bool {
        self.0.is_none_or(|names| names.contains(&name))
    }

    /// Whether the file of a field is written.
    pub(super) fn has_file<M: FileModel>(self, field: ModelField<M>) -> bool {
        self.has(field.def().spec().column)
    }
}

/// What a save does depending on whether the row exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Save,
    Insert,
    Upsert,
    Update,
}

impl Verb {
    /// Translates the verb for an instance that knows `mark` of its row.
    fn rows<M: Table>(self, mark: Option<&Mark>) -> Rows {
        match self {
            Verb::Insert => Rows::Insert,
            Verb::Upsert => Rows::Either,
            Verb::Update => Rows::Update,
            // The row was inserted in a transaction that may have been rolled back.
            Verb::Save if mark.is_some_and(|mark| mark.born.is_some()) => Rows::Either,
            // An instance with a key made by the database has a row. A key that the program sets does not
            // show that.
            Verb::Save if M::key_column().is_auto() || mark.is_some() => Rows::Update,
            Verb::Save => Rows::Either,
        }
    }
}

pub(super) async fn save<M: Table, C: Connection>(
    model: &mut M,
    db: C,
    verb: Verb,
    columns: Columns<'_>,
) -> Result<()> {
    let db = &db.target();
    super::enter::<M>()?;
    if verb == Verb::Update && is_new(model) {
        let text = "the instance has no row yet, for its key is not set: save it first";
        return Err(blame::<M>(Error::new(ErrorKind::Usage, text), "save"));
    }
    // The instance is changed only after success, so that a retry still finds its pending content.
    let mut copy = model.clone();
    empty_beside(&mut copy, db, columns).await?;
    let is_pending =
        |field: ModelField<M>| columns.has_file(field) && field.value(&copy).file().as_pending().is_some();
    if M::FIELDS.iter().any(is_pending) {
        let own = db.pool().ok_or_else(|| blame::<M>(not_staged(), "save"))?;
        let staged = super::stage::stage_columns(own, &mut [&mut copy], columns).await;
        keep_staged(model, &copy);
        staged?;
    }
    let mark = mark_of(&copy);
    let born = mark.as_ref().and_then(|mark| mark.born.clone());
    let rows = verb.rows::<M>(mark.as_ref());
    let write = write(&copy, db.queries().dialect(), mark.as_ref(), columns, |values, unset| match unset {
        true => Change::Insert(values),
        false => Change::Save { values, rows, born },
    });
    let written = attaching(model, &copy, db, write.map_err(|error| blame::<M>(error, "save"))?).await;
    let written = written.map_err(|error| blame::<M>(error, "save"))?;
    step!("row.answered");
    if let Some(key) = written.inserted
        && !M::key_column().set_made(&mut copy, key)
    {
        // The row is written all the same.
        return Err(blame::<M>(unreadable_key(), "save").uncertain());
    }
    match db.pool() {
        Some(_) if columns.are_all() => mark_row(&mut copy),
        Some(_) => mark_columns(&mut copy, mark, columns),
        None => mark_uncertain(&mut copy, mark, &written),
    }
    *model = copy;
    if let Some(own) = db.pool() {
        journal::nudge(&journal_of(own), written.queued);
    }
    if written.overtaken {
        // The row keeps a file that this instance did not know of; load it. The instance is saved in any
        // case, so an error is ignored.
        let _ = reread(model, db, columns).await;
    }
    Ok(())
}

/// Loads the row of the instance.
pub(super) async fn load<M: Table>(model: &M, db: &Target<'_>) -> Result<M> {
    let (key, value) = key_of(model);
    Objects::new(db.share()).get(Expr::col((Alias::new(M::TABLE), Alias::new(key))).eq(value)).await
}

/// Reads the saved fields from the row again.
async fn reread<M: Table>(model: &mut M, db: &Target<'_>, columns: Columns<'_>) -> Result<()> {
    let row = load(model, db).await?;
    if columns.are_all() {
        *model = row;
        return Ok(());
    }
    for field in M::FIELDS.iter().filter(|field| columns.has_file(*field)) {
        store::copy(model, field, &row);
    }
    Ok(())
}

/// Content that can be read only once and is stored by now stays staged in the instance, for the next try.
fn keep_staged<M: Table>(model: &mut M, copy: &M) {
    for field in M::FIELDS.iter() {
        let pending = field.value(model).file().as_pending();
        let is_once = pending.is_some_and(|pending| !pending.is_repeatable());
        if is_once && field.value(copy).file().claim().is_some() {
            store::copy(model, field, copy);
        }
    }
}

/// Does the work of a save except writing the row, which the caller writes.
pub(super) async fn attach<M: Table, C: InTransaction>(model: &M, tx: C) -> Result<()> {
    let tx = &tx.target();
    super::enter::<M>()?;
    if model.has_pending() {
        return Err(blame::<M>(not_staged(), "attach"));
    }
    let mark = mark_of(model);
    let write = write(model, tx.queries().dialect(), mark.as_ref(), Columns::ALL, |_, _| Change::Attach)
        .map_err(|error| blame::<M>(error, "attach"))?;
    attaching(model, model, tx, write).await.map(drop).map_err(|error| blame::<M>(error, "attach"))
}

fn not_staged() -> Error {
    let text = "pending content inside an open transaction, where nothing may wait for bytes: call `stage(&db)` on \
                the instance before the transaction begins, then save it here";
    Error::new(ErrorKind::NotStaged, text).with_operation("save")
}

/// Empties the companion fields of a file field that was emptied by hand. Does the same if a name was
/// assigned by hand and the companion fields are still those that the row has for another name: they describe
/// the old file.
async fn empty_beside<M: Table>(model: &mut M, db: &Target<'_>, columns: Columns<'_>) -> Result<()> {
    let (mark, mut row) = (mark_of(model), None::<M>);
    for field in M::FIELDS.iter().filter(|field| columns.has_file(*field)) {
        let file = field.value(model).file().clone();
        if !file.is_foreign(mark.as_ref(), field.number()) {
            continue;
        }
        if let Some(name) = file.name() {
            let beside = store::beside(model, field);
            if is_new(model) || beside == Default::default() {
                continue;
            }
            if row.is_none() {
                let (key, value) = key_of(model);
                let objects = Objects::<M>::new(db.share());
                row = objects.filter(Expr::col(Alias::new(key)).eq(value)).first().await?;
            }
            let Some(row) = &row else { break };
            if field.value(row).file().name() == Some(name) || beside != store::beside(row, field) {
                continue;
            }
        }
        store::replace(model, field, file);
    }
    Ok(())
}

/// Whether the database is to make the key. A row may have the key 0: an instance loaded from it is not new.
fn is_new<M: Table>(model: &M) -> bool {
    let key = M::key_column();
    key.is_auto() && key.is_unset(model) && mark_of(model).is_none()
}

/// Runs `write`, which attaches the staged files of `copy`. If it certainly did nothing, files that the
/// caller staged in `model` stay staged, and files that were stored only for this write are deleted at once.
async fn attaching<M: Table>(model: &M, copy: &M, db: &Target<'_>, write: RowWrite) -> Result<Written> {
    let claims = || M::FIELDS.iter().filter_map(|field| Some((field, field.value(copy).file().claim()?)));
    claims().for_each(|(_, claim)| claim.set_tried(true));
    let failure = match run(db, write).await {
        Ok(written) => return Ok(written),
        Err(failure) => failure,
    };
    let (ours, callers): (Vec<_>, Vec<_>) =
        claims().partition(|(field, _)| field.value(model).file().as_pending().is_some());
    let mut error = failure.error;
    // A retry cannot store again what the caller staged: its content is not available here.
    let is_named = |(field, _): &(ModelField<M>, _)| {
        error.name().is_none_or(|name| field.value(copy).file().name() == Some(name))
    };
    if error.kind() == ErrorKind::StagedExpired && callers.iter().any(is_named) {
        error = error.not_at_once("assign the content again, and stage it before the transaction begins");
    }
    if failure.rolled_back {
        callers.iter().for_each(|(_, claim)| claim.set_tried(false));
        if let Some(own) = db.pool() {
            journal::work_off(&journal_of(own), ours.iter().map(|(_, claim)| claim.entry()).collect()).await;
        }
    }
    Err(error)
}

/// Runs `write` in a new transaction, or in the caller's.
async fn run(db: &Target<'_>, write: RowWrite) -> Result<Written, TransactionError> {
    match db {
        Target::Pool(db) => write.run(db).await,
        Target::Ours(tx) => write.run_in(tx).await,
        Target::Theirs(tx) => write.run_in(tx).await,
    }
}

pub(super) async fn delete<M: Table, C: Connection>(model: M, db: C) -> Result<()> {
    let db = &db.target();
    super::enter::<M>()?;
    let files = file_changes::<M>(true, |spec| spec.on_delete, |_, _| Ok(()))?;
    let write = RowWrite { table: M::TABLE, key: key_of(&model), change: Change::Delete, files };
    let written = run(db, write).await.map_err(|failure| blame::<M>(failure.error, "delete"))?;
    if let Some(own) = db.pool() {
        journal::nudge(&journal_of(own), written.queued);
    }
    Ok(())
}

/// The companion columns of `field`.
fn columns_beside<M: Table>(model: &M, field: ModelField<M>) -> Vec<&'static str> {
    let pixels = [field.width(), field.height()].into_iter().flatten();
    let pixels = pixels.map(|pixels| std::ptr::from_ref(pixels.get(model)).cast::<()>());
    let meta = field.meta().map(|meta| std::ptr::from_ref(meta.get(model)).cast::<()>());
    let places: Vec<_> = pixels.chain(meta).collect();
    let beside = M::ALL.iter().filter(|column| places.contains(&column.place(model)));
    beside.map(|column| column.spec().name).collect()
}

pub(super) fn key_of<M: Table>(model: &M) -> (&'static str, Value) {
    let key = M::key_column();
    (key.spec().name, parameter(key.value(model)))
}

/// Checks the values other than the pending files, before any byte is stored.
pub(super) fn check_columns<M: Table>(model: &M, dialect: Dialect, columns: Columns<'_>) -> Result<()> {
    let key = M::key_column();
    if !key.is_auto() && key.is_unset(model) {
        // Otherwise all instances with a forgotten key would share one row.
        let field = key.spec().field;
        let text = format!("set `{field}` before saving: the database does not make a key of this type");
        return Err(Error::new(ErrorKind::Usage, text).with_operation("save").with_field(M::MODEL, field));
    }
    // A pending file has no value yet.
    let pending = |column: &&dyn super::AnyColumn<M>| {
        let file = column.spec().file.map(|index| M::FIELDS.at(index).value(model).file());
        file.is_some_and(|file| file.as_pending().is_some())
    };
    let written = M::ALL.iter().copied().filter(|column| columns.has(column.spec().name));
    for column in written.filter(|column| !pending(column)) {
        kinds::check(dialect, column, &column.value(model)).map_err(|error| blame::<M>(error, "save"))?;
    }
    for field in M::FIELDS.iter().filter(|field| columns.has_file(*field)) {
        let def = field.def();
        let file = field.value(model).file();
        let Some(stored) = file.name() else { continue };
        if let Err(error) = FileName::new(stored)
            && !file.is_unchanged(mark_of(model).as_ref(), field.number())
        {
            return Err(def.blame(error.with_operation("save")));
        }
        let limit = def.spec().max_length;
        if name::length(stored) > u64::from(limit) {
            let text =
                format!("the name is longer than the column: {} characters of {limit}", name::length(stored));
            return Err(
                def.blame(Error::new(ErrorKind::NameTooLong, text).with_operation("save").with_name(stored))
            );
        }
    }
    Ok(())
}

fn write<M: Table>(
    model: &M,
    dialect: Dialect,
    mark: Option<&Mark>,
    columns: Columns<'_>,
    change: impl FnOnce(Vec<(&'static str, Value)>, bool) -> Change,
) -> Result<RowWrite> {
    check_columns(model, dialect, columns)?;
    let unset = is_new(model);
    // Only the transaction can tell whether a row that was inserted uncommitted is the instance's own.
    let is_certain = mark.is_some_and(|mark| mark.born.is_none());
    let mut values = Vec::with_capacity(M::ALL.len());
    let fields = || M::FIELDS.iter().filter(|field| !columns.are_all() && columns.has_file(*field));
    let beside: Vec<_> = fields().flat_map(|field| columns_beside(model, field)).collect();
    for column in M::ALL.iter().filter(|column| !(unset && column.is_key())) {
        let name = column.spec().name;
        if columns.has(name) || beside.contains(&name) {
            values.push((name, column.value(model)));
        }
    }
    let files = file_changes::<M>(
        !unset,
        |spec| spec.on_replace,
        |field, change| {
            if !columns.has_file(field) {
                change.is_left = true;
                return Ok(());
            }
            let file = field.value(model).file();
            change.unchanged = file.is_unchanged(mark, field.number());
            change.entry = file.claim().map(Claim::entry);
            if file.name().is_some() && change.unchanged && is_certain {
                // Uses the storage that the row records, even if it is unknown here.
                change.home = registry::home_alias(field.def().storage()?.alias(), stated(field, model));
            } else if file.name().is_some() {
                let handle = field::home(field, model)?;
                handle.alias().clone_into(&mut change.home);
                if change.entry.is_none() {
                    change.aliases = registry::aliases(&change.home, &handle);
                }
                change.stored = (!change.unchanged && file.is_checked()).then(|| handle.storage().clone());
                change.folder = file.is_text().then(|| field.def().folder()).flatten();
                change.is_stored_here = file.is_stored_here();
            }
            file.name().unwrap_or_default().clone_into(&mut change.name);
            change.beside = columns_beside(model, field);
            Ok(())
        },
    )?;
    Ok(RowWrite { table: M::TABLE, key: key_of(model), change: change(values, unset), files })
}

/// `held` says that the row may have files already: only then the field's own storage matters. `fill` adds
/// what the instance knows.
fn file_changes<M: Table>(
    held: bool,
    retention: fn(&field::FieldSpec) -> Retention,
    fill: impl Fn(ModelField<M>, &mut FileChange) -> Result<()>,
) -> Result<Vec<FileChange>> {
    M::FIELDS
        .iter()
        .map(|field| {
            let spec = field.def().spec();
            let storage = if held { field.def().storage()?.alias().to_owned() } else { String::new() };
            let mut change = FileChange {
                column: spec.column,
                meta: spec.meta_column,
                storage,
                delete: retention(spec) == Retention::Delete,
                ..FileChange::default()
            };
            fill(field, &mut change)?;
            Ok(change)
        })
        .collect()
}

fn blame<M: FileModel>(error: Error, operation: &'static str) -> Error {
    error.with_model(M::MODEL).with_operation(operation)
}

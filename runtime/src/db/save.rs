//! Saving and deleting an instance: file and row together.

use super::mark::{mark_of, mark_row, mark_uncertain};
use super::value::parameter;
use super::{AnyColumn, Table, kinds};
use crate::failpoints::step;
use crate::field::claim::Claim;
use crate::field::{self, FileField, Mark, Retention, stated, store};
use crate::journal::{self, Change, FileChange, RowWrite, TransactionError, Written};
use crate::model::{FileModel, ModelField};
use crate::{Error, ErrorKind, FileName, Result, SharedStorage, name, registry};
use sea_orm::sea_query::{Alias, Expr, ExprTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, TryFromU64, Value};

/// A connection that rows are saved through: a `DatabaseConnection`, whose transactions are ours, or a
/// `DatabaseTransaction` of the caller.
#[diagnostic::on_unimplemented(
    message = "rows cannot be saved through `{Self}`",
    label = "expected `DatabaseConnection` or `DatabaseTransaction`",
    note = "write `db` where it is a reference already, and `&*db` where it is an `Arc`"
)]
pub trait Connection: ConnectionTrait + Sync {
    /// The connection itself, where transactions on it are ours to begin.
    #[doc(hidden)]
    fn own(&self) -> Option<&DatabaseConnection>;

    /// The caller's transaction.
    #[doc(hidden)]
    fn transaction(&self) -> Option<&DatabaseTransaction>;
}

impl Connection for DatabaseConnection {
    fn own(&self) -> Option<&DatabaseConnection> {
        Some(self)
    }
    fn transaction(&self) -> Option<&DatabaseTransaction> {
        None
    }
}

impl Connection for DatabaseTransaction {
    fn own(&self) -> Option<&DatabaseConnection> {
        None
    }
    fn transaction(&self) -> Option<&DatabaseTransaction> {
        Some(self)
    }
}

pub(super) async fn save<M: Table, C: Connection>(model: &mut M, db: &C) -> Result<()> {
    super::enter::<M>()?;
    // The instance changes only when all has gone well, so that a retry finds its pending content again.
    let mut copy = model.clone();
    empty_beside(&mut copy, db).await?;
    if copy.has_pending() {
        let own = db.own().ok_or_else(|| blame::<M>(not_staged(), "save"))?;
        super::stage::stage_all(own, &mut [&mut copy]).await?;
    }
    let mark = mark_of(&copy);
    let born = mark.as_ref().and_then(|mark| mark.born.clone());
    let write = write(&copy, db, mark.as_ref(), |values, unset| match unset {
        true => Change::Insert(values),
        false => Change::Save { values, born },
    });
    let written = attaching(model, &copy, db, write.map_err(|error| blame::<M>(error, "save"))?).await;
    let written = written.map_err(|error| blame::<M>(error, "save"))?;
    step!("W5.answered");
    if let Some(id) = written.inserted {
        // The row is there all the same.
        let key = M::Key::try_from_u64(id)
            .map_err(|error| blame::<M>(journal::database(error), "save").uncertain())?;
        key_column::<M>().set(&mut copy, key.into());
    }
    match db.own() {
        Some(_) => mark_row(&mut copy),
        None => mark_uncertain(&mut copy, mark, &written),
    }
    *model = copy;
    if let Some(own) = db.own() {
        journal::nudge(own, written.queued);
    }
    if written.overtaken {
        // The row keeps a file that this instance did not know of; from now on it does. Saved it is in any case.
        let _ = model.refresh(db).await;
    }
    Ok(())
}

/// All of a save but the row, which the caller writes.
pub(super) async fn attach<M: Table>(model: &M, tx: &DatabaseTransaction) -> Result<()> {
    super::enter::<M>()?;
    if model.has_pending() {
        return Err(blame::<M>(not_staged(), "attach"));
    }
    let mark = mark_of(model);
    let write = write(model, tx, mark.as_ref(), |_, _| Change::Attach)
        .map_err(|error| blame::<M>(error, "attach"))?;
    attaching(model, model, tx, write).await.map(drop).map_err(|error| blame::<M>(error, "attach"))
}

fn not_staged() -> Error {
    let text = "pending content inside an open transaction, where nothing may wait for bytes: call `stage(&db)` on \
                the instance before the transaction begins, then save it here";
    Error::new(ErrorKind::NotStaged, text).with_operation("save")
}

/// A field emptied by hand has no dimensions left either. Nor has one that was given a name by hand, where they are just
/// those that the row has beside another name: they came with the instance, and tell of the old file.
async fn empty_beside<M: Table, C: Connection>(model: &mut M, db: &C) -> Result<()> {
    let (mark, mut row) = (mark_of(model), None::<M>);
    for field in M::FIELDS.iter() {
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
                row = M::objects(db).filter(Expr::col(Alias::new(key)).eq(value)).first().await?;
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

/// Whether the database is to make the key. 0 is one where the instance was read from such a row.
fn is_new<M: Table>(model: &M) -> bool {
    let key = key_column::<M>();
    key.is_auto() && key.is_unset(model) && mark_of(model).is_none()
}

/// Runs `write`, which attaches the staged files of `copy`. When it has certainly done nothing, those that the caller
/// staged in `model` are still staged, and those that were stored for this write alone go at once.
async fn attaching<M: Table, C: Connection>(model: &M, copy: &M, db: &C, write: RowWrite) -> Result<Written> {
    let claims = || M::FIELDS.iter().filter_map(|field| Some((field, field.value(copy).file().claim()?)));
    claims().for_each(|(_, claim)| claim.set_tried(true));
    let failure = match run(db, write).await {
        Ok(written) => return Ok(written),
        Err(failure) => failure,
    };
    if failure.rolled_back {
        let (ours, callers): (Vec<_>, Vec<_>) =
            claims().partition(|(field, _)| field.value(model).file().is_pending());
        callers.iter().for_each(|(_, claim)| claim.set_tried(false));
        if let Some(own) = db.own() {
            journal::work_off(own, ours.iter().map(|(_, claim)| claim.entry()).collect()).await;
        }
    }
    Err(failure.error)
}

/// Runs `write` in a transaction of ours, or in the caller's.
async fn run<C: Connection>(db: &C, write: RowWrite) -> Result<Written, TransactionError> {
    match (db.own(), db.transaction()) {
        (Some(own), _) => write.run(own).await,
        (None, Some(tx)) => write.run_in(tx).await,
        (None, None) => {
            let text = "a connection that is neither our own nor a transaction";
            Err(TransactionError { error: Error::new(ErrorKind::Usage, text), rolled_back: true })
        }
    }
}

pub(super) async fn delete<M: Table, C: Connection>(model: M, db: &C) -> Result<()> {
    super::enter::<M>()?;
    let named = |_: ModelField<M>| Ok(Named::default());
    let files = file_changes::<M>(true, &named, |spec| spec.on_delete)?;
    let write = RowWrite { table: M::TABLE, key: key_of(&model), change: Change::Delete, files };
    let written = run(db, write).await.map_err(|failure| blame::<M>(failure.error, "delete"))?;
    if let Some(own) = db.own() {
        journal::nudge(own, written.queued);
    }
    Ok(())
}

/// The columns of the fields that are filled with the file of `field`.
fn columns_beside<M: Table>(model: &M, field: ModelField<M>) -> Vec<&'static str> {
    let pixels = [field.width(), field.height()].into_iter().flatten();
    let pixels = pixels.map(|pixels| std::ptr::from_ref(pixels.get(model)).cast::<()>());
    let meta = field.meta().map(|meta| std::ptr::from_ref(meta.get(model)).cast::<()>());
    let places: Vec<_> = pixels.chain(meta).collect();
    let beside = M::ALL.iter().filter(|column| places.contains(&column.place(model)));
    beside.map(|column| column.spec().name).collect()
}

fn key_column<M: Table>() -> &'static dyn AnyColumn<M> {
    // The derive refuses a table without a primary key.
    M::ALL.iter().copied().find(|column| column.is_key()).unwrap_or(M::ALL[0])
}

pub(super) fn key_of<M: Table>(model: &M) -> (&'static str, Value) {
    let key = key_column::<M>();
    (key.spec().name, parameter(key.value(model)))
}

/// What is wrong with the values besides the pending files is found out before a byte moves.
pub(super) fn check_columns<M: Table>(model: &M, db: &impl ConnectionTrait) -> Result<()> {
    let key = key_column::<M>();
    if !key.is_auto() && key.is_unset(model) {
        // All instances whose key was forgotten would be one row.
        let field = key.spec().field;
        let text = format!("set `{field}` before saving: the database does not make a key of this type");
        return Err(Error::new(ErrorKind::Usage, text).with_operation("save").with_field(M::MODEL, field));
    }
    // A pending file is no value yet.
    let pending = |column: &&dyn AnyColumn<M>| {
        let file = column.spec().file.map(|index| M::FIELDS.at(index).value(model).file());
        file.is_some_and(FileField::is_pending)
    };
    for column in M::ALL.iter().copied().filter(|column| !pending(column)) {
        kinds::check(db.get_database_backend(), column, &column.value(model))
            .map_err(|error| blame::<M>(error, "save"))?;
    }
    for field in M::FIELDS.iter() {
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
    db: &impl ConnectionTrait,
    mark: Option<&Mark>,
    change: impl FnOnce(Vec<(&'static str, Value)>, bool) -> Change,
) -> Result<RowWrite> {
    check_columns(model, db)?;
    let unset = is_new(model);
    // Whether the row that it knows is its own only the transaction will see.
    let is_certain = mark.is_some_and(|mark| mark.born.is_none());
    let mut values = Vec::with_capacity(M::ALL.len());
    for column in M::ALL.iter().filter(|column| !(unset && column.is_key())) {
        values.push((column.spec().name, column.value(model)));
    }
    let named = |field: ModelField<M>| {
        let file = field.value(model).file();
        let unchanged = file.is_unchanged(mark, field.number());
        let entry = file.claim().map(Claim::entry);
        let (mut home, mut aliases, mut stored) = (String::new(), String::new(), None);
        if file.name().is_some() && unchanged && is_certain {
            // It goes by what the row says, even where that storage is not known here.
            home = registry::home_alias(field.def().storage()?.alias(), stated(field, model));
        } else if file.name().is_some() {
            let handle = field::home(field, model)?;
            handle.alias().clone_into(&mut home);
            if entry.is_none() {
                aliases = registry::aliases(&home, &handle);
            }
            stored = file.is_stored_here().then(|| handle.storage().clone());
        }
        let name = file.name().unwrap_or_default().to_owned();
        Ok(Named { name, home, aliases, stored, entry, unchanged, beside: columns_beside(model, field) })
    };
    let files = file_changes::<M>(!unset, &named, |spec| spec.on_replace)?;
    Ok(RowWrite { table: M::TABLE, key: key_of(model), change: change(values, unset), files })
}

/// What an instance says of one of its files.
#[derive(Default)]
struct Named {
    name: String,
    home: String,
    aliases: String,
    stored: Option<SharedStorage>,
    entry: Option<i64>,
    unchanged: bool,
    beside: Vec<&'static str>,
}

/// `held` says that there may be a row that holds files already: only then the field's own storage matters.
fn file_changes<M: Table>(
    held: bool,
    named: &dyn Fn(ModelField<M>) -> Result<Named>,
    retention: fn(&field::FieldSpec) -> Retention,
) -> Result<Vec<FileChange>> {
    M::FIELDS
        .iter()
        .map(|field| {
            let spec = field.def().spec();
            let Named { name, home, aliases, stored, entry, unchanged, beside } = named(field)?;
            let storage = if held { field.def().storage()?.alias().to_owned() } else { String::new() };
            Ok(FileChange {
                column: spec.column,
                meta: spec.meta_column,
                storage,
                name,
                home,
                aliases,
                stored,
                entry,
                unchanged,
                beside,
                delete: retention(spec) == Retention::Delete,
            })
        })
        .collect()
}

fn blame<M: FileModel>(error: Error, operation: &'static str) -> Error {
    error.with_model(M::MODEL).with_operation(operation)
}

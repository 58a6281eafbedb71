//! Saving and deleting an instance: file and row together.

use super::value::comparable;
use super::{AnyColumn, Table};
use crate::field::{FileField, Retention, store};
use crate::journal::{self, Change, FileChange, RowWrite, Staged};
use crate::model::{FileModel, ModelField};
use crate::{Error, ErrorKind, Result, name};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, TryFromU64, Value};

/// A connection that rows are saved through: a `DatabaseConnection`, whose transactions are ours, or a
/// `DatabaseTransaction` of the caller.
pub trait Connection: ConnectionTrait + Sync {
    /// The connection itself, where transactions on it are ours to begin.
    #[doc(hidden)]
    fn own(&self) -> Option<&DatabaseConnection>;
}

impl Connection for DatabaseConnection {
    fn own(&self) -> Option<&DatabaseConnection> {
        Some(self)
    }
}

impl Connection for DatabaseTransaction {
    fn own(&self) -> Option<&DatabaseConnection> {
        None
    }
}

/// The files of one instance that are staged: which field, and what the journal and the storage know of it.
type StagedFiles<M> = Vec<(&'static ModelField<M>, Staged)>;

pub(super) async fn save<M: Table, C: Connection>(model: &mut M, db: &C) -> Result<()> {
    crate::registry::enter_model::<M>()?;
    // The instance changes only when all has gone well, so that a retry finds its pending content again.
    let mut copy = model.clone();
    // A field emptied by hand has no dimensions left either.
    for field in M::FIELDS.iter().copied() {
        let file = field.value(&copy).file();
        if file.is_empty() && file.row().is_none() {
            store::replace(&mut copy, field, FileField::empty());
        }
    }
    let mut staged = Vec::new();
    if copy.has_pending() {
        let own = db.own().ok_or_else(|| {
            let text = "pending content inside an open transaction: no transaction may wait for bytes; \
                        save the instance before the transaction begins, or outside of it";
            Error::new(ErrorKind::NotStaged, text).with_operation("save")
        })?;
        check_columns(&copy, own)?;
        if let Err(error) = stage_all(&mut copy, own, &mut staged).await {
            journal::work_off(own, ids(&staged)).await;
            return Err(error);
        }
    }
    let written = match write(&copy, db, &staged) {
        Ok(write) => match db.own() {
            Some(own) => write.run(own).await.map_err(|failure| (failure.error, failure.rolled_back)),
            None => write.run_in(db).await.map_err(|error| (error, false)),
        },
        Err(error) => Err((error, true)),
    };
    let written = match written {
        Ok(written) => written,
        Err((error, rolled_back)) => {
            if let (true, Some(own)) = (rolled_back, db.own()) {
                journal::work_off(own, ids(&staged)).await;
            }
            return Err(blame::<M>(error, "save"));
        }
    };
    if let Some(id) = written.inserted {
        // The row is there all the same.
        let key = M::Key::try_from_u64(id)
            .map_err(|error| blame::<M>(journal::database(error), "save").uncertain())?;
        key_column::<M>().set(&mut copy, key.into());
    }
    // In the caller's transaction nothing is certain yet: what was changed there is written again by the next save.
    if db.own().is_some() {
        mark_row(&mut copy);
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

pub(super) async fn delete<M: Table, C: Connection>(model: M, db: &C) -> Result<()> {
    crate::registry::enter_model::<M>()?;
    let files = file_changes::<M>(true, &|_| Named::default(), |spec| spec.on_delete)?;
    let write = RowWrite { table: M::TABLE, key: key_of(&model), change: Change::Delete, files };
    let written = match db.own() {
        Some(own) => write.run(own).await.map_err(|failure| failure.error),
        None => write.run_in(db).await,
    };
    let written = written.map_err(|error| blame::<M>(error, "delete"))?;
    if let Some(own) = db.own() {
        journal::nudge(own, written.queued);
    }
    Ok(())
}

/// Notes in the file fields which row they belong to.
pub(super) fn mark_row<M: Table>(model: &mut M) {
    if M::FIELDS.is_empty() {
        return;
    }
    let row = row_of(model);
    for field in M::FIELDS {
        let value = field.value_mut(model);
        let file = value.file().of_row(row);
        value.set_file(file);
    }
}

/// A number for the row of this table and key.
fn row_of<M: Table>(model: &M) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (M::TABLE, format!("{:?}", key_of(model).1)).hash(&mut hasher);
    hasher.finish()
}

/// The columns of the fields that are filled with the file of `field`.
fn columns_beside<M: Table>(model: &M, field: &'static ModelField<M>) -> Vec<&'static str> {
    let pixels = [field.width(), field.height()].into_iter().flatten();
    let pixels = pixels.map(|pixels| std::ptr::from_ref(pixels.get(model)).cast::<()>());
    let meta = field.meta().map(|meta| std::ptr::from_ref(meta.get(model)).cast::<()>());
    let places: Vec<_> = pixels.chain(meta).collect();
    let beside = M::ALL.iter().filter(|column| places.contains(&column.place(model)));
    beside.map(|column| column.spec().name).collect()
}

fn ids<M>(staged: &StagedFiles<M>) -> Vec<i64> {
    staged.iter().map(|(_, staged)| staged.id).collect()
}

async fn stage_all<M: Table>(
    model: &mut M,
    db: &DatabaseConnection,
    staged: &mut StagedFiles<M>,
) -> Result<()> {
    for field in M::FIELDS.iter().copied() {
        let Some(pending) = field.value(model).file().as_pending().cloned() else { continue };
        let def = field.def();
        let handle = def.storage()?;
        let content = pending.content().map_err(|error| def.blame(error.with_operation("save")))?;
        let filename =
            name::from_client(pending.name()).map_err(|error| def.blame(error.with_operation("save")))?;
        let mut prepared = store::prepare(model, field, &handle, &filename, content)?;
        prepared.original_name = pending.name().to_owned();
        let done = journal::stage(db, def, M::TABLE, &handle, prepared).await?;
        store::fill(model, field, handle.alias(), &done.stored);
        staged.push((field, done));
    }
    Ok(())
}

fn key_column<M: Table>() -> &'static dyn AnyColumn<M> {
    // The derive refuses a table without a primary key.
    M::ALL.iter().copied().find(|column| column.is_key()).unwrap_or(M::ALL[0])
}

pub(super) fn key_of<M: Table>(model: &M) -> (&'static str, Value) {
    let key = key_column::<M>();
    (key.spec().name, comparable(key.value(model)))
}

/// What is wrong with the values besides the files is found out before a byte moves.
fn check_columns<M: Table>(model: &M, db: &impl ConnectionTrait) -> Result<()> {
    // A pending file is no value yet.
    let pending = |column: &&dyn AnyColumn<M>| {
        let file = column.spec().file.map(|index| M::FIELDS[index].value(model).file());
        file.is_some_and(FileField::is_pending)
    };
    for column in M::ALL.iter().copied().filter(|column| !pending(column)) {
        check_value(db, column, &column.value(model))?;
    }
    for field in M::FIELDS {
        let def = field.def();
        let Some(stored) = field.value(model).file().name() else { continue };
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

fn write<M: Table>(model: &M, db: &impl ConnectionTrait, staged: &StagedFiles<M>) -> Result<RowWrite> {
    check_columns(model, db)?;
    let key = key_column::<M>();
    let unset = key.is_auto() && key.is_unset(model);
    let mut values = Vec::with_capacity(M::ALL.len());
    for column in M::ALL.iter().filter(|column| !(unset && column.is_key())) {
        values.push((column.spec().name, column.value(model)));
    }
    let row = row_of(model);
    let named = |field: &'static ModelField<M>| {
        let file = field.value(model).file();
        let same = |other: &&(&'static ModelField<M>, Staged)| std::ptr::eq(other.0.def(), field.def());
        Named {
            name: file.name().unwrap_or_default().to_owned(),
            entry: staged.iter().find(same).map(|(_, staged)| staged.id),
            unchanged: file.row() == Some(row),
            beside: columns_beside(model, field),
        }
    };
    let files = file_changes::<M>(!unset, &named, |spec| spec.on_replace)?;
    let change = if unset { Change::Insert(values) } else { Change::Save(values) };
    Ok(RowWrite { table: M::TABLE, key: key_of(model), change, files })
}

/// What an instance says of one of its files.
#[derive(Default)]
struct Named {
    name: String,
    entry: Option<i64>,
    unchanged: bool,
    beside: Vec<&'static str>,
}

/// `held` says that there may be a row that holds files already. The storage of a field matters where a file is let go
/// of or named.
fn file_changes<M: Table>(
    held: bool,
    named: &dyn Fn(&'static ModelField<M>) -> Named,
    retention: fn(&crate::field::FieldSpec) -> Retention,
) -> Result<Vec<FileChange>> {
    M::FIELDS
        .iter()
        .copied()
        .map(|field| {
            let spec = field.def().spec();
            let Named { name, entry, unchanged, beside } = named(field);
            let assigned = !name.is_empty() && entry.is_none();
            let (mut storage, mut aliases) = (String::new(), String::new());
            if held || assigned {
                let handle = field.def().storage()?;
                handle.alias().clone_into(&mut storage);
                if assigned {
                    aliases = crate::registry::aliases(&storage, &handle);
                }
            }
            Ok(FileChange {
                column: spec.column,
                storage,
                aliases,
                name,
                entry,
                unchanged,
                beside,
                delete: retention(spec) == Retention::Delete,
            })
        })
        .collect()
}

/// SQLite keeps decimals as binary floating point and integers in 64 bits with a sign: what would come back changed is
/// refused, not rounded.
fn check_value<M>(db: &impl ConnectionTrait, column: &dyn AnyColumn<M>, value: &Value) -> Result<()> {
    use sea_orm::prelude::Decimal;
    let problem = match value {
        _ if db.get_database_backend() != DbBackend::Sqlite => return Ok(()),
        Value::Decimal(Some(decimal)) => {
            let kept = f64::try_from(*decimal).ok().and_then(|float| Decimal::try_from(float).ok());
            (kept != Some(*decimal)).then(|| format!("`{decimal}`"))
        }
        Value::BigUnsigned(Some(number)) => i64::try_from(*number).is_err().then(|| format!("`{number}`")),
        _ => None,
    };
    match problem {
        Some(value) => {
            let text =
                format!("{value} in column `{}` has more digits than SQLite keeps", column.spec().name);
            Err(Error::new(ErrorKind::Database, text).with_operation("save"))
        }
        None => Ok(()),
    }
}

fn blame<M: FileModel>(error: Error, operation: &'static str) -> Error {
    error.with_model(M::MODEL).with_operation(operation)
}

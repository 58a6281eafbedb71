//! The registered models.

use super::cell::own_alias;
use super::storages::is_same;
use crate::field::FieldDef;
use crate::model::FileModel;
#[cfg(feature = "db")]
use crate::storage::StorageExt;
use crate::{Error, ErrorKind, Result, SharedStorage};
use std::any::TypeId;
#[cfg(feature = "db")]
use std::cell::LazyCell;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// A model registered by [`App::build`](super::App) or [`FileModel::register`].
#[derive(Clone, Debug)]
pub struct RegisteredModel {
    type_id: TypeId,
    type_name: &'static str,
    name: &'static str,
    table: Option<&'static str>,
    fields: Vec<&'static FieldDef>,
}

impl RegisteredModel {
    pub(super) fn of<M: FileModel>() -> Self {
        RegisteredModel {
            type_id: TypeId::of::<M>(),
            type_name: std::any::type_name::<M>(),
            name: M::MODEL,
            table: M::TABLE_NAME,
            fields: M::FIELDS.iter().map(|field| field.def()).collect(),
        }
    }

    /// Returns the path of the type, such as `garage::Car`. For messages only: it is not stable.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Returns the name of the struct.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the table, if the model has one.
    pub fn table(&self) -> Option<&'static str> {
        self.table
    }

    /// Returns the file fields, in the order of the struct.
    pub fn fields(&self) -> &[&'static FieldDef] {
        &self.fields
    }

    pub(super) fn is_same(&self, other: &RegisteredModel) -> bool {
        self.type_id == other.type_id
    }
}

static MODELS: RwLock<Vec<RegisteredModel>> = RwLock::new(Vec::new());

/// Returns all models registered by [`App::build`](super::App) or [`FileModel::register`], in the order of
/// their registration.
pub fn models() -> Vec<RegisteredModel> {
    MODELS.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Registers one model, so that the sweeper searches its columns. Cheap if it is already registered.
#[cfg(feature = "db")]
pub(crate) fn enter_model<M: FileModel>() -> Result<()> {
    let id = TypeId::of::<M>();
    if MODELS.read().unwrap_or_else(PoisonError::into_inner).iter().any(|model| model.type_id == id) {
        return Ok(());
    }
    enter(&RegisteredModel::of::<M>())
}

/// Registers one model and evaluates its storages.
pub(crate) fn register<M: FileModel>() -> Result<()> {
    let problems = register_one(&RegisteredModel::of::<M>(), Instant::now(), |_| true);
    if problems.is_empty() { Ok(()) } else { Err(failed(&problems)) }
}

/// Registers a model, evaluates the storages of the `wanted` fields, and returns the problems. Failures from
/// before `start` are retried.
pub(super) fn register_one(
    model: &RegisteredModel,
    start: Instant,
    wanted: impl Fn(&FieldDef) -> bool,
) -> Vec<Error> {
    let mut problems: Vec<Error> = enter(model).err().into_iter().collect();
    for field in model.fields.iter().filter(|field| wanted(field)) {
        field.cell().forget_failure(start);
        let evaluated = field.storage().and_then(|_| check_alias(model, field));
        problems.extend(evaluated.err());
    }
    problems
}

/// Combines errors into one, with a line for each.
pub(super) fn failed(problems: &[Error]) -> Error {
    let lines: Vec<String> = problems.iter().map(Error::to_string).collect();
    let error = Error::new(ErrorKind::Registration, lines.join("\n"));
    if problems.iter().all(Error::is_retryable) { error.retryable() } else { error }
}

fn enter(model: &RegisteredModel) -> Result<()> {
    let mut models = MODELS.write().unwrap_or_else(PoisonError::into_inner);
    if models.iter().any(|other| other.is_same(model)) {
        return Ok(());
    }
    // SQLite, and MySQL on some systems, treat names that differ only in case as the same table.
    let same = |table: &&str| model.table.is_some_and(|own| own.eq_ignore_ascii_case(table));
    if let Some((other, table)) = models.iter().find_map(|other| Some((other, other.table.filter(same)?))) {
        let own = model.table.filter(|own| *own != table);
        let message = format!(
            "{}: the table `{table}` belongs to `{}` and to `{}`{}",
            model.name,
            other.type_name,
            model.type_name,
            own.map(|own| format!(", where it is written `{own}`")).unwrap_or_default()
        );
        return Err(Error::new(ErrorKind::Registration, message));
    }
    models.push(model.clone());
    Ok(())
}

/// Refuses two structs of the same name (every sea-orm entity is a `Model`) with different storages that both
/// have the alias `Model.field`: the journal could not tell them apart.
fn check_alias(model: &RegisteredModel, field: &'static FieldDef) -> Result<()> {
    let Some((alias, storage)) = field.cell().evaluated().filter(|(alias, _)| *alias == own_alias(field))
    else {
        return Ok(());
    };
    for other in models() {
        let taken = |other: &&'static FieldDef| {
            let evaluated = other.cell().evaluated();
            evaluated.is_some_and(|(taken, other)| taken == alias && !is_same(other, storage))
        };
        if other.fields.iter().any(taken) {
            let message = format!(
                "`{}` and `{}` have different storages for it; give each an alias with `App::builder().storage(..)`",
                other.type_name, model.type_name
            );
            return Err(field.blame(Error::new(ErrorKind::Registration, message)));
        }
    }
    Ok(())
}

/// Returns all aliases the journal may use for a file of `storage`, including `alias`, as a JSON array.
/// Fields whose functions return the same storage may each have their own alias, and so may rows.
#[cfg(feature = "db")]
pub(crate) fn aliases(alias: &str, storage: &SharedStorage) -> String {
    // Evaluated only if the instances differ: for a directory it resolves the path.
    let location = LazyCell::new(|| storage.location());
    let mut aliases = vec![alias.to_owned()];
    for (alias, other) in known_storages() {
        if !aliases.contains(&alias)
            && (is_same(storage, &other) || (location.is_some() && *location == other.location()))
        {
            aliases.push(alias);
        }
    }
    serde_json::Value::from(aliases).to_string()
}

/// Every storage known to this process, with every alias: those of fields, and those that rows may name.
#[cfg(feature = "db")]
pub(crate) fn known_storages() -> Vec<(String, SharedStorage)> {
    let mut known = super::storages::built();
    for field in models().iter().flat_map(|model| model.fields.iter().copied()) {
        if let Some((alias, storage)) = field.cell().evaluated() {
            known.push((alias.to_owned(), storage.clone()));
        }
    }
    known
}

/// Returns the storage with the alias `Model.field`, or `None` if there is none.
pub(super) fn storage_of_field(alias: &str) -> Option<Result<SharedStorage>> {
    let field = models()
        .iter()
        .flat_map(|model| model.fields.iter().copied())
        .find(|field| alias == own_alias(field))?;
    match field.storage() {
        Ok(handle) if handle.alias() == alias => Some(Ok(handle.storage().clone())),
        // The field now has another alias, so the meaning of this one is unknown.
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

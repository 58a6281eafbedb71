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

/// A model that [`App::build`](super::App) or [`FileModel::register`] has entered.
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

    /// Path of the type, as `garage::Car`. For messages: it is not stable.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Name of the struct.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The table, where the model has one of its own.
    pub fn table(&self) -> Option<&'static str> {
        self.table
    }

    /// The file fields, in the order of the struct.
    pub fn fields(&self) -> &[&'static FieldDef] {
        &self.fields
    }

    pub(super) fn is_same(&self, other: &RegisteredModel) -> bool {
        self.type_id == other.type_id
    }
}

static MODELS: RwLock<Vec<RegisteredModel>> = RwLock::new(Vec::new());

/// All models that have been registered, in that order: by [`App::build`](super::App) or by [`FileModel::register`].
pub fn models() -> Vec<RegisteredModel> {
    MODELS.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Enters one model, so that the sweeper looks through its columns. Cheap when it is there already.
#[cfg(feature = "db")]
pub(crate) fn enter_model<M: FileModel>() -> Result<()> {
    let id = TypeId::of::<M>();
    if MODELS.read().unwrap_or_else(PoisonError::into_inner).iter().any(|model| model.type_id == id) {
        return Ok(());
    }
    enter(&RegisteredModel::of::<M>())
}

/// Registers one model: enters it and evaluates its storages.
pub(crate) fn register<M: FileModel>() -> Result<()> {
    let problems = register_one(&RegisteredModel::of::<M>(), Instant::now(), |_| true);
    if problems.is_empty() { Ok(()) } else { Err(failed(&problems)) }
}

/// Registers a model and says what is wrong with it. What failed before `start` is tried again. The storages of the
/// `wanted` fields are evaluated.
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

/// One error out of many, a line each.
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
    // To SQLite, and to MySQL on some systems, names that differ in case are one table.
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

/// Two structs of one name (every entity of sea-orm is a `Model`) may not have two storages that both go by
/// `Model.field`: the journal could not tell one from the other.
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

/// The aliases by which the journal may know a file of `storage`, `alias` among them, as a JSON array: fields whose
/// functions give one storage may each have an alias of their own, and so may rows.
#[cfg(feature = "db")]
pub(crate) fn aliases(alias: &str, storage: &SharedStorage) -> String {
    // Asked for only where the storages are not one: a directory resolves its path for it.
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

/// Every storage that this process has met, by every alias: those of fields, and those that rows may state.
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

/// The storage that goes by `Model.field`. `None` if there is none.
pub(super) fn storage_of_field(alias: &str) -> Option<Result<SharedStorage>> {
    let field = models()
        .iter()
        .flat_map(|model| model.fields.iter().copied())
        .find(|field| alias == own_alias(field))?;
    match field.storage() {
        Ok(handle) if handle.alias() == alias => Some(Ok(handle.storage().clone())),
        // The field has another alias by now, so what this one meant is not known.
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

//! A field's storage, evaluated once.

use super::once::Once;
use super::{StorageChoice, overrides, storages, waits};
use crate::field::FieldDef;
use crate::settings::{self, DEFAULT, OVERRIDE};
use crate::{Error, ErrorKind, Result, SharedStorage};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// The storage of a field. Evaluated until it succeeds once.
#[derive(Debug)]
pub(crate) struct StorageCell(Once<Resolved>);

#[derive(Debug)]
struct Resolved {
    alias: String,
    storage: SharedStorage,
}

/// A field's storage, and its alias in the journal and in errors.
#[derive(Clone, Debug)]
pub struct StorageHandle<'a>(Inner<'a>);

#[derive(Clone, Debug)]
enum Inner<'a> {
    Field(&'a Resolved),
    Override(SharedStorage),
    /// A different storage than the field's own, found by the alias in a row. Rare, so it is boxed to keep
    /// moves of the others cheap.
    Elsewhere(Arc<Resolved>),
}

impl StorageHandle<'_> {
    /// Returns the storage.
    pub fn storage(&self) -> &SharedStorage {
        match &self.0 {
            Inner::Field(resolved) => &resolved.storage,
            Inner::Override(storage) => storage,
            Inner::Elsewhere(resolved) => &resolved.storage,
        }
    }

    /// Returns the alias: that of the settings, `Model.field` for a storage without one, or `override`. In
    /// all three cases [`storage`](super::storage) finds the storage by it.
    pub fn alias(&self) -> &str {
        match &self.0 {
            Inner::Field(resolved) => &resolved.alias,
            Inner::Override(_) => OVERRIDE,
            Inner::Elsewhere(resolved) => &resolved.alias,
        }
    }

    pub(super) fn elsewhere(alias: String, storage: SharedStorage) -> StorageHandle<'static> {
        StorageHandle(Inner::Elsewhere(Arc::new(Resolved { alias, storage })))
    }

    pub(super) fn overridden(storage: SharedStorage) -> StorageHandle<'static> {
        StorageHandle(Inner::Override(storage))
    }

    /// Whether it replaces every storage in a test.
    pub(super) fn is_override(&self) -> bool {
        matches!(self.0, Inner::Override(_))
    }
}

impl std::ops::Deref for StorageHandle<'_> {
    type Target = SharedStorage;
    fn deref(&self) -> &SharedStorage {
        self.storage()
    }
}

impl StorageCell {
    pub(crate) const fn new() -> Self {
        StorageCell(Once::new())
    }

    #[inline]
    pub(crate) fn get(&self, field: &FieldDef) -> Result<StorageHandle<'_>> {
        if overrides::are_active()
            && let Some(storage) = overrides::required().map_err(|error| field.blame(error))?
        {
            return Ok(StorageHandle(Inner::Override(storage)));
        }
        match self.0.get() {
            Some(resolved) => Ok(StorageHandle(Inner::Field(resolved))),
            None => self.evaluate(field),
        }
    }

    #[cold]
    fn evaluate(&self, field: &FieldDef) -> Result<StorageHandle<'_>> {
        let id = std::ptr::from_ref(self).addr();
        let Some(_wait) = waits::wait(id) else {
            let message = "the storage function needs the storage of its own field";
            return Err(field.blame(Error::new(ErrorKind::StorageFunction, message)));
        };
        let resolved = self.0.get_or_try(|| {
            let _owner = waits::own(id);
            resolve(field)
        });
        resolved.map(|resolved| StorageHandle(Inner::Field(resolved))).map_err(|error| field.blame(error))
    }

    /// Returns the alias and the storage if they have been evaluated.
    pub(super) fn evaluated(&self) -> Option<(&str, &SharedStorage)> {
        self.0.get().map(|resolved| (resolved.alias.as_str(), &resolved.storage))
    }

    /// Clears a failure from before `start`, so that the next call retries at once.
    pub(super) fn forget_failure(&self, start: Instant) {
        self.0.forget_failure(start);
    }
}

/// The alias of a storage that has none in the settings.
pub(super) fn own_alias(field: &FieldDef) -> String {
    format!("{}.{}", field.model(), field.name())
}

/// The same alias, if no other storage has it.
fn free_alias(field: &FieldDef) -> Result<String> {
    let alias = own_alias(field);
    match storages::look_up(&alias) {
        Err(error) if error.kind() == ErrorKind::UnknownStorage => Ok(alias),
        _ => Err(Error::new(
            ErrorKind::StorageFunction,
            "another storage was given the alias of this field; give the storage of the field an alias of its own",
        )),
    }
}

fn resolve(field: &FieldDef) -> Result<Resolved> {
    // The function may have received default settings because the real ones could not be read.
    settings::try_settings()?;
    let (alias, storage) = match field.spec().storage {
        None => storages::look_up(DEFAULT)?,
        Some(function) => match catch_unwind(AssertUnwindSafe(function)) {
            Ok(choice) => match choice.map_err(|error| error.with_operation("storage function"))? {
                StorageChoice::Alias(alias) => storages::look_up(&alias)?,
                StorageChoice::Storage(storage) => match storages::alias_of(&storage) {
                    Some(alias) => (alias, storage),
                    None => (free_alias(field)?, storage),
                },
            },
            Err(panic) => return Err(panicked(&*panic)),
        },
    };
    Ok(Resolved { alias, storage })
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(ErrorKind::StorageFunction, format!("the storage function panicked: {text}")).retryable()
}

//! The accessor of a file field: a value with its field's description and storage.

use super::{FieldDef, FieldValue};
use crate::model::{FileModel, ModelField};
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileName, Result};
use std::fmt;
use std::marker::PhantomData;

/// The result of `car.photo()`: the file of one field of one instance.
///
/// Creating it needs no lock, no allocation and no I/O. `M` is the model and `V` the type of the field; image
/// fields have more methods.
pub struct FieldFile<'a, M, V> {
    pub(super) model: &'a M,
    number: usize,
    kind: PhantomData<fn() -> V>,
}

/// Creates the accessor of a file field. Called by the derive. A function without bounds, rather than a
/// method, to save compile time in the user's crate.
#[inline]
pub const fn field_file<M, V>(model: &M, number: usize) -> FieldFile<'_, M, V> {
    FieldFile { model, number, kind: PhantomData }
}

impl<'a, M: FileModel, V> FieldFile<'a, M, V> {
    #[inline]
    pub(super) fn field(&self) -> ModelField<M> {
        M::FIELDS.at(self.number)
    }

    /// Returns the field.
    pub fn def(&self) -> &'static FieldDef {
        self.field().def()
    }

    pub(super) fn value(&self) -> &'a dyn FieldValue {
        self.field().value(self.model)
    }

    /// Returns the stored name, or `""` if there is none.
    pub fn name(&self) -> &'a str {
        self.value().file().name().unwrap_or_default()
    }

    /// Returns whether the field has neither a stored file nor pending content.
    pub fn is_empty(&self) -> bool {
        self.value().file().is_empty()
    }

    /// Returns whether the field names a stored file.
    pub fn is_stored(&self) -> bool {
        self.value().file().name().is_some()
    }

    /// Returns the storage of the file: the field's own, unless the row names a different one through its
    /// `meta_field` ([`FileMeta::storage`](super::FileMeta::storage)).
    ///
    /// # Errors
    /// Returns the errors of [`FieldDef::storage`], and [`UnknownStorage`](ErrorKind::UnknownStorage) if the
    /// row's alias is not known.
    pub fn storage(&self) -> Result<StorageHandle<'static>> {
        home(self.field(), self.model)
    }

    /// The checked name and the storage, for an operation that needs both.
    pub(super) fn stored(&self, operation: &'static str) -> Result<(FileName<'a>, StorageHandle<'static>)> {
        stored(self.field(), self.model, operation)
    }

    /// Adds the field's name, the operation and the storage's alias to an error of the storage.
    pub(super) fn blame(&self, operation: &'static str, handle: &StorageHandle<'_>, error: Error) -> Error {
        self.def().blame(error.with_operation(operation).with_name(self.name()).with_storage(handle.alias()))
    }
}

/// Returns the storage of the file of `field`. Needs no lock and no allocation if that is the field's own.
#[inline]
pub(crate) fn home<M: FileModel>(field: ModelField<M>, model: &M) -> Result<StorageHandle<'static>> {
    let own = field.def().storage();
    // The usual case takes one comparison and no move.
    if let (Ok(usual), Some(meta)) = (&own, field.meta())
        && let Some(alias) = meta.get(model).storage()
        && alias != usual.alias()
        && stated(field, model).is_some()
    {
        return registry::elsewhere(own?, alias).map_err(|error| field.def().blame(error));
    }
    own
}

/// The alias of the storage that the row names for its stored file.
#[inline]
pub(crate) fn stated<M: FileModel>(field: ModelField<M>, model: &M) -> Option<&str> {
    let meta = field.meta()?.get(model);
    // Pending content goes to the field's own storage, whatever the row says about the previous file.
    field.value(model).file().name()?;
    meta.storage()
}

/// Returns the checked name and the storage of a stored file.
pub(super) fn stored<'a, M: FileModel>(
    field: ModelField<M>,
    model: &'a M,
    operation: &'static str,
) -> Result<(FileName<'a>, StorageHandle<'static>)> {
    let (def, file) = (field.def(), field.value(model).file());
    let handle = home(field, model).map_err(|error| error.with_operation(operation))?;
    let error = match (file.name(), file.as_pending()) {
        (Some(name), _) => match FileName::existing(name) {
            Ok(name) => return Ok((name, handle)),
            Err(error) => error,
        },
        (None, None) => Error::new(ErrorKind::NoFile, "the field has no file"),
        (None, Some(pending)) if pending.is_consumed() => pending.consumed(),
        (None, Some(pending)) => {
            Error::new(ErrorKind::NotStored, "the content is not stored yet: save the instance first")
                .with_name(pending.name())
        }
    };
    Err(def.blame(error.with_operation(operation).with_storage(handle.alias())))
}

impl<M, V> Clone for FieldFile<'_, M, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, V> Copy for FieldFile<'_, M, V> {}

/// Writes the stored name, or nothing.
impl<M: FileModel, V> fmt::Display for FieldFile<'_, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<M: FileModel, V> fmt::Debug for FieldFile<'_, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let def = self.def();
        write!(f, "<{}.{}: {}>", def.model(), def.name(), if self.is_stored() { self.name() } else { "None" })
    }
}

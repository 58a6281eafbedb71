//! The accessor of a file field: a value joined with its field's description and storage.

use super::{FieldDef, FieldValue};
use crate::model::{FileModel, ModelField};
use crate::registry::{self, StorageHandle};
use crate::{Error, ErrorKind, FileName, Result};
use std::fmt;
use std::marker::PhantomData;

/// What `car.photo()` gives: the file of one field of one instance.
///
/// Making one costs no lock, no allocation and no I/O. `M` is the model, `V` the field's type; image fields have
/// more methods.
pub struct FieldFile<'a, M, V> {
    pub(super) model: &'a M,
    number: usize,
    kind: PhantomData<fn() -> V>,
}

/// What the accessor of a file field returns. Called by the derive: a function without bounds, and no method, because
/// the user's build pays for each of both.
#[inline]
pub const fn field_file<M, V>(model: &M, number: usize) -> FieldFile<'_, M, V> {
    FieldFile { model, number, kind: PhantomData }
}

impl<'a, M: FileModel, V> FieldFile<'a, M, V> {
    #[inline]
    pub(super) fn field(&self) -> ModelField<M> {
        M::FIELDS.at(self.number)
    }

    /// The field.
    pub fn def(&self) -> &'static FieldDef {
        self.field().def()
    }

    pub(super) fn value(&self) -> &'a dyn FieldValue {
        self.field().value(self.model)
    }

    /// The stored name, `""` where there is none (D059).
    pub fn name(&self) -> &'a str {
        self.value().file().name().unwrap_or_default()
    }

    /// Whether the field holds neither a stored file nor pending content.
    pub fn is_empty(&self) -> bool {
        self.value().file().is_empty()
    }

    /// Whether a stored file is named (D058).
    pub fn is_stored(&self) -> bool {
        self.value().file().name().is_some()
    }

    /// The storage that the file is in: the field's own, unless the row says another one through its `meta_field`
    /// ([`FileMeta::storage`](super::FileMeta::storage)).
    ///
    /// # Errors
    /// As [`FieldDef::storage`]; [`UnknownStorage`](ErrorKind::UnknownStorage) where the row's alias is not known here.
    pub fn storage(&self) -> Result<StorageHandle<'static>> {
        home(self.field(), self.model)
    }

    /// The checked name and the storage, for an operation that needs both.
    pub(super) fn stored(&self, operation: &'static str) -> Result<(FileName<'a>, StorageHandle<'static>)> {
        stored(self.field(), self.model, operation)
    }

    /// Gives an error of the storage the field's name, the operation and the storage's alias.
    pub(super) fn blame(&self, operation: &'static str, handle: &StorageHandle<'_>, error: Error) -> Error {
        self.def().blame(error.with_operation(operation).with_name(self.name()).with_storage(handle.alias()))
    }
}

/// The storage that the file of `field` is in. Free of locks and allocations where that is the field's own.
#[inline]
pub(crate) fn home<M: FileModel>(field: ModelField<M>, model: &M) -> Result<StorageHandle<'static>> {
    let own = field.def().storage();
    // The usual answer takes one comparison, and is not moved.
    if let (Ok(usual), Some(meta)) = (&own, field.meta())
        && let Some(alias) = meta.get(model).storage()
        && alias != usual.alias()
        && stated(field, model).is_some()
    {
        return registry::elsewhere(own?, alias).map_err(|error| field.def().blame(error));
    }
    own
}

/// The alias of the storage that the row says its stored file is in.
#[inline]
pub(crate) fn stated<M: FileModel>(field: ModelField<M>, model: &M) -> Option<&str> {
    let meta = field.meta()?.get(model);
    // Content that is to be stored goes into the field's own storage, whatever is known of the file before.
    field.value(model).file().name()?;
    meta.storage()
}

/// The checked name and the storage of a stored file.
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

/// The stored name, or nothing (D006).
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

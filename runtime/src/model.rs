//! The items implemented by `#[derive(Model)]`: a struct and its file fields.

mod fields;

pub(crate) use fields::{Companion, Fields, ModelField};

use crate::field::FieldDef;
use crate::{Result, registry};
use std::any::Any;
use std::fmt;

/// A struct with file fields. Implemented only by `#[derive(Model)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "not a model",
    note = "derive it: `#[derive(filefield::Model)]`"
)]
pub trait FileModel: Sized + Send + Sync + 'static {
    /// The output of the derive. A single constant, because each one costs compile time in the user's crate.
    #[doc(hidden)]
    const DEF: ModelDef;
    /// Name of the struct.
    const MODEL: &'static str = Self::DEF.name;
    /// Name of its table, if it has one.
    const TABLE_NAME: Option<&'static str> = Self::DEF.table;
    /// Its file fields, in the order of the struct.
    const FIELDS: Fields<Self> = Fields::new(Self::DEF.files);

    /// Registers the model and evaluates the storages of its fields that have not been evaluated yet, as
    /// `App::build()` does.
    ///
    /// # Errors
    /// Returns [`Registration`](crate::ErrorKind::Registration) with the failures of all fields, or if
    /// another model has the same table.
    fn register() -> Result<()> {
        registry::register::<Self>()
    }

    /// Returns whether any field holds content that is not stored yet.
    fn has_pending(&self) -> bool {
        Self::FIELDS.iter().any(|field| field.value(self).file().as_pending().is_some())
    }

    /// The field with this number: the file fields first, then those named by their keys.
    #[doc(hidden)]
    fn __field(&self, number: usize) -> &dyn Any {
        unreachable!("`{}` has no field {number}", Self::MODEL)
    }

    /// The same field, mutably.
    #[doc(hidden)]
    fn __field_mut(&mut self, number: usize) -> &mut dyn Any {
        unreachable!("`{}` has no field {number}", Self::MODEL)
    }

    /// The name returned by the `upload_to` function of the file field with this number.
    #[doc(hidden)]
    fn __upload_to(&self, number: usize, filename: &str) -> Option<String> {
        let _ = (number, filename);
        None
    }
}

/// A model as described by the derive.
#[derive(Clone, Copy, Debug)]
pub struct ModelDef {
    name: &'static str,
    table: Option<&'static str>,
    files: &'static [FieldDef],
}

impl ModelDef {
    /// A model without a table. Called by the derive.
    pub const fn new(name: &'static str, files: &'static [FieldDef]) -> Self {
        ModelDef { name, table: None, files }
    }

    /// Sets the table.
    #[must_use]
    pub const fn table(mut self, name: &'static str) -> Self {
        self.table = Some(name);
        self
    }
}

/// Two projections from a model to one of its fields.
pub struct Slot<M, T> {
    /// Borrows the field.
    pub get: fn(&M) -> &T,
    /// Borrows the field mutably.
    pub get_mut: fn(&mut M) -> &mut T,
}

impl<M, T> fmt::Debug for Slot<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

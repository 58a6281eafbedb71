//! What `#[derive(Model)]` implements: a struct and its file fields.

mod fields;

pub(crate) use fields::{Companion, Fields, ModelField};

use crate::field::FieldDef;
use crate::{Result, registry};
use std::any::Any;
use std::fmt;

/// A struct with file fields. Implemented by `#[derive(Model)]` only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "not a model",
    note = "derive it: `#[derive(filefield::Model)]`"
)]
pub trait FileModel: Sized + Send + Sync + 'static {
    /// What the derive writes down. One constant, because each costs every build of the user's crate.
    #[doc(hidden)]
    const DEF: ModelDef;
    /// Name of the struct.
    const MODEL: &'static str = Self::DEF.name;
    /// Name of its table, where it has one of its own.
    const TABLE_NAME: Option<&'static str> = Self::DEF.table;
    /// Its file fields, in the order of the struct.
    const FIELDS: Fields<Self> = Fields::new(Self::DEF.files);

    /// Enters the model in the registry and evaluates the storage of every field that has not been evaluated yet, as
    /// `App::build()` does (D133).
    ///
    /// # Errors
    /// [`Registration`](crate::ErrorKind::Registration) with the failures of all fields, or where another model has
    /// the same table.
    fn register() -> Result<()> {
        registry::register::<Self>()
    }

    /// Whether any field holds content that is not stored yet.
    fn has_pending(&self) -> bool {
        Self::FIELDS.iter().any(|field| field.value(self).file().as_pending().is_some())
    }

    /// The field with this number: the file fields come first, then those that their keys name.
    #[doc(hidden)]
    fn __field(&self, number: usize) -> &dyn Any {
        unreachable!("`{}` has no field {number}", Self::MODEL)
    }

    /// The same, to be changed.
    #[doc(hidden)]
    fn __field_mut(&mut self, number: usize) -> &mut dyn Any {
        unreachable!("`{}` has no field {number}", Self::MODEL)
    }

    /// The name that the `upload_to` function of the file field with this number gives.
    #[doc(hidden)]
    fn __upload_to(&self, number: usize, filename: &str) -> Option<String> {
        let _ = (number, filename);
        None
    }
}

/// What the derive writes down of a model.
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

    /// Gives it a table.
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
    /// Borrows the field to change it.
    pub get_mut: fn(&mut M) -> &mut T,
}

impl<M, T> fmt::Debug for Slot<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

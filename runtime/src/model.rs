//! What `#[derive(Model)]` implements: a struct and its file fields.

use crate::field::{FieldDef, FieldValue, FileField, FileMeta, MetaValue, PixelCount};
use crate::{Result, registry};
use std::fmt;

/// A struct with file fields. Implemented by `#[derive(Model)]` only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "not a model",
    note = "derive it: `#[derive(filefield::Model)]`"
)]
pub trait FileModel: Sized + Send + Sync + 'static {
    /// Name of the struct.
    const MODEL: &'static str;
    /// Its file fields, in the order of the struct.
    const FIELDS: &'static [&'static ModelField<Self>];
    /// Name of its table, where it has one of its own.
    const TABLE_NAME: Option<&'static str> = None;

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
        Self::FIELDS.iter().any(|field| field.value(self).file().is_pending())
    }

    /// The value of the file field with this number.
    #[doc(hidden)]
    fn __file(&self, number: usize) -> &dyn FieldValue {
        let _ = number;
        const { &FileField::empty() }
    }

    /// The value of the file field with this number, to be changed.
    #[doc(hidden)]
    fn __file_mut(&mut self, number: usize) -> &mut dyn FieldValue {
        unreachable!("`{}` has no file field {number}", Self::MODEL)
    }

    /// The field with this number among those that keys name for pixels.
    #[doc(hidden)]
    fn __pixels(&self, number: usize) -> &dyn PixelCount {
        let _ = number;
        &0_u32
    }

    /// The same, to be changed.
    #[doc(hidden)]
    fn __pixels_mut(&mut self, number: usize) -> &mut dyn PixelCount {
        unreachable!("`{}` has no field {number} for pixels", Self::MODEL)
    }

    /// The field that the `meta_field` of the file field with this number names.
    #[doc(hidden)]
    fn __meta(&self, number: usize) -> &dyn MetaValue {
        let _ = number;
        &None::<FileMeta>
    }

    /// The same, to be changed.
    #[doc(hidden)]
    fn __meta_mut(&mut self, number: usize) -> &mut dyn MetaValue {
        unreachable!("`{}` has no field {number} for a file's meta", Self::MODEL)
    }
}

/// One file field of the model `M`, whatever its type.
///
/// It holds the model's own functions and a number, so that a model adds no code of its own for each field: the derive
/// is paid for in every build of every crate that uses it.
pub struct ModelField<M: 'static> {
    def: &'static FieldDef,
    value: Companion<M, dyn FieldValue>,
    upload_to: Option<fn(&M, &str) -> String>,
    width: Option<Companion<M, dyn PixelCount>>,
    height: Option<Companion<M, dyn PixelCount>>,
    meta: Option<Companion<M, dyn MetaValue>>,
}

impl<M: FileModel> ModelField<M> {
    /// The file field `number`. Called by the derive, as are those that follow.
    #[doc(hidden)]
    pub const fn new(def: &'static FieldDef, number: usize) -> Self {
        let value = Companion { number, get: M::__file, get_mut: M::__file_mut };
        ModelField { def, value, upload_to: None, width: None, height: None, meta: None }
    }

    /// `upload_to`, where it is a function.
    #[doc(hidden)]
    #[must_use]
    pub const fn upload_to(mut self, function: fn(&M, &str) -> String) -> Self {
        self.upload_to = Some(function);
        self
    }

    /// `width_field`.
    #[doc(hidden)]
    #[must_use]
    pub const fn width_field(mut self, number: usize) -> Self {
        self.width = Some(Companion { number, get: M::__pixels, get_mut: M::__pixels_mut });
        self
    }

    /// `height_field`.
    #[doc(hidden)]
    #[must_use]
    pub const fn height_field(mut self, number: usize) -> Self {
        self.height = Some(Companion { number, get: M::__pixels, get_mut: M::__pixels_mut });
        self
    }

    /// `meta_field`.
    #[doc(hidden)]
    #[must_use]
    pub const fn meta_field(mut self) -> Self {
        self.meta = Some(Companion { number: self.value.number, get: M::__meta, get_mut: M::__meta_mut });
        self
    }
}

impl<M> ModelField<M> {
    /// Its keys and its storage.
    pub fn def(&self) -> &'static FieldDef {
        self.def
    }

    /// The value.
    pub fn value<'m>(&self, model: &'m M) -> &'m dyn FieldValue {
        self.value.get(model)
    }

    /// The value, to be changed.
    pub fn value_mut<'m>(&self, model: &'m mut M) -> &'m mut dyn FieldValue {
        self.value.get_mut(model)
    }

    /// The name that the `upload_to` function gives for `filename`; `None` where there is no function.
    pub fn upload_name(&self, model: &M, filename: &str) -> Option<String> {
        self.upload_to.map(|function| function(model, filename))
    }

    /// The field named by `width_field`.
    pub fn width(&self) -> Option<&Companion<M, dyn PixelCount>> {
        self.width.as_ref()
    }

    /// The field named by `height_field`.
    pub fn height(&self) -> Option<&Companion<M, dyn PixelCount>> {
        self.height.as_ref()
    }

    /// The field named by `meta_field`.
    pub fn meta(&self) -> Option<&Companion<M, dyn MetaValue>> {
        self.meta.as_ref()
    }
}

impl<M> fmt::Debug for ModelField<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelField").field("def", &self.def).finish_non_exhaustive()
    }
}

/// A field of the model `M`, seen as a `T`.
pub struct Companion<M, T: ?Sized> {
    number: usize,
    get: fn(&M, usize) -> &T,
    get_mut: fn(&mut M, usize) -> &mut T,
}

impl<M, T: ?Sized> Companion<M, T> {
    /// The value.
    pub fn get<'m>(&self, model: &'m M) -> &'m T {
        (self.get)(model, self.number)
    }

    /// The value, to be changed.
    pub fn get_mut<'m>(&self, model: &'m mut M) -> &'m mut T {
        (self.get_mut)(model, self.number)
    }
}

impl<M, T: ?Sized> fmt::Debug for Companion<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Companion").field(&self.number).finish()
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

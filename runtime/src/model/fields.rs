//! The file fields of a model, with the model's type.
//!
//! They are created on demand from the model's [`FieldDef`]s, so that a model generates no code per field:
//! the derive costs compile time in every crate that uses it.

use super::FileModel;
use crate::field::{FieldDef, FieldValue, MetaValue, PixelCount, View};
use std::fmt;
use std::marker::PhantomData;

/// The file fields of the model `M`, in the order of the struct.
pub struct Fields<M> {
    defs: &'static [FieldDef],
    model: PhantomData<fn(&M)>,
}

impl<M: FileModel> Fields<M> {
    pub(super) const fn new(defs: &'static [FieldDef]) -> Self {
        Fields { defs, model: PhantomData }
    }

    /// Returns the number of fields.
    pub const fn len(&self) -> usize {
        self.defs.len()
    }

    /// Returns whether there are no fields.
    pub const fn is_empty(&self) -> bool {
        self.defs.is_empty()
    }

    /// Returns the field with this number.
    ///
    /// # Panics
    /// Panics if there are fewer fields.
    #[must_use]
    #[inline]
    pub fn at(&self, number: usize) -> ModelField<M> {
        ModelField { def: &self.defs[number], number, model: PhantomData }
    }

    /// Iterates over the fields.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ModelField<M>> + use<M> {
        self.defs.iter().enumerate().map(|(number, def)| ModelField { def, number, model: PhantomData })
    }
}

impl<M> Clone for Fields<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Fields<M> {}

impl<M> fmt::Debug for Fields<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.defs.fmt(f)
    }
}

/// One file field of the model `M`, of any type.
pub struct ModelField<M> {
    def: &'static FieldDef,
    number: usize,
    model: PhantomData<fn(&M)>,
}

impl<M: FileModel> ModelField<M> {
    /// Returns its keys and its storage.
    pub fn def(&self) -> &'static FieldDef {
        self.def
    }

    /// Its number among the file fields.
    #[cfg(feature = "db")]
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Returns the value.
    #[inline]
    pub fn value<'m>(&self, model: &'m M) -> &'m dyn FieldValue {
        Companion::at(self.number).get(model)
    }

    /// Returns the value, mutably.
    pub fn value_mut<'m>(&self, model: &'m mut M) -> &'m mut dyn FieldValue {
        Companion::at(self.number).get_mut(model)
    }

    /// Returns the name that the `upload_to` function makes for `filename`; `None` if there is no function.
    pub fn upload_name(&self, model: &M, filename: &str) -> Option<String> {
        model.__upload_to(self.number, filename)
    }

    /// Returns the field named by `width_field`.
    pub fn width(&self) -> Option<Companion<M, dyn PixelCount>> {
        self.def.spec().width.map(Companion::at)
    }

    /// Returns the field named by `height_field`.
    pub fn height(&self) -> Option<Companion<M, dyn PixelCount>> {
        self.def.spec().height.map(Companion::at)
    }

    /// Returns the field named by `meta_field`.
    pub fn meta(&self) -> Option<Companion<M, dyn MetaValue>> {
        self.def.spec().meta.map(Companion::at)
    }
}

impl<M> Clone for ModelField<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for ModelField<M> {}

impl<M> fmt::Debug for ModelField<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelField").field("def", &self.def).finish_non_exhaustive()
    }
}

/// A field of the model `M`, viewed as a `T`.
pub struct Companion<M, T: ?Sized> {
    number: usize,
    model: PhantomData<fn(&M) -> &T>,
}

impl<M: FileModel, T: View + ?Sized> Companion<M, T> {
    fn at(number: usize) -> Self {
        Companion { number, model: PhantomData }
    }

    /// Returns the value.
    #[inline]
    pub fn get<'m>(&self, model: &'m M) -> &'m T {
        match T::view(model.__field(self.number)) {
            Some(value) => value,
            None => self.mismatch(),
        }
    }

    /// Returns the value, mutably.
    pub fn get_mut<'m>(&self, model: &'m mut M) -> &'m mut T {
        match T::view_mut(model.__field_mut(self.number)) {
            Some(value) => value,
            None => self.mismatch(),
        }
    }

    /// Unreachable: the compiler checks the type of every field that the derive numbers.
    #[cold]
    fn mismatch(&self) -> ! {
        unreachable!("field {} of `{}` is of another type", self.number, M::MODEL)
    }
}

impl<M, T: ?Sized> fmt::Debug for Companion<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Companion").field(&self.number).finish()
    }
}

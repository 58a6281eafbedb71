//! What expanded derives call. No stability: it changes with any version of the two crates, which are pinned to
//! each other. The functions are named for the user, who meets them in "required by a bound in ..".

#[path = "private/keys.rs"]
pub mod keys;

pub use crate::Result;
#[cfg(feature = "db")]
pub use crate::db::{AnyColumn, Column, ColumnSpec, KeyValue, Row, Table};
pub use crate::field::{FieldDef, FieldFile, FieldFileMut, FieldSpec, Naming, Retention, UploadTo};
pub use crate::field::{FieldValue, MetaValue, PixelCount};
pub use crate::model::{FileModel, ModelField, Slot};
pub use crate::registry::StorageChoice;
pub use core::clone::Clone;
pub use core::option::Option;
pub use core::option::Option::{None, Some};
pub use core::primitive::{str, u32, u64, usize};
pub use std::string::String;

#[cfg(feature = "db")]
use crate::db::{FileColumn, Functions, ImageColumn};
use crate::field::ImageValue;
use crate::registry::IntoStorage;
use std::fmt;

/// A field's type seen as a trait: made where the type meets its bound, used where its values are borrowed.
pub struct As<V, T: ?Sized> {
    get: fn(&V) -> &T,
    get_mut: fn(&mut V) -> &mut T,
}

impl<V, T: ?Sized> As<V, T> {
    /// The value as the trait.
    pub fn get<'m>(&self, value: &'m V) -> &'m T {
        (self.get)(value)
    }

    /// The value as the trait, to be changed.
    pub fn get_mut<'m>(&self, value: &'m mut V) -> &'m mut T {
        (self.get_mut)(value)
    }
}

impl<V, T: ?Sized> fmt::Debug for As<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("As")
    }
}

/// The type of a field with `#[file]`. It is mentioned for reading and for writing; the two errors about a wrong type
/// are the same to the letter, of which the compiler shows one.
pub const fn file_field<V: FieldValue>() -> As<V, dyn FieldValue> {
    As { get: |value| value, get_mut: |value| value }
}

/// Stands in the place of [`file_field`] where a key needs an image.
pub const fn image_field<V: ImageValue>() -> As<V, dyn FieldValue> {
    As { get: |value| value, get_mut: |value| value }
}

/// What [`file_field`] is for a model with a table.
#[cfg(feature = "db")]
pub const fn file_column<V: FileColumn>() -> AsColumn<V> {
    AsColumn { file: file_field(), functions: Functions::new() }
}

/// What [`image_field`] is for a model with a table.
#[cfg(feature = "db")]
pub const fn image_column<V: ImageColumn>() -> AsColumn<V> {
    AsColumn { file: file_field(), functions: Functions::new() }
}

/// A file field's type seen as what it is and as what a column holds.
#[cfg(feature = "db")]
pub struct AsColumn<V> {
    file: As<V, dyn FieldValue>,
    functions: Functions<V>,
}

#[cfg(feature = "db")]
impl<V> AsColumn<V> {
    /// The value as a file.
    pub fn get<'m>(&self, value: &'m V) -> &'m dyn FieldValue {
        self.file.get(value)
    }

    /// The value as a file, to be changed.
    pub fn get_mut<'m>(&self, value: &'m mut V) -> &'m mut dyn FieldValue {
        self.file.get_mut(value)
    }

    /// The column.
    pub const fn column<M>(self, spec: ColumnSpec, slot: Slot<M, V>) -> Column<M, V> {
        Column::of(spec, slot, self.functions)
    }
}

#[cfg(feature = "db")]
impl<V> fmt::Debug for AsColumn<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsColumn")
    }
}

/// The type of the field that `width_field` or `height_field` names.
pub const fn pixel_count<T: PixelCount>() -> As<T, dyn PixelCount> {
    As { get: |value| value, get_mut: |value| value }
}

/// The type of the field that `meta_field` names.
pub const fn file_meta<T: MetaValue>() -> As<T, dyn MetaValue> {
    As { get: |value| value, get_mut: |value| value }
}

/// Calls a storage function.
pub fn storage_function<S: IntoStorage>(function: fn() -> S) -> Result<StorageChoice> {
    function().into_storage()
}

/// A column; its type must be one that a column can hold.
#[cfg(feature = "db")]
pub const fn column<M, T: crate::db::ColumnValue>(spec: ColumnSpec, slot: Slot<M, T>) -> Column<M, T> {
    Column::new(spec, slot)
}

/// The primary key's column. Its type meets its bound where the derive writes `type Key`, and not here again.
#[cfg(feature = "db")]
pub const fn primary_key<M: Table>(spec: ColumnSpec, slot: Slot<M, M::Key>) -> Column<M, M::Key> {
    Column::key(spec, slot)
}

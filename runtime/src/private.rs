//! Functions called by expanded derives. Not stable: they change with any version of the two crates, which
//! are pinned to each other. Their names are meant for users, who see them in "required by a bound in ..".

#[path = "private/keys.rs"]
pub mod keys;

pub use crate::__keys as keys;
pub use crate::Result;
// A database that is no pool of sqlx: a campaign decides there when each statement runs.
#[cfg(feature = "db")]
pub use crate::backend::sqlx::{Driver, Session};

/// An error of such a database.
#[cfg(feature = "db")]
pub fn driver_failure(text: String) -> crate::Error {
    crate::backend::database(sqlx::Error::InvalidArgument(text))
}
#[cfg(feature = "db")]
pub use crate::db::{AnyColumn, Column, ColumnSpec, KeyValue, NewUpload, Row, Table};
pub use crate::field::{FieldDef, FieldFile, FieldFileMut, FieldSpec, Naming, Retention, UploadTo};
pub use crate::field::{field_file, field_file_mut};
pub use crate::model::{FileModel, ModelDef, Slot};
pub use crate::registry::StorageChoice;
pub use core::any::Any;
pub use core::option::Option;
pub use core::option::Option::{None, Some};
pub use core::primitive::{str, u64, usize};
pub use std::string::String;

#[cfg(feature = "db")]
use crate::db::{FileColumn, Functions, ImageColumn};
use crate::error::BoxError;
use crate::field::{FieldValue, ImageValue, MetaValue, PixelCount};
use crate::registry::IntoStorage;

/// Keeps the signatures short, because errors quote them.
type Name = &'static str;

/// A field with `#[file]`: struct, name and folder. The only place where its type meets its bound.
pub const fn file_field<V: FieldValue>(model: Name, name: Name, folder: Name) -> FieldSpec {
    field(model, name, folder)
}

/// Replaces [`file_field`] if a key needs an image.
pub const fn image_field<V: ImageValue>(model: Name, name: Name, folder: Name) -> FieldSpec {
    field(model, name, folder)
}

/// Replaces [`file_field`] if the bound of the type is checked elsewhere: as a column, or with the parameters
/// of the struct.
pub const fn field(model: Name, name: Name, folder: Name) -> FieldSpec {
    FieldSpec { upload_to: UploadTo::Template(folder), ..FieldSpec::new(model, name) }
}

/// The number of the field that `width_field` or `height_field` names.
pub const fn pixel_count<T: PixelCount>(number: usize) -> usize {
    number
}

/// The number of the field that `meta_field` names.
pub const fn file_meta<T: MetaValue>(number: usize) -> usize {
    number
}

/// A direct upload for the file field of this number.
#[cfg(feature = "db")]
pub fn new_upload<M>(number: usize, filename: &str, size: u64) -> NewUpload<M> {
    NewUpload::new(number, filename, size)
}

/// Calls an `upload_to` function.
pub fn upload_to<M>(function: fn(&M, &str) -> String, model: &M, filename: &str) -> Option<String> {
    Some(function(model, filename))
}

/// Calls a storage function.
pub fn storage_function<S: IntoStorage>(function: fn() -> S) -> Result<StorageChoice> {
    function().into_storage()
}

/// Calls a `verify` function.
///
/// # Errors
/// Propagates errors of the function.
pub fn verify<E: Into<BoxError>>(
    function: fn(&mut crate::file::File) -> Result<(), E>,
    file: &mut crate::file::File,
) -> Result<(), BoxError> {
    function(file).map_err(Into::into)
}

/// A column. Its type must be a valid column type.
#[cfg(feature = "db")]
pub const fn column<M, T: crate::db::ColumnValue>(spec: ColumnSpec, slot: Slot<M, T>) -> Column<M, T> {
    Column::new(spec, slot)
}

/// The column of the primary key. The bound of its type is checked at `type Key` in the expansion, not here.
#[cfg(feature = "db")]
pub const fn primary_key<M: Table>(spec: ColumnSpec, slot: Slot<M, M::Key>) -> Column<M, M::Key> {
    Column::key(spec, slot)
}

/// The column of a file field.
#[cfg(feature = "db")]
pub const fn file_column<M, V: FileColumn>(spec: ColumnSpec, slot: Slot<M, V>) -> Column<M, V> {
    Column::of(spec, slot, Functions::new())
}

/// Replaces [`file_column`] if a key needs an image.
#[cfg(feature = "db")]
pub const fn image_column<M, V: ImageColumn>(spec: ColumnSpec, slot: Slot<M, V>) -> Column<M, V> {
    Column::of(spec, slot, Functions::new())
}

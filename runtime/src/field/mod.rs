//! Values of file fields, what the derive knows of a field, and the accessors that join the two.

mod companion;
mod def;
mod file;
mod file_mut;
mod meta;
mod read;
pub(crate) mod store;
mod value;

pub use companion::{MetaValue, PixelCount};
pub use def::{FieldDef, FieldSpec, Naming, Retention, UploadTo};
pub use file::FieldFile;
pub use file_mut::FieldFileMut;
pub use meta::FileMeta;
pub use value::{FieldValue, FileField, ImageField, ImageValue};

/// The accessor of an image field: a [`FieldFile`] with dimensions.
pub type ImageFieldFile<'a, M> = FieldFile<'a, M, ImageField>;

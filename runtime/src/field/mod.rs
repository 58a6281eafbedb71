//! Values of file fields, the derive's description of a field, and the accessors that join the two.

#[cfg(feature = "db")]
pub(crate) mod claim;
mod companion;
mod def;
mod file;
mod file_mut;
mod meta;
mod read;
pub(crate) mod store;
mod trusted;
mod value;
mod view;

pub use companion::{MetaValue, PixelCount};
pub use def::{FieldDef, FieldSpec, Naming, Retention, UploadTo};
pub use file::FieldFile;
#[doc(hidden)]
pub use file::field_file;
#[cfg(feature = "db")]
pub(crate) use file::{home, stated};
pub use file_mut::FieldFileMut;
#[doc(hidden)]
pub use file_mut::field_file_mut;
pub use meta::FileMeta;
pub use trusted::Trusted;
#[cfg(feature = "db")]
pub(crate) use value::mark::Mark;
pub use value::{FieldValue, FileField, ImageField, ImageValue};
use view::Listed;
pub(crate) use view::View;

/// The accessor of an image field: a [`FieldFile`] with dimensions.
pub type ImageFieldFile<'a, M> = FieldFile<'a, M, ImageField>;

//! What a program that uses file fields imports: `use filefield::prelude::*;`.

#[cfg(feature = "db")]
pub use crate::db::{Decimal, Table};
pub use crate::field::{FileField, FileMeta, ImageField};
pub use crate::model::FileModel;
pub use crate::registry::{App, IntoStorage};
pub use crate::settings::{Settings, settings};
pub use crate::storage::Storage;
pub use filefield_macros::Model;

//! What a program that uses file fields imports: `use filefield::prelude::*;`.
//!
//! It can stand beside the preludes of sea-orm and diesel. The trait [`Table`](crate::db::Table) is imported for its
//! methods only, because diesel's prelude has a trait of the same name: to write its name, import `filefield::db::Table`.

#[cfg(feature = "db")]
pub use crate::db::{Decimal, Table as _};
pub use crate::field::{FileField, FileMeta, ImageField};
pub use crate::model::FileModel;
pub use crate::registry::{App, IntoStorage};
pub use crate::settings::{Settings, settings};
pub use crate::storage::Storage;
pub use filefield_macros::Model;

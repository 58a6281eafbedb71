//! What a program that uses file fields imports: `use filefield::prelude::*;`.
//!
//! It can stand beside the preludes of sea-orm and diesel. The trait [`Table`](crate::db::Table) is imported for its
//! methods only, because diesel's prelude has a trait of the same name: to write its name, import `filefield::db::Table`.

// The compiler calls a trait `_` in its messages, if it is the only one that is imported so. Hence the second one, which has
// no methods.
#[cfg(feature = "db")]
#[doc(no_inline)]
pub use crate::db::FileColumn as _;
#[cfg(feature = "db")]
pub use crate::db::{Decimal, Table as _};
pub use crate::field::{FileField, FileMeta, ImageField};
pub use crate::model::FileModel;
pub use crate::registry::{App, IntoStorage};
pub use crate::settings::{Settings, settings};
pub use crate::storage::{Storage, StorageExt};
pub use filefield_macros::Model;

//! The usual imports for file fields: `use filefield::prelude::*;`.
//!
//! Can be combined with the preludes of sqlx and diesel. The trait [`Table`](crate::db::Table) is imported
//! only for its methods, because diesel's prelude has a trait of the same name. To use its name, import
//! `filefield::db::Table`.

// The compiler calls a trait `_` in its messages if it is the only one imported that way. The second one,
// which has no methods, prevents this.
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

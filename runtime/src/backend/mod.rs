//! The libraries that connect to databases, each with an implementation of [`journal::Connection`](crate::journal) and with
//! what its errors mean.

mod error;
pub(crate) mod sqlx;

pub use error::driver_error;
pub(crate) use error::{database, of_kind};
pub(crate) use self::sqlx::{build, build_schema, in_transaction, journal_of};

//! The drivers of databases: an implementation of [`journal::Connection`](crate::journal), and the meaning of errors.

mod error;
pub(crate) mod sqlx;

pub(crate) use self::sqlx::{build_schema, decimal_of, in_transaction, journal_of};
pub use error::driver_error;
pub(crate) use error::{database, is_constraint};

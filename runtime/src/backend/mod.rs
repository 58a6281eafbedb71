//! The libraries that connect to databases, each with an implementation of [`journal::Connection`](crate::journal) and with
//! what its errors mean.

mod error;
mod sea_orm;

pub(crate) use error::database;
pub use error::driver_error;
pub(crate) use sea_orm::{SeaOrm, dialect, in_transaction, journal_of};

//! All of [sea-orm](::sea_orm) but its `dynamic` entities: they have a `FieldValue`, for which the compiler would write
//! ours with its whole path in every error about a field.
#![allow(hidden_glob_reexports, reason = "this is how a module is left out")]

pub use ::sea_orm::*;

mod dynamic {}

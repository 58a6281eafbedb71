//! Column implementations of the file values. There is one file per library.

#[cfg(feature = "sea-orm")]
mod sea_orm;
#[cfg(any(feature = "db", feature = "sea-orm"))]
mod sea_query;
#[cfg(feature = "db")]
mod sqlx;

#[cfg(any(feature = "db", feature = "sea-orm"))]
pub(crate) use sea_query::meta_of;

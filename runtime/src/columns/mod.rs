//! Column implementations of the file values, one file per library, independent of any driver.

#[cfg(feature = "sea-orm")]
mod sea_orm;

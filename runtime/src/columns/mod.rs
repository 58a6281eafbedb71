//! Column implementations of the file values, one library a file, without any driver.

#[cfg(feature = "sea-orm")]
mod sea_orm;

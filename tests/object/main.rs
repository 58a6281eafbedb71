//! Object storages against servers: one in this process that speaks S3 and checks signatures, one that ignores
//! conditions, a double of Google Cloud Storage, and Azurite.
#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
#[cfg(feature = "db")]
mod killed;
#[cfg(feature = "db")]
mod moving;
#[cfg(feature = "db")]
mod parts;
mod requests;
mod reserving;
#[cfg(feature = "db")]
mod retries;
#[cfg(feature = "db")]
mod rows;
mod settings;
mod signed;
mod suite;
#[cfg(feature = "db")]
mod uploads;
mod verdicts;

use filefield::FileName;

fn name(text: &str) -> FileName<'_> {
    FileName::new(text).unwrap()
}

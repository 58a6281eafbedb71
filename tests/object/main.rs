//! Object storages against a server in this process that speaks S3 and checks signatures.
#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
#[cfg(feature = "db")]
mod moving;
#[cfg(feature = "db")]
mod rows;
mod settings;
mod speed;
mod suite;

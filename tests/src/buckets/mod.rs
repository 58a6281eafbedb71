//! Services that keep objects, started by the tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot start its server fails")]

pub mod s3;

//! Shared parts of the integration tests, the probe and the benchmarks.

#[cfg(feature = "object")]
pub mod buckets;
#[cfg(feature = "db")]
pub mod databases;
pub mod disks;
pub mod isolated;
pub mod polled;
pub mod probe;
#[cfg(feature = "db")]
pub mod uploads;

/// Compiles and runs the code in CONTRIBUTING.md.
#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
mod contributing {}

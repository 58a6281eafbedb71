//! Shared parts of the integration tests, the probe and the benchmarks.

pub mod probe;

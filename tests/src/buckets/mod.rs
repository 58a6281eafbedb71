//! Services that keep objects, started by the tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot start its server fails")]

pub mod azure;
pub mod count;
pub mod gcs;
pub mod http;
pub mod provider;
pub mod refusals;
pub mod s3;

use filefield::object_store::{BackoffConfig, RetryConfig};
use std::time::Duration;

/// No retries.
pub fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// One immediate retry.
pub fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: 1,
        retry_timeout: Duration::from_secs(5),
        backoff: BackoffConfig { init_backoff: Duration::from_millis(10), ..BackoffConfig::default() },
    }
}

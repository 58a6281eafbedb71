//! Services that cannot be reached.

use super::{ensure_nothing_secret, errors};
use crate::name;
use filefield::storage::ObjectStorageBuilder;
use filefield::{ErrorKind, SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::{azure, gcs, once, s3};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// Storages of every provider at an endpoint.
fn at(endpoint: &str) -> [(&'static str, ObjectStorageBuilder); 3] {
    let amazon = s3::client_at(endpoint, "b").with_retry(once());
    let google = gcs::client_at(endpoint, "b").with_retry(once());
    let google = google.with_service_account_key(gcs::Account::known().json());
    let microsoft = azure::client_at(endpoint, "b").with_retry(once()).with_access_key(azure::KEY);
    [
        ("s3", s3::over(amazon.build().unwrap())),
        ("gcs", gcs::over(google.build().unwrap())),
        ("azure", azure::over(microsoft.build().unwrap())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (of, storage) in at(&endpoint) {
        let storage = storage.trust_create_only().build().unwrap();
        let begun = Instant::now();
        for (operation, error) in errors(&storage).await {
            let error = error.unwrap_or_else(|| panic!("{of}: {operation} succeeded"));
            assert_eq!(
                (error.kind(), error.is_retryable()),
                (ErrorKind::Io, true),
                "{of}: {operation}: {error:?}"
            );
            // Nothing has left this machine.
            assert!(!error.is_uncertain(), "{of}: {operation}: {error:?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{of}: {:?}", begun.elapsed());
    }
}

/// A service that takes a request and never answers, or goes away.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_goes_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
        }
    });
    for (of, storage) in at(&endpoint) {
        let storage = storage.trust_create_only().build().unwrap();
        let error = storage.save(name("a"), "x".into(), &SaveOptions::default()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable(), error.is_uncertain()),
            (ErrorKind::Io, true, true),
            "{of}"
        );
        ensure_nothing_secret(&error);
        let error = storage.open(name("a")).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable(), error.is_uncertain()),
            (ErrorKind::Io, true, false),
            "{of}"
        );
        ensure_nothing_secret(&error);
    }
    task.abort();
}

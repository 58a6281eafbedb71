//! Credentials that are wrong, have expired, or allow less.

use super::errors;
use crate::name;
use filefield::storage::ObjectStorageBuilder;
use filefield::{Bytes, ErrorKind, SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::refusals::Refusal;
use filefield_tests::buckets::{azure, gcs, s3};
use hyper::Method;

/// Storages in a bucket with credentials that the server does not take.
fn refused(provider: &Provider, bucket: &str) -> Vec<(&'static str, ObjectStorageBuilder)> {
    match provider {
        Provider::S3(server) | Provider::LookAlike(server) => {
            let client = || server.client(bucket);
            let clients = [
                ("a wrong secret", client().with_secret_access_key("wrong")),
                ("a wrong key", client().with_access_key_id("AKIAWRONG")),
                ("none", client().with_skip_signature(true)),
            ];
            clients.map(|(what, client)| (what, s3::over(client.build().unwrap()))).into()
        }
        Provider::Gcs(server) => {
            let client = || gcs::client_at(&server.endpoint, bucket);
            let clients = [
                ("a wrong key", client().with_service_account_key(gcs::Account::impostor().json())),
                ("an expired token", client().with_bearer_token(gcs::Account::known().expired_token())),
                ("no token", client().with_bearer_token("a.b.c")),
            ];
            clients.map(|(what, client)| (what, gcs::over(client.build().unwrap()))).into()
        }
        Provider::Azure(server) => {
            let client = || azure::client_at(&server.endpoint, bucket);
            let clients = [
                ("a wrong key", client().with_access_key("d3JvbmcgYW5kIHdyb25nIGFuZCB3cm9uZyBhbmQgd3Jvbmc=")),
                ("an expired token", client().with_sas_authorization(server.sas(bucket, "rwdlc", -60))),
                ("none", client().with_skip_signature(true)),
            ];
            clients.map(|(what, client)| (what, azure::over(client.build().unwrap()))).into()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_expired_credentials() {
    for provider in Provider::honest().await {
        let (of, bucket) = (provider.name(), provider.bucket().await);
        for (what, storage) in refused(&provider, &bucket) {
            let storage = storage.build().unwrap();
            for (operation, error) in errors(&storage).await {
                let error = error.unwrap_or_else(|| panic!("{of}, {what}: {operation} succeeded"));
                // Azurite, like Azure, does not tell a stranger that a container is there.
                let hidden = of == "azure" && what == "none";
                let kind = error.kind();
                assert!(
                    kind == ErrorKind::PermissionDenied
                        || hidden && matches!(kind, ErrorKind::NotFound | ErrorKind::Settings),
                    "{of}, {what}: {operation}: {error:?}"
                );
                assert!(
                    !error.is_retryable() && !error.is_uncertain(),
                    "{of}, {what}: {operation}: {error:?}"
                );
                assert_eq!(error.storage(), Some(of));
            }
        }
        // Nothing was stored.
        let storage = provider.storage(&bucket).build().unwrap();
        assert_eq!(storage.list("").await.unwrap(), Default::default(), "{of}");
    }
}

/// A storage whose credentials may read but not write.
fn read_only(provider: &Provider, bucket: &str) -> ObjectStorageBuilder {
    let refuse = |code| Refusal { method: Method::PUT, status: 403, code };
    match provider {
        Provider::S3(server) | Provider::LookAlike(server) => server.refusals.add(refuse("AccessDenied")),
        Provider::Gcs(server) => server.refusals().add(refuse("AccessDenied")),
        Provider::Azure(server) => {
            let client = azure::client_at(&server.endpoint, bucket);
            return azure::over(
                client.with_sas_authorization(server.sas(bucket, "rl", 600)).build().unwrap(),
            );
        }
    }
    provider.storage(bucket)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_may_only_read() {
    for provider in Provider::honest().await {
        let (of, bucket) = (provider.name(), provider.bucket().await);
        let storage = provider.storage(&bucket).build().unwrap();
        storage.save(name("there"), "x".into(), &SaveOptions::default()).await.unwrap();
        let storage = read_only(&provider, &bucket).part_size(5 << 20).build().unwrap();
        assert_eq!(storage.open(name("there")).await.unwrap().read_all(10).await.unwrap(), "x", "{of}");
        assert_eq!(storage.list("").await.unwrap().files, ["there"]);
        let options = SaveOptions::default();
        let large = Bytes::from(vec![7; 12 << 20]);
        for (what, error) in [
            ("save", storage.save(name("a"), "x".into(), &options).await.unwrap_err()),
            ("a save in parts", storage.save(name("a"), large.into(), &options).await.unwrap_err()),
            ("copy", storage.copy(name("there"), name("b"), &options).await.unwrap_err()),
            ("check", storage.check().await.unwrap_err()),
        ] {
            let got = (error.kind(), error.is_retryable(), error.is_uncertain());
            assert_eq!(got, (ErrorKind::PermissionDenied, false, false), "{of}, {what}: {error:?}");
        }
        assert_eq!(storage.list("").await.unwrap().files, ["there"], "{of}");
        if let Provider::Gcs(server) = &provider {
            assert_eq!(server.open_uploads(), 0);
        }
    }
}

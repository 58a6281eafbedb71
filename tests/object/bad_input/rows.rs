//! What bad buckets do to rows: nothing is attached, and nothing is left after a sweep.

use crate::name;
use crate::rows::{Ferry, database, ferry, files, swept};
use filefield::db::Queries;
use filefield::db::{Db, Table, sweep};
use filefield::testing::{assert_no_orphans, with_storage};
use filefield::{ErrorKind, SharedStorage, StorageExt};
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::refusals::Refusal;
use filefield_tests::buckets::{azure, gcs, s3};
use hyper::Method;
use std::sync::Arc;

/// What is wrong with a bucket, and the storage in it.
type Bad = (&'static str, SharedStorage);

async fn bad(provider: &Provider, bucket: &str) -> Vec<Bad> {
    let shared = |builder: filefield::storage::ObjectStorageBuilder| {
        Arc::new(builder.build().unwrap()) as SharedStorage
    };
    match provider {
        Provider::S3(server) | Provider::LookAlike(server) => {
            let wrong = server.client(bucket).with_secret_access_key("wrong");
            let down = s3::client_at("http://127.0.0.1:1", bucket);
            vec![
                ("a wrong secret", shared(s3::over(wrong.build().unwrap()))),
                ("down", shared(s3::over(down.build().unwrap()))),
            ]
        }
        Provider::Gcs(server) => {
            let expired = gcs::client_at(&server.endpoint, bucket)
                .with_bearer_token(gcs::Account::known().expired_token());
            vec![
                ("an expired token", shared(gcs::over(expired.build().unwrap()))),
                ("a wrong bucket", shared(server.storage("no-such-bucket"))),
            ]
        }
        Provider::Azure(server) => {
            let reads = azure::client_at(&server.endpoint, bucket)
                .with_sas_authorization(server.sas(bucket, "rl", 600));
            vec![
                ("no permission to write", shared(azure::over(reads.build().unwrap()))),
                ("a wrong container", shared(server.storage("no-such-container"))),
            ]
        }
    }
}

async fn rows(db: &Db) -> u64 {
    Ferry::objects(db).count().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_attached() {
    for provider in Provider::honest().await {
        let (of, bucket) = (provider.name(), provider.bucket().await);
        let (_folder, db) = database().await;
        let good: SharedStorage = Arc::new(provider.storage(&bucket).build().unwrap());
        for (what, storage) in bad(&provider, &bucket).await {
            let saved = with_storage(storage, async { ferry("one").save(&db).await }).await;
            let error = saved.unwrap_err();
            let expected = match what {
                "down" => (ErrorKind::Io, true),
                "a wrong bucket" | "a wrong container" => (ErrorKind::Settings, false),
                _ => (ErrorKind::PermissionDenied, false),
            };
            assert_eq!((error.kind(), error.is_retryable()), expected, "{of}, {what}: {error:?}");
            super::ensure_nothing_secret(&error);
            assert_eq!(rows(&db).await, 0, "{of}, {what}");
        }
        // Once the bucket can be used again, the journal comes to its end.
        with_storage(good.clone(), async {
            swept(&db).await;
            assert!(files(&good).await.is_empty(), "{of}");
            assert_no_orphans(&db, &good).await;
            ferry("one").save(&db).await.unwrap();
            assert_eq!((rows(&db).await, files(&good).await.len()), (1, 2), "{of}");
        })
        .await;
    }
}

/// A file that is to go is not forgotten because the bucket was not found for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_in_a_wrong_bucket_forgets_nothing() {
    for provider in Provider::honest().await {
        // `s3s-fs` does not say that it has no such bucket.
        if provider.name() == "s3" {
            continue;
        }
        let (_folder, db) = database().await;
        let good: SharedStorage = Arc::new(provider.fresh().await.build().unwrap());
        let wrong: SharedStorage = Arc::new(provider.storage("no-such-bucket").build().unwrap());
        let mut one = ferry("one");
        with_storage(good.clone(), async { one.save(&db).await.unwrap() }).await;
        with_storage(wrong, async {
            one.delete(&db).await.unwrap();
            swept(&db).await;
        })
        .await;
        assert_eq!(files(&good).await.len(), 2, "{}", provider.name());
        with_storage(good.clone(), swept(&db)).await;
        assert!(files(&good).await.is_empty(), "{}", provider.name());
    }
}

/// Has the bucket keep this file, whatever is asked.
async fn keep(provider: &Provider, bucket: &str, file: &str) {
    let refuse = |code| Refusal { method: Method::DELETE, status: 403, code };
    match provider {
        // What a retention lock answers to the deletion of a version, and a policy to any.
        Provider::S3(server) | Provider::LookAlike(server) => server.refusals.add(refuse("AccessDenied")),
        Provider::Gcs(server) => server.refusals().add(refuse("RetentionPolicyNotMet")),
        Provider::Azure(server) => server.lease(bucket, file).await,
    }
}

/// Retention, a lease, or a policy that forbids deletion.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_refused_for_ever_is_an_alarm() {
    for provider in Provider::honest().await {
        let (of, bucket) = (provider.name(), provider.bucket().await);
        let (_folder, db) = database().await;
        let storage: SharedStorage = Arc::new(provider.storage(&bucket).build().unwrap());
        with_storage(storage.clone(), async {
            let mut one = ferry("one");
            one.save(&db).await.unwrap();
            let kept = one.photo().name().to_owned();
            keep(&provider, &bucket, &kept).await;
            let error = storage.delete(name(&kept)).await.unwrap_err();
            let got = (error.kind(), error.is_retryable(), error.is_uncertain());
            assert_eq!(got, (ErrorKind::PermissionDenied, false, false), "{of}: {error:?}");
            one.photo = filefield::FileField::new("ferry.txt", "one again");
            one.save(&db).await.unwrap();
            let mut tries = 0;
            let report = loop {
                db.run("UPDATE filefield_journal SET due_at = 0 WHERE state <> 'dead'").await.unwrap();
                let report = sweep(&db).await.unwrap();
                tries += 1;
                assert!(tries < 50, "{of}: {report:?}");
                if report.dead > 0 && report.failed == 0 {
                    break report;
                }
            };
            assert_eq!((report.dead, report.deleted), (1, 0), "{of} after {tries}: {report:?}");
            assert!(storage.exists(name(&kept)).await.unwrap(), "{of}");
            assert_eq!(one.photo().read().await.unwrap(), "one again");
            // It stays an alarm, and hinders nothing else.
            assert_eq!(sweep(&db).await.unwrap().dead, 1, "{of}");
        })
        .await;
    }
}

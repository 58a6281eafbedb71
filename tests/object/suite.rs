//! What is promised of every storage.

use filefield::storage::PrefixStorage;
use filefield::testing::{SuiteReport, storage_report};
use filefield::SharedStorage;
use filefield_tests::buckets::provider::Provider;
use std::sync::Arc;

/// What `s3s-fs` does otherwise than S3, for it keeps objects as files: it answers 500 to a name below or above that
/// of another object, and its own files have names longer than those of the objects.
const OF_S3S_FS: [&str; 4] = [
    "a_directory_is_not_replaced_by_a_file",
    "a_path_through_a_file_harms_nothing",
    "names_at_the_limits_work",
    "variants_of_names_at_the_limits_fit",
];

/// The checks that a server is known to fail.
pub(crate) fn of_the_server(name: &str) -> &'static [&'static str] {
    match name {
        "s3" => &OF_S3S_FS,
        "look-alike" => &OF_S3S_FS,
        _ => &[],
    }
}

pub(crate) fn ensure_conforms(server: &str, report: &SuiteReport) {
    let mut failed: Vec<_> = report.failed.iter().map(|(name, _)| *name).collect();
    failed.sort_unstable();
    assert_eq!(failed, of_the_server(server), "{server}: {report}");
    assert!(report.skipped.iter().all(|(name, _)| *name == "path_leads_to_the_bytes" || *name == "urls_are_made"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_conforms() {
    for provider in Provider::all().await {
        let report = storage_report(async || {
            let builder = provider.fresh().await.base_url("https://cdn.example.com/");
            Arc::new(builder.build().unwrap()) as SharedStorage
        });
        ensure_conforms(provider.name(), &report.await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_conforms_below_a_prefix() {
    for provider in Provider::all().await {
        let (bucket, mut folder) = (provider.bucket().await, 0);
        let report = storage_report(async || {
            folder += 1;
            let builder = provider.storage(&bucket).prefix(format!("tenants/é {folder}"));
            Arc::new(builder.base_url("https://cdn.example.com/").build().unwrap()) as SharedStorage
        });
        ensure_conforms(provider.name(), &report.await);
    }
}

/// The wrapper that is the same for every storage.
#[tokio::test(flavor = "multi_thread")]
async fn every_provider_conforms_in_a_prefix_storage() {
    for provider in Provider::all().await {
        let storage: SharedStorage = Arc::new(provider.fresh().await.base_url("/m/").build().unwrap());
        let mut folder = 0;
        let report = storage_report(async || {
            folder += 1;
            Arc::new(PrefixStorage::new(storage.clone(), &format!("p{folder}")).unwrap()) as SharedStorage
        });
        ensure_conforms(provider.name(), &report.await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_honoured_or_found_out() {
    for provider in Provider::all().await {
        let bucket = provider.bucket().await;
        for _ in 0..2 {
            let storage = provider.storage(&bucket).build().unwrap();
            let is_honest = !matches!(provider, Provider::LookAlike(_));
            assert_eq!(storage.check().await.unwrap().create_only, is_honest, "{}", provider.name());
        }
    }
}

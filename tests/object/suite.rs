//! What is promised of every storage.

use crate::reserving::Reserving;
use filefield::storage::PrefixStorage;
use filefield::testing::{SuiteReport, storage_report};
use filefield::{SaveOptions, SharedStorage, Storage};
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::s3::Server;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

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
    let skipped: Vec<_> = report.skipped.iter().map(|(name, _)| *name).collect();
    let of_a_service = ["path_leads_to_the_bytes", "an_upload_in_parts_is_finished_twice"];
    assert_eq!(skipped, of_a_service, "{server}: {report}");
}

/// The storage as rows use it. Where the bucket overwrites, a name that is not exact gets a token, and the suite wants
/// the names that it asks for; so there its names are reserved first, as the journal does.
fn judged(provider: &Provider, storage: impl Storage + 'static) -> SharedStorage {
    match provider {
        Provider::LookAlike(_) => Arc::new(Reserving::new(Arc::new(storage))),
        _ => Arc::new(storage),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_conforms() {
    for provider in Provider::all().await {
        let report = storage_report(async || {
            let builder = provider.fresh().await.base_url("https://cdn.example.com/");
            judged(&provider, builder.build().unwrap())
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
            judged(&provider, builder.base_url("https://cdn.example.com/").build().unwrap())
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
            judged(&provider, PrefixStorage::new(storage.clone(), &format!("p{folder}")).unwrap())
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

/// What is forced where conditions are ignored, and that an operator can read it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_overwrites_is_logged_once() {
    log::set_logger(&LOG).map(|()| log::set_max_level(log::LevelFilter::Warn)).unwrap();
    let (provider, honest) = (Provider::LookAlike(Server::start_look_alike().await), Server::start().await);
    let kind = "look-alike of this test";
    let storage = provider.fresh().await.kind(kind).build().unwrap();
    let name = crate::name("d/photo.jpg");
    let mut names = BTreeSet::new();
    for n in 0..8 {
        let saved = storage.save(name, n.to_string().into(), &SaveOptions::default()).await.unwrap();
        assert!(saved.name.starts_with("d/") && saved.name.ends_with("_photo.jpg"), "{}", saved.name);
        names.insert(saved.name);
    }
    assert_eq!(names.len(), 8);
    let honest = honest.storage(&honest.bucket()).kind("honest of this test").build().unwrap();
    honest.save(name, "x".into(), &SaveOptions::default()).await.unwrap();
    let lines = LOG.0.lock().unwrap().clone();
    let ours: Vec<_> = lines.iter().filter(|line| line.contains("of this test")).collect();
    assert_eq!(ours.len(), 1, "{lines:?}");
    assert!(ours[0].contains(kind) && ours[0].contains("naming = \"unique\""), "{}", ours[0]);
}

static LOG: Log = Log(Mutex::new(Vec::new()));

struct Log(Mutex<Vec<String>>);

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}: {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

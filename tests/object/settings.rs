//! Buckets named in settings. The credentials are in the environment, so these tests run in a process of their own.

use filefield::registry::create_storage;
use filefield::settings::Settings;
use filefield::storage::ObjectStorage;
use filefield::testing::storage_report;
use filefield::{ErrorKind, FileName, SaveOptions, SharedStorage};
use filefield_tests::buckets::s3::{KEY, SECRET, Server};
use std::any::Any;
use std::process::Command;

const URL: &str = "OBJECT_TEST_URL";
/// Whether the suite is wanted, which takes its time.
const SUITE: &str = "OBJECT_TEST_SUITE";

/// Runs the test `child` of this program with these variables.
async fn run(child: &str, variables: &[(&str, String)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("settings::{child}"), "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let shown =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_and_the_environment_make_a_storage() {
    let server = Server::start().await;
    let url = format!(
        "s3://{}/media/of cars?endpoint={}&region=eu-1&base_url=https://cdn.example.com/&part_size=5MiB&concurrency=2",
        server.bucket(),
        server.endpoint
    );
    for before in ["", "BACKUP_"] {
        let url = format!("{}&environment={before}", url.replace(' ', "%20"));
        let url = url.trim_end_matches("&environment=").to_owned();
        let variables = [
            (URL, url),
            (&*format!("{before}AWS_ACCESS_KEY_ID"), KEY.to_owned()),
            (&*format!("{before}AWS_SECRET_ACCESS_KEY"), SECRET.to_owned()),
            (SUITE, if before.is_empty() { "yes" } else { "" }.to_owned()),
        ];
        run("child_saves", &variables).await;
    }
    let wrong = [
        (URL, format!("s3://{}?endpoint={}", server.bucket(), server.endpoint)),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "wrong".to_owned()),
    ];
    run("child_is_refused", &wrong).await;
}

fn storage() -> SharedStorage {
    create_storage(&std::env::var(URL).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs variables that `a_url_and_the_environment_make_a_storage` sets"]
async fn child_saves() {
    let storage = storage();
    let name = FileName::new("a.txt").unwrap();
    let _ = storage.delete(name).await;
    let saved = storage.save(name, "content".into(), &SaveOptions::default()).await.unwrap();
    assert_eq!((saved.name.as_str(), storage.kind()), ("a.txt", "s3"));
    assert_eq!(storage.url(name).unwrap(), "https://cdn.example.com/a.txt");
    let location = storage.location().unwrap();
    assert!(
        location.starts_with("http://127.0.0.1:") && location.ends_with("/bucket-0/media/of%20cars"),
        "{location}"
    );
    // The check has run: an endpoint is not taken for granted.
    let any: &dyn Any = &*storage;
    let object: &ObjectStorage = any.downcast_ref().unwrap();
    assert!(object.guarantees().unwrap().create_only);
    println!("{storage:?}");
    if std::env::var(SUITE).unwrap().is_empty() {
        return;
    }
    let mut folder = 0;
    let report = storage_report(async || {
        folder += 1;
        let url =
            std::env::var(URL).unwrap().replace("cars?", &format!("cars/{folder}-{}?", std::process::id()));
        create_storage(&url).unwrap()
    });
    crate::suite::ensure_conforms("s3", &report.await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs variables that `a_url_and_the_environment_make_a_storage` sets"]
async fn child_is_refused() {
    let name = FileName::new("a.txt").unwrap();
    let error = storage().save(name, "content".into(), &SaveOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    println!("{error} {error:?}");
}

fn refused(text: &str) -> String {
    let error = Settings::from_toml(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    let shown = format!("{error}");
    assert!(!shown.contains("hunter2"), "{shown}");
    shown
}

#[test]
fn mistakes_are_explained() {
    for (url, wanted) in [
        ("s3://", "the bucket follows two slashes: `s3://bucket/prefix`"),
        ("s3:///prefix", "the bucket follows two slashes"),
        ("s3://key:hunter2@bucket/", "credentials do not belong in the settings"),
        ("s3://b?secret_access_key=hunter2", "credentials do not belong in the settings"),
        ("s3://b?aws_session_token=hunter2", "credentials do not belong in the settings"),
        ("s3://b?endpoint=http://k:hunter2@h/", "credentials do not belong in the settings"),
        ("s3://b?endpoint=h:9000", "expected a URL such as `https://s3.example.com`"),
        (
            "s3://b?regoin=x",
            "unknown option `regoin`; did you mean `region`? known: bucket, prefix, base_url, endpoint,",
        ),
        ("s3://b?part_size=8MB", "expected bytes, such as `8388608` or `8MiB`"),
        ("s3://b?part_size=99999999999GiB", "expected bytes"),
        ("s3://b?concurrency=-1", "expected a whole number"),
        ("s3://b/../c", "the prefix is no name of a folder"),
        ("s3://b/p?prefix=q", "`prefix` is given twice"),
        ("s3://b?server_side_encryption=rot13", "unknown value; known: AES256, aws:kms, aws:kms:dsse"),
    ] {
        let shown = refused(&format!("STORAGES.x = '{url}'"));
        assert!(shown.contains(wanted), "{url}: {shown}");
    }
    let table = "[STORAGES.x]\nbackend = 'storages.backends.s3.S3Storage'\n";
    assert!(refused(&format!("{table}location = 'media'")).contains("has no `bucket`"));
    assert!(
        refused(&format!("{table}options = {{ bucket_name = 'b', secret_key = 'hunter2' }}"))
            .contains("credentials")
    );
    let django = format!(
        "{table}options = {{ bucket_name = 'b', location = 'm', region_name = 'x', endpoint_url = 'https://h', part_size = 6000000 }}"
    );
    let url = "STORAGES.x = 's3://b/m?region=x&endpoint=HTTPS://H/&part_size=6000000'";
    assert!(Settings::from_toml(&django).unwrap() == Settings::from_toml(url).unwrap());
    let shown =
        format!("{:?}", Settings::from_toml("STORAGES.x = 's3://bucket-1/tenant-7?region=x'").unwrap());
    assert!(!shown.contains("bucket-1") && !shown.contains("tenant-7"), "{shown}");
}

#[test]
fn locations_tell_buckets_apart() {
    let at = |url: &str| create_storage(url).unwrap().location().unwrap();
    // Without a request: `create_only=trust` and no credentials but the provider's.
    assert_eq!(at("s3://b/p"), at("s3://b/p?region=eu-1&create_only=ask"));
    assert_eq!(at("s3://b/p"), "s3://b/p");
    assert_eq!(at("s3://b?endpoint=https://H:9000/"), "https://h:9000/b");
    for other in ["s3://b", "s3://c/p", "s3://b/p?endpoint=https://h", "s3://b/p/q"] {
        assert_ne!(at(other), at("s3://b/p"));
    }
}

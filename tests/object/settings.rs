//! Buckets named in settings. The credentials are in the environment, so these tests run in a process of their own.

use filefield::registry::create_storage;
use filefield::settings::Settings;
use filefield::storage::{ObjectStorage, SignOptions};
use filefield::testing::storage_report;
use filefield::{ErrorKind, FileName, SaveOptions, StorageExt};
use filefield_tests::buckets::s3::{KEY, SECRET, Server};
use filefield_tests::buckets::{azure, gcs};
use std::any::Any;
use std::process::Command;
use std::time::Duration;

const URL: &str = "OBJECT_TEST_URL";
/// Whether the suite is wanted, which takes its time.
const SUITE: &str = "OBJECT_TEST_SUITE";

/// What the storage is to call itself, and the end of its location.
const KIND: &str = "OBJECT_TEST_KIND";
const LOCATION: &str = "OBJECT_TEST_LOCATION";

/// Runs the test `child` of this program with these variables.
async fn run(child: &str, variables: &[(&str, String)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("settings::{child}"), "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["AWS_", "GOOGLE_", "AZURE_", "AZURITE_"].iter().any(|provider| name.starts_with(provider)) {
            command.env_remove(&*name);
        }
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let shown =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
    for secret in [SECRET, azure::KEY, gcs::Account::known().secret()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A bucket in settings: its URL but for what all have, and the credentials, right and wrong.
struct Named {
    kind: &'static str,
    url: String,
    right: Vec<(&'static str, String)>,
    wrong: (&'static str, String),
}

async fn check(named: Named) {
    let Named { kind, url, right, wrong } = named;
    let (place, options) = url.split_once('?').unwrap();
    let bucket = place.rsplit('/').next().unwrap();
    let url = format!(
        "{place}/media/of%20cars?{options}&base_url=https://cdn.example.com/&part_size=5MiB&concurrency=2"
    );
    let location = format!("/{bucket}/media/of%20cars");
    for before in ["", "BACKUP_"] {
        let url = if before.is_empty() { url.clone() } else { format!("{url}&environment={before}") };
        let names: Vec<_> = right.iter().map(|(name, _)| format!("{before}{name}")).collect();
        let mut variables = vec![
            (URL, url),
            (KIND, kind.to_owned()),
            (LOCATION, location.clone()),
            (SUITE, if before.is_empty() { "yes" } else { "" }.to_owned()),
        ];
        variables.extend(names.iter().zip(&right).map(|(name, (_, value))| (name.as_str(), value.clone())));
        run("child_saves", &variables).await;
    }
    let mut variables = vec![(URL, url)];
    variables.extend(right);
    variables.retain(|(name, _)| *name != wrong.0);
    variables.push(wrong);
    run("child_is_refused", &variables).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_and_the_environment_make_a_storage() {
    let server = Server::start().await;
    let url = format!("s3://{}?endpoint={}&region=eu-1", server.bucket(), server.endpoint);
    let right = vec![("AWS_ACCESS_KEY_ID", KEY.to_owned()), ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned())];
    check(Named { kind: "s3", url, right, wrong: ("AWS_SECRET_ACCESS_KEY", "wrong".into()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_google_is_named_too() {
    let server = gcs::Server::start().await;
    let url = format!("gs://{}?endpoint={}", server.bucket(), server.endpoint);
    let right = vec![("GOOGLE_SERVICE_ACCOUNT_KEY", gcs::Account::known().json())];
    let wrong = ("GOOGLE_SERVICE_ACCOUNT_KEY", gcs::Account::impostor().json());
    check(Named { kind: "gcs", url, right, wrong }).await;
    // The key may be in a file.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), gcs::Account::known().json()).unwrap();
    let variables = [
        (
            URL,
            format!("gs://{}?endpoint={}&base_url=https://cdn.example.com", server.bucket(), server.endpoint),
        ),
        (KIND, "gcs".to_owned()),
        (LOCATION, "/bucket-1".to_owned()),
        (SUITE, String::new()),
        ("GOOGLE_SERVICE_ACCOUNT", file.path().display().to_string()),
    ];
    run("child_saves", &variables).await;
    // And the endpoint in a variable.
    let bucket = server.bucket();
    let variables = [
        (URL, format!("gs://{bucket}?base_url=https://cdn.example.com")),
        (KIND, "gcs".to_owned()),
        (LOCATION, format!("{}/{bucket}", server.endpoint)),
        (SUITE, String::new()),
        ("GOOGLE_SERVICE_ACCOUNT", file.path().display().to_string()),
        ("GOOGLE_BASE_URL", server.endpoint.clone()),
    ];
    run("child_saves", &variables).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_azure_is_named_too() {
    let Some(server) = azure::server().await else { return };
    let (endpoint, account) = (&server.endpoint, azure::ACCOUNT);
    let url = format!("az://{}?account={account}&endpoint={endpoint}/{account}", server.container().await);
    let right = vec![("AZURE_STORAGE_ACCOUNT_KEY", azure::KEY.to_owned())];
    let wrong = ("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=".to_owned());
    check(Named { kind: "azure", url, right, wrong }).await;
    // The emulator has an account of its own.
    let container = server.container().await;
    let variables = [
        (URL, format!("az://{container}?emulator=yes&base_url=https://cdn.example.com")),
        (KIND, "azure".to_owned()),
        (LOCATION, format!("/{container}")),
        (SUITE, String::new()),
        ("AZURITE_BLOB_STORAGE_URL", endpoint.clone()),
    ];
    run("child_saves", &variables).await;
    // Variables may say both, too.
    let asked = format!("az://{container}?base_url=https://cdn.example.com");
    let variables = |location: String| {
        let kind = (KIND, "azure".to_owned());
        vec![(URL, asked.clone()), kind, (LOCATION, location), (SUITE, String::new())]
    };
    let mut emulator = variables(format!("az://emulator/{account}/{container}"));
    emulator.push(("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()));
    emulator.push(("AZURITE_BLOB_STORAGE_URL", endpoint.clone()));
    run("child_saves", &emulator).await;
    let mut elsewhere = variables(format!("{endpoint}/{account}/{container}"));
    elsewhere.push(("AZURE_STORAGE_ENDPOINT", format!("{endpoint}/{account}")));
    elsewhere.push(("AZURE_STORAGE_ACCOUNT_NAME", account.to_owned()));
    elsewhere.push(("AZURE_STORAGE_ACCOUNT_KEY", azure::KEY.to_owned()));
    run("child_saves", &elsewhere).await;
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs variables that other tests set"]
async fn child_saves() {
    let storage = create_storage(&variable(URL)).unwrap();
    let name = FileName::new("a.txt").unwrap();
    let _ = storage.delete(name).await;
    let saved = storage.save(name, "content".into(), &SaveOptions::default()).await.unwrap();
    assert_eq!((saved.name.as_str(), storage.kind()), ("a.txt", &*variable(KIND)));
    assert_eq!(storage.url(name).unwrap(), "https://cdn.example.com/a.txt");
    let signed = storage.signed_url(name, &SignOptions::get(Duration::from_secs(60))).await;
    assert!(signed.is_ok() || variable(URL).contains("of%20cars") && storage.kind() == "azure", "{signed:?}");
    let location = storage.location().unwrap();
    assert!(location.ends_with(&variable(LOCATION)), "{location}");
    // The check has run: an endpoint is not taken for granted.
    let any: &dyn Any = &*storage;
    let object: &ObjectStorage = any.downcast_ref().unwrap();
    assert!(object.guarantees().unwrap().create_only);
    println!("{storage:?}");
    if variable(SUITE).is_empty() {
        return;
    }
    let mut folder = 0;
    let report = storage_report(async || {
        folder += 1;
        let url = variable(URL).replace("cars?", &format!("cars/{folder}-{}?", std::process::id()));
        create_storage(&url).unwrap()
    });
    crate::suite::ensure_conforms(&variable(KIND), &report.await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs variables that other tests set"]
async fn child_is_refused() {
    let name = FileName::new("a.txt").unwrap();
    let storage = create_storage(&variable(URL)).unwrap();
    let error = storage.save(name, "content".into(), &SaveOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    println!("{error} {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs variables that other tests set"]
async fn child_is_told_which_variables_to_set() {
    let storage = create_storage(&variable(URL)).unwrap();
    let name = FileName::new("a.txt").unwrap();
    for (operation, error) in [
        ("save", storage.save(name, "content".into(), &SaveOptions::default()).await.unwrap_err()),
        ("open", storage.open(name).await.map(drop).unwrap_err()),
        ("rename", storage.rename(name, name).await.unwrap_err()),
    ] {
        let text = error.to_string();
        assert_eq!(
            (error.kind(), error.operation()),
            (ErrorKind::PermissionDenied, Some(operation)),
            "{text}"
        );
        let names = "set `BACKUP_AWS_ACCESS_KEY_ID` and `BACKUP_AWS_SECRET_ACCESS_KEY`";
        assert!(text.contains(names) && text.matches("credentials").count() == 1, "{text}");
    }
}

/// Without credentials in the environment those of the machine are asked for, and here it has none.
#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_named() {
    let server = Server::start().await;
    server.refusals.add(filefield_tests::buckets::refusals::Refusal {
        method: hyper::Method::PUT,
        status: 403,
        code: "AccessDenied",
    });
    let url =
        format!("s3://{}?endpoint={}&region=eu-1&environment=BACKUP_", server.bucket(), server.endpoint);
    let variables = [(URL, url), ("BACKUP_AWS_METADATA_ENDPOINT", server.endpoint.clone())];
    run("child_is_told_which_variables_to_set", &variables).await;
}

fn refused(text: &str) -> String {
    let error = Settings::from_toml(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    let shown = format!("{error}");
    assert!(!shown.contains("hunter2"), "{shown}");
    shown
}

fn s3_client() -> filefield::object_store::aws::AmazonS3 {
    filefield_tests::buckets::s3::client_at("http://127.0.0.1:1", "b").build().unwrap()
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
        ("s3://b?part_size=1MiB", "expected 5120 KiB at least: write `8MiB`, or leave it out"),
        ("gs://b?part_size=5242879", "expected 5120 KiB at least"),
        ("az://b?part_size=1023", "expected 1 KiB at least"),
        ("s3://b?concurrency=-1", "expected a whole number"),
        ("s3://b/../c", "the prefix is no name of a folder"),
        ("s3://b/p?prefix=q", "`prefix` is given twice"),
        ("s3://b?server_side_encryption=rot13", "unknown value; known: AES256, aws:kms, aws:kms:dsse"),
    ] {
        let shown = refused(&format!("STORAGES.x = '{url}'"));
        assert!(shown.contains(wanted), "{url}: {shown}");
    }
    for (client, bytes, is_taken) in [
        (ObjectStorage::s3(s3_client()), 1 << 20, false),
        (ObjectStorage::s3(s3_client()), (5 << 20) - 1, false),
        (ObjectStorage::s3(s3_client()), 5 << 20, true),
    ] {
        let built = client.part_size(bytes).build();
        assert_eq!(built.is_ok(), is_taken, "{bytes}");
        if let Err(error) = built {
            assert_eq!(error.kind(), ErrorKind::Settings);
            assert!(
                error.to_string().contains("from 5120 KiB to 5120 MiB, in bytes: write `part_size=8MiB`"),
                "{error}"
            );
        }
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

//! Wrong buckets, wrong credentials, services that refuse or are down: a kind, and whether a retry is safe.

mod answers;
mod credentials;
mod down;
mod keys;
#[cfg(feature = "db")]
mod rows;

use filefield::{Error, FileName, SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::{azure, gcs, s3};

/// Runs every operation and gives its error.
async fn errors(storage: &dyn Storage) -> Vec<(&'static str, Option<Error>)> {
    let (a, b) = (FileName::new("a").unwrap(), FileName::new("b").unwrap());
    let exact = SaveOptions { exact: true, ..SaveOptions::default() };
    let all = vec![
        ("save", storage.save(a, "x".into(), &exact).await.err()),
        ("open", storage.open(a).await.err()),
        ("open_range", storage.open_range(a, 0..1).await.err()),
        ("list", storage.list("").await.err()),
        ("delete", storage.delete(a).await.err()),
        ("metadata", storage.metadata(a).await.err()),
        ("exists", storage.exists(a).await.err()),
        ("copy", storage.copy(a, b, &exact).await.err()),
        ("owner", storage.owner(a).await.err()),
    ];
    all.iter().filter_map(|(_, error)| error.as_ref()).for_each(ensure_nothing_secret);
    all
}

/// Those whose answer has no body.
fn is_question(operation: &str) -> bool {
    matches!(operation, "metadata" | "exists" | "owner" | "copy")
}

fn ensure_nothing_secret(error: &Error) {
    use std::error::Error as _;
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        shown += &format!("{error} {error:?}");
        source = error.source();
    }
    let key = gcs::Account::known().secret();
    for secret in
        [s3::KEY, s3::SECRET, azure::KEY, key, "127.0.0.1", "Signature=", "Credential=", "sig=", "Bearer "]
    {
        assert!(!shown.contains(secret), "{shown}");
    }
}

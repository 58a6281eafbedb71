//! Object storages over stores in memory.
#![allow(clippy::unwrap_used)]

mod double;
mod faults;
mod large;

use super::*;
use crate::StorageExt;
use double::{Double, Fault};
use std::time::Duration;

fn name(text: &str) -> FileName<'_> {
    FileName::new(text).unwrap()
}

fn over(store: &Double) -> ObjectStorageBuilder {
    ObjectStorage::builder(Arc::new(store.clone()))
}

fn exact() -> SaveOptions {
    SaveOptions { exact: true, ..SaveOptions::default() }
}

async fn save(storage: &dyn Storage, wanted: &str, content: impl Into<Content>) -> Result<String> {
    Ok(storage.save(name(wanted), content.into(), &SaveOptions::default()).await?.name)
}

async fn text(storage: &dyn Storage, stored: &str) -> String {
    let bytes = storage.open(name(stored)).await.unwrap().read_all(1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes() {
    use crate::SharedStorage;
    use crate::testing::storage_suite;
    use object_store::memory::InMemory;
    let media = |builder: ObjectStorageBuilder| Arc::new(builder.build().unwrap()) as SharedStorage;
    let report = storage_suite(async || {
        media(ObjectStorage::builder(Arc::new(InMemory::new())).base_url("https://example.com/m/"))
    });
    assert_eq!(
        report.await.skipped.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["path_leads_to_the_bytes", "an_upload_in_parts_is_finished_twice"]
    );
    let store = Double::default();
    let mut folder = 0;
    let report = storage_suite(async || {
        folder += 1;
        media(over(&store).prefix(format!("tenants/é{folder}/")))
    });
    let skipped = report.await.skipped;
    assert_eq!(skipped.len(), 3, "{skipped:?}");
    let inner = Arc::new(InMemory::new());
    storage_suite(async || {
        folder += 1;
        let inner = media(ObjectStorage::builder(inner.clone()).trust_create_only());
        Arc::new(crate::storage::PrefixStorage::new(inner, &format!("p{folder}")).unwrap()) as SharedStorage
    })
    .await;
}

#[tokio::test]
async fn requests_are_counted() {
    let store = Double::default();
    let storage = over(&store).prefix("media").base_url("/m/").build().unwrap();
    assert_eq!(storage.guarantees(), None);
    assert!(storage.check().await.unwrap().create_only);
    assert_eq!(store.requests(), ["put", "put"]);
    // Another process finds the object of the check.
    assert!(over(&store).prefix("media").build().unwrap().check().await.unwrap().create_only);
    assert_eq!(store.requests(), ["put"]);

    save(&storage, "a.txt", vec![b'x'; 4096]).await.unwrap();
    assert_eq!(store.requests(), ["put"]);
    storage.save(name("exact.txt"), "x".into(), &exact()).await.unwrap();
    assert_eq!(store.requests(), ["put"]);
    storage.url(name("a.txt")).unwrap();
    assert!(store.requests().is_empty());
    assert!(storage.exists(name("a.txt")).await.unwrap());
    assert_eq!(store.requests(), ["head"]);
    assert_eq!(text(&storage, "a.txt").await.len(), 4096);
    assert_eq!(store.requests(), ["get"]);
    let part = storage.open_range(name("a.txt"), 10..20).await.unwrap().read_all(100).await.unwrap();
    assert_eq!((part.len(), store.requests()), (10, vec!["get"]));
    storage.metadata(name("a.txt")).await.unwrap();
    assert!(storage.owner(name("a.txt")).await.unwrap().is_none());
    assert_eq!(store.requests(), ["head", "head"]);
    assert_ne!(save(&storage, "a.txt", "y").await.unwrap(), "a.txt");
    assert_eq!(store.requests(), ["put", "head", "put"]);
    storage.delete(name("a.txt")).await.unwrap();
    assert_eq!(store.requests(), ["delete"]);
    assert_eq!(storage.list("").await.unwrap().files.len(), 2);
    assert_eq!(store.requests(), ["list"]);
}

#[tokio::test]
async fn copies_stay_in_the_bucket_where_nothing_is_lost() {
    let store = Double::default();
    let storage = over(&store).build().unwrap();
    let owned = |owner: &str| SaveOptions { owner: Some(owner.into()), ..SaveOptions::default() };
    storage.save(name("plain"), "x".into(), &SaveOptions::default()).await.unwrap();
    storage.save(name("ours"), "y".into(), &owned("a")).await.unwrap();
    store.requests();
    storage.copy(name("plain"), name("b"), &SaveOptions::default()).await.unwrap();
    assert_eq!(
        store.requests(),
        ["head", "copy", "copy", "head"],
        "one copy asks whether taken names are refused"
    );
    storage.rename(name("ours"), name("c")).await.unwrap();
    assert_eq!(store.requests(), ["head", "head", "copy", "head", "delete"]);
    assert_eq!(storage.owner(name("c")).await.unwrap().as_deref(), Some("a"));
    store.requests();
    // A copy with another owner, or with none, does not carry the token of the original.
    for (to, options, owner) in [("d", owned("b"), Some("b")), ("e", SaveOptions::default(), None)] {
        storage.copy(name("c"), name(to), &options).await.unwrap();
        assert_eq!(store.requests(), ["head", "get", "put"]);
        assert_eq!(storage.owner(name(to)).await.unwrap().as_deref(), owner);
        assert_eq!(text(&storage, to).await, "y");
        store.requests();
    }
}

/// Otherwise the original would be deleted before its copy is complete.
#[tokio::test]
async fn a_copy_that_is_late_is_waited_for() {
    let store = Double { copies_late: Some(Duration::from_millis(120)), ..Double::default() };
    let storage = over(&store).trust_create_only().build().unwrap();
    save(&storage, "a", "content").await.unwrap();
    storage.rename(name("a"), name("b")).await.unwrap();
    assert_eq!(text(&storage, "b").await, "content");
    let heads = store.requests().into_iter().filter(|request| *request == "head").count();
    assert!(heads >= 3, "{heads}");
    assert!(!storage.exists(name("a")).await.unwrap());
}

#[tokio::test]
async fn a_bucket_that_replaces_files_is_found_out() {
    let store = Double { overwrites: true, ..Double::default() };
    let storage = over(&store).build().unwrap();
    assert!(!storage.check().await.unwrap().create_only);
    let again = over(&store).build().unwrap();
    // The object of the check exists by now.
    assert!(!again.check().await.unwrap().create_only);
    store.requests();
    let mut names = BTreeSet::new();
    for n in 0..20 {
        names.insert(save(&storage, "d/a.txt", n.to_string()).await.unwrap());
    }
    assert_eq!(store.requests(), vec!["put"; 20]);
    assert_eq!(names.len(), 20, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("d/") && name.ends_with("_a.txt") && name.len() == 34));
    storage.save(name("b"), "first".into(), &exact()).await.unwrap();
    let error = storage.save(name("b"), "second".into(), &exact()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(text(&storage, "b").await, "first");
    let copied = storage.copy(name("b"), name("b"), &SaveOptions::default()).await.unwrap();
    assert!(copied.name.ends_with("_b"));
    let error = storage.rename(name("b"), name(&copied.name)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let options = SaveOptions { max_length: Some(20), ..SaveOptions::default() };
    let error = storage.save(name("b"), "x".into(), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoAvailableName);
}

#[tokio::test(flavor = "multi_thread")]
async fn exact_saves_at_once_have_one_winner_without_conditions() {
    let store = Double { overwrites: true, ..Double::default() };
    let storage = Arc::new(over(&store).build().unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let storage = storage.clone();
        tasks.spawn(async move {
            let text = n.to_string();
            storage.save(name("a"), text.clone().into(), &exact()).await.map(|_| text)
        });
    }
    let results = tasks.join_all().await;
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(&text(&*storage, "a").await, winners[0]);
    let losers = results.iter().filter_map(|result| result.as_ref().err());
    assert!(losers.clone().all(|error| error.kind() == ErrorKind::AlreadyExists));
}

#[tokio::test]
async fn lost_answers_are_looked_up() {
    for (fault, options) in [
        (Fault::AnswerLost, SaveOptions::default()),
        (Fault::TriedAgain, SaveOptions::default()),
        (Fault::AnswerLost, exact()),
        (Fault::TriedAgain, exact()),
    ] {
        let store = Double::default();
        let storage = over(&store).trust_create_only().build().unwrap();
        store.fail("put", fault);
        let saved = storage.save(name("a.txt"), "x".into(), &options).await.unwrap();
        assert_eq!((saved.name.as_str(), store.requests()), ("a.txt", vec!["put", "head"]));
        assert_eq!(storage.list("").await.unwrap().files, ["a.txt"]);
    }
    let store = Double::default();
    let storage = over(&store).trust_create_only().build().unwrap();
    save(&storage, "b.txt", "another's").await.unwrap();
    store.fail("put", Fault::Fails);
    assert_ne!(save(&storage, "b.txt", "x").await.unwrap(), "b.txt");
    store.fail("put", Fault::Fails);
    let error = storage.save(name("b.txt"), "x".into(), &exact()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::AlreadyExists, false));
    assert_eq!(text(&storage, "b.txt").await, "another's");
    store.fail("put", Fault::Fails);
    let error = storage.save(name("a.txt"), "x".into(), &exact()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_uncertain(), error.is_retryable()), (ErrorKind::Io, true, true));
    assert!(!storage.exists(name("a.txt")).await.unwrap());
}

#[tokio::test]
async fn a_check_that_failed_is_made_again() {
    let store = Double::default();
    let storage = over(&store).build().unwrap();
    store.fail("put", Fault::Fails);
    let error = storage.save(name("a"), "x".into(), &SaveOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), error.operation()), (ErrorKind::Io, true, Some("save")));
    assert_eq!(save(&storage, "a", "x").await.unwrap(), "a");
}

#[tokio::test]
async fn a_broken_body_is_resumed() {
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let store = Double { breaks_after: Some(12_345), ..Double::default() };
    let storage = over(&store).trust_create_only().build().unwrap();
    save(&storage, "a", bytes.clone()).await.unwrap();
    store.requests();
    let got = storage.open(name("a")).await.unwrap().read_all(1 << 20).await.unwrap();
    assert_eq!((got.to_vec() == bytes, store.requests()), (true, vec!["get", "get"]));
    // Never continues with the bytes of another object.
    let mut reader = storage.open(name("a")).await.unwrap();
    assert_eq!(reader.next_chunk(100).await.unwrap().unwrap().len(), 100);
    storage.delete(name("a")).await.unwrap();
    save(&storage, "a", vec![1; 100_000]).await.unwrap();
    let error = reader.read_all(1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn replacing_is_possible_where_it_is_allowed() {
    let store = Double::default();
    let storage = over(&store).allow_overwrite(true).part_size(1024).build().unwrap();
    for size in [10, 5_000, 20] {
        assert_eq!(save(&storage, "a.txt", vec![b'x'; size]).await.unwrap(), "a.txt");
        assert_eq!(storage.size(name("a.txt")).await.unwrap(), size as u64);
    }
    let error = storage.save(name("a.txt"), "y".into(), &exact()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn types_and_headers_are_stored() {
    let store = Double::default();
    let storage = over(&store).cache_control("max-age=60").storage_class("STANDARD_IA").build().unwrap();
    save(&storage, "photo.jpg", "<svg onload='alert(1)'></svg>").await.unwrap();
    save(&storage, "a.csv", Content::from("a,b\n").with_content_type("text/html")).await.unwrap();
    for (file, wanted) in [
        ("photo.jpg", [Some("image/svg+xml"), Some("attachment"), Some("max-age=60"), Some("STANDARD_IA")]),
        ("a.csv", [Some("text/csv"), None, Some("max-age=60"), Some("STANDARD_IA")]),
    ] {
        use object_store::Attribute::{CacheControl, ContentDisposition, ContentType, StorageClass};
        let found = store.get_opts(&file.into(), Default::default()).await.unwrap().attributes;
        let found = [ContentType, ContentDisposition, CacheControl, StorageClass]
            .map(|attribute| found.get(&attribute).map(|value| value.to_string()));
        assert_eq!(found, wanted.map(|value| value.map(str::to_owned)), "{file}");
    }
}

#[test]
fn options_are_checked_and_nothing_secret_is_shown() {
    let store = Double::default();
    for bad in [
        over(&store).prefix("../x"),
        over(&store).part_size(10),
        over(&store).part_size(6 << 30),
        over(&store).concurrency(0),
        over(&store).base_url("not a url?x=1"),
        over(&store).cache_control("a\r\nb"),
        over(&store).storage_class(""),
    ] {
        bad.build().unwrap_err();
    }
    let at =
        |place: &str, prefix: &str| over(&store).location(place).prefix(prefix).build().unwrap().location();
    assert_eq!(at("s3://b/", "a b/c/").as_deref(), Some("s3://b/a%20b/c"));
    assert_eq!(at("s3://b", ""), Some("s3://b".to_owned()));
    assert_eq!(over(&store).build().unwrap().location(), None);
    let shown = format!("{:?}{:?}", over(&store), over(&store).base_url("https://k:s@h/").build());
    assert!(!shown.contains("Double") && !shown.contains("k:s"), "{shown}");
    let long = format!("{0}/{0}/{0}/{0}", "x".repeat(250));
    let storage = over(&store).prefix("y".repeat(30)).build().unwrap();
    assert_eq!(storage.keys.key(name(&long)).unwrap_err().kind(), ErrorKind::NameTooLong);
}

#![allow(clippy::unwrap_used)]
use super::*;
use crate::StorageExt;
use std::time::Duration;

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

async fn save(storage: &MemoryStorage, wanted: &str, text: &'static str) -> Result<Saved> {
    storage.save(name(wanted), text.into(), &SaveOptions::default()).await
}

async fn read(storage: &MemoryStorage, stored: &str) -> Vec<u8> {
    storage.open(name(stored)).await.unwrap().read_all(1000).await.unwrap().to_vec()
}

fn overwriting() -> MemoryStorage {
    MemoryStorage::builder().allow_overwrite(true).build().unwrap()
}

#[tokio::test]
async fn d186_taken_names_get_seven_characters_before_the_extension() {
    let storage = MemoryStorage::new();
    for wanted in ["d/a.tar.gz", "d/a.tar.gz"] {
        save(&storage, wanted, "x").await.unwrap();
    }
    let files = storage.list("d").await.unwrap().files;
    let random = files.iter().find_map(|file| file.strip_prefix("a_")?.strip_suffix(".tar.gz")).unwrap();
    assert!(random.len() == 7 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{files:?}");
}

#[tokio::test]
async fn d210_d211_d259_directories_and_files_do_not_mix() {
    let storage = MemoryStorage::new();
    save(&storage, "a", "file").await.unwrap();
    save(&storage, "d/x", "below").await.unwrap();
    assert_eq!(save(&storage, "a/b/c", "x").await.unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_ne!(save(&storage, "d", "x").await.unwrap().name, "d");
    assert_eq!(storage.open(name("d")).await.unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(storage.metadata(name("d")).await.unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(storage.delete(name("d")).await.unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(storage.list("a").await.unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(storage.list("none").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(storage.rename(name("d"), name("e")).await.unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(storage.rename(name("a"), name("a/b")).await.unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(storage.rename(name("a"), name("d")).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(!storage.exists(name("d")).await.unwrap() && !storage.exists(name("a/b")).await.unwrap());
    storage.delete(name("d/x")).await.unwrap();
    assert_eq!(storage.list("d").await.unwrap(), Listing::default(), "D234");
}

#[tokio::test]
async fn d223_d225_overwriting_replaces_files_only() {
    let storage = overwriting();
    save(&storage, "d/a", "old and long").await.unwrap();
    let mut old = storage.open(name("d/a")).await.unwrap();
    assert_eq!(save(&storage, "d/a", "new").await.unwrap(), Saved::new("d/a", 3));
    assert_eq!(read(&storage, "d/a").await, b"new", "W07");
    assert_eq!(old.next_chunk(100).await.unwrap().unwrap(), "old and long");
    assert_eq!(save(&storage, "d", "x").await.unwrap_err().kind(), ErrorKind::IsADirectory);
    let failing = Content::stream(Content::from("partial").chunks()).with_len(100);
    storage.save(name("d/a"), failing, &SaveOptions::default()).await.unwrap_err();
    assert_eq!(read(&storage, "d/a").await, b"new", "W06");
    let exact = SaveOptions { exact: true, ..SaveOptions::default() };
    let refused = storage.save(name("d/a"), "x".into(), &exact).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "exact replaces nothing");
    storage.rename(name("d/a"), name("d/a")).await.unwrap_err();
}

#[tokio::test]
async fn d224_overwriting_cuts_without_a_random_part() {
    let short = SaveOptions { max_length: Some(10), ..SaveOptions::default() };
    let saved = overwriting().save(name("test_long_file_name.txt"), "x".into(), &short).await.unwrap();
    assert_eq!(saved.name, "test_l.txt");
    let tiny = SaveOptions { max_length: Some(5), ..SaveOptions::default() };
    let error = overwriting().save(name("file_name.longext"), "x".into(), &tiny).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoAvailableName);
}

#[tokio::test]
async fn d262_times_and_d260_bytes_are_those_of_the_save() {
    let storage = overwriting();
    save(&storage, "a", "1").await.unwrap();
    let first = storage.metadata(name("a")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    read(&storage, "a").await;
    assert_eq!(storage.metadata(name("a")).await.unwrap(), first);
    storage.rename(name("a"), name("b")).await.unwrap();
    assert_eq!(storage.metadata(name("b")).await.unwrap(), first);
    save(&storage, "b", "2").await.unwrap();
    assert!(storage.modified(name("b")).await.unwrap() > first.modified.unwrap());
    let bytes = bytes::Bytes::from(vec![1; 100_000]);
    storage.save(name("c"), bytes.clone().into(), &SaveOptions::default()).await.unwrap();
    let got = storage.open(name("c")).await.unwrap().read_all(200_000).await.unwrap();
    assert_eq!(got.as_ptr(), bytes.as_ptr(), "shared");
}

#[test]
fn w39_base_urls_are_checked_when_the_storage_is_made() {
    let url = |base: &str| MemoryStorage::builder().base_url(base).build()?.url(name("d/a b.txt"));
    assert_eq!(url("/media").unwrap(), "/media/d/a%20b.txt");
    assert_eq!(url("https://cdn.example.com/m/").unwrap(), "https://cdn.example.com/m/d/a%20b.txt");
    for bad in ["/m?q=1", "/m#f", ""] {
        assert_eq!(url(bad).unwrap_err().kind(), ErrorKind::Settings);
    }
    assert_eq!(MemoryStorage::new().url(name("a")).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn errors_name_operation_storage_and_file() {
    let storage = MemoryStorage::new();
    let error = storage.open(name("a.txt")).await.unwrap_err();
    assert_eq!(
        (error.operation(), error.storage(), error.name()),
        (Some("open"), Some("memory"), Some("a.txt"))
    );
}

//! Contents that are uploaded in parts.

use crate::name;
use filefield::storage::{CreateOnlyUploads, ObjectStorage};
use filefield::{Bytes, Content, ErrorKind, SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::gcs;
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::s3::{Server, over};

const MIB: usize = 1 << 20;

fn pattern(len: usize) -> Bytes {
    (0..len).map(|n| (n % 251) as u8 ^ (n >> 16) as u8).collect()
}

fn exact() -> SaveOptions {
    SaveOptions { exact: true, ..SaveOptions::default() }
}

async fn with_parts(provider: &Provider) -> ObjectStorage {
    provider.fresh().await.part_size(5 << 20).concurrency(2).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_make_a_file() {
    for provider in Provider::all().await {
        let storage = with_parts(&provider).await;
        let bytes = pattern(17 * MIB + 3);
        let owner = |exact| SaveOptions { owner: Some("token-1".into()), exact, ..SaveOptions::default() };
        let free = storage.save(name("d/a.bin"), bytes.clone().into(), &owner(false)).await.unwrap();
        assert!(free.name.starts_with("d/") && free.name.ends_with("_a.bin"), "{}", free.name);
        let exact = storage.save(name("d/a.bin"), bytes.clone().into(), &owner(true)).await.unwrap();
        assert_eq!(exact.name, "d/a.bin");
        for stored in [&free.name, &exact.name] {
            assert_eq!(storage.size(name(stored)).await.unwrap(), bytes.len() as u64);
            assert!(storage.open(name(stored)).await.unwrap().read_all(u64::MAX).await.unwrap() == bytes);
            assert_eq!(storage.owner(name(stored)).await.unwrap().as_deref(), Some("token-1"));
            let part = storage.open_range(name(stored), 5_000_000..6_000_000).await.unwrap();
            assert!(part.read_all(u64::MAX).await.unwrap() == bytes.slice(5_000_000..6_000_000));
        }
        let error = storage.save(name("d/a.bin"), bytes.into(), &owner(true)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        // Far ahead by another request, near by reading on.
        let mut reader = storage.open(name("d/a.bin")).await.unwrap();
        assert!(reader.try_skip(16 * MIB as u64) && reader.try_skip(10));
        let rest = reader.read_all(u64::MAX).await.unwrap();
        assert!(rest == pattern(17 * MIB + 3).slice(16 * MIB + 10..));
        // As large as it is, it is copied without its owner.
        let copied = storage.copy(name("d/a.bin"), name("d/b.bin"), &owner(false)).await.unwrap();
        assert_eq!(copied.size, 17 * MIB as u64 + 3, "{}", provider.name());
        let got = storage.open(name(&copied.name)).await.unwrap().read_all(u64::MAX).await.unwrap();
        assert!(got == pattern(17 * MIB + 3));
    }
}

/// A server may refuse a taken name before it has read the bytes, and hang up.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_middle_of_the_bytes_is_one() {
    for provider in Provider::honest().await {
        let storage = provider.fresh().await.build().unwrap();
        for n in 0..10 {
            let saved =
                storage.save(name("a.bin"), pattern(6 * MIB).into(), &SaveOptions::default()).await.unwrap();
            assert_eq!(saved.name == "a.bin", n == 0);
            let error = storage.save(name("a.bin"), pattern(6 * MIB).into(), &exact()).await.unwrap_err();
            assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::AlreadyExists, false), "{error:?}");
        }
        assert_eq!(storage.list("").await.unwrap().files.len(), 10);
    }
}

/// Two processes that no journal brings in line: the end of an upload is refused where the name is taken.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_upload_is_refused_for_a_taken_name() {
    let server = Server::start().await;
    let bucket = server.bucket();
    for round in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        let wanted = format!("a{round}");
        for n in 0..4_u8 {
            let client = server.client(&bucket).with_http_connector(CreateOnlyUploads);
            let storage = over(client.build().unwrap()).part_size(5 << 20).build().unwrap();
            let wanted = wanted.clone();
            tasks.spawn(async move {
                let content = Bytes::from(vec![n; 11 * MIB]);
                storage.save(name(&wanted), content.into(), &exact()).await.map(|_| n)
            });
        }
        let (done, failed): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), failed.len()), (1, 3), "{failed:?}");
        assert!(failed.iter().all(|lost| lost.as_ref().is_err_and(|e| e.kind() == ErrorKind::AlreadyExists)));
        let storage = server.storage(&bucket).build().unwrap();
        let got = storage.open(name(&wanted)).await.unwrap().read_all(u64::MAX).await.unwrap();
        assert!(got.len() == 11 * MIB && got.iter().all(|byte| done[0].as_ref().is_ok_and(|n| n == byte)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_breaks_off_leaves_nothing() {
    for provider in Provider::all().await {
        let storage = with_parts(&provider).await;
        let content = Content::from(pattern(12 * MIB)).with_len(13 * MIB as u64);
        let error = storage.save(name("a"), content, &SaveOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(storage.list("").await.unwrap(), Default::default(), "{}", provider.name());
    }
}

/// What no list of files shows.
#[tokio::test(flavor = "multi_thread")]
async fn no_upload_stays_open() {
    let server = gcs::Server::start().await;
    let storage = server.storage(&server.bucket()).part_size(5 << 20).build().unwrap();
    let content = || Content::from(pattern(12 * MIB)).with_len(13 * MIB as u64);
    storage.save(name("a"), content(), &SaveOptions::default()).await.unwrap_err();
    assert_eq!(server.open_uploads(), 0);
    storage.save(name("a"), pattern(12 * MIB).into(), &SaveOptions::default()).await.unwrap();
    assert_eq!(server.open_uploads(), 0);
    // Dropped in the middle, it is aborted by a task of its own.
    let stalled = futures_util::stream::iter([Ok(pattern(11 * MIB))]);
    let stalled = futures_util::StreamExt::chain(stalled, futures_util::stream::pending());
    let options = SaveOptions::default();
    let save = storage.save(name("b"), Content::stream(stalled), &options);
    tokio::time::timeout(std::time::Duration::from_millis(500), save).await.unwrap_err();
    for _ in 0..100 {
        if server.open_uploads() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the upload is still open");
}

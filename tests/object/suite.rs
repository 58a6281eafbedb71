//! What is promised of every storage, and parts.

use filefield::storage::{CreateOnlyUploads, ObjectStorage, SignOptions};
use filefield::testing::{SuiteReport, storage_report};
use filefield::{Bytes, Content, ErrorKind, FileName, SaveOptions, SharedStorage, Storage};
use filefield_tests::buckets::s3::{Server, over};
use std::sync::Arc;
use std::time::Duration;

fn name(text: &str) -> FileName<'_> {
    FileName::new(text).unwrap()
}

/// What `s3s-fs` does otherwise than S3, for it keeps objects as files: it answers 500 to a name below or above that
/// of another object, and its own files have names longer than those of the objects.
const OF_THE_SERVER: [&str; 4] = [
    "a_directory_is_not_replaced_by_a_file",
    "a_path_through_a_file_harms_nothing",
    "names_at_the_limits_work",
    "variants_of_names_at_the_limits_fit",
];

pub(crate) fn ensure_conforms(report: &SuiteReport) {
    let mut failed: Vec<_> = report.failed.iter().map(|(name, _)| *name).collect();
    failed.sort_unstable();
    assert_eq!(failed, OF_THE_SERVER, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    let server = Server::start().await;
    let report = storage_report(async || {
        let storage = server.storage(&server.bucket()).base_url("https://cdn.example.com/").build().unwrap();
        Arc::new(storage) as SharedStorage
    })
    .await;
    ensure_conforms(&report);
    assert_eq!(report.skipped.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["path_leads_to_the_bytes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms_below_a_prefix() {
    let server = Server::start().await;
    let mut folder = 0;
    let bucket = server.bucket();
    let report = storage_report(async || {
        folder += 1;
        Arc::new(server.storage(&bucket).prefix(format!("tenants/{folder}")).build().unwrap())
            as SharedStorage
    });
    ensure_conforms(&report.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_honoured() {
    let server = Server::start().await;
    let bucket = server.bucket();
    for _ in 0..2 {
        assert!(server.storage(&bucket).build().unwrap().check().await.unwrap().create_only);
    }
}

const MIB: usize = 1 << 20;

fn pattern(len: usize) -> Bytes {
    (0..len).map(|n| (n % 251) as u8 ^ (n >> 16) as u8).collect()
}

async fn with_parts(server: &Server) -> ObjectStorage {
    server.storage(&server.bucket()).part_size(5 << 20).concurrency(2).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_make_a_file() {
    let server = Server::start().await;
    let storage = with_parts(&server).await;
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
}

/// The server refuses a taken name before it has read the bytes, and hangs up.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_middle_of_the_bytes_is_one() {
    let server = Server::start().await;
    let storage = server.storage(&server.bucket()).build().unwrap();
    for n in 0..10 {
        let saved =
            storage.save(name("a.bin"), pattern(6 * MIB).into(), &SaveOptions::default()).await.unwrap();
        assert_eq!(saved.name == "a.bin", n == 0);
        let exact = SaveOptions { exact: true, ..SaveOptions::default() };
        let error = storage.save(name("a.bin"), pattern(6 * MIB).into(), &exact).await.unwrap_err();
        assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::AlreadyExists, false), "{error:?}");
    }
    assert_eq!(storage.list("").await.unwrap().files.len(), 10);
}

/// Two processes that no journal brings in line: the end of an upload is refused where the name is taken.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_upload_is_refused_for_a_taken_name() {
    let server = Server::start().await;
    let bucket = server.bucket();
    let exact = || SaveOptions { exact: true, ..SaveOptions::default() };
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
    let server = Server::start().await;
    let storage = with_parts(&server).await;
    let bytes = pattern(12 * MIB);
    let content = Content::from(bytes).with_len(13 * MIB as u64);
    let error = storage.save(name("a"), content, &SaveOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(storage.list("").await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_come_back() {
    let server = Server::start().await;
    let storage = server.storage(&server.bucket()).build().unwrap();
    let long = "x".repeat(120);
    let odd =
        ["a b#%.x", "x#y", "100%25", "é ü/日本.txt", "~!()'@$&+=;,.x", "😀.png", "%2e%2e", "a+b", &long];
    for text in odd {
        let saved = storage.save(name(text), text.to_owned().into(), &SaveOptions::default()).await.unwrap();
        assert_eq!(saved.name, text);
        let got = storage.open(name(text)).await.unwrap().read_all(1 << 10).await.unwrap();
        assert_eq!(got, text);
    }
    let mut wanted: Vec<_> = odd.iter().filter(|text| !text.contains('/')).copied().collect();
    wanted.sort_unstable();
    assert_eq!(storage.list("").await.unwrap().files, wanted);
    assert_eq!(storage.list("é ü").await.unwrap().files, ["日本.txt"]);
    for text in odd {
        storage.delete(name(text)).await.unwrap();
        assert!(!storage.exists(name(text)).await.unwrap());
    }
}

/// The status and the body of a plain GET.
async fn get(url: &str) -> (String, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[9..12]).into_owned(), answer[head + 4..].to_vec())
}

fn get_for(seconds: u64) -> SignOptions {
    SignOptions::get(Duration::from_secs(seconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_urls_work_for_a_while() {
    let server = Server::start().await;
    let bucket = server.bucket();
    let client = Arc::new(server.client(&bucket).build().unwrap());
    let storage = ObjectStorage::builder(client.clone()).signer(client).prefix("a b").build().unwrap();
    let odd = name("é/c d+e.txt");
    storage.save(odd, "content".into(), &SaveOptions::default()).await.unwrap();
    let url = storage.signed_url(odd, &get_for(60)).await.unwrap();
    assert_eq!(get(&url).await, ("200".to_owned(), b"content".to_vec()));
    for (from, to) in [
        ("d%2Be.txt", "d%2Bf.txt"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ] {
        let tampered = url.replace(from, to);
        assert_ne!(tampered, url, "{url} has no {from}");
        let status = get(&tampered).await.0;
        assert!(status.starts_with('4'), "{status} for {from}");
    }
    let named = get_for(60).disposition("attachment; filename=\"a b.txt\"").content_type("text/plain");
    let named = storage.signed_url(odd, &named).await.unwrap();
    assert_eq!(get(&named).await.0, "200");
    assert!(
        named.contains("response-content-disposition=attachment") && named.contains("response-content-type=")
    );
    assert!(get(&named.replace("a%20b.txt", "c%20d.txt")).await.0.starts_with('4'), "{named}");
    let upload = SignOptions::put(Duration::from_secs(60)).content_type("image/png");
    let upload = storage.signed_url(odd, &upload).await.unwrap();
    assert!(upload.contains("SignedHeaders=content-type%3Bhost"), "{upload}");
    let brief = storage.signed_url(odd, &get_for(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(get(&brief).await.0, "403");
    for refused in [
        get_for(0),
        get_for(7 * 86_400 + 1),
        get_for(60).purpose("tenant 7"),
        get_for(60).content_length(7),
        SignOptions::put(Duration::from_secs(60)).content_length(7),
        SignOptions::put(Duration::from_secs(60)).content_type("a/b\r\nx: y"),
    ] {
        assert_eq!(
            storage.signed_url(odd, &refused).await.unwrap_err().kind(),
            ErrorKind::Usage,
            "{refused:?}"
        );
    }
    let without = server.storage(&bucket).build().unwrap();
    let error = without.signed_url(odd, &get_for(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

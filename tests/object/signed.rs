//! URLs that a plain HTTP client uses.

use crate::name;
use filefield::storage::{ObjectStorage, SignOptions};
use filefield::{ErrorKind, SaveOptions, Storage, StorageExt};
use filefield_tests::buckets::gcs;
use filefield_tests::buckets::http::{get, send};
use filefield_tests::buckets::provider::Provider;
use std::sync::Arc;
use std::time::Duration;

/// Of the characters that a URL need not escape, but for services that do so anyway.
const PLAIN: &str = "e/c_d+e.txt";

fn get_for(seconds: u64) -> SignOptions {
    SignOptions::get(Duration::from_secs(seconds))
}

fn put_for(seconds: u64) -> SignOptions {
    SignOptions::put(Duration::from_secs(seconds))
}

async fn signing(provider: &Provider) -> ObjectStorage {
    let bucket = provider.bucket().await;
    let builder = match provider {
        Provider::S3(server) => {
            let client = Arc::new(server.client(&bucket).build().unwrap());
            ObjectStorage::builder(client.clone()).signer(client).kind("s3")
        }
        _ => provider.storage(&bucket),
    };
    builder.prefix("a-b").build().unwrap()
}

/// What in a URL of each provider has to be as it was signed, and what it is changed to.
fn changes(provider: &Provider) -> &'static [(&'static str, &'static str)] {
    match provider {
        Provider::Azure(_) => &[
            ("d+e.txt", "d+f.txt"),
            ("sp=r", "sp=w"),
            ("se=20", "se=21"),
            ("st=20", "st=19"),
            ("sr=b", "sr=c"),
            ("sig=", "sig=0"),
        ],
        Provider::Gcs(_) => &[
            ("d+e.txt", "d+f.txt"),
            ("X-Goog-Expires=60", "X-Goog-Expires=61"),
            ("X-Goog-Date=20", "X-Goog-Date=19"),
            ("X-Goog-SignedHeaders=host", "X-Goog-SignedHeaders="),
            ("X-Goog-Credential=garage", "X-Goog-Credential=barrage"),
            ("X-Goog-Signature=", "X-Goog-Signature=00"),
        ],
        _ => &[
            ("d%2Be.txt", "d%2Bf.txt"),
            ("X-Amz-Expires=60", "X-Amz-Expires=61"),
            ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_urls_work_for_a_while() {
    for provider in Provider::honest().await {
        let (storage, of) = (signing(&provider).await, provider.name());
        storage.save(name(PLAIN), "content".into(), &SaveOptions::default()).await.unwrap();
        let url = storage.signed_url(name(PLAIN), &get_for(60)).await.unwrap();
        let answer = get(&url).await;
        assert_eq!((answer.status, answer.body), (200, b"content".to_vec()), "{of}");
        for (from, to) in changes(&provider) {
            let tampered = url.replacen(from, to, 1);
            assert_ne!(tampered, url, "{of}: {url} has no {from}");
            let status = get(&tampered).await.status;
            assert!((400..500).contains(&status), "{of}: {status} for {from}");
        }
        // For reading only, and for this method only.
        assert!(send("PUT", &url, &[("x-ms-blob-type", "BlockBlob")], b"x").await.status >= 400, "{of}");
        assert!(send("DELETE", &url, &[], b"").await.status >= 400, "{of}");
        let brief = storage.signed_url(name(PLAIN), &get_for(1)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(get(&brief).await.status, 403, "{of}");
        assert_eq!(storage.open(name(PLAIN)).await.unwrap().read_all(100).await.unwrap(), "content");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_for_one_name() {
    for provider in Provider::honest().await {
        let (storage, of) = (signing(&provider).await, provider.name());
        let url = storage.signed_url(name(PLAIN), &put_for(60)).await.unwrap();
        let headers = &[create_only(&provider), &[("Content-Type", "image/png")]].concat();
        let (from, to) = changes(&provider)[0];
        assert!(url.contains(from));
        assert!(send("PUT", &url.replacen(from, to, 1), headers, b"x").await.status >= 400, "{of}");
        let answer = send("PUT", &url, headers, b"sent by a browser").await;
        assert!(matches!(answer.status, 200 | 201), "{of}: {}", answer.status);
        assert!(get(&url).await.status >= 400, "{of}: the URL of an upload reads");
        let got = storage.open(name(PLAIN)).await.unwrap().read_all(100).await.unwrap();
        assert_eq!(got, "sent by a browser", "{of}");
        assert_eq!(storage.list("e").await.unwrap().files, ["c_d+e.txt"], "{of}");
    }
}

/// What the sender of an upload has to say.
fn create_only(provider: &Provider) -> &'static [(&'static str, &'static str)] {
    match provider {
        Provider::Gcs(_) => &[("x-goog-if-generation-match", "0")],
        Provider::Azure(_) => &[("x-ms-blob-type", "BlockBlob"), ("If-None-Match", "*")],
        _ => &[("If-None-Match", "*")],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_upload_replaces_nothing() {
    for provider in Provider::honest().await {
        let (of, bucket) = (provider.name(), provider.bucket().await);
        let storage = provider.storage(&bucket).build().unwrap();
        storage.save(name("d/there.txt"), "there".into(), &SaveOptions::default()).await.unwrap();
        let url = storage.signed_url(name("d/there.txt"), &put_for(60)).await.unwrap();
        let plain: &[_] = &[("x-ms-blob-type", "BlockBlob")];
        for headers in [create_only(&provider), plain, &[]] {
            let status = send("PUT", &url, headers, b"replaced").await.status;
            assert!((400..500).contains(&status), "{of}: {status} with {headers:?}");
        }
        let got = storage.open(name("d/there.txt")).await.unwrap().read_all(100).await.unwrap();
        assert_eq!(got, "there", "{of}");
        let url = storage.signed_url(name("d/new é.txt"), &put_for(60)).await.unwrap();
        let answer = send("PUT", &url, create_only(&provider), b"new").await;
        assert!(matches!(answer.status, 200 | 201), "{of}: {}", answer.status);
        assert!(send("PUT", &url, create_only(&provider), b"again").await.status >= 400, "{of}");
        let got = storage.open(name("d/new é.txt")).await.unwrap().read_all(100).await.unwrap();
        assert_eq!(got, "new", "{of}");
        // Where a save may replace, so may an upload.
        let storage = provider.storage(&bucket).allow_overwrite(true).build().unwrap();
        let url = storage.signed_url(name("d/there.txt"), &put_for(60)).await.unwrap();
        let answer = send("PUT", &url, plain, b"replaced").await;
        assert!(matches!(answer.status, 200 | 201), "{of}: {}", answer.status);
        let got = storage.open(name("d/there.txt")).await.unwrap().read_all(100).await.unwrap();
        assert_eq!(got, "replaced", "{of}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_headers_is_signed() {
    for provider in Provider::honest().await {
        let (storage, of) = (signing(&provider).await, provider.name());
        storage.save(name("a b.txt"), "content".into(), &SaveOptions::default()).await.unwrap();
        let options = SignOptions::head(Duration::from_secs(60));
        let url = storage.signed_url(name("a b.txt"), &options).await.unwrap();
        let answer = send("HEAD", &url, &[], b"").await;
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("7")), "{of}");
        assert!(send("PUT", &url, create_only(&provider), b"x").await.status >= 400, "{of}");
        let got = get(&url).await.status;
        assert_eq!(got == 200, matches!(provider, Provider::Azure(_)), "{of}: {got}");
        let missing = storage.signed_url(name("none.txt"), &options).await.unwrap();
        assert_eq!(send("HEAD", &missing, &[], b"").await.status, 404, "{of}");
    }
}

/// Names, dispositions and types of any kind, as the client of a browser would use them.
#[tokio::test(flavor = "multi_thread")]
async fn any_name_is_downloaded_under_any_name() {
    let odd = ["é", "ü", "ß", "日", "😀", "Ω", "й", "א", "ñ", "ﬁ"].map(str::to_owned);
    for provider in Provider::honest().await {
        let (storage, of) = (signing(&provider).await, provider.name());
        for c in (b' '..=b'~').map(|byte| char::from(byte).to_string()).chain(odd.clone()) {
            let file = format!("d/x{c}y{c}{c}z.txt");
            let Ok(stored) = filefield::FileName::new(&file) else { continue };
            storage.save(stored, file.clone().into(), &SaveOptions::default()).await.unwrap();
            let mut options = get_for(60).download_as(stored.file_name());
            if c.is_ascii() {
                options = options.content_type(format!("text/plain; x=\"a{c}b\""));
            }
            let url = storage.signed_url(stored, &options).await.unwrap();
            let answer = get(&url).await;
            assert_eq!((answer.status, &answer.body[..]), (200, file.as_bytes()), "{of}: {url}");
            // `s3s-fs` knows no headers of the answer.
            if provider.name() != "s3" {
                assert_eq!(
                    answer.header("content-disposition"),
                    options.disposition.as_deref(),
                    "{of}: {url}"
                );
                if c.is_ascii() {
                    assert_eq!(answer.header("content-type"), options.content_type.as_deref(), "{of}: {url}");
                }
            }
            let other = storage.signed_url(stored, &get_for(60).download_as("other.txt")).await.unwrap();
            let taken = url.replace(&url[url.find('?').unwrap()..], &other[other.find('?').unwrap()..]);
            assert_eq!(get(&taken).await.status, 200, "{of}: {taken}");
            assert!(get(&taken.replace("other.txt", "evil.html")).await.status >= 400, "{of}: {taken}");
        }
    }
}

/// Every name gets a URL of its own.
#[tokio::test(flavor = "multi_thread")]
async fn odd_names_are_signed_as_they_are() {
    for provider in Provider::honest().await {
        let (storage, of) = (signing(&provider).await, provider.name());
        for secret in ["a", "c/a", "100%"] {
            storage.save(name(secret), "not signed".into(), &SaveOptions::default()).await.unwrap();
        }
        for odd in [
            "a#b",
            "c/d/%2e%2e/a",
            "%2e%2e/a-b/a",
            "100%25",
            "é ü/日本.txt",
            "~!()'@$&+=;,.x",
            "😀.png",
            "a%zz",
        ] {
            storage.save(name(odd), odd.to_owned().into(), &SaveOptions::default()).await.unwrap();
            let url = storage.signed_url(name(odd), &get_for(60)).await.unwrap();
            let answer = get(&url).await;
            assert_eq!((answer.status, answer.body), (200, odd.as_bytes().to_vec()), "{of}: {odd}");
        }
    }
}

/// What the answer says, and what the sender has to say, where the provider can sign that.
#[tokio::test(flavor = "multi_thread")]
async fn type_and_disposition_are_signed_or_refused() {
    for provider in Provider::honest().await {
        let (storage, of) = (signing(&provider).await, provider.name());
        storage.save(name(PLAIN), "content".into(), &SaveOptions::default()).await.unwrap();
        let named = get_for(60).disposition("attachment; filename=\"a b.txt\"").content_type("text/plain");
        let upload = put_for(60).content_type("image/png");
        if let Provider::Azure(_) = provider {
            let url = storage.signed_url(name(PLAIN), &named).await.unwrap();
            let answer = get(&url).await;
            assert_eq!(
                (answer.status, answer.header("content-disposition")),
                (200, named.disposition.as_deref())
            );
            assert_eq!(answer.header("content-type"), Some("text/plain"));
            assert!(get(&url.replace("a%20b.txt", "c%20d.txt")).await.status >= 400, "{url}");
            let error = storage.signed_url(name(PLAIN), &upload).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
            continue;
        }
        let named = storage.signed_url(name(PLAIN), &named).await.unwrap();
        let answer = get(&named).await;
        assert_eq!(answer.status, 200, "{of}: {named}");
        assert!(
            named.contains("response-content-disposition=attachment")
                && named.contains("response-content-type=")
        );
        if let Provider::Gcs(_) = provider {
            assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"a b.txt\""));
        }
        assert!(get(&named.replace("a%20b.txt", "c%20d.txt")).await.status >= 400, "{of}: {named}");
        let url = storage.signed_url(name("new.png"), &upload).await.unwrap();
        let said = |content_type| match provider {
            Provider::Gcs(_) => vec![("x-goog-if-generation-match", "0"), ("Content-Type", content_type)],
            _ => vec![("Content-Type", content_type)],
        };
        assert!(url.contains("SignedHeaders=content-type%3Bhost"), "{url}");
        assert!(send("PUT", &url, &said("text/html"), b"<script>").await.status >= 400, "{of}");
        assert!(send("PUT", &url, &[], b"<script>").await.status >= 400, "{of}");
        assert!(!storage.exists(name("new.png")).await.unwrap(), "{of}");
        assert_eq!(send("PUT", &url, &said("image/png"), b"png").await.status, 200, "{of}");
        assert!(storage.exists(name("new.png")).await.unwrap(), "{of}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_signed_is_an_error() {
    for provider in Provider::honest().await {
        let storage = signing(&provider).await;
        for refused in [
            get_for(0),
            get_for(7 * 86_400 + 1),
            get_for(60).purpose("tenant 7"),
            get_for(60).content_length(7),
            put_for(60).content_length(7),
            put_for(60).content_type("a/b\r\nx: y"),
        ] {
            let error = storage.signed_url(name(PLAIN), &refused).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{}: {refused:?}", provider.name());
        }
        if let Provider::S3(server) = &provider {
            let client = Arc::new(server.client("b").build().unwrap());
            let without = ObjectStorage::builder(client).build().unwrap();
            let error = without.signed_url(name(PLAIN), &get_for(60)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

/// A key of somebody else signs nothing, whatever it calls itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_double_checks_keys() {
    let server = gcs::Server::start().await;
    let bucket = server.bucket();
    let client =
        gcs::client_at(&server.endpoint, &bucket).with_service_account_key(gcs::Account::impostor().json());
    let storage = gcs::over(client.build().unwrap()).build().unwrap();
    let url = storage.signed_url(name("a"), &put_for(60)).await.unwrap();
    assert_eq!(send("PUT", &url, &[], b"x").await.status, 403);
    let error = storage.save(name("a"), "x".into(), &SaveOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(server.storage(&bucket).build().unwrap().list("").await.unwrap(), Default::default());
}

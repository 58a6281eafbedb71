//! Wrong buckets, wrong credentials, services that are down: a kind, and whether a retry is safe.

use filefield::object_store::RetryConfig;
use filefield::{Error, ErrorKind, FileName, SaveOptions, Storage};
use filefield_tests::buckets::s3::{KEY, SECRET, Server, over};
use std::time::{Duration, Instant};

/// Runs every operation and gives its error.
async fn errors(storage: &dyn Storage) -> Vec<(&'static str, Option<Error>)> {
    let (a, b) = (FileName::new("a").unwrap(), FileName::new("b").unwrap());
    let exact = SaveOptions { exact: true, ..SaveOptions::default() };
    vec![
        ("save", storage.save(a, "x".into(), &exact).await.err()),
        ("open", storage.open(a).await.err()),
        ("open_range", storage.open_range(a, 0..1).await.err()),
        ("list", storage.list("").await.err()),
        ("delete", storage.delete(a).await.err()),
        ("metadata", storage.metadata(a).await.err()),
        ("exists", storage.exists(a).await.err()),
        ("copy", storage.copy(a, b, &exact).await.err()),
        ("owner", storage.owner(a).await.err()),
    ]
}

fn ensure_nothing_secret(error: &Error) {
    use std::error::Error as _;
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        shown += &format!("{error} {error:?}");
        source = error.source();
    }
    for secret in [KEY, SECRET, "127.0.0.1", "Signature=", "Credential="] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A service that gives every request this answer.
async fn answering(status: &str, code: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><AWSAccessKeyId>{KEY}</AWSAccessKeyId>\
         <StringToSign>{SECRET}</StringToSign></Error>"
    );
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (head, body) = (head.clone(), body.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let has_body = !request.starts_with(b"HEAD");
                let answer = if has_body { head + &body } else { head };
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
                // Reset, the answer would be lost.
                while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    endpoint
}

/// A client that does not try again.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn is_question(operation: &str) -> bool {
    matches!(operation, "metadata" | "exists" | "owner" | "copy")
}

/// The answer to a question has no body, so it does not say what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_bucket() {
    let server = Server::start().await;
    let client = server.client("b").with_endpoint(answering("404 Not Found", "NoSuchBucket").await);
    let storage = over(client.build().unwrap()).trust_create_only().build().unwrap();
    for (operation, error) in errors(&storage).await {
        let kind = error.as_ref().map(Error::kind);
        match operation {
            "exists" => assert_eq!(kind, None),
            _ if is_question(operation) => assert_eq!(kind, Some(ErrorKind::NotFound), "{operation}"),
            _ => assert_eq!(kind, Some(ErrorKind::Settings), "{operation}: {error:?}"),
        }
        assert!(!error.as_ref().is_some_and(|error| error.is_retryable() || error.is_uncertain()));
        error.iter().for_each(ensure_nothing_secret);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_service() {
    use ErrorKind::{AlreadyExists, Io, NameTooLong, PermissionDenied, Settings, StorageFull};
    let server = Server::start().await;
    for (status, code, kind, retryable, uncertain) in [
        ("400 Bad Request", "ExpiredToken", PermissionDenied, false, false),
        ("403 Forbidden", "AccessDenied", PermissionDenied, false, false),
        ("403 Forbidden", "RequestTimeTooSkewed", PermissionDenied, false, false),
        ("401 Unauthorized", "Unauthorized", PermissionDenied, false, false),
        ("301 Moved Permanently", "PermanentRedirect", Settings, false, false),
        ("400 Bad Request", "AuthorizationHeaderMalformed", Settings, false, false),
        ("400 Bad Request", "KeyTooLongError", NameTooLong, false, false),
        ("412 Precondition Failed", "PreconditionFailed", AlreadyExists, false, false),
        ("409 Conflict", "ConditionalRequestConflict", Io, true, false),
        ("429 Too Many Requests", "TooManyRequests", Io, true, false),
        ("503 Service Unavailable", "SlowDown", Io, true, false),
        ("500 Internal Server Error", "InternalError", Io, true, true),
        ("507 Insufficient Storage", "XMinioStorageFull", StorageFull, false, false),
        ("418 I'm a teapot", "Teapot", Io, false, false),
    ] {
        // A second try would leave it open what became of the first.
        let client = server.client("b").with_retry(once()).with_endpoint(answering(status, code).await);
        let storage = over(client.build().unwrap()).trust_create_only().build().unwrap();
        for (operation, error) in errors(&storage).await {
            let error = error.unwrap_or_else(|| panic!("{operation} succeeded after {status}"));
            ensure_nothing_secret(&error);
            let got = (error.kind(), error.is_retryable(), error.is_uncertain());
            match operation {
                "save" => assert_eq!(got, (kind, retryable, uncertain), "{code}: {error:?}"),
                // Without the body only the status counts.
                _ if is_question(operation) => assert_eq!(got.1, retryable, "{operation} {code}: {error:?}"),
                "delete" => assert_eq!(got.1, retryable, "{code}: {error:?}"),
                _ => assert_eq!((got.1, got.2), (retryable, false), "{operation} {code}: {error:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials() {
    let server = Server::start().await;
    let bucket = server.bucket();
    for client in [
        server.client(&bucket).with_secret_access_key("wrong"),
        server.client(&bucket).with_access_key_id("AKIAWRONG"),
        server.client(&bucket).with_skip_signature(true),
    ] {
        let storage = over(client.build().unwrap()).build().unwrap();
        for (operation, error) in errors(&storage).await {
            let error = error.unwrap_or_else(|| panic!("{operation} succeeded"));
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{operation}: {error:?}");
            assert!(!error.is_retryable() && !error.is_uncertain());
            assert_eq!(error.storage(), Some("s3"));
            ensure_nothing_secret(&error);
        }
        assert_eq!(storage.check().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    // Nothing was stored.
    assert_eq!(server.storage(&bucket).build().unwrap().list("").await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down() {
    let server = Server::start().await;
    let bucket = server.bucket();
    let client = server.client(&bucket).with_retry(once()).build().unwrap();
    let trying_once = over(client).trust_create_only().build().unwrap();
    let trying_twice = server.storage(&bucket).trust_create_only().build().unwrap();
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    for (storage, tries) in [(trying_once, 1), (trying_twice, 2)] {
        for (operation, error) in errors(&storage).await {
            let error = error.unwrap_or_else(|| panic!("{operation} succeeded"));
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Io, true), "{operation}: {error:?}");
            // Nothing has left this machine; of a first try that is not told.
            let is_uncertain = tries == 2 && matches!(operation, "save" | "delete");
            assert_eq!(error.is_uncertain(), is_uncertain, "{operation}: {error:?}");
            ensure_nothing_secret(&error);
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// A service that takes a request and never answers, or goes away.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_goes_away() {
    use tokio::io::AsyncReadExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
        }
    });
    let server = Server::start().await;
    let client = server.client("b").with_endpoint(endpoint);
    let storage = over(client.build().unwrap()).trust_create_only().build().unwrap();
    let a = FileName::new("a").unwrap();
    let error = storage.save(a, "x".into(), &SaveOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), error.is_uncertain()), (ErrorKind::Io, true, true));
    let error = storage.open(a).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), error.is_uncertain()), (ErrorKind::Io, true, false));
    ensure_nothing_secret(&error);
    task.abort();
}

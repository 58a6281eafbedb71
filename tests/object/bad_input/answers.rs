//! What the providers document that they answer.

use super::{errors, is_question};
use crate::name;
use async_trait::async_trait;
use filefield::object_store::ClientOptions;
use filefield::object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use filefield::storage::ObjectStorageBuilder;
use filefield::{Error, ErrorKind, SaveOptions, Storage};
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::{azure, gcs, once, s3};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A service that gives every request this answer, with secrets in it.
async fn answering(status: &str, code: &str) -> String {
    let (key, secret) = (s3::KEY, s3::SECRET);
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><AWSAccessKeyId>{key}</AWSAccessKeyId>\
         <StringToSign>{secret}</StringToSign></Error>"
    );
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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

/// A client of each provider, at a service that gives this answer.
async fn asked(provider: &str, status: &str, code: &str) -> ObjectStorageBuilder {
    let endpoint = answering(status, code).await;
    match provider {
        "s3" => s3::over(s3::client_at(&endpoint, "b").with_retry(once()).build().unwrap()),
        "gcs" => {
            let client = gcs::client_at(&endpoint, "b").with_retry(once());
            gcs::over(client.with_service_account_key(gcs::Account::known().json()).build().unwrap())
        }
        _ => {
            let client = azure::client_at(&endpoint, "b").with_retry(once());
            azure::over(client.with_access_key(azure::KEY).build().unwrap())
        }
    }
    .trust_create_only()
}

/// The answer to a question has no body, so it does not say what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_bucket() {
    let mut storages = vec![
        ("s3", false, asked("s3", "404 Not Found", "NoSuchBucket").await),
        ("azure", false, asked("azure", "404 Not Found", "ContainerNotFound").await),
    ];
    let providers = Provider::honest().await;
    for provider in &providers {
        // `s3s-fs` knows no bucket only when it lists.
        if provider.name() != "s3" {
            storages.push((provider.name(), true, provider.storage("no-such-bucket").trust_create_only()));
        }
    }
    for (of, storage_is_real, storage) in storages {
        for (operation, error) in errors(&storage.build().unwrap()).await {
            let kind = error.as_ref().map(Error::kind);
            match operation {
                "exists" => assert_eq!(kind, None),
                // Azure answers the deletions of a batch one by one, without a code.
                "delete" if of == "azure" && storage_is_real => assert_eq!(kind, None),
                "owner" => assert_eq!(kind, Some(ErrorKind::Settings), "{of}: {operation}"),
                _ if is_question(operation) => {
                    assert_eq!(kind, Some(ErrorKind::NotFound), "{of}: {operation}");
                }
                _ => assert_eq!(kind, Some(ErrorKind::Settings), "{of}: {operation}: {error:?}"),
            }
            assert!(!error.as_ref().is_some_and(|error| error.is_retryable() || error.is_uncertain()));
        }
    }
}

/// Codes are those of the providers' lists of errors.
#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_service() {
    use ErrorKind::{AlreadyExists, Io, NameTooLong, PermissionDenied, Settings, StorageFull, TooLarge};
    for (of, status, code, kind, retryable, uncertain) in [
        ("s3", "400 Bad Request", "ExpiredToken", PermissionDenied, false, false),
        ("s3", "400 Bad Request", "InvalidToken", PermissionDenied, false, false),
        ("s3", "403 Forbidden", "AccessDenied", PermissionDenied, false, false),
        ("s3", "403 Forbidden", "RequestTimeTooSkewed", PermissionDenied, false, false),
        ("s3", "401 Unauthorized", "Unauthorized", PermissionDenied, false, false),
        ("s3", "301 Moved Permanently", "PermanentRedirect", Settings, false, false),
        ("s3", "400 Bad Request", "AuthorizationHeaderMalformed", Settings, false, false),
        ("s3", "400 Bad Request", "KeyTooLongError", NameTooLong, false, false),
        ("s3", "412 Precondition Failed", "PreconditionFailed", AlreadyExists, false, false),
        ("s3", "429 Too Many Requests", "TooManyRequests", Io, true, false),
        ("s3", "503 Service Unavailable", "SlowDown", Io, true, false),
        ("s3", "500 Internal Server Error", "InternalError", Io, true, true),
        ("s3", "507 Insufficient Storage", "XMinioStorageFull", StorageFull, false, false),
        ("s3", "418 I'm a teapot", "Teapot", Io, false, false),
        ("gcs", "401 Unauthorized", "AuthenticationRequired", PermissionDenied, false, false),
        ("gcs", "403 Forbidden", "AccessDenied", PermissionDenied, false, false),
        ("gcs", "403 Forbidden", "RetentionPolicyNotMet", PermissionDenied, false, false),
        ("gcs", "403 Forbidden", "RequestTimeTooSkewed", PermissionDenied, false, false),
        ("gcs", "400 Bad Request", "EntityTooLarge", TooLarge, false, false),
        ("gcs", "412 Precondition Failed", "PreconditionFailed", AlreadyExists, false, false),
        ("gcs", "429 Too Many Requests", "SlowDown", Io, true, false),
        ("gcs", "503 Service Unavailable", "ServiceUnavailable", Io, true, false),
        ("gcs", "500 Internal Server Error", "InternalError", Io, true, true),
        ("azure", "403 Forbidden", "AuthenticationFailed", PermissionDenied, false, false),
        ("azure", "403 Forbidden", "AuthorizationPermissionMismatch", PermissionDenied, false, false),
        ("azure", "403 Forbidden", "AccountIsDisabled", PermissionDenied, false, false),
        ("azure", "409 Conflict", "BlobImmutableDueToPolicy", PermissionDenied, false, false),
        ("azure", "409 Conflict", "ContainerBeingDeleted", Settings, false, false),
        ("azure", "409 Conflict", "BlobAlreadyExists", AlreadyExists, false, false),
        ("azure", "400 Bad Request", "InvalidResourceName", Settings, false, false),
        ("azure", "400 Bad Request", "OutOfRangeInput", NameTooLong, false, false),
        ("azure", "413 Request Entity Too Large", "RequestBodyTooLarge", TooLarge, false, false),
        ("azure", "503 Service Unavailable", "ServerBusy", Io, true, false),
        ("azure", "500 Internal Server Error", "OperationTimedOut", Io, true, true),
    ] {
        let storage = asked(of, status, code).await.build().unwrap();
        for (operation, error) in errors(&storage).await {
            let error = error.unwrap_or_else(|| panic!("{of}: {operation} succeeded after {status}"));
            let got = (error.kind(), error.is_retryable(), error.is_uncertain());
            match operation {
                "save" => assert_eq!(got, (kind, retryable, uncertain), "{of} {code}: {error:?}"),
                // No provider has these conflicts with a question or a read.
                _ if status.starts_with("409") && operation != "delete" => {}
                // Without the body only the status counts.
                _ if is_question(operation) => {
                    assert_eq!(got.1, retryable, "{of} {operation} {code}: {error:?}");
                }
                "delete" => {
                    assert_eq!(got.1, retryable, "{of} {code}: {error:?}");
                    assert_ne!(error.kind(), AlreadyExists, "{of} {code}: a name is no matter for a delete");
                }
                _ => assert_eq!((got.1, got.2), (retryable, false), "{of} {operation} {code}: {error:?}"),
            }
        }
    }
}

/// A client whose service knows no ranges.
#[derive(Clone, Debug)]
struct Rangeless;

impl HttpConnector for Rangeless {
    fn connect(&self, options: &ClientOptions) -> filefield::object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Client(HttpClient);

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = self.0.execute(request).await?;
        if answer.status() == hyper::StatusCode::PARTIAL_CONTENT {
            *answer.status_mut() = hyper::StatusCode::OK;
        }
        Ok(answer)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_is_an_answer() {
    for provider in Provider::honest().await {
        let storage = provider.connected(&provider.bucket().await, Rangeless).build().unwrap();
        storage.save(name("a"), "0123456789".into(), &SaveOptions::default()).await.unwrap();
        let error = storage.open_range(name("a"), 2..4).await.unwrap_err();
        let text = error.to_string();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Io, Some("open_range")), "{text}");
        assert!(text.contains("an answer that does not fit the request"), "{}: {text}", provider.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_what_was_called() {
    for of in ["s3", "gcs", "azure"] {
        let storage = asked(of, "403 Forbidden", "AccessDenied").await.build().unwrap();
        let (a, b, options) = (name("a"), name("b"), SaveOptions::default());
        for (operation, error) in [
            ("rename", storage.rename(a, b).await.unwrap_err()),
            ("copy", storage.copy(a, b, &options).await.unwrap_err()),
            ("save", storage.save(a, "x".into(), &options).await.unwrap_err()),
            ("delete", storage.delete(a).await.unwrap_err()),
        ] {
            assert_eq!(error.operation(), Some(operation), "{of}: {error}");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{of}: {error}");
        }
    }
}

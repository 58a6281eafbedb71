//! A server in this process that speaks S3 and checks signatures.

use super::refusals::Refusals;
use filefield::object_store::aws::{AmazonS3, AmazonS3Builder};
use filefield::storage::{ObjectStorage, ObjectStorageBuilder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::collections::HashMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// The access key that the server knows.
pub const KEY: &str = "AKIAEXAMPLE";
/// Its secret.
pub const SECRET: &str = "an/example+of/a+secret";

const NO_SUCH_UPLOAD: &str = "<Error><Code>NoSuchUpload</Code></Error>";
const INVALID_PART: &str = "<Error><Code>InvalidPart</Code></Error>";

/// Corrects three behaviours of `s3s-fs`. It checks that an object exists and writes it afterwards, so that
/// two concurrent conditional requests can both succeed; here, as in S3, such requests take turns. It denies
/// access to an upload that is not open. It accepts any tag for a part; here a wrong tag is refused.
#[derive(Clone)]
struct OneAtATime {
    inner: S3Service,
    turn: Arc<Mutex<()>>,
    copies: Arc<AtomicUsize>,
    /// By the id of an upload and the number of a part.
    tags: Arc<std::sync::Mutex<HashMap<(String, String), String>>>,
    refusals: Refusals,
    /// Whether conditions are ignored, as some servers do that speak the protocol.
    overwrites: bool,
}

impl Service<Request<Incoming>> for OneAtATime {
    type Response = <S3Service as Service<Request<Incoming>>>::Response;
    type Error = <S3Service as Service<Request<Incoming>>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let (inner, turn) = (self.inner.clone(), self.turn.clone());
        if self.overwrites {
            request.headers_mut().remove("if-none-match");
        }
        let conditional = request.headers().contains_key("if-none-match");
        if request.headers().contains_key("x-amz-copy-source") {
            self.copies.fetch_add(1, Ordering::Relaxed);
        }
        let query = request.uri().query().unwrap_or_default();
        let aborts = request.method() == "DELETE" && query.contains("uploadId=");
        let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)).map(str::to_owned);
        let (upload, number) = (of("uploadId="), of("partNumber="));
        let completes = request.method() == "POST" && upload.is_some();
        let tags = self.tags.clone();
        let refused = self.refusals.of(request.method());
        Box::pin(async move {
            if let Some((status, body)) = refused {
                let mut answer = Response::new(body.into());
                *answer.status_mut() = status;
                return Ok(answer);
            }
            let _turn = if conditional { Some(turn.lock().await) } else { None };
            let mut response = match upload.clone().filter(|_| completes) {
                Some(upload) => {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    if !are_of(&tags.lock().unwrap(), &upload, &body) {
                        let mut answer = Response::new(INVALID_PART.to_owned().into());
                        *answer.status_mut() = StatusCode::BAD_REQUEST;
                        return Ok(answer);
                    }
                    inner.call(Request::from_parts(head, body.into())).await?
                }
                None => Service::call(&inner, request).await?,
            };
            if let (Some(upload), Some(number), Some(tag)) = (upload, number, response.headers().get("etag"))
            {
                let tag = tag.to_str().unwrap().trim_matches('"').to_owned();
                tags.lock().unwrap().insert((upload, number), tag);
            }
            if aborts && response.status() == 403 {
                *response.status_mut() = StatusCode::NOT_FOUND;
                *response.body_mut() = NO_SUCH_UPLOAD.to_owned().into();
            }
            Ok(response)
        })
    }
}

/// Whether each part in the body that ends an upload has the tag it was given.
fn are_of(tags: &HashMap<(String, String), String>, upload: &str, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).replace("&quot;", "\"");
    let between = |part: &str, tag: &str| {
        let (_, rest) = part.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0.trim_matches('"').to_owned())
    };
    text.split("<Part>").skip(1).all(|part| {
        let (number, tag) = (between(part, "PartNumber"), between(part, "ETag"));
        number.is_some_and(|number| tags.get(&(upload.to_owned(), number)) == tag.as_ref())
    })
}

/// An S3 server with buckets `bucket-0`, `bucket-1` and so on. It stops on drop.
#[derive(Debug)]
pub struct Server {
    /// Its URL.
    pub endpoint: String,
    /// The requests that it refuses.
    pub refusals: Refusals,
    root: TempDir,
    next: AtomicUsize,
    copies: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts one, with its files in a temporary folder.
    pub async fn start() -> Server {
        Server::start_as(false).await
    }

    /// Starts a server that ignores conditions, and so overwrites. It does not check signatures either,
    /// because clients sign the conditions.
    pub async fn start_look_alike() -> Server {
        Server::start_as(true).await
    }

    async fn start_as(overwrites: bool) -> Server {
        let root = tempfile::tempdir().unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        if !overwrites {
            service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        }
        let refusals = Refusals::default();
        let service = OneAtATime {
            inner: service.build(),
            turn: Arc::default(),
            copies: Arc::default(),
            tags: Arc::default(),
            refusals: refusals.clone(),
            overwrites,
        };
        let copies = service.copies.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // Head and body of an answer are two writes, and the second would wait for the client's
                // kernel.
                socket.set_nodelay(true).unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let connections = Builder::new(TokioExecutor::new());
                    let _ = connections.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Server { endpoint, refusals, root, next: AtomicUsize::new(0), copies, task }
    }

    /// The folder with one folder per bucket, and the server's records of objects and uploads.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A new bucket.
    pub fn bucket(&self) -> String {
        let bucket = format!("bucket-{}", self.next.fetch_add(1, Ordering::SeqCst));
        std::fs::create_dir(self.root.path().join(&bucket)).unwrap();
        bucket
    }

    /// The number of requested copies.
    pub fn copies(&self) -> usize {
        self.copies.load(Ordering::Relaxed)
    }

    /// A client of a bucket.
    pub fn client(&self, bucket: &str) -> AmazonS3Builder {
        client_at(&self.endpoint, bucket)
    }

    /// A storage in a bucket.
    pub fn storage(&self, bucket: &str) -> ObjectStorageBuilder {
        over(self.client(bucket).build().unwrap())
    }
}

/// A client of a bucket of the server at `endpoint`.
pub fn client_at(endpoint: &str, bucket: &str) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name(bucket)
        .with_access_key_id(KEY)
        .with_secret_access_key(SECRET)
        .with_disable_bulk_delete(true)
        .with_retry(super::retry())
}

/// A storage over a client.
pub fn over(client: AmazonS3) -> ObjectStorageBuilder {
    ObjectStorage::s3(client)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

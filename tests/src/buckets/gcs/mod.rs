//! A fake Google Cloud Storage in this process. It supports the calls of the XML API that `object_store`
//! makes, and no others.
//!
//! It keeps objects in memory, checks every token and every signature, and applies conditions atomically. It
//! answers an unknown call with 501, and a test that made one fails when the server is dropped.

mod account;
mod calls;
mod objects;

pub use account::Account;

use super::refusals::Refusals;
use filefield::object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use filefield::storage::{ObjectStorage, ObjectStorageBuilder};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use objects::Objects;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What all connections share.
#[derive(Debug)]
struct State {
    account: Account,
    objects: Mutex<Objects>,
    refusals: Refusals,
    /// Unknown calls.
    unknown: Mutex<Vec<String>>,
}

/// A server with buckets `bucket-0`, `bucket-1` and so on. It stops on drop.
#[derive(Debug)]
pub struct Server {
    /// Its URL.
    pub endpoint: String,
    state: Arc<State>,
    next: AtomicUsize,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server. It knows one service account, [`Account::known`].
    pub async fn start() -> Server {
        let state = Arc::new(State {
            account: Account::known().clone(),
            objects: Mutex::default(),
            refusals: Refusals::default(),
            unknown: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // Head and body of an answer are two writes, and the second would wait for the client's
                // kernel.
                socket.set_nodelay(true).unwrap();
                let state = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let state = state.clone();
                        async move { Ok::<_, Infallible>(state.answer(request).await) }
                    });
                    let connections = Builder::new(TokioExecutor::new());
                    let _ = connections.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Server { endpoint, state, next: AtomicUsize::new(0), task }
    }

    /// A new bucket.
    pub fn bucket(&self) -> String {
        let bucket = format!("bucket-{}", self.next.fetch_add(1, Ordering::SeqCst));
        self.state.objects.lock().unwrap().add_bucket(&bucket);
        bucket
    }

    /// A client of a bucket.
    pub fn client(&self, bucket: &str) -> GoogleCloudStorageBuilder {
        client_at(&self.endpoint, bucket).with_service_account_key(self.state.account.json())
    }

    /// A storage in a bucket.
    pub fn storage(&self, bucket: &str) -> ObjectStorageBuilder {
        over(self.client(bucket).build().unwrap())
    }

    /// Puts an object of another program into a bucket, whatever its key.
    pub fn put_foreign(&self, bucket: &str, key: &str) {
        let put = self.state.objects.lock().unwrap().put(bucket, key, (Vec::new().into(), Vec::new()), None);
        put.unwrap();
    }

    /// The requests that the server refuses.
    pub fn refusals(&self) -> &Refusals {
        &self.state.refusals
    }

    /// The number of open uploads in parts.
    pub fn open_uploads(&self) -> usize {
        self.state.objects.lock().unwrap().open_uploads()
    }
}

/// A client without credentials of a bucket of the server at `endpoint`.
pub fn client_at(endpoint: &str, bucket: &str) -> GoogleCloudStorageBuilder {
    GoogleCloudStorageBuilder::new()
        .with_base_url(endpoint)
        .with_bucket_name(bucket)
        .with_retry(super::retry())
}

/// A storage over a client, which signs URLs too.
pub fn over(client: GoogleCloudStorage) -> ObjectStorageBuilder {
    ObjectStorage::gcs(client)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        let unknown = self.state.unknown.lock().unwrap();
        assert!(std::thread::panicking() || unknown.is_empty(), "the double does not know {unknown:?}");
    }
}

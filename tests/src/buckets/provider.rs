//! Every service behind one interface, for tests that are the same for all of them.

use super::count::Counter;
use super::{azure, gcs, s3};
use filefield::object_store::ObjectStore;
use filefield::object_store::client::HttpConnector;
use filefield::storage::ObjectStorageBuilder;
use futures_util::TryStreamExt;

/// A service with buckets.
#[derive(Debug)]
pub enum Provider {
    /// `s3s-fs`.
    S3(s3::Server),
    /// `s3s-fs` with conditions ignored.
    LookAlike(s3::Server),
    /// The fake in this process.
    Gcs(gcs::Server),
    /// Azurite.
    Azure(&'static azure::Server),
}

impl Provider {
    /// All services. If Azurite cannot be started, prints so and leaves it out.
    pub async fn all() -> Vec<Provider> {
        let mut all = vec![
            Provider::S3(s3::Server::start().await),
            Provider::LookAlike(s3::Server::start_look_alike().await),
            Provider::Gcs(gcs::Server::start().await),
        ];
        all.extend(azure::server().await.map(Provider::Azure));
        all
    }

    /// The services that honour conditions.
    pub async fn honest() -> Vec<Provider> {
        let mut all = Provider::all().await;
        all.retain(|provider| !matches!(provider, Provider::LookAlike(_)));
        all
    }

    /// Its name in tests.
    pub fn name(&self) -> &'static str {
        match self {
            Provider::S3(_) => "s3",
            Provider::LookAlike(_) => "look-alike",
            Provider::Gcs(_) => "gcs",
            Provider::Azure(_) => "azure",
        }
    }

    /// A new bucket.
    pub async fn bucket(&self) -> String {
        match self {
            Provider::S3(server) | Provider::LookAlike(server) => server.bucket(),
            Provider::Gcs(server) => server.bucket(),
            Provider::Azure(server) => server.container().await,
        }
    }

    /// A storage in a bucket.
    pub fn storage(&self, bucket: &str) -> ObjectStorageBuilder {
        self.connected(bucket, Counter::default())
    }

    /// A storage in a bucket whose client connects with this connector.
    pub fn connected<C: HttpConnector>(&self, bucket: &str, connector: C) -> ObjectStorageBuilder {
        match self {
            Provider::S3(server) => {
                s3::over(server.client(bucket).with_http_connector(connector).build().unwrap())
            }
            Provider::LookAlike(server) => {
                let client = server.client(bucket).with_skip_signature(true);
                s3::over(client.with_http_connector(connector).build().unwrap())
            }
            Provider::Gcs(server) => {
                gcs::over(server.client(bucket).with_http_connector(connector).build().unwrap())
            }
            Provider::Azure(server) => {
                azure::over(server.client(bucket).with_http_connector(connector).build().unwrap())
            }
        }
    }

    /// The keys of all objects in a bucket, sorted.
    pub async fn objects(&self, bucket: &str) -> Vec<String> {
        let store: Box<dyn ObjectStore> = match self {
            Provider::S3(server) => Box::new(server.client(bucket).build().unwrap()),
            Provider::LookAlike(server) => {
                Box::new(server.client(bucket).with_skip_signature(true).build().unwrap())
            }
            Provider::Gcs(server) => Box::new(server.client(bucket).build().unwrap()),
            Provider::Azure(server) => Box::new(server.client(bucket).build().unwrap()),
        };
        let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
        let mut keys: Vec<_> = listed.into_iter().map(|object| object.location.to_string()).collect();
        keys.sort();
        keys
    }

    /// A storage in a new bucket.
    pub async fn fresh(&self) -> ObjectStorageBuilder {
        self.storage(&self.bucket().await)
    }
}

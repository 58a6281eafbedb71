//! Counts the requests of a client.

use async_trait::async_trait;
use filefield::object_store::ClientOptions;
use filefield::object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use std::sync::{Arc, Mutex};

/// A connector that records every request of its clients, including retries.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Mutex<Vec<String>>>);

impl Counter {
    /// Method and query of every request since the last call: `GET`, `GET list-type=2`.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl HttpConnector for Counter {
    fn connect(&self, options: &ClientOptions) -> filefield::object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Counted { inner, seen: self.clone() }))
    }
}

#[derive(Debug)]
struct Counted {
    inner: HttpClient,
    seen: Counter,
}

#[async_trait]
impl HttpService for Counted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let noted = format!("{} {}", request.method(), request.uri().query().unwrap_or_default());
        self.seen.0.lock().unwrap().push(noted.trim_end().to_owned());
        self.inner.execute(request).await
    }
}

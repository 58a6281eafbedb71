//! Uploads in parts that S3 refuses to complete if the name is taken.

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, HeaderValue};

/// A connector for [`AmazonS3Builder`](object_store::aws::AmazonS3Builder) that makes the service refuse to
/// complete an upload in parts if the name is taken. `object_store` itself supports that only for a single
/// PUT.
///
/// S3 has checked the header `If-None-Match` of `CompleteMultipartUpload` since 2024, and it need not be
/// signed. Services without support ignore it. Storages created from URLs use this connector. For your own
/// client, set it with `with_http_connector`, unless the storage may replace files.
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateOnlyUploads;

impl HttpConnector for CreateOnlyUploads {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        ReqwestConnector::default().connect(options).map(|inner| HttpClient::new(Service(inner)))
    }
}

#[derive(Debug)]
struct Service(HttpClient);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        if request.method() == "POST" && query.split('&').any(|pair| pair.starts_with("uploadId=")) {
            request.headers_mut().insert("if-none-match", HeaderValue::from_static("*"));
        }
        self.0.execute(request).await
    }
}

//! Uploads in parts that S3 refuses to finish where the name is taken.

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, HeaderValue};

/// A connector for [`AmazonS3Builder`](object_store::aws::AmazonS3Builder) which asks the service to refuse the end
/// of an upload in parts where the name is taken. `object_store` itself can ask that for a single PUT only.
///
/// S3 checks the header `If-None-Match` of `CompleteMultipartUpload` since 2024, and it need not be signed. Services
/// that do not know it ignore it; nothing is worse then than without. Storages made from URLs use it; give it to a
/// client of your own with `with_http_connector`, unless the storage is to replace files.
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

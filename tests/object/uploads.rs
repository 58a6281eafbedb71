//! Uploads that go straight to a bucket, sent by a plain HTTP client.

use filefield::storage::UploadRequest;
use filefield::{Bytes, SharedStorage};
use filefield_tests::buckets::http;
use filefield_tests::buckets::provider::Provider;
use filefield_tests::isolated::isolated;
use filefield_tests::uploads::{Place, SECRET_KEY, all};
use std::sync::Arc;

struct Bucket {
    provider: Provider,
    bucket: String,
}

impl Place for Bucket {
    async fn send(&self, request: &UploadRequest, body: Bytes) -> Result<String, String> {
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = http::send(request.method, &request.url, &headers, &body).await;
        match answer.status {
            200 | 201 => Ok(answer.header("etag").unwrap_or_default().to_owned()),
            status => Err(format!("{status}: {}", String::from_utf8_lossy(&answer.body))),
        }
    }

    async fn files(&self) -> Vec<String> {
        let mut files = self.provider.objects(&self.bucket).await;
        files.retain(|file| file != ".filefield/create-only");
        files
    }

    fn is_strict(&self) -> bool {
        false
    }

    fn part_size(&self) -> u64 {
        5 << 20
    }

    fn needs_tags(&self) -> bool {
        !matches!(self.provider, Provider::Azure(_))
    }
}

#[test]
fn on_every_service() {
    isolated("uploads::on_every_service", &[("FILEFIELD_SECRET_KEY", SECRET_KEY)], || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for provider in Provider::honest().await {
                println!("{}", provider.name());
                let bucket = provider.bucket().await;
                let storage: SharedStorage = Arc::new(provider.storage(&bucket).build().unwrap());
                let place = all(storage, Bucket { provider, bucket }).await;
                if let Provider::S3(server) = &place.provider {
                    let copies = server.copies();
                    assert!(copies > 0, "the bytes of uploads whose type was stated stay in the bucket");
                }
            }
        });
    });
}

//! Uploads that go straight to a bucket, sent by a plain HTTP client.

use filefield::storage::{ObjectStorage, UploadRequest};
use filefield::{Bytes, SharedStorage};
use filefield_tests::buckets::s3::Server;
use filefield_tests::uploads::{Place, SECRET_KEY, all};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Bucket {
    server: Server,
    bucket: String,
}

/// Sends a request by hand: what a browser would send, and nothing else.
pub(crate) async fn send(request: &UploadRequest, body: &[u8]) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let rest = request.url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let mut head = format!("{} {path} HTTP/1.1\r\nHost: {host}\r\n", request.method);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    // A service that refuses the head need not read the body.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header =
        |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
    (status, lines.filter_map(header).collect(), answer[end + 4..].to_vec())
}

impl Place for Bucket {
    async fn send(&self, request: &UploadRequest, body: Bytes) -> Result<String, String> {
        let (status, headers, answer) = send(request, &body).await;
        if status != 200 {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&answer)));
        }
        let tag = headers.into_iter().find(|(name, _)| name == "etag");
        Ok(tag.map(|(_, value)| value).unwrap_or_default())
    }

    async fn files(&self) -> Vec<String> {
        let mut files = self.server.objects(&self.bucket);
        files.retain(|file| file != ".filefield/create-only");
        files
    }

    fn is_strict(&self) -> bool {
        false
    }

    fn part_size(&self) -> u64 {
        5 << 20
    }
}

/// The settings of this process.
pub(crate) fn with_secret_key() {
    let settings = filefield::Settings::builder().secret_key(SECRET_KEY).build().unwrap();
    filefield::App::builder().settings(settings).build().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_s3() {
    with_secret_key();
    let server = Server::start().await;
    let bucket = server.bucket();
    let storage = ObjectStorage::s3(server.client(&bucket).build().unwrap()).build().unwrap();
    let place = all(Arc::new(storage) as SharedStorage, Bucket { server, bucket }).await;
    assert!(place.server.copies() > 0, "the bytes of uploads whose type was stated stay in the bucket");
}

//! Files that clients send straight to a storage.

use super::{SaveOptions, Saved, SignOptions, SignedMethod, SignedRequest, Storage, StorageExt, signed};
use crate::inspect::Inspector;
use crate::name::of_part;
use crate::{Bytes, Content, Error, ErrorKind, FileName, Result};
use futures_core::Stream;
use serde::Serialize;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// The maximum number of parts of an upload (S3, Google Cloud Storage).
pub(crate) const MOST_PARTS: u64 = 10_000;

/// The number of bytes of a part read at once.
const CHUNK: usize = 64 * 1024;

/// What a client may send straight to a storage, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadTerms {
    /// The exact number of bytes.
    pub size: u64,
    /// How long the requests work, from now on. Rounded up to whole seconds.
    pub expires: Duration,
    /// The `Content-Type` that the request must have.
    pub content_type: Option<String>,
    /// The SHA-256 that the bytes must have. A service that supports it rejects other bytes itself.
    pub sha256: Option<[u8; 32]>,
    /// The size of each part except the last, in bytes; `None` for a single request.
    pub part_size: Option<u64>,
    /// The owner token of the file that the upload becomes. By default the token in the name of the upload. A
    /// bucket that stores it with the upload need not rewrite the bytes when they become the file.
    pub owner: Option<String>,
}

impl UploadTerms {
    /// Creates the terms of an upload of `size` bytes in one request.
    pub fn new(size: u64, expires: Duration) -> Self {
        UploadTerms { size, expires, content_type: None, sha256: None, part_size: None, owner: None }
    }

    /// Returns the size of each part, in bytes; `None` for an upload in one request.
    ///
    /// # Errors
    /// Returns [`Usage`](ErrorKind::Usage) for more than 10,000 parts, or parts of size 0.
    pub(crate) fn parts(&self) -> Result<Option<Vec<u64>>> {
        let Some(part_size) = self.part_size else { return Ok(None) };
        let count = self.size.checked_div(part_size).map(|_| self.size.div_ceil(part_size).max(1));
        let Some(count) = count.filter(|count| *count <= MOST_PARTS) else {
            let text = format!(
                "an upload of {} bytes in parts of {part_size} has more than {MOST_PARTS} of them",
                self.size
            );
            return Err(Error::new(ErrorKind::Usage, text));
        };
        Ok(Some((0..count).map(|part| part_size.min(self.size - part * part_size)).collect()))
    }
}

/// How a client sends an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectUpload {
    /// The storage's id of an upload in parts.
    pub id: Option<String>,
    /// One request, or one for each part in order.
    pub requests: Vec<UploadRequest>,
}

impl DirectUpload {
    /// Creates an upload with these requests.
    pub fn new(id: Option<String>, requests: Vec<UploadRequest>) -> Self {
        DirectUpload { id, requests }
    }
}

/// A request that a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UploadRequest {
    /// `"PUT"`.
    pub method: &'static str,
    /// The URL. It is a secret until it expires: anyone who has it can send.
    pub url: String,
    /// Headers that the request must have, in addition to those that every client sends.
    pub headers: Vec<(String, String)>,
    /// The size of the body in bytes.
    pub size: u64,
}

impl UploadRequest {
    /// Creates a PUT of `size` bytes.
    pub fn put(url: impl Into<String>, headers: Vec<(String, String)>, size: u64) -> Self {
        UploadRequest { method: "PUT", url: url.into(), headers, size }
    }
}

/// Records the id of an upload in parts before its first part is sent. If the process is killed, the id
/// allows to [abort](super::DirectUploads::abort_upload) the upload.
#[derive(Clone)]
pub struct UploadLog(Arc<dyn Fn(String) -> Noting + Send + Sync>);

type Noting = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl UploadLog {
    /// Creates a log that calls `note` for each id.
    pub fn new<F: Future<Output = Result<()>> + Send + 'static>(
        note: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self {
        UploadLog(Arc::new(move |id| Box::pin(note(id))))
    }

    /// Records an id.
    ///
    /// # Errors
    /// Propagates the errors of the log. The upload must then not continue.
    pub async fn note(&self, id: &str) -> Result<()> {
        (self.0)(id.to_owned()).await
    }
}

impl fmt::Debug for UploadLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadLog")
    }
}

/// Receives what a client sends to a signed URL of [`StorageExt::direct_upload`], for a program that serves a
/// storage itself. Nothing is visible before all bytes have arrived.
///
/// # Errors
/// Returns [`PermissionDenied`](ErrorKind::PermissionDenied) if anything is wrong with the request,
/// [`AlreadyExists`](ErrorKind::AlreadyExists) if the upload was sent before, and [`Io`](ErrorKind::Io) for a
/// body of another length; propagates the errors of [`Storage::save`].
pub async fn receive_upload(
    storage: &dyn Storage,
    request: &SignedRequest<'_>,
    body: Content,
) -> Result<Saved> {
    let access = storage.verify_signed_url(request)?;
    let name = FileName::or_upload(&access.name)?;
    let (SignedMethod::Put, Some(length), Some(token)) =
        (access.method, access.content_length, name.upload_token())
    else {
        return Err(signed::refused().with_operation("receive_upload").with_storage(storage.kind()));
    };
    let options = SaveOptions { exact: true, owner: Some(token.to_owned()), ..SaveOptions::default() };
    storage.save(name, body.with_len(length), &options).await
}

/// [`StorageExt::direct_upload`] by signed URLs of the storage.
pub(super) async fn by_signed_urls<S: Storage + ?Sized>(
    storage: &S,
    name: FileName<'_>,
    terms: &UploadTerms,
) -> Result<DirectUpload> {
    let parts = terms.parts()?;
    let mut options = SignOptions::put(terms.expires);
    let mut headers = Vec::new();
    if let Some(content_type) = &terms.content_type {
        options = options.content_type(content_type);
        headers.push(("content-type".to_owned(), content_type.clone()));
    }
    let Some(parts) = parts else {
        let url = storage.signed_url(name, &options.content_length(terms.size)).await?;
        return Ok(DirectUpload::new(None, vec![UploadRequest::put(url, headers, terms.size)]));
    };
    let mut requests = Vec::with_capacity(parts.len());
    for (number, size) in (1..).zip(&parts) {
        let part = of_part(name, number);
        let part = FileName::or_upload(&part)?;
        let url = storage.signed_url(part, &options.clone().content_length(*size)).await?;
        requests.push(UploadRequest::put(url, headers.clone(), *size));
    }
    Ok(DirectUpload::new(Some(parts.len().to_string()), requests))
}

/// Returns the number of parts in an id made by [`by_signed_urls`]. Refuses the name of a file: the id of its
/// save may be a number too, but names that look like its parts are other files.
fn count(
    storage: &(impl Storage + ?Sized),
    operation: &'static str,
    name: FileName<'_>,
    id: &str,
) -> Result<usize> {
    if name.upload_token().is_none() {
        return Err(Error::unsupported(operation, storage.kind()).with_name(name));
    }
    let count = id
        .parse()
        .ok()
        .filter(|count| u64::try_from(*count).is_ok_and(|count| (1..=MOST_PARTS).contains(&count)));
    count.ok_or_else(|| Error::new(ErrorKind::Usage, "this is no upload of the storage"))
}

/// [`StorageExt::finish_upload`] for parts that are files: joins them into one file and removes them.
pub(super) async fn join<S: Storage + ?Sized>(storage: &S, name: FileName<'_>, id: &str) -> Result<()> {
    let parts = count(storage, "finish_upload", name, id)?;
    let token = name.upload_token().map(str::to_owned);
    let (sender, receiver) = mpsc::channel(1);
    let read = async {
        if let Err(error) = read_parts(storage, name, parts, &sender).await {
            let _ = sender.send(Err(error)).await;
        }
        drop(sender);
    };
    // The storage that the parts are read from has its own time limits.
    let content = Content::stream(Received(receiver)).with_idle_timeout(None).with_timeout(None);
    let options = SaveOptions { exact: true, owner: token, ..SaveOptions::default() };
    let (mut save, mut read) = (storage.save(name, content, &options), pin!(read));
    let mut all_read = false;
    let saved = poll_fn(|cx| {
        all_read = all_read || read.as_mut().poll(cx).is_ready();
        save.as_mut().poll(cx)
    });
    match saved.await {
        // An earlier call got this far.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        // An earlier call already removed parts. The storage reads the content before it checks the name.
        Err(error) if error.kind() == ErrorKind::NotFound && storage.exists(name).await? => {}
        saved => drop(saved?),
    }
    remove_parts(storage, name, id).await
}

async fn read_parts<S: Storage + ?Sized>(
    storage: &S,
    name: FileName<'_>,
    parts: usize,
    sender: &mpsc::Sender<Result<Bytes>>,
) -> Result<()> {
    for number in 1..=parts {
        let part = of_part(name, number);
        let mut reader = storage.open(FileName::or_upload(&part)?).await?;
        while let Some(chunk) = reader.next_chunk(CHUNK).await? {
            if sender.send(Ok(chunk)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// [`StorageExt::promote`] by reading and saving.
pub(super) async fn promote<S: Storage + ?Sized>(
    storage: &S,
    upload: FileName<'_>,
    to: FileName<'_>,
    inspector: Inspector,
    options: &SaveOptions,
) -> Result<Saved> {
    let content = storage.open(upload).await?.into_content().with_inspector(inspector);
    storage.save(to, content, &SaveOptions { exact: true, ..options.clone() }).await
}

/// [`StorageExt::abort_upload`] for parts that are files.
pub(super) async fn remove_parts<S: Storage + ?Sized>(
    storage: &S,
    name: FileName<'_>,
    id: &str,
) -> Result<()> {
    for number in 1..=count(storage, "abort_upload", name, id)? {
        let part = of_part(name, number);
        storage.delete(FileName::or_upload(&part)?).await?;
    }
    Ok(())
}

struct Received(mpsc::Receiver<Result<Bytes>>);

impl Stream for Received {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::storage::MemoryStorage;

    #[tokio::test]
    async fn only_parts_of_uploads_are_removed() {
        let storage = MemoryStorage::new();
        let (file, first) = (FileName::new("a").unwrap(), FileName::new("a.1").unwrap());
        storage.save(first, "bytes".into(), &SaveOptions::default()).await.unwrap();
        for refused in [storage.abort_upload(file, "1").await, storage.finish_upload(file, "1", &[]).await] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        assert!(storage.exists(first).await.unwrap() && !storage.exists(file).await.unwrap());
        let upload = FileName::or_upload(".filefield/uploads/abcdefghijklmnopqrstuvwx27").unwrap();
        for id in ["", "x", "-1", "0", "10001", "99999999999999999999"] {
            assert_eq!(storage.abort_upload(upload, id).await.unwrap_err().kind(), ErrorKind::Usage, "{id}");
        }
        storage.abort_upload(upload, "10000").await.unwrap();
    }
}

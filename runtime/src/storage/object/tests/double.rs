//! A store in memory that counts its requests and can fail.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The request fails and does nothing.
    Fails,
    /// The request is done and its answer is lost.
    AnswerLost,
    /// As if the client had retried after a lost answer.
    TriedAgain,
    /// The request reports success, but does nothing or only a part.
    Pretends,
}

#[derive(Debug, Default)]
pub(super) struct State {
    requests: Mutex<Vec<&'static str>>,
    faults: Mutex<Vec<(&'static str, Fault)>>,
    /// Bytes of parts being sent, and their maximum.
    sending: AtomicUsize,
    most_sent: AtomicUsize,
    open_uploads: AtomicUsize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Double {
    pub(super) inner: Arc<InMemory>,
    pub(super) state: Arc<State>,
    /// Ignores conditions, as some services do.
    pub(super) overwrites: bool,
    /// How long sending a part takes.
    pub(super) slow: Option<Duration>,
    /// Breaks off a body after this many bytes, once.
    pub(super) breaks_after: Option<u64>,
    /// Drops parts on arrival.
    pub(super) forgets: bool,
    /// Answers a copy with an empty object, which is complete after this time, as Azure does.
    pub(super) copies_late: Option<Duration>,
    /// Copies only the bytes, as a client that copies in parts.
    pub(super) copies_bytes: bool,
}

impl fmt::Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Double")
    }
}

fn broken() -> Error {
    Error::Generic { store: "Double", source: "connection closed".into() }
}

/// The error of a client that has retried.
fn again(error: Error) -> Error {
    let text = format!(
        "Error performing PUT u in 1ms, after 1 retries, max_retries: 1, retry_timeout: 5s  - {error}"
    );
    match error {
        Error::AlreadyExists { path, .. } => Error::AlreadyExists { path, source: text.into() },
        _ => Error::Generic { store: "Double", source: text.into() },
    }
}

impl Double {
    pub(super) fn requests(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }

    /// Makes the next request of this kind fail.
    pub(super) fn fail(&self, request: &'static str, fault: Fault) {
        self.state.faults.lock().unwrap().push((request, fault));
    }

    pub(super) fn most_sent(&self) -> usize {
        self.state.most_sent.load(Ordering::SeqCst)
    }

    pub(super) fn open_uploads(&self) -> usize {
        self.state.open_uploads.load(Ordering::SeqCst)
    }

    fn note(&self, request: &'static str) -> Option<Fault> {
        self.state.note(request)
    }
}

impl State {
    fn note(&self, request: &'static str) -> Option<Fault> {
        self.requests.lock().unwrap().push(request);
        let mut faults = self.faults.lock().unwrap();
        let at = faults.iter().position(|(wanted, _)| *wanted == request)?;
        Some(faults.remove(at).1)
    }
}

#[async_trait]
impl ObjectStore for Double {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        if self.overwrites {
            opts.mode = PutMode::Overwrite;
        }
        match self.note("put") {
            Some(Fault::Fails) => return Err(broken()),
            Some(Fault::AnswerLost) => {
                self.inner.put_opts(location, payload, opts).await?;
                return Err(broken());
            }
            Some(Fault::TriedAgain) => {
                self.inner.put_opts(location, payload.clone(), opts.clone()).await?;
                return self.inner.put_opts(location, payload, opts).await.map_err(again);
            }
            Some(Fault::Pretends) | None => {}
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if self.note("create").is_some() {
            return Err(broken());
        }
        self.state.open_uploads.fetch_add(1, Ordering::SeqCst);
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        let (state, slow, forgets) = (self.state.clone(), self.slow, self.forgets);
        Ok(Box::new(Upload { inner, state, slow, forgets }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.note(if options.head { "head" } else { "get" });
        if fault.is_some_and(|fault| fault != Fault::Pretends) {
            return Err(broken());
        }
        let first = options.if_match.is_none();
        let mut found = self.inner.get_opts(location, options).await?;
        if fault.is_some() {
            let (range, bytes) = (found.range.clone(), found.bytes().await?);
            let half = Ok(bytes.slice(..bytes.len() / 2));
            found = self.inner.get_opts(location, GetOptions::default()).await?;
            found.range = range;
            let items = [half, Ok(Default::default())];
            found.payload = object_store::GetResultPayload::Stream(Box::pin(Items(items.into_iter())));
            return Ok(found);
        }
        if let (Some(after), true) = (self.breaks_after, first) {
            let range = found.range.clone();
            let bytes = found.bytes().await?;
            let part = bytes.slice(..bytes.len().min(after as usize));
            found = self.inner.get_opts(location, GetOptions::default()).await?;
            found.range = range;
            let items = [Ok(part), Err(broken())];
            found.payload = object_store::GetResultPayload::Stream(Box::pin(Items(items.into_iter())));
        }
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.note("delete").is_some() {
            // The object certainly stays.
            let kept = || Error::PermissionDenied { path: "a".to_owned(), source: "kept".into() };
            return Box::pin(Items([Err(kept()), Err(kept())].into_iter()));
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.note("list");
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.note("list");
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, mut options: CopyOptions) -> Result<()> {
        if self.overwrites {
            options.mode = CopyMode::Overwrite;
        }
        if let Some(late) = self.copies_late {
            let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            self.inner.put_opts(to, PutPayload::new(), create).await?;
            let (inner, from, to) = (self.inner.clone(), from.clone(), to.clone());
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                inner.copy_opts(&from, &to, CopyOptions::default()).await
            });
            return Ok(());
        }
        match self.note("copy") {
            Some(Fault::Fails) => return Err(broken()),
            Some(Fault::Pretends) => return Ok(()),
            Some(Fault::AnswerLost) => {
                self.inner.copy_opts(from, to, options).await?;
                return Err(broken());
            }
            Some(Fault::TriedAgain) => {
                self.inner.copy_opts(from, to, options.clone()).await?;
                return self.inner.copy_opts(from, to, options).await.map_err(again);
            }
            None => {}
        }
        self.inner.copy_opts(from, to, options).await?;
        if self.copies_bytes {
            let bytes = self.inner.get_opts(to, GetOptions::default()).await?.bytes().await?;
            self.inner.put_opts(to, bytes.into(), PutOptions::default()).await?;
        }
        Ok(())
    }
}

struct Items<T>(std::array::IntoIter<T, 2>);

impl<T> futures_core::Stream for Items<T> {
    type Item = T;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        std::task::Poll::Ready(std::pin::Pin::into_inner(self).0.next())
    }
}

impl<T> Unpin for Items<T> {}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    state: Arc<State>,
    slow: Option<Duration>,
    forgets: bool,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (state, slow, len) = (self.state.clone(), self.slow, data.content_length());
        let sending = state.sending.fetch_add(len, Ordering::SeqCst) + len;
        state.most_sent.fetch_max(sending, Ordering::SeqCst);
        let fault = state.note("part");
        let sent = match self.forgets {
            true => None,
            false => Some(self.inner.put_part(data.clone())),
        };
        Box::pin(async move {
            if let Some(slow) = slow {
                tokio::time::sleep(slow).await;
            }
            drop(data);
            state.sending.fetch_sub(len, Ordering::SeqCst);
            match (fault, sent) {
                (Some(_), _) => Err(broken()),
                (None, Some(sent)) => sent.await,
                (None, None) => Ok(()),
            }
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fault = self.state.note("complete");
        if fault == Some(Fault::Fails) {
            return Err(broken());
        }
        let done = self.inner.complete().await?;
        self.state.open_uploads.fetch_sub(1, Ordering::SeqCst);
        if fault.is_some() { Err(broken()) } else { Ok(done) }
    }

    async fn abort(&mut self) -> Result<()> {
        if self.state.note("abort").is_some() {
            return Err(broken());
        }
        self.state.open_uploads.fetch_sub(1, Ordering::SeqCst);
        self.inner.abort().await
    }
}

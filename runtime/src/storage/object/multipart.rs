//! Uploads in parts.

use super::ObjectStorage;
use super::by_id::ById;
use super::error::{Effect, convert, is_no_upload};
use crate::content::Part;
use crate::storage::UploadLog;
use crate::{Error, ErrorKind, FileName, Result};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Attributes, Error as StoreError, MultipartUpload, ObjectStore, PutMultipartOptions};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Uploads that were given up and not aborted yet.
#[derive(Default)]
pub(super) struct Unfinished(Mutex<Vec<Left>>);

struct Left {
    /// Distinguishes it from every other one in the process.
    id: u64,
    owner: Option<String>,
    upload: Box<dyn MultipartUpload>,
}

impl Left {
    fn new(owner: Option<String>, upload: Box<dyn MultipartUpload>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Left { id: NEXT.fetch_add(1, Ordering::Relaxed), owner, upload }
    }
}

impl Unfinished {
    fn push(&self, left: Left) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(left);
    }

    fn take(&self, is_wanted: impl Fn(&Left) -> bool) -> Option<Left> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(is_wanted)?;
        Some(all.swap_remove(at))
    }

    /// Aborts the uploads of one owner. An upload that cannot be aborted stays for the next call.
    pub(super) async fn abort_of(&self, owner: &str) -> Result<()> {
        self.abort(|left| left.owner.as_deref() == Some(owner)).await
    }

    async fn abort(&self, is_wanted: impl Fn(&Left) -> bool) -> Result<()> {
        while let Some(mut left) = self.take(&is_wanted) {
            if let Err(error) = aborted(&mut *left.upload).await {
                self.push(left);
                return Err(error);
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unfinished")
    }
}

/// Aborts an upload. A missing upload was aborted before.
async fn aborted(upload: &mut dyn MultipartUpload) -> Result<()> {
    match upload.abort().await {
        Err(error) if is_no_upload(&error) => Ok(()),
        result => result.map_err(|error| convert(error, Effect::Write)),
    }
}

/// A running upload. If dropped before its end, it is aborted by a separate task, or without a runtime by
/// [`Unfinished::abort_of`].
pub(super) struct Upload {
    upload: Option<Box<dyn MultipartUpload>>,
    /// The parts being sent.
    parts: JoinSet<object_store::Result<()>>,
    concurrency: usize,
    owner: Option<String>,
    unfinished: Arc<Unfinished>,
}

impl Upload {
    pub(super) async fn begin(
        store: &dyn ObjectStore,
        key: &Path,
        attributes: Attributes,
        owner: Option<String>,
        concurrency: usize,
        unfinished: &Arc<Unfinished>,
        log: Option<(&Arc<dyn MultipartStore>, &UploadLog)>,
    ) -> Result<Self> {
        if Handle::try_current().is_err() {
            return Err(Error::new(ErrorKind::Usage, "an upload in parts needs a tokio runtime"));
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut begun = Upload {
            upload: None,
            parts: JoinSet::new(),
            concurrency,
            owner,
            unfinished: unfinished.clone(),
        };
        // An upload without parts is not a file, so nothing is uncertain.
        let certain = |error| certain(error, Effect::Put);
        let by_id = match log {
            Some((multipart, log)) => match ById::begin(multipart, key, options.clone()).await {
                // Azure has no ids, and drops unlisted blocks itself.
                Err(StoreError::NotSupported { .. }) => None,
                begun => Some((begun.map_err(certain)?, log)),
            },
            None => None,
        };
        let Some((upload, log)) = by_id else {
            begun.upload = Some(store.put_multipart_opts(key, options).await.map_err(certain)?);
            return Ok(begun);
        };
        let id = upload.id().to_owned();
        begun.upload = Some(Box::new(upload));
        match log.note(&id).await {
            Ok(()) => Ok(begun),
            Err(error) if begun.abort().await => Err(error),
            Err(error) => Err(error.uncertain()),
        }
    }

    /// Waits until another part may be in memory.
    pub(super) async fn wait_for_room(&mut self) -> Result<()> {
        while self.parts.len() >= self.concurrency {
            self.one_done().await?;
        }
        Ok(())
    }

    /// Sends a part. Waits if too many parts are being sent.
    pub(super) async fn send(&mut self, part: Part) -> Result<()> {
        self.wait_for_room().await?;
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let sending = upload.put_part(part.into_pieces().into_iter().collect());
        self.parts.spawn(sending);
        Ok(())
    }

    /// Waits for all parts.
    pub(super) async fn settle(&mut self) -> Result<()> {
        while !self.parts.is_empty() {
            self.one_done().await?;
        }
        Ok(())
    }

    async fn one_done(&mut self) -> Result<()> {
        match self.parts.join_next().await {
            None => Ok(()),
            Some(Ok(sent)) => sent.map_err(|error| certain(error, Effect::Put)),
            Some(Err(error)) => {
                let message = "the upload of a part panicked or was stopped";
                Err(Error::new(ErrorKind::Io, message).with_source(error))
            }
        }
    }

    /// Joins the parts into an object. After an error the upload may still be open.
    pub(super) async fn complete(&mut self) -> Result<()> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let done = upload.complete().await;
        done.map_err(|error| convert(error, Effect::Put))?;
        self.upload = None;
        Ok(())
    }

    /// Forgets the upload: its object exists, so nothing is open.
    pub(super) fn forget(mut self) {
        self.upload = None;
    }

    /// Leaves the upload for its owner to clean up: it is unknown whether there is a file.
    pub(super) fn leave_to_owner(mut self) {
        self.leave();
    }

    /// Aborts the upload and returns whether that succeeded. If not, it is tried again when the staged data
    /// of its owner is discarded.
    pub(super) async fn abort(mut self) -> bool {
        // A part that arrives after the abort would stay forever.
        self.parts.shutdown().await;
        if let Some(upload) = &mut self.upload
            && aborted(&mut **upload).await.is_ok()
        {
            self.upload = None;
        }
        let is_done = self.upload.is_none();
        self.leave();
        is_done
    }

    fn leave(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.unfinished.push(Left::new(self.owner.take(), upload));
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        // It stays in the list until its abort has succeeded.
        let (left, unfinished) = (Left::new(self.owner.take(), upload), self.unfinished.clone());
        let id = left.id;
        unfinished.push(left);
        let Ok(runtime) = Handle::try_current() else { return };
        let mut parts = std::mem::take(&mut self.parts);
        runtime.spawn(async move {
            parts.shutdown().await;
            let _ = unfinished.abort(|left| left.id == id).await;
        });
    }
}

impl ObjectStorage {
    /// Aborts an upload in parts by its id: a save or a direct upload. A missing upload was aborted before.
    pub(super) async fn abort_parts(&self, name: FileName<'_>, id: &str) -> Result<()> {
        let Some(multipart) = &self.multipart else {
            return Err(Error::unsupported("abort_upload", self.kind));
        };
        let (_, id) = split_count(id);
        match multipart.abort_multipart(&self.keys.key(name)?, &id.to_owned()).await {
            Err(error) if is_no_upload(&error) => Ok(()),
            aborted => aborted.map_err(|error| convert(error, Effect::Write)),
        }
    }
}

/// Returns the id of a direct upload: the number of its parts, a space, and the service's id, which contains
/// no space.
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub(super) fn with_count(parts: usize, id: &str) -> String {
    format!("{parts} {id}")
}

/// Undoes [`with_count`]. The id of a save has no number before it.
pub(super) fn split_count(id: &str) -> (Option<usize>, &str) {
    let split = id.split_once(' ').and_then(|(parts, id)| Some((parts.parse().ok()?, id)));
    split.map_or((None, id), |(parts, id)| (Some(parts), id))
}

/// Converts an error before the end of an upload: there is no file, whatever the request did.
pub(super) fn certain(error: object_store::Error, effect: Effect) -> Error {
    let made = convert(error, effect);
    let retryable = made.is_retryable();
    let certain = Error::new(made.kind(), made.to_string());
    if retryable { certain.retryable() } else { certain }
}

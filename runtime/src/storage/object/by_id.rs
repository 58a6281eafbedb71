//! Uploads in parts with a known id, which others can use to abort them.

use async_trait::async_trait;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Error, MultipartId, MultipartUpload, PutMultipartOptions, PutPayload, PutResult, Result, UploadPart,
};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// An upload with a known id.
pub(super) struct ById {
    store: Arc<dyn MultipartStore>,
    key: Path,
    id: MultipartId,
    /// The sent parts, in order.
    parts: Arc<Mutex<Vec<Option<PartId>>>>,
}

impl ById {
    pub(super) async fn begin(
        store: &Arc<dyn MultipartStore>,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Self> {
        let id = store.create_multipart_opts(key, options).await?;
        Ok(ById { store: store.clone(), key: key.clone(), id, parts: Arc::default() })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

#[async_trait]
impl MultipartUpload for ById {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, key, id, parts) =
            (self.store.clone(), self.key.clone(), self.id.clone(), self.parts.clone());
        let number = {
            let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.push(None);
            parts.len() - 1
        };
        Box::pin(async move {
            let part = store.put_part(&key, &id, number, data).await?;
            parts.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(part);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts: Option<Vec<_>> =
            self.parts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let missing =
            || Error::Generic { store: "filefield", source: "a part of the upload was not sent".into() };
        self.store.complete_multipart(&self.key, &self.id, parts.ok_or_else(missing)?).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.abort_multipart(&self.key, &self.id).await
    }
}

impl fmt::Debug for ById {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ById").field("key", &self.key).finish_non_exhaustive()
    }
}

//! Turning an upload into a file.

use super::save::{Facts, Wanted};
use super::{ObjectStorage, attributes, read};
use crate::image::Need;
use crate::inspect::{Inspector, SNIFF_LEN};
use crate::storage::{Reader, Storage};
use crate::{Error, ErrorKind, FileName, Result, SaveOptions, Saved, StorageExt};
use object_store::path::Path;
use object_store::{Attribute, AttributeValue, CopyMode};

/// The largest object that S3 copies in one request, in bytes.
const MOST_COPIED: u64 = 5 << 30;

/// The number of bytes read at once.
const CHUNK: usize = 64 * 1024;

impl ObjectStorage {
    /// Copies an upload in the bucket, if it is stored exactly as this storage would store it. Otherwise its
    /// bytes pass through this process. The inspector checks the copy, which no client can change.
    pub(super) async fn promote_object(
        &self,
        upload: FileName<'_>,
        to: FileName<'_>,
        inspector: Inspector,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let (source, target) = (self.keys.key(upload)?, self.keys.key(to)?);
        let (first, facts) = read::opened(self, &source, SNIFF_LEN as u64).await?;
        let first = first.read_all(u64::MAX).await?;
        let owner = options.owner.as_deref();
        let exact = SaveOptions { exact: true, ..options.clone() };
        let here = facts.size <= MOST_COPIED && self.is_as_stored(to, &facts, &first, owner)?;
        if !here || !self.copy_here(&source, &facts, &target, to).await? {
            let content = self.open(upload).await.map(Reader::into_content)?;
            return self.save_content(to, content.with_inspector(inspector), &exact).await;
        }
        match self.judge_copy(to, &target, &facts, inspector).await {
            Ok(size) => Ok(Saved::new(to.as_str(), size)),
            // We created the copy, under a free name.
            Err(error) => match self.delete(to).await {
                Ok(()) => Err(error),
                Err(_) => Err(error.uncertain()),
            },
        }
    }

    /// Copies to a name that must be free. Returns `false` if the service cannot copy.
    async fn copy_here(&self, source: &Path, facts: &Facts, target: &Path, to: FileName<'_>) -> Result<bool> {
        let copied = if self.copies_create_only().await? {
            self.copy_once(source, facts, target, CopyMode::Create).await
        } else {
            let _wanted_by_us = Wanted::new(&self.wanted, to.as_str())?;
            self.ask_for(target).await?;
            self.copy_once(source, facts, target, CopyMode::Overwrite).await
        };
        match copied {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(false),
            copied => copied.map(|()| true),
        }
    }

    /// Whether `facts` of an upload are what this storage would store with these bytes.
    fn is_as_stored(
        &self,
        to: FileName<'_>,
        facts: &Facts,
        first: &[u8],
        owner: Option<&str>,
    ) -> Result<bool> {
        let content_type = facts.attributes.get(&Attribute::ContentType);
        let stated = content_type.map(AttributeValue::as_ref);
        let save = attributes::save(&facts.attributes).unwrap_or_default();
        let wanted = attributes::of_file(&self.defaults, to, first, stated, owner, save)?;
        // All attributes must match: a client may add unsigned headers, such as an encoding. A copy gets the
        // storage class of the bucket.
        Ok(owner.is_some() && facts.attributes == wanted && self.defaults.storage_class.is_none())
    }

    async fn judge_copy(
        &self,
        to: FileName<'_>,
        key: &Path,
        original: &Facts,
        mut inspector: Inspector,
    ) -> Result<u64> {
        let (mut reader, facts) = read::opened(self, key, inspector.needed_bytes()).await?;
        // The client may have replaced the upload between the check and the copy.
        if facts.owner != original.owner || facts.attributes != original.attributes {
            let text = "the upload was replaced while it was made a file";
            return Err(Error::new(ErrorKind::NotAsStated, text));
        }
        while let Some(chunk) = reader.next_chunk(CHUNK).await? {
            inspector.update(&chunk)?;
        }
        let shown = inspector.needed_bytes();
        if let Some(header) = inspector.header().filter(|_| shown < facts.size) {
            while let Need::Bytes { offset, len } = header.need_far()
                && offset < facts.size
            {
                let piece = self.open_range(to, offset..offset.saturating_add(len as u64)).await?;
                header.feed(offset, &piece.read_all(len as u64).await?);
            }
        }
        inspector.finish_of(facts.size)?;
        Ok(facts.size)
    }
}

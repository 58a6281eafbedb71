//! Copying in the bucket.

use super::ObjectStorage;
use super::error::{Effect, convert};
use super::save::{Facts, taken};
use crate::failpoints::planted;
use crate::storage::local::Names;
use crate::{Error, ErrorKind, FileName, Result, SaveOptions, Saved, StorageExt};
use object_store::path::Path;
use object_store::{CopyMode, CopyOptions, ObjectStore, ObjectStoreExt};
use std::time::Duration;

/// The waits for a copy start at this and double up to the last. Together they take about half a minute.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(13);

impl ObjectStorage {
    /// Copies in the bucket if the bucket supports conditional copies and the copy keeps the owner token of
    /// the original: the bucket copies it. Otherwise the bytes pass through this process. They also do with a
    /// storage class, because a copy gets the class of the bucket.
    pub(super) async fn copy_object(
        &self,
        from: FileName<'_>,
        to: FileName<'_>,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let source = self.keys.key(from)?;
        let facts = self.facts(&source).await?;
        let replace = self.allow_overwrite && !options.exact;
        if replace
            || facts.owner != options.owner
            || self.defaults.storage_class.is_some()
            || !self.copies_create_only().await?
        {
            return self.copy_through(from, to, facts.size, options).await;
        }
        let mut names = Names::new(to, options, false);
        loop {
            let name = names.next()?.into_owned();
            let target = self.keys.key(FileName::or_upload(&name)?)?;
            match self.copy_once(&source, &facts, &target, CopyMode::Create).await {
                Ok(()) => return Ok(Saved::new(name, facts.size)),
                Err(error) if error.is_uncertain() => return Err(error),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !options.exact => {}
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    return self.copy_through(from, to, facts.size, options).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Copies once in the bucket and waits until the copy is complete.
    pub(super) async fn copy_once(
        &self,
        source: &Path,
        facts: &Facts,
        target: &Path,
        mode: CopyMode,
    ) -> Result<()> {
        let options = CopyOptions { mode, ..CopyOptions::default() };
        let Err(error) = self.store.copy_opts(source, target, options).await else {
            return self.arrived(target, facts).await;
        };
        match convert(error, Effect::Write) {
            // A retry of the client finds the name taken by its first try.
            error if error.is_uncertain() => match self.facts(target).await {
                Ok(found) if found.is_copy_of(facts) => Ok(()),
                Ok(_) if error.kind() == ErrorKind::AlreadyExists => Err(taken()),
                _ => Err(error),
            },
            error => Err(error),
        }
    }

    /// Waits until a copy is complete. Azure may answer earlier, and shows an empty object until then; the
    /// original must not be deleted before. A copy without the owner and the type of the original is deleted,
    /// and the error is `Unsupported`: a client of S3 may be configured to copy in parts, which loses them.
    async fn arrived(&self, target: &Path, original: &Facts) -> Result<()> {
        if planted!("copy-not-looked-at") {
            return Ok(());
        }
        let mut wait = FIRST_WAIT;
        loop {
            match self.facts(target).await {
                Ok(facts) if facts.size == original.size => {
                    if facts.attributes == original.attributes {
                        return Ok(());
                    }
                    let deleted = self.store.delete(target).await;
                    deleted.map_err(|error| convert(error, Effect::Delete).uncertain())?;
                    return Err(Error::unsupported("copy", self.kind));
                }
                Ok(_) if wait <= LAST_WAIT => tokio::time::sleep(wait).await,
                Ok(_) => {
                    let message = "the service has not finished the copy that it has begun";
                    return Err(Error::new(ErrorKind::Io, message).retryable().uncertain());
                }
                // S3 may answer with a success and an error in its body. `object_store` recognizes only two
                // of these codes.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let message = "the service says that it has copied the file, and it has not";
                    return Err(Error::new(ErrorKind::Io, message).retryable().uncertain());
                }
                Err(error) => return Err(error.uncertain()),
            }
            wait *= 2;
        }
    }

    async fn copy_through(
        &self,
        from: FileName<'_>,
        to: FileName<'_>,
        size: u64,
        options: &SaveOptions,
    ) -> Result<Saved> {
        let reader = self.open(from).await?;
        if reader.len() != Some(size) {
            let message = "the service says that the file has another size than a moment ago";
            return Err(Error::new(ErrorKind::Io, message).retryable());
        }
        self.save_content(to, reader.into_content(), options).await
    }
}

//! A storage whose steps wait for the test.

use filefield::storage::{OwnerTokens, Place, StorageExt};
use filefield::{Content, FileName, Metadata, Reader, Result, SaveOptions, Saved, SharedStorage, Storage};
use std::ops::Range;
use tokio::sync::Semaphore;

/// Forwards to another storage. Has no owner tokens if `owners` is off.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) inner: SharedStorage,
    pub(super) owners: bool,
    /// Released when a save begins.
    pub(super) arrived: Semaphore,
    /// Acquired before a save does anything.
    pub(super) enter: Semaphore,
    /// Released when a file is published.
    pub(super) published: Semaphore,
    /// Acquired after a file is published, before the save answers.
    pub(super) saved: Semaphore,
    /// Released when a deletion begins.
    pub(super) deleting: Semaphore,
    /// Acquired before a file is deleted.
    pub(super) deleted: Semaphore,
}

impl Gate {
    pub(super) fn open(inner: SharedStorage) -> Self {
        let (closed, open) = (|| Semaphore::new(0), || Semaphore::new(Semaphore::MAX_PERMITS / 2));
        Gate {
            inner,
            owners: true,
            arrived: closed(),
            enter: open(),
            published: closed(),
            saved: open(),
            deleting: closed(),
            deleted: open(),
        }
    }

    pub(super) fn closed_before(inner: SharedStorage) -> Self {
        Gate { enter: Semaphore::new(0), ..Gate::open(inner) }
    }

    pub(super) fn closed(inner: SharedStorage) -> Self {
        Gate { saved: Semaphore::new(0), ..Gate::open(inner) }
    }
}

async fn pass(gate: &Semaphore) {
    gate.acquire().await.unwrap().forget();
}

#[filefield::async_trait]
impl Storage for Gate {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        self.arrived.add_permits(1);
        pass(&self.enter).await;
        let saved = self.inner.save(name, content, options).await?;
        self.published.add_permits(1);
        pass(&self.saved).await;
        Ok(saved)
    }
    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        self.inner.open_range(name, range).await
    }
    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        self.deleting.add_permits(1);
        pass(&self.deleted).await;
        self.inner.delete(name).await
    }
    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        self.inner.metadata(name).await
    }
    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.inner.url(name)
    }
    fn kind(&self) -> &'static str {
        "gate"
    }
    fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
        if self.owners { Some(self) } else { None }
    }
    fn place(&self) -> Option<&dyn Place> {
        Some(self)
    }
}

#[filefield::async_trait]
impl OwnerTokens for Gate {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        self.inner.owner(name).await
    }
}

#[filefield::async_trait]
impl Place for Gate {
    fn location(&self) -> Option<String> {
        self.inner.location()
    }
}

//! A storage that takes names as the journal does: it reserves one, and saves under exactly that.

use async_trait::async_trait;
use filefield::name::Candidates;
use filefield::storage::{Listing, OwnerTokens, StorageExt};
use filefield::{
    Content, Error, ErrorKind, FileName, Metadata, Reader, Result, SaveOptions, Saved, SharedStorage, Storage,
};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;

#[derive(Debug)]
pub(crate) struct Reserving {
    inner: SharedStorage,
    names: Mutex<BTreeSet<String>>,
}

/// A name that is nobody else's for as long as this lives.
struct Reserved<'a> {
    storage: &'a Reserving,
    name: String,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.storage.names.lock().unwrap().remove(&self.name);
    }
}

impl Reserving {
    pub(crate) fn new(inner: SharedStorage) -> Self {
        Reserving { inner, names: Mutex::default() }
    }

    async fn reserve(
        &self,
        wanted: FileName<'_>,
        options: &SaveOptions,
    ) -> Result<(Reserved<'_>, SaveOptions)> {
        // Whether an exact name is too long is the inner storage's to say.
        let max_length = options.max_length.filter(|_| !options.exact);
        for name in Candidates::new(wanted, max_length) {
            let name = name?.into_owned();
            if self.names.lock().unwrap().insert(name.clone()) {
                let reserved = Reserved { storage: self, name };
                let exists = self.inner.exists(FileName::or_upload(&reserved.name)?).await?;
                match (exists, options.exact) {
                    (false, _) => return Ok((reserved, SaveOptions { exact: true, ..options.clone() })),
                    (true, true) => break,
                    (true, false) => {}
                }
            }
            if options.exact {
                break;
            }
        }
        Err(Error::new(ErrorKind::AlreadyExists, "the name is taken").with_name(wanted))
    }
}

#[async_trait]
impl Storage for Reserving {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        let (reserved, exact) = self.reserve(name, options).await?;
        self.inner.save(FileName::or_upload(&reserved.name)?, content, &exact).await
    }

    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        let (reserved, exact) = self.reserve(to, options).await?;
        self.inner.copy(from, FileName::or_upload(&reserved.name)?, &exact).await
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        self.inner.open_range(name, range).await
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        self.inner.delete(name).await
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        self.inner.metadata(name).await
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        self.inner.list(directory).await
    }

    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        self.inner.rename(from, to).await
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.inner.url(name)
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
        self.inner.owner_tokens()?;
        Some(self)
    }
}

#[async_trait]
impl OwnerTokens for Reserving {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        self.inner.owner(name).await
    }
}

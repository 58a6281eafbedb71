//! Listing a folder.

use super::error::{Effect, convert};
use super::{ObjectStorage, keys};
use crate::Result;
use crate::storage::Listing;
use object_store::path::Path;
use object_store::{Error as StoreError, ListResult, ObjectStore};

impl ObjectStorage {
    pub(super) async fn list_directory(&self, directory: &str) -> Result<Listing> {
        let prefix = self.keys.directory(directory)?;
        let listed = match self.store.list_with_delimiter(prefix.as_ref()).await {
            Err(error @ StoreError::InvalidPath { .. }) => self.list_around(prefix.as_ref(), error).await,
            listed => listed,
        };
        Ok(keys::listing(&listed.map_err(|error| convert(error, Effect::Read))?, prefix.as_ref()))
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub(super) use around::Pages;

#[cfg(not(any(feature = "s3", feature = "gcs", feature = "azure")))]
impl ObjectStorage {
    async fn list_around(&self, _: Option<&Path>, error: StoreError) -> object_store::Result<ListResult> {
        Err(error)
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod around {
    use super::{ListResult, ObjectStorage, Path, StoreError};
    use object_store::list::{PaginatedListOptions, PaginatedListStore};
    use object_store::path::Error as PathError;
    use object_store::{ObjectMeta, Result};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// The maximum number of names in a page.
    const PAGE: usize = 1000;
    /// Sorts after every name in a folder, bytewise.
    const LAST: char = '\u{10fffd}';

    /// A client that lists page by page.
    #[derive(Clone)]
    pub(in crate::storage::object) struct Pages(pub(in crate::storage::object) Arc<dyn PaginatedListStore>);

    impl ObjectStorage {
        /// Lists the direct children of `prefix`, except keys that `object_store` cannot represent as a path:
        /// it rejects the whole page with such a key. Halves the page until it ends at that key, and skips
        /// the key.
        pub(super) async fn list_around(
            &self,
            prefix: Option<&Path>,
            error: StoreError,
        ) -> Result<ListResult> {
            let Some(Pages(pages)) = &self.pages else { return Err(error) };
            let prefix = prefix.map(|folder| format!("{folder}/"));
            let (mut dirs, mut objects): (BTreeSet<Path>, Vec<ObjectMeta>) = Default::default();
            let (mut size, mut after, mut token, mut left_out) = (PAGE, None, None, 0_u64);
            loop {
                let options = PaginatedListOptions {
                    offset: after.clone(),
                    delimiter: Some("/".into()),
                    max_keys: Some(size),
                    page_token: token.clone(),
                    ..PaginatedListOptions::default()
                };
                match pages.list_paginated(prefix.as_deref(), options).await {
                    Ok(page) => {
                        dirs.extend(page.result.common_prefixes);
                        objects.extend(page.result.objects);
                        token = page.page_token;
                        size = PAGE.min(size * 2);
                        if token.is_none() {
                            break;
                        }
                    }
                    Err(StoreError::InvalidPath { .. }) if size > 1 => size /= 2,
                    Err(error) => {
                        // The next page must start after the key, or this would never end.
                        let next = odd_key(&error).map(behind).filter(|next| after.as_ref() < Some(next));
                        let Some(next) = next else { return Err(error) };
                        (after, token, left_out) = (Some(next), None, left_out + 1);
                    }
                }
            }
            if left_out > 0 {
                log::warn!(
                    "the folder that was listed in the storage `{}` has {left_out} keys that are no names of files; they \
                     are left out",
                    self.kind
                );
            }
            Ok(ListResult {
                common_prefixes: dirs.into_iter().collect(),
                objects,
                extensions: Default::default(),
            })
        }
    }

    /// Returns the key that is not a path.
    fn odd_key(error: &StoreError) -> Option<&str> {
        match error {
            StoreError::InvalidPath {
                source: PathError::EmptySegment { path } | PathError::BadSegment { path, .. },
            } => Some(path),
            _ => None,
        }
    }

    /// Returns where a listing must start to skip this key, or everything below it.
    fn behind(key: &str) -> String {
        let mut key = key.to_owned();
        if key.ends_with('/') {
            key.push(LAST);
        }
        key
    }
}

#![allow(clippy::unwrap_used)]
use super::*;
use crate::storage::{FileSystemStorage, MemoryStorage, OwnerTokens, PrefixStorage, Signer, StorageExt};
use crate::{Content, FileName, Metadata, Reader, Result, SaveOptions, Saved, Storage};
use async_trait::async_trait;
use std::ops::Range;
use std::sync::Arc;

/// Runs the suite, and fails unless exactly these checks were skipped.
async fn suite(make: impl AsyncFnMut() -> SharedStorage, skipped: &[&str]) {
    let report = storage_report(make).await;
    println!("{report}");
    assert!(report.is_success(), "{report}");
    assert_eq!(report.skipped.iter().map(|(name, _)| *name).collect::<Vec<_>>(), skipped);
    assert_eq!(report.passed.len() + report.skipped.len(), checks::all().count());
}

fn signer() -> Signer {
    Signer::new("a secret of the tests, of 32 bytes or more").unwrap()
}

fn memory() -> SharedStorage {
    Arc::new(MemoryStorage::builder().base_url("/m").signer(signer()).build().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_conforms() {
    suite(async || memory(), &["path_leads_to_the_bytes"]).await;
}

#[tokio::test]
async fn memory_conforms_on_one_thread() {
    suite(async || memory(), &["path_leads_to_the_bytes"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_of_memory_conforms() {
    let make = async || Arc::new(PrefixStorage::new(memory(), "sub/folder").unwrap()) as _;
    suite(make, &["path_leads_to_the_bytes"]).await;
}

/// Storages in new directories. They are deleted when the returned value is dropped.
fn disk() -> (tempfile::TempDir, impl FnMut() -> SharedStorage) {
    let root = tempfile::tempdir().unwrap();
    let parent = root.path().to_owned();
    let mut count = 0;
    let make = move || {
        count += 1;
        let location = parent.join(format!("media{count}"));
        let builder = FileSystemStorage::builder(location).base_url("/m").signer(signer());
        Arc::new(builder.build().unwrap()) as _
    };
    (root, make)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_file_system_conforms() {
    let (_root, mut make) = disk();
    suite(async || make(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_of_the_file_system_conforms() {
    let (_root, mut make) = disk();
    suite(async || Arc::new(PrefixStorage::new(make(), "sub/folder").unwrap()) as _, &[]).await;
}

/// Has the required methods, and `owner` if `OWNERS` is set. All other methods are the trait's defaults.
#[derive(Debug, Default)]
struct Least<const OWNERS: bool>(MemoryStorage);

#[async_trait]
impl<const OWNERS: bool> Storage for Least<OWNERS> {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        self.0.save(name, content, options).await
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        self.0.open_range(name, range).await
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        self.0.delete(name).await
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        self.0.metadata(name).await
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        self.0.url(name)
    }

    fn kind(&self) -> &'static str {
        "least"
    }

    fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
        if OWNERS { Some(self) } else { None }
    }
}

#[async_trait]
impl<const OWNERS: bool> OwnerTokens for Least<OWNERS> {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        StorageExt::owner(&self.0, name).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_defaults_of_the_trait_conform() {
    let mut skipped = vec![
        "list_is_sorted_and_one_level_deep",
        "list_of_a_missing_directory_has_nothing",
        "list_of_a_file_is_an_error",
        "list_takes_no_traversal",
        "url_needs_no_file_and_encodes",
        "path_leads_to_the_bytes",
        "an_upload_is_not_listed",
        "an_upload_in_parts_is_finished_twice",
    ];
    suite(async || Arc::new(Least::<true>::default()) as _, &skipped).await;
    let at = skipped.len() - 2;
    skipped.splice(at..at, ["an_owner_token_is_kept", "an_owner_token_moves_along"]);
    suite(async || Arc::new(Least::<false>::default()) as _, &skipped).await;
}

//! Uploads that go straight to storages of this machine, through their signed URLs.

use crate::support::files_below;
use filefield::storage::{
    FileSystemStorage, MemoryStorage, PrefixStorage, SignedRequest, Signer, UploadRequest, receive_upload,
};
use filefield::{Bytes, Content, SharedStorage};
use filefield_tests::isolated::isolated;
use filefield_tests::uploads::{Place, SECRET_KEY, all};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A program that serves the storage.
struct Served {
    storage: SharedStorage,
    /// Where its files are, if they are on disk.
    media: Option<PathBuf>,
}

impl Place for Served {
    async fn send(&self, request: &UploadRequest, body: Bytes) -> Result<String, String> {
        // A client that knows no base URL goes to the host it was served by.
        let absolute = request.url.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
        let target = absolute.map_or(request.url.clone(), |(_, path)| format!("/{path}"));
        let mut asked = SignedRequest::new(request.method, &target);
        asked.host = absolute.map(|(host, _)| host);
        asked.content_length = Some(body.len() as u64);
        let content_type = request.headers.iter().find(|(name, _)| name == "content-type");
        asked.content_type = content_type.map(|(_, value)| value.as_str());
        // It is not served, whatever the URL says.
        let fetched = SignedRequest { method: "GET", ..asked };
        assert!(self.storage.verify_signed_url(&fetched).is_err());
        let saved = receive_upload(&*self.storage, &asked, Content::from(body)).await;
        saved.map(|_| String::new()).map_err(|error| error.to_string())
    }

    async fn files(&self) -> Vec<String> {
        let Some(media) = &self.media else {
            // Uploads in memory cannot be listed.
            let mut found = Vec::new();
            for folder in ["hulls", "plans", "deeds"] {
                let files = self.storage.list(folder).await.map(|listing| listing.files);
                found.extend(files.unwrap_or_default().iter().map(|file| format!("{folder}/{file}")));
            }
            found.sort();
            return found;
        };
        files_below(media)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn part_size(&self) -> u64 {
        100_000
    }
}

fn run(name: &str, storage: impl FnOnce(&Path) -> SharedStorage, on_disk: Option<&str>) {
    isolated(&format!("uploads::{name}"), &[("FILEFIELD_SECRET_KEY", SECRET_KEY)], || {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        let media = on_disk.map(|below| folder.path().join(below));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        drop(runtime.block_on(all(storage.clone(), Served { storage, media })));
    });
}

fn signer() -> Signer {
    Signer::new(SECRET_KEY).unwrap()
}

fn disk(folder: &Path) -> SharedStorage {
    let builder = FileSystemStorage::builder(folder.join("media")).base_url("/media/").signer(signer());
    Arc::new(builder.build().unwrap())
}

#[test]
fn on_disk() {
    run("on_disk", disk, Some("media"));
}

#[test]
fn below_a_prefix() {
    let below =
        |folder: &Path| Arc::new(PrefixStorage::new(disk(folder), "tenants/7").unwrap()) as SharedStorage;
    run("below_a_prefix", below, Some("media/tenants/7"));
}

#[test]
fn in_memory() {
    let memory = |_: &Path| {
        let builder = MemoryStorage::builder().base_url("https://example.com/media/").signer(signer());
        Arc::new(builder.build().unwrap()) as SharedStorage
    };
    run("in_memory", memory, None);
}

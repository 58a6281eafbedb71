//! Direct uploads to storages of this machine, through their signed URLs.

use crate::support::files_below;
use filefield::db::Queries;
use filefield::db::{self, UploadClaim};
use filefield::prelude::*;
use filefield::storage::{
    DirectUpload, DirectUploads, FileSystemStorage, MemoryStorage, PrefixStorage, SignedRequest, Signer,
    UploadRequest, UploadTerms, receive_upload,
};
use filefield::{
    Bytes, Content, ErrorKind, FileName, Metadata, Reader, Result, SaveOptions, Saved, SharedStorage,
    Storage, async_trait,
};
use filefield_tests::databases::{Database, Kind};
use filefield_tests::isolated::isolated;
use filefield_tests::uploads::{Hull, Place, SECRET_KEY, all, gif};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A program that serves the storage.
struct Served {
    storage: SharedStorage,
    /// Where its files are, if they are on disk.
    media: Option<PathBuf>,
}

impl Place for Served {
    async fn send(&self, request: &UploadRequest, body: Bytes) -> std::result::Result<String, String> {
        // A client without a base URL uses the host that served it.
        let absolute = request.url.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
        let target = absolute.map_or(request.url.clone(), |(_, path)| format!("/{path}"));
        let mut asked = SignedRequest::new(request.method, &target);
        asked.host = absolute.map(|(host, _)| host);
        asked.content_length = Some(body.len() as u64);
        let content_type = request.headers.iter().find(|(name, _)| name == "content-type");
        asked.content_type = content_type.map(|(_, value)| value.as_str());
        // It is not served, whatever the URL is.
        let fetched = SignedRequest { method: "GET", ..asked };
        assert!(self.storage.verify_signed_url(&fetched).is_err());
        let saved = receive_upload(&*self.storage, &asked, Content::from(body)).await;
        saved.map(|_| String::new()).map_err(|error| error.to_string())
    }

    async fn files(&self) -> Vec<String> {
        let Some(media) = &self.media else {
            // Uploads in memory cannot be listed.
            let mut found = Vec::new();
            for folder in ["hulls", "plans", "deeds", "seals"] {
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

/// A service that assembles parts, of which only the beginning and the end are visible.
#[derive(Debug, Default)]
struct Service(MemoryStorage, Mutex<Vec<String>>);

#[async_trait]
impl Storage for Service {
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
        "service"
    }

    fn direct_uploads(&self) -> Option<&dyn DirectUploads> {
        Some(self)
    }
}

#[async_trait]
impl DirectUploads for Service {
    async fn direct_upload(&self, name: FileName<'_>, _: &UploadTerms) -> Result<DirectUpload> {
        let id = format!("parts of {name}");
        self.1.lock().unwrap().push(id.clone());
        Ok(DirectUpload::new(Some(id), Vec::new()))
    }

    async fn abort_upload(&self, name: FileName<'_>, id: &str) -> Result<()> {
        assert_eq!(id, format!("parts of {name}"));
        self.1.lock().unwrap().retain(|open| open != id);
        Ok(())
    }
}

/// The journal's statements, which differ between databases.
#[test]
fn on_every_database() {
    isolated("uploads::on_every_database", &[("FILEFIELD_SECRET_KEY", SECRET_KEY)], || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        for kind in Kind::ALL {
            let database = match Database::fresh(kind) {
                Ok(database) => database,
                Err(missing) => {
                    println!("SKIPPED: uploads: {missing}");
                    continue;
                }
            };
            let folder = tempfile::tempdir().unwrap();
            let storage = disk(folder.path());
            let place = Served { storage: storage.clone(), media: None };
            runtime.block_on(filefield::testing::with_storage(storage, async {
                let db = db::connect(database.url()).await.unwrap();
                db::migrate::<Hull>(&db).await.unwrap();
                let week = Duration::from_secs(7 * 24 * 60 * 60);
                let ticket = Hull::photo_upload("a.gif", 26).expires(week).ticket(&db).await.unwrap();
                let claim = UploadClaim::new(&ticket.token);
                let mut hull = Hull::default();
                for _ in 0..3 {
                    let error = hull.photo_mut().claim(&claim, &db).await.unwrap_err();
                    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NotFound, true), "{kind}");
                }
                place.send(&ticket.requests[0], gif(1, 26)).await.unwrap();
                hull.photo_mut().claim(&claim, &db).await.unwrap();
                hull.save(&db).await.unwrap();
                let error = hull.photo_mut().claim(&claim, &db).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::StagedExpired, "{kind}: {error:?}");
                place.send(&ticket.requests[0], gif(1, 26)).await.unwrap();
                for hours in [25, 25, 25, 7 * 24, 7 * 24] {
                    db::sweep(&db).await.unwrap();
                    let later = format!("UPDATE filefield_journal SET due_at = due_at - {hours} * 3600");
                    db.run(&later).await.unwrap();
                }
                db::sweep(&db).await.unwrap();
                assert_eq!(files_below(&folder.path().join("media")), ["hulls/a.gif"], "{kind}");
            }));
        }
    });
}

/// No sweep would know the id.
#[test]
fn parts_whose_id_cannot_be_noted_are_aborted() {
    let test = "uploads::parts_whose_id_cannot_be_noted_are_aborted";
    isolated(test, &[("FILEFIELD_SECRET_KEY", SECRET_KEY)], || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let service = Arc::new(Service::default());
        let shared: SharedStorage = service.clone();
        runtime.block_on(filefield::testing::with_storage(shared, async {
            let db = db::connect("sqlite::memory:").await.unwrap();
            db::migrate::<Hull>(&db).await.unwrap();
            let ticket = || Hull::plan_upload("plan.bin", 20).part_size(10).ticket(&db);
            ticket().await.unwrap();
            assert_eq!(service.1.lock().unwrap().len(), 1);
            let broken = "CREATE TRIGGER broken BEFORE UPDATE OF multipart_id ON filefield_journal \
                BEGIN SELECT RAISE(FAIL, 'broken'); END";
            db.run(broken).await.unwrap();
            assert_eq!(ticket().await.unwrap_err().kind(), ErrorKind::Database);
            assert_eq!(service.1.lock().unwrap().len(), 1);
        }));
    });
}

#[test]
fn in_memory() {
    let memory = |_: &Path| {
        let builder = MemoryStorage::builder().base_url("https://example.com/media/").signer(signer());
        Arc::new(builder.build().unwrap()) as SharedStorage
    };
    run("in_memory", memory, None);
}

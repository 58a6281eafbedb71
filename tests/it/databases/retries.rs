//! What a failed save leaves in the instance: the next one succeeds, whatever the content is.

use super::{garage, on_every_database};
use crate::support::Garage;
use filefield::content::Pending;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::storage::MemoryStorage;
use filefield::testing::{Fault, FaultStorage, Operation};
use filefield::{Content, ErrorKind, FileName, SaveOptions, SharedStorage, TempFile};
use futures_util::stream;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "canoes")]
struct Canoe {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "canoes", max_size = 10)]
    small: FileField,
    #[file(upload_to = "canoes/%Y", meta_field = meta)]
    photo: FileField,
    meta: FileMeta,
    #[file(upload_to = "canoes")]
    plan: Option<FileField>,
}

/// Content that can be read once. All other content can be read again.
const ONCE: [&str; 2] = ["reader", "stream"];
const SOURCES: [&str; 6] = ["bytes", "path", "temporary file", "open file", ONCE[0], ONCE[1]];

/// Content with this text, called `canoe.txt`.
fn content(source: &str, folder: &std::path::Path, text: &'static str) -> FileField {
    let path = folder.join("canoe.txt");
    let name = "canoe.txt";
    match source {
        "bytes" => FileField::new(name, text),
        "path" => {
            let path = folder.join(text).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            FileField::from_path(path).unwrap()
        }
        "temporary file" => {
            let mut writer = TempFile::create_in(folder).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            FileField::new(name, writer.finish().unwrap())
        }
        "open file" => {
            std::fs::write(&path, text).unwrap();
            let file = std::fs::File::open(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            FileField::pending(Pending::new(name, file))
        }
        "reader" => FileField::pending(Pending::new(name, Content::reader(text.as_bytes()))),
        _ => {
            let pieces = text.as_bytes().chunks(3).map(|piece| Ok(piece.into()));
            FileField::pending(Pending::new(name, Content::stream(stream::iter(pieces))))
        }
    }
}

fn canoe(name: &str) -> Canoe {
    Canoe { name: name.into(), ..Canoe::default() }
}

async fn text(canoe: &Canoe) -> String {
    String::from_utf8(canoe.photo().read().await.unwrap().to_vec()).unwrap()
}

/// Runs `test` for every kind of content, on the garage's storage and on one in memory. Afterwards every
/// row's file exists, and no other.
async fn everywhere(
    garage: &Garage,
    test: impl AsyncFn(&Garage, &'static str, &std::path::Path, SharedStorage),
) {
    let memory: SharedStorage = Arc::new(MemoryStorage::new());
    for storage in [garage.storage.clone(), memory] {
        for source in SOURCES {
            let folder = tempfile::tempdir().unwrap();
            with_storage(storage.clone(), async {
                test(garage, source, folder.path(), storage.clone()).await;
                swept(garage).await;
                let mut named = 0;
                let canoes = Canoe::objects(&garage.db).all().await.unwrap();
                for canoe in &canoes {
                    for (name, is_there) in [
                        (canoe.small.name(), canoe.small().exists().await.unwrap()),
                        (canoe.photo.name(), canoe.photo().exists().await.unwrap()),
                        (
                            canoe.plan.as_ref().and_then(|plan| plan.name()),
                            canoe.plan().exists().await.unwrap(),
                        ),
                    ] {
                        assert_eq!(name.is_some(), is_there, "{source}: {canoe:?}");
                        named += usize::from(is_there);
                    }
                }
                assert_eq!(files(&storage).await, named, "{source}");
                for canoe in canoes {
                    canoe.delete(&garage.db).await.unwrap();
                }
                garage.settle().await;
                assert_eq!(files(&storage).await, 0, "{source}");
            })
            .await;
            let left = std::fs::read_dir(folder.path()).unwrap().count();
            assert!(left == 0 || source == "path", "{source}");
        }
    }
}

/// Sweeps as if a day had passed.
async fn swept(garage: &Garage) {
    for _ in 0..2 {
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
    }
    garage.settle().await;
}

/// The number of files.
async fn files(storage: &SharedStorage) -> usize {
    let mut found = 0;
    let mut folders = vec!["canoes".to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = storage.list(&folder).await else { continue };
        found += listing.files.len();
        folders.extend(listing.dirs.iter().map(|name| format!("{folder}/{name}")));
    }
    found
}

on_every_database! {
    async fn content_outlives_a_row_that_was_refused(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, _| {
                canoe("one").save(&garage.db).await.unwrap();
                let mut two = Canoe { photo: content(source, folder, "paddles"), ..canoe("one") };
                two.plan = Some(content(source, folder, "a plan"));
                for _ in 0..2 {
                    let error = two.save(&garage.db).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{source}: {error}");
                    assert_ne!(two.photo.is_pending(), ONCE.contains(&source), "{source}");
                }
                two.name = "two".into();
                two.save(&garage.db).await.unwrap();
                assert_eq!(text(&two).await, "paddles", "{source}");
                assert_eq!(two.plan().read().await.unwrap(), "a plan", "{source}");
                assert_eq!(two.meta.size, Some(7), "{source}");
                let found = Canoe::objects(&garage.db).get(Canoe::columns().name.eq("two")).await.unwrap();
                assert_eq!(found, two);
            })
            .await;
        })
        .await;
    }

    async fn a_file_that_no_retry_wants_is_swept(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, storage| {
                canoe("one").save(&garage.db).await.unwrap();
                let mut two = Canoe { photo: content(source, folder, "paddles"), ..canoe("one") };
                two.save(&garage.db).await.unwrap_err();
                assert_eq!(files(&storage).await, usize::from(ONCE.contains(&source)), "{source}");
                drop(two);
                garage.settle().await;
                assert_eq!(files(&storage).await, 0, "{source}");
            })
            .await;
        })
        .await;
    }

    /// A storage that fails, for example because it is full, has not touched the content.
    async fn content_outlives_a_storage_that_failed(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, storage| {
                let faulty = Arc::new(FaultStorage::new(storage));
                let mut one = Canoe { photo: content(source, folder, "paddles"), ..canoe("one") };
                faulty.inject(Fault::fail(ErrorKind::StorageFull).on(Operation::Save));
                with_storage(faulty, async {
                    let error = one.save(&garage.db).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::StorageFull, "{source}: {error}");
                    assert!(one.photo.is_pending(), "{source}");
                    one.save(&garage.db).await.unwrap();
                    assert_eq!(text(&one).await, "paddles", "{source}");
                })
                .await;
            })
            .await;
        })
        .await;
    }

    async fn content_that_was_refused_is_there_or_says_that_it_was_read(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, _| {
                let mut one = Canoe { small: content(source, folder, "eleven byte"), ..canoe("one") };
                let error = one.save(&garage.db).await.unwrap_err();
                assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::TooLarge, false), "{source}: {error}");
                let is_there = !ONCE.contains(&source);
                assert_eq!(one.small.is_pending(), is_there, "{source}");
                assert!(!one.small.is_empty() && one.has_pending(), "{source}");
                if !is_there {
                    assert!(error.to_string().contains("assign it again"), "{source}: {error}");
                    let error = one.save(&garage.db).await.unwrap_err();
                    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Consumed, false), "{source}");
                    assert_eq!(one.small.column_str().unwrap_err().kind(), ErrorKind::Consumed, "{source}");
                    one.small = content(source, folder, "ten bytes");
                    return one.save(&garage.db).await.unwrap();
                }
                // The other field takes it.
                one.photo = std::mem::take(&mut one.small);
                one.save(&garage.db).await.unwrap();
                assert_eq!(text(&one).await, "eleven byte", "{source}");
            })
            .await;
        })
        .await;
    }

    async fn of_several_files_none_is_read_before_its_turn(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, storage| {
                // Files of another program have the names, and the library does not know of them.
                let taken = async |name: &str| {
                    let (name, options) = (FileName::new(name).unwrap(), SaveOptions::default());
                    storage.save(name, "another's".into(), &options).await.unwrap();
                };
                taken("canoes/canoe.txt").await;
                let mut one = Canoe { small: FileField::new("canoe.txt", "first"), ..canoe("one") };
                one.photo = content(source, folder, "paddles");
                one.plan = Some(content(source, folder, "a plan"));
                let mut two = Canoe { photo: content(source, folder, "a pair"), ..canoe("two") };
                two.small = FileField::new("canoe.txt", "second");
                db::stage_all(&garage.db, &mut [&mut one, &mut two]).await.unwrap();
                one.save(&garage.db).await.unwrap();
                two.save(&garage.db).await.unwrap();
                assert_eq!((text(&one).await.as_str(), text(&two).await.as_str()), ("paddles", "a pair"), "{source}");
                assert_eq!(one.plan().read().await.unwrap(), "a plan", "{source}");

                let mut three = Canoe { small: FileField::new("canoe.txt", "third"), ..canoe("three") };
                three.plan = Some(content(source, folder, "a plan"));
                three.save(&garage.db).await.unwrap();
                assert_eq!(three.plan().read().await.unwrap(), "a plan", "{source}");
                storage.delete(FileName::new("canoes/canoe.txt").unwrap()).await.unwrap();
            })
            .await;
        })
        .await;
    }

    async fn of_several_files_those_behind_a_failure_are_untouched(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, _| {
                let mut one = Canoe { photo: content(source, folder, "paddles"), ..canoe("one") };
                one.small = FileField::new("canoe.txt", "eleven byte");
                let mut two = Canoe { small: content(source, folder, "small"), ..canoe("two") };
                two.plan = Some(FileField::new("canoe.txt", "a plan"));
                for _ in 0..2 {
                    // Before the failure and after it.
                    let error = db::stage_all(&garage.db, &mut [&mut two, &mut one]).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::TooLarge, "{source}");
                    assert!(one.photo.is_pending(), "{source}");
                }
                one.small = FileField::empty();
                one.save(&garage.db).await.unwrap();
                two.save(&garage.db).await.unwrap();
                assert_eq!((text(&one).await.as_str(), &two.small().read().await.unwrap()[..]), ("paddles", &b"small"[..]));
            })
            .await;
        })
        .await;
    }

    async fn content_outlives_a_save_that_was_dropped(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            everywhere(&garage, async |garage, source, folder, storage| {
                let faulty = Arc::new(FaultStorage::new(storage));
                let injected = faulty.inject(Fault::stall().on(Operation::Save));
                let mut one = Canoe { photo: content(source, folder, "paddles"), ..canoe("one") };
                with_storage(faulty, async {
                    let save = tokio::time::timeout(Duration::from_millis(100), one.save(&garage.db));
                    assert!(save.await.is_err(), "{source}");
                    injected.release();
                    assert!(one.photo.is_pending(), "{source}");
                    one.save(&garage.db).await.unwrap();
                    assert_eq!(text(&one).await, "paddles", "{source}");
                })
                .await;
            })
            .await;
        })
        .await;
    }

    async fn a_staged_file_that_was_swept_cannot_be_saved_again(database: Database) {
        garage::<Canoe, _>(database, async |garage: Arc<Garage>| {
            let mut one = Canoe { photo: FileField::new("a.txt", "paddles"), ..canoe("one") };
            one.stage(&garage.db).await.unwrap();
            swept(&garage).await;
            for _ in 0..2 {
                let error = one.save(&garage.db).await.unwrap_err();
                assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StagedExpired, false), "{error}");
                assert!(error.to_string().contains("assign the content again"), "{error}");
            }
            let tx = garage.db.begin().await.unwrap();
            let error = one.save(&tx).await.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StagedExpired, false), "{error}");
            let error = one.attach(&tx).await.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StagedExpired, false), "{error}");
            tx.rollback().await.unwrap();
            one.photo_mut().assign(FileField::new("a.txt", "paddles"));
            one.save(&garage.db).await.unwrap();
            assert_eq!(text(&one).await, "paddles");
        })
        .await;
    }
}

/// While a temporary file waits for a retry, it never shares its bytes with a file of the storage.
#[tokio::test]
async fn a_temporary_file_that_two_instances_save_is_stored_twice() {
    Garage::run::<Canoe, _>(|garage| async move {
        let folder = tempfile::tempdir().unwrap();
        let temp = content("temporary file", folder.path(), "paddles");
        let mut one = Canoe { photo: temp.clone(), ..canoe("one") };
        let mut two = Canoe { photo: temp, ..canoe("two") };
        one.save(&garage.db).await.unwrap();
        two.save(&garage.db).await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        one.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!((text(&two).await.as_str(), garage.files().len()), ("paddles", 1));
    })
    .await;
}

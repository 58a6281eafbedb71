//! Media roots that are missing, replaced and restored, with the journal.

use crate::databases::on_every_database;
use crate::support::Garage;
use filefield::db;
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::storage::FileSystemStorage;
use filefield::{ErrorKind, FileName, SharedStorage, Storage};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "movable_vans")]
struct Van {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    #[file(upload_to = "vans")]
    photo: FileField,
}

fn van(name: &str) -> Van {
    Van { name: name.into(), photo: FileField::new(format!("{name}.txt"), name.to_owned()), ..Van::default() }
}

/// The storage of a new process, in addition to the first one.
async fn restarted<T>(garage: &Garage, work: impl AsyncFnOnce(SharedStorage) -> T) -> T {
    let fresh: SharedStorage = Arc::new(FileSystemStorage::new(garage.media()).unwrap());
    with_storage(fresh.clone(), work(fresh)).await
}

/// What may be in place of a missing root.
const WORLDS: [&str; 4] = ["nothing", "an empty folder", "files of others", "another root"];

/// Moves the root away, and puts something else in its place.
async fn away(garage: &Garage, world: &str) -> PathBuf {
    let aside = garage.media().with_file_name("aside");
    fs::rename(garage.media(), &aside).unwrap();
    match world {
        "nothing" => {}
        "an empty folder" => fs::create_dir(garage.media()).unwrap(),
        "files of others" => {
            fs::create_dir_all(garage.media().join("vans")).unwrap();
            fs::write(garage.media().join("vans/deleted.txt"), "of another program").unwrap();
        }
        _ => {
            let other = FileSystemStorage::new(garage.media()).unwrap();
            let name = FileName::new("vans/deleted.txt").unwrap();
            other.save(name, "of another storage".into(), &Default::default()).await.unwrap();
        }
    }
    // A reader may still assume the root where it was a moment ago.
    tokio::time::sleep(Duration::from_millis(2)).await;
    aside
}

fn back(garage: &Garage, aside: &std::path::Path) {
    if garage.media().exists() {
        fs::remove_dir_all(garage.media()).unwrap();
    }
    fs::rename(aside, garage.media()).unwrap();
}

/// One row that stays, one deleted row and one abandoned stage, with an entry each.
async fn with_entries(garage: &Garage) {
    van("kept").save(&garage.db).await.unwrap();
    let mut deleted = van("deleted");
    deleted.save(&garage.db).await.unwrap();
    let tx = garage.db.begin().await.unwrap();
    deleted.delete(&tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut staged = van("staged");
    staged.stage(&garage.db).await.unwrap();
    // As if the process had ended.
    std::mem::forget(staged);
    assert_eq!((garage.journal().await, garage.files().len()), (2, 3));
}

async fn swept(garage: &Garage) -> filefield::SweepReport {
    garage.execute("UPDATE filefield_journal SET due_at = 0").await;
    db::sweep(&garage.db).await.unwrap()
}

async fn settled(garage: &Garage) {
    for _ in 0..3 {
        swept(garage).await;
    }
    assert_eq!((garage.journal().await, garage.files()), (0, vec!["vans/kept.txt".to_owned()]));
    filefield::testing::invariants(&garage.db, &garage.storage).await.unwrap();
}

on_every_database!(Van:
    entries_wait_as_long_as_the_root_is_away,
    a_save_makes_no_root_while_the_known_one_is_away,
    a_root_without_the_mark_is_accepted_by_a_call,
    a_database_of_an_earlier_version_learns_the_root,
    a_row_names_no_file_that_was_stored_in_another_root,
);

async fn entries_wait_as_long_as_the_root_is_away(garage: Arc<Garage>) {
    for world in WORLDS {
        with_entries(&garage).await;
        let aside = away(&garage, world).await;
        for round in 0..30 {
            // The process that saved, and a new one.
            let report = match round % 2 {
                0 => swept(&garage).await,
                _ => restarted(&garage, async |_| swept(&garage).await).await,
            };
            assert_eq!((report.failed, report.dead), (2, 0), "{world}: {report:?}");
            assert_eq!(report.deleted + report.absent + report.referenced, 0, "{world}: {report:?}");
        }
        let untouched = "SELECT COUNT(*) FROM filefield_journal WHERE state = 'pending' AND attempts = 0 \
            AND last_error LIKE '%storage%'";
        assert_eq!(garage.number(untouched).await, 2, "{world}");
        match world {
            "nothing" => assert!(!garage.media().exists()),
            "an empty folder" => assert_eq!(fs::read_dir(garage.media()).unwrap().count(), 0),
            _ => assert!(garage.media().join("vans/deleted.txt").exists()),
        }
        back(&garage, &aside);
        settled(&garage).await;
        garage.execute("DELETE FROM movable_vans").await;
        fs::remove_file(garage.media().join("vans/kept.txt")).unwrap();
    }
}

async fn a_save_makes_no_root_while_the_known_one_is_away(garage: Arc<Garage>) {
    for world in WORLDS {
        with_entries(&garage).await;
        let aside = away(&garage, world).await;
        let before = crate::support::files_below(&garage.media());
        let save = async || {
            let mut new = van("new");
            let error = new.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{world}: {error}");
            assert!(error.is_retryable() && !error.is_uncertain(), "{world}: {error:?}");
            assert_eq!((error.model(), error.field()), (Some("Van"), Some("photo")));
            new
        };
        let mut new = save().await;
        let mut fresh = restarted(&garage, async |_| save().await).await;
        assert_eq!(garage.number("SELECT COUNT(*) FROM movable_vans").await, 1, "{world}");
        assert_eq!(crate::support::files_below(&garage.media()), before, "{world}");
        let kept = Van::objects(&garage.db).get(Van::columns().name.eq("kept")).await.unwrap();
        assert_eq!(kept.photo().read().await.unwrap_err().kind(), ErrorKind::StorageUnavailable, "{world}");
        back(&garage, &aside);
        // The same instance, once the disk is back.
        new.save(&garage.db).await.unwrap();
        assert_eq!(new.photo().read().await.unwrap(), "new");
        new.delete(&garage.db).await.unwrap();
        fresh.save(&garage.db).await.unwrap();
        fresh.delete(&garage.db).await.unwrap();
        settled(&garage).await;
        garage.execute("DELETE FROM movable_vans").await;
        fs::remove_file(garage.media().join("vans/kept.txt")).unwrap();
    }
}

async fn a_root_without_the_mark_is_accepted_by_a_call(garage: Arc<Garage>) {
    with_entries(&garage).await;
    // A backup without hidden files.
    fs::remove_dir_all(garage.media().join(".filefield")).unwrap();
    restarted(&garage, async |fresh| {
        let error = van("new").save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{error}");
        assert!(error.to_string().contains("filefield::db::accept_root(&db, "), "{error}");
        assert!(!format!("{error} {error:?}").contains(garage.media().to_str().unwrap()), "{error:?}");
        db::accept_root(&garage.db, "override").await.unwrap();
        let mut new = van("new");
        new.save(&garage.db).await.unwrap();
        new.delete(&garage.db).await.unwrap();
        assert!(fresh.exists(FileName::new("vans/kept.txt").unwrap()).await.unwrap());
        settled(&garage).await;
    })
    .await;
}

async fn a_database_of_an_earlier_version_learns_the_root(garage: Arc<Garage>) {
    with_entries(&garage).await;
    garage.execute("DROP TABLE filefield_roots").await;
    let aside = away(&garage, "nothing").await;
    // A missing file does not prove anything yet.
    restarted(&garage, async |_| {
        for _ in 0..25 {
            let report = swept(&garage).await;
            assert_eq!((report.failed, report.dead, report.absent), (2, 0, 0), "{report:?}");
        }
    })
    .await;
    back(&garage, &aside);
    restarted(&garage, async |_| {
        // A file that exists and is ours proves its root.
        assert_eq!(swept(&garage).await.deleted, 2);
        let mut new = van("new");
        new.save(&garage.db).await.unwrap();
        assert_eq!(garage.number("SELECT COUNT(*) FROM filefield_roots").await, 1);
        new.delete(&garage.db).await.unwrap();
        settled(&garage).await;
    })
    .await;
}

async fn a_row_names_no_file_that_was_stored_in_another_root(garage: Arc<Garage>) {
    van("kept").save(&garage.db).await.unwrap();
    let aside = away(&garage, "nothing").await;
    // An accessor stores without the database, so a new process creates a root.
    restarted(&garage, async |_| {
        let mut new = Van { name: "new".into(), ..Van::default() };
        new.photo_mut().save("new.txt", "new").await.unwrap();
        let error = new.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{error}");
    })
    .await;
    assert_eq!(garage.number("SELECT COUNT(*) FROM movable_vans").await, 1);
    back(&garage, &aside);
    settled(&garage).await;
}

/// The root disappears and comes back while rows are saved, replaced, deleted and swept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_root_comes_and_goes_under_load() {
    Garage::run::<Van, _>(|garage| async move {
        van("first").save(&garage.db).await.unwrap();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let tasks: Vec<_> = (0..3)
            .map(|task| {
                let (garage, stop) = (garage.clone(), stop.clone());
                filefield::testing::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for number in 0.. {
                        if stop.load(std::sync::atomic::Ordering::SeqCst) {
                            break;
                        }
                        let mut one = van(&format!("{task}-{number}"));
                        match one.save(&garage.db).await {
                            Ok(()) if number % 3 == 0 => {
                                one.delete(&garage.db).await.unwrap();
                            }
                            Ok(()) => acknowledged.push(one),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{error}");
                                tokio::time::sleep(Duration::from_millis(1)).await;
                            }
                        }
                        if number % 5 == 0 {
                            garage
                                .execute("UPDATE filefield_journal SET due_at = 0 WHERE kind = 'delete'")
                                .await;
                            db::sweep(&garage.db).await.unwrap();
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        for round in 0..12 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let aside = away(&garage, WORLDS[round % WORLDS.len()]).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
            back(&garage, &aside);
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let mut acknowledged = vec!["vans/first.txt".to_owned()];
        for task in tasks {
            for one in task.await.unwrap() {
                acknowledged.push(one.photo.name().unwrap().to_owned());
                assert_eq!(one.photo().read().await.unwrap(), one.name);
            }
        }
        for _ in 0..4 {
            swept(&garage).await;
        }
        acknowledged.sort();
        assert_eq!((garage.journal().await, garage.files()), (0, acknowledged));
        let report = filefield::testing::invariants(&garage.db, &garage.storage).await.unwrap();
        assert!(report.violations.is_empty(), "{:?}", report.violations);
    })
    .await;
}

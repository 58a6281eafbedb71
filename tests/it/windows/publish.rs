//! Failures from the reservation to the published file.

use super::*;
use crate::databases::on_every_database;
use filefield::content::Pending;
use filefield::testing::{Fault, Operation};
use filefield::{ErrorKind, FileName, SaveOptions};

on_every_database!(Barge:
    f01_before_the_reservation,
    f02_f03_f09_a_reservation_without_bytes,
    f04_f08_a_save_that_ends_in_the_middle_of_its_bytes,
    f10_the_answer_of_the_publish_is_lost,
    f11_a_foreign_file_has_the_name,
    f12_published_and_never_attached,
    f16_f38_the_lease_runs_out_before_the_attach,
    f30_the_storage_is_full,
    f31_the_database_is_gone_before_the_bytes_move,
    f45_a_zombie_publishes_after_the_sweep,
);

async fn f01_before_the_reservation(garage: Arc<Garage>) {
    within(RecordingStorage::new, &garage, async |storage| {
        let mut bad = barge("bad");
        bad.photo = FileField::stored("../passwd");
        bad.save(&garage.db).await.unwrap_err();
        assert_eq!(storage.count(Operation::Save), 0);
    })
    .await;
    assert_eq!(garage.journal().await, 0);
    agrees(&garage, 0).await;
}

async fn f02_f03_f09_a_reservation_without_bytes(garage: Arc<Garage>) {
    entry(&garage, "barges/barge.txt", "write", "pending", 0).await;
    // Its name stays reserved.
    let other = saved(&garage, "other").await;
    assert_ne!(other.photo.name(), Some("barges/barge.txt"));
    assert_eq!(db::sweep(&garage.db).await.unwrap().absent, 1);
    agrees(&garage, 1).await;
}

async fn f04_f08_a_save_that_ends_in_the_middle_of_its_bytes(garage: Arc<Garage>) {
    within(FaultStorage::new, &garage, async |storage| {
        let stalled = storage.inject(Fault::stall().on(Operation::Save));
        let db = garage.db.clone();
        let task = filefield::testing::spawn(async move { barge("one").save(&db).await });
        stalled.reached(1).await;
        // The bytes need not wait for the commit of their entry.
        while garage.journal().await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        task.abort();
        task.await.unwrap_err();
    })
    .await;
    assert_eq!(garage.journal().await, 1);
    agrees(&garage, 0).await;
}

async fn f10_the_answer_of_the_publish_is_lost(garage: Arc<Garage>) {
    within(FaultStorage::new, &garage, async |storage| {
        storage.inject(Fault::lose_answer().on(Operation::Save));
        let mut one = barge("one");
        let error = one.save(&garage.db).await.unwrap_err();
        assert!(error.is_uncertain(), "{error:?}");
        assert_eq!(garage.files(), ["barges/barge.txt"]);
        // A retry takes a new name.
        one.save(&garage.db).await.unwrap();
        assert_ne!(one.photo.name(), Some("barges/barge.txt"));
        // The entry of the first is due at once.
        assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
    })
    .await;
    agrees(&garage, 1).await;
}

async fn f11_a_foreign_file_has_the_name(garage: Arc<Garage>) {
    std::fs::create_dir_all(garage.media().join("barges")).unwrap();
    std::fs::write(garage.media().join("barges/barge.txt"), "foreign").unwrap();
    // The entry of a save that found the file, and never knew whether it was its own.
    entry(&garage, "barges/barge.txt", "write", "pending", 0).await;
    let report = db::sweep(&garage.db).await.unwrap();
    assert_eq!((report.deleted, report.dead, report.absent), (0, 0, 1));
    saved(&garage, "one").await;
    assert_eq!(std::fs::read(garage.media().join("barges/barge.txt")).unwrap(), b"foreign");
    garage.execute("DELETE FROM filefield_journal").await;
    let checked = Invariants::new(&garage.db, &garage.storage).foreign("barges/barge.txt", "foreign").swept();
    checked.model::<Barge>().check().await.unwrap().assert_clean();
}

async fn f12_published_and_never_attached(garage: Arc<Garage>) {
    killed_after_staging(&garage, "one").await;
    assert_eq!(garage.files().len(), 1);
    agrees(&garage, 0).await;
}

async fn f16_f38_the_lease_runs_out_before_the_attach(garage: Arc<Garage>) {
    let mut late = killed_after_staging(&garage, "late").await;
    time_passes(&garage).await;
    db::sweep(&garage.db).await.unwrap();
    let error = late.save(&garage.db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StagedExpired);
    assert!(!error.is_retryable());
    agrees(&garage, 0).await;
}

async fn f30_the_storage_is_full(garage: Arc<Garage>) {
    within(FaultStorage::new, &garage, async |storage| {
        storage.inject(Fault::fail(ErrorKind::StorageFull).on(Operation::Save));
        let mut one = barge("one");
        assert_eq!(one.save(&garage.db).await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!((garage.files().len(), garage.journal().await), (0, 0));
        one.save(&garage.db).await.unwrap();
    })
    .await;
    agrees(&garage, 1).await;
}

async fn f31_the_database_is_gone_before_the_bytes_move(garage: Arc<Garage>) {
    std::fs::create_dir_all(garage.media().join("barges")).unwrap();
    within(RecordingStorage::new, &garage, async |storage| {
        garage.execute("DROP TABLE filefield_journal").await;
        let large = "x".repeat((1 << 20) + 1);
        for (content, saves) in [(large.as_str(), 0), ("small", 1)] {
            let mut one = barge("one");
            one.photo = FileField::new("barge.txt", content.to_owned());
            let error = one.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Database, "{error}");
            // The bytes of a small file may be written before the journal has answered, but they are not
            // visible.
            assert_eq!(storage.count(Operation::Save), saves);
            assert!(garage.files().is_empty());
        }
    })
    .await;
    db::migrate::<Barge>(&garage.db).await.unwrap();
    agrees(&garage, 0).await;
}

async fn f45_a_zombie_publishes_after_the_sweep(garage: Arc<Garage>) {
    let one = killed_after_staging(&garage, "one").await;
    let name = one.photo.name().unwrap();
    let owner = garage.storage.owner(FileName::new(name).unwrap()).await.unwrap();
    time_passes(&garage).await;
    assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
    // A request that was in transit all the time, or a machine that was paused.
    let options = SaveOptions { exact: true, owner, ..SaveOptions::default() };
    garage.storage.save(FileName::new(name).unwrap(), "one".into(), &options).await.unwrap();
    // Nobody got the name in between.
    assert_ne!(saved(&garage, "two").await.photo.name(), Some(name));
    agrees(&garage, 1).await;
}

#[tokio::test]
async fn f41_a_program_that_is_started_inherits_no_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    Garage::run_in::<Barge, _>(folder.path(), async |garage| {
        let one = saved(&garage, "one").await;
        let _reader = one.photo().open().await.unwrap();
        let list = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        assert!(!list.is_empty() && !list.contains("barge.txt") && !list.contains("media"), "{list}");
    })
    .await;
}

/// What a save leaves in the staging folder of a file system without unnamed files is deleted with its entry.
#[tokio::test]
async fn f05_a_named_staging_file_goes_with_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    Garage::run_in::<Barge, _>(folder.path(), async |garage| {
        let staging = garage.media().join(".filefield/tmp");
        std::fs::create_dir_all(&staging).unwrap();
        std::fs::write(staging.join("a-token"), "half of the by").unwrap();
        std::fs::write(staging.join("another-token"), "of a save that goes on").unwrap();
        entry(&garage, "barges/barge.txt", "write", "pending", 0).await;
        db::sweep(&garage.db).await.unwrap();
        assert!(!staging.join("a-token").exists());
        assert!(staging.join("another-token").exists());
    })
    .await;
}

/// A reader panics in the middle of its bytes.
#[tokio::test]
async fn f40_a_users_reader_panics() {
    struct Panics;
    impl std::io::Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("no bytes today")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    Garage::run_in::<Barge, _>(folder.path(), async |garage| {
        let mut one = barge("one");
        one.photo = FileField::pending(Pending::new("barge.txt", filefield::Content::reader(Panics)));
        one.save(&garage.db).await.unwrap_err();
        agrees(&garage, 0).await;
        saved(&garage, "two").await;
    })
    .await;
}

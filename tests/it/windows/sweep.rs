//! Failures after the commit and in the sweeper.

use super::*;
use crate::databases::on_every_database;
use filefield::testing::{Fault, Operation};
use filefield::{ErrorKind, FileName};

on_every_database!(Barge:
    f17_the_sweeper_dies_before_it_deletes,
    f18_f43_the_sweeper_dies_after_it_deleted,
    f19_nobody_follows_the_commit,
    f20_the_client_asks_again,
    f27_a_reader_goes_on_while_its_row_is_deleted,
    f29_a_deletion_that_is_refused_for_ever,
    f33_the_storage_is_down,
    f34_the_alias_is_gone,
    f35_the_database_is_restored_to_an_older_state,
    f36_the_journal_is_lost,
    f44_many_sweepers_at_once,
);

async fn f17_the_sweeper_dies_before_it_deletes(garage: Arc<Garage>) {
    killed_after_staging(&garage, "one").await;
    garage.execute("UPDATE filefield_journal SET state = 'reaping', attempts = 1, due_at = 0").await;
    assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
    agrees(&garage, 0).await;
}

async fn f18_f43_the_sweeper_dies_after_it_deleted(garage: Arc<Garage>) {
    let one = killed_after_staging(&garage, "one").await;
    garage.execute("UPDATE filefield_journal SET state = 'reaping', attempts = 1, due_at = 0").await;
    garage.storage.delete(FileName::new(one.photo.name().unwrap()).unwrap()).await.unwrap();
    assert_eq!(db::sweep(&garage.db).await.unwrap().absent, 1);
    agrees(&garage, 0).await;
}

async fn f19_nobody_follows_the_commit(garage: Arc<Garage>) {
    let mut one = saved(&garage, "one").await;
    one.photo_mut().assign(FileField::new("new.txt", "new"));
    one.stage(&garage.db).await.unwrap();
    // In a transaction of the caller, only the sweeper learns of the commit.
    let tx = garage.db.begin().await.unwrap();
    one.save(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((garage.files().len(), garage.journal().await), (2, 1));
    assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
    agrees(&garage, 1).await;
}

async fn f20_the_client_asks_again(garage: Arc<Garage>) {
    // The client never heard that the row was committed. The row has a unique column, so the second insert is
    // refused completely.
    saved(&garage, "one").await;
    let error = barge("one").save(&garage.db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    agrees(&garage, 1).await;
}

async fn f27_a_reader_goes_on_while_its_row_is_deleted(garage: Arc<Garage>) {
    let one = saved(&garage, "one").await;
    let reader = one.photo().open().await.unwrap();
    one.delete(&garage.db).await.unwrap();
    garage.settle().await;
    assert!(garage.files().is_empty());
    assert_eq!(reader.read_all(100).await.unwrap(), "one");
    agrees(&garage, 0).await;
}

async fn f29_a_deletion_that_is_refused_for_ever(garage: Arc<Garage>) {
    within(FaultStorage::new, &garage, async |storage| {
        storage.inject(Fault::fail(ErrorKind::PermissionDenied).on(Operation::Delete).always());
        saved(&garage, "one").await.delete(&garage.db).await.unwrap();
        let mut tries = 0;
        loop {
            time_passes(&garage).await;
            let report = db::sweep(&garage.db).await.unwrap();
            tries += 1;
            if report.dead == 1 {
                break;
            }
            assert!(tries < 30);
        }
        assert!(tries >= 19, "{tries}");
        // It waits for a person, and the alarm continues.
        assert_eq!(db::sweep(&garage.db).await.unwrap().dead, 1);
        let text = "SELECT COUNT(*) FROM filefield_journal WHERE state = 'dead' AND last_error <> ''";
        assert_eq!((garage.number(text).await, garage.files().len()), (1, 1));
    })
    .await;
}

async fn f33_the_storage_is_down(garage: Arc<Garage>) {
    within(FaultStorage::new, &garage, async |storage| {
        storage.inject(Fault::fail(ErrorKind::Io).on(Operation::Delete).times(2));
        saved(&garage, "one").await.delete(&garage.db).await.unwrap();
        for _ in 0..3 {
            time_passes(&garage).await;
            db::sweep(&garage.db).await.unwrap();
        }
        assert_eq!((storage.fired(), garage.files().len()), (2, 0));
    })
    .await;
    agrees(&garage, 0).await;
}

async fn f34_the_alias_is_gone(garage: Arc<Garage>) {
    let one = killed_after_staging(&garage, "one").await;
    garage.execute("UPDATE filefield_journal SET storage = 'no.such', due_at = 0").await;
    for _ in 0..25 {
        db::sweep(&garage.db).await.unwrap();
        time_passes(&garage).await;
    }
    // Another storage may have a file with that name. Nobody guesses.
    assert_eq!(db::sweep(&garage.db).await.unwrap().dead, 1);
    assert!(one.photo().exists().await.unwrap());
}

async fn f35_the_database_is_restored_to_an_older_state(garage: Arc<Garage>) {
    let mut one = saved(&garage, "one").await;
    let old = one.photo.name().unwrap().to_owned();
    one.photo_mut().assign(FileField::new("new.txt", "new"));
    one.save(&garage.db).await.unwrap();
    garage.settle().await;
    // The row names the old file again, which is gone, and nobody knows of the new one.
    garage.execute(&format!("UPDATE barges SET photo = '{old}'")).await;
    time_passes(&garage).await;
    db::sweep(&garage.db).await.unwrap();
    let restored = Barge::objects(&garage.db).get(Barge::columns().id.eq(one.id)).await.unwrap();
    assert_eq!(restored.photo().read().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(garage.files(), ["barges/new.txt"], "nothing is deleted on a guess");
}

async fn f36_the_journal_is_lost(garage: Arc<Garage>) {
    killed_after_staging(&garage, "lost").await;
    saved(&garage, "kept").await;
    garage.execute("DELETE FROM filefield_journal").await;
    db::sweep(&garage.db).await.unwrap();
    assert_eq!(garage.files().len(), 2, "an orphan for the audit, and nothing deleted");
}

async fn f44_many_sweepers_at_once(garage: Arc<Garage>) {
    for number in 0..20 {
        killed_after_staging(&garage, &number.to_string()).await;
        saved(&garage, &format!("kept {number}")).await;
    }
    time_passes(&garage).await;
    let sweeps = (0..6).map(|_| {
        let db = garage.db.clone();
        filefield::testing::spawn(async move { db::sweep(&db).await.unwrap().deleted })
    });
    let mut deleted = 0;
    for sweep in sweeps.collect::<Vec<_>>() {
        deleted += sweep.await.unwrap();
    }
    assert_eq!(deleted, 20, "each by one");
    agrees(&garage, 20).await;
}

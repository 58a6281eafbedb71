//! Entries that meet other entries.

use super::*;
use filefield::{ErrorKind, db};

#[tokio::test]
async fn a_name_freed_before_its_row_was_saved_may_be_taken_by_another_save() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        first.photo_mut().delete().await.unwrap();
        // Another save publishes under the name, and has not written its row.
        let gate = Arc::new(Gate::closed(garage.storage.clone()));
        let (db, storage) = (garage.db.clone(), gate.clone() as SharedStorage);
        let saving = tokio::spawn(with_storage(storage, async move {
            let mut second = lot("second");
            second.save(&db).await.map(|()| second)
        }));
        gate.published.acquire().await.unwrap().forget();
        first.save(&garage.db).await.unwrap();
        db::sweep(&garage.db).await.unwrap();
        gate.saved.add_permits(1);
        let second = saving.await.unwrap().unwrap();
        assert_eq!(second.photo.name(), Some("lots/lot.jpg"));
        assert_eq!(read(&second).await, "second", "P1");
        garage.settle().await;
        assert_eq!(garage.files(), ["lots/lot.jpg"]);
    })
    .await;
}

/// A save that reserves the name of a file without asking the storage first must not find it free, because
/// another deletion of the name may be in progress.
#[tokio::test]
async fn a_deletion_waits_for_a_save_that_has_reserved_the_name() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        let gate = Arc::new(Gate::closed_before(garage.storage.clone()));
        let (db, storage) = (garage.db.clone(), gate.clone() as SharedStorage);
        let saving = tokio::spawn(with_storage(storage, async move {
            let mut second = lot("second");
            second.save(&db).await.map(|()| second)
        }));
        gate.arrived.acquire().await.unwrap().forget();
        first.photo = ImageField::new("other.jpg", "first again");
        first.save(&garage.db).await.unwrap();
        garage.execute("UPDATE filefield_journal SET due_at = 0 WHERE kind = 'delete'").await;
        assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 0);
        assert_eq!(garage.files(), ["lots/lot.jpg", "lots/other.jpg"]);
        gate.enter.add_permits(2);
        let second = saving.await.unwrap().unwrap();
        assert_ne!(second.photo.name(), Some("lots/lot.jpg"));
        assert_eq!(read(&second).await, "second", "P1");
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        assert_eq!(db::sweep(&garage.db).await.unwrap().deleted, 1);
        assert_eq!(garage.files().len(), 2, "R2");
    })
    .await;
}

#[tokio::test]
async fn a_file_let_go_of_while_its_entry_is_being_worked_off_is_queued_again() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = lot("shared");
        first.save(&garage.db).await.unwrap();
        let mut second = Lot { id: 0, ..first.clone() };
        second.save(&garage.db).await.unwrap();
        // A sweeper has leased the deletion of the first, and found that the second names the file.
        let tx = garage.db.begin().await.unwrap();
        first.delete(&tx).await.unwrap();
        tx.commit().await.unwrap();
        garage
            .execute(
                "UPDATE filefield_journal SET state = 'reaping', attempts = 1, due_at = unixepoch() + 30",
            )
            .await;
        second.delete(&garage.db).await.unwrap();
        // What it does then, unless another sweeper has the entry by now.
        garage.execute("DELETE FROM filefield_journal WHERE attempts = 1 AND state <> 'pending'").await;
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
        assert!(garage.files().is_empty(), "R2");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_being_deleted_cannot_be_named() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        first.clone().delete(&tx).await.unwrap();
        tx.commit().await.unwrap();
        // If a row names the file before a sweeper takes the lease, the file stays.
        let mut second = Lot { photo: first.photo.clone(), ..Lot::default() };
        second.save(&garage.db).await.unwrap();
        // From then on it is deleted, or about to be.
        garage.execute("UPDATE filefield_journal SET state = 'reaping', attempts = 1").await;
        let mut third = Lot { photo: first.photo.clone(), ..Lot::default() };
        let error = third.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StagedExpired, "{error}");
        assert!(error.is_retryable());
        assert_eq!(garage.number("SELECT COUNT(*) FROM lots").await, 1);
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
        assert_eq!(read(&second).await, "first");
        second.photo_mut().rename("lots/other.jpg").await.unwrap();
        second.save(&garage.db).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_the_accessor_stored_is_deleted_when_its_row_goes() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut lot = Lot::default();
        lot.photo_mut().save("lot.jpg", "now").await.unwrap();
        lot.save(&garage.db).await.unwrap();
        lot.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(garage.files().is_empty(), "R2");
        assert_eq!(garage.journal().await, 0, "R4");
    })
    .await;
}

#[tokio::test]
async fn a_unique_name_proves_ownership_where_the_storage_cannot() {
    Garage::run::<Lot, _>(|garage| async move {
        let storage = Arc::new(Gate { owners: false, ..Gate::open(garage.storage.clone()) });
        with_storage(storage, async {
            let mut row = Lot { deed: FileField::new("deed.pdf", "one"), ..Lot::default() };
            row.save(&garage.db).await.unwrap();
            row.deed = FileField::new("deed.pdf", "two");
            row.save(&garage.db).await.unwrap();
            garage.settle().await;
            assert_eq!(garage.files(), [row.deed.name().unwrap()]);
            // A staged file whose row fails is deleted too.
            garage
                .execute("CREATE TRIGGER no BEFORE INSERT ON lots BEGIN SELECT RAISE(ABORT, 'no'); END")
                .await;
            let mut other = Lot { deed: FileField::new("deed.pdf", "three"), ..Lot::default() };
            other.save(&garage.db).await.unwrap_err();
            assert_eq!(garage.files(), [row.deed.name().unwrap()]);
            assert_eq!(garage.journal().await, 0);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_of_an_unknown_storage_waits_for_a_process_that_knows_it() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut lot = lot("x");
        lot.save(&garage.db).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        lot.delete(&tx).await.unwrap();
        tx.commit().await.unwrap();
        garage.execute("UPDATE filefield_journal SET storage = 'elsewhere'").await;
        let report = db::sweep(&garage.db).await.unwrap();
        assert_eq!((report.failed, report.dead), (1, 0));
        garage.execute("UPDATE filefield_journal SET storage = 'override', due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
        assert!(garage.files().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_column_that_is_not_there_is_no_answer() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut lot = lot("x");
        lot.save(&garage.db).await.unwrap();
        // SQLite reads a quoted name that is not a column as text.
        garage
            .execute(
                "INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column) \
                 VALUES ('override', 'lots/other.jpg', 'delete', 'pending', 't', 0, 'lots', 'picture')",
            )
            .await;
        let report = db::sweep(&garage.db).await.unwrap();
        assert_eq!((report.failed, report.absent), (1, 0), "requirement 92");
    })
    .await;
}

#[tokio::test]
async fn a_name_is_looked_for_by_an_index() {
    Garage::run::<Lot, _>(|garage| async move {
        use filefield::db::Queries;
        for column in ["photo", "deed"] {
            let sql = format!("EXPLAIN QUERY PLAN SELECT 1 FROM lots WHERE lots.{column} = 'x' LIMIT 1");
            let plan = garage.db.query(&sql, Vec::new()).await.unwrap().remove(0);
            let plan: String = plan.get("detail").unwrap();
            assert!(plan.contains("USING COVERING INDEX"), "{plan}");
        }
        // A second run has no further effect.
        db::migrate::<Lot>(&garage.db).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_stale_save_of_another_column_keeps_the_new_file() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        let mut stale = first.clone();
        first.photo = ImageField::new("lot.jpg", "second");
        first.save(&garage.db).await.unwrap();
        garage.settle().await;
        // Only another column changes here. The name is that of a missing file.
        stale.deed = FileField::new("deed.pdf", "deed");
        stale.save(&garage.db).await.unwrap();
        garage.settle().await;
        first.refresh(&garage.db).await.unwrap();
        assert_eq!(read(&first).await, "second");
        assert_eq!(first.deed().read().await.unwrap(), "deed");
        assert_eq!(stale, first, "the instance knows of the new file from now on");
    })
    .await;
}

#[tokio::test]
async fn a_stale_save_keeps_a_file_where_the_instance_knew_of_none() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = Lot { photo: ImageField::empty(), ..lot("") };
        first.save(&garage.db).await.unwrap();
        let mut stale = Lot::objects(&garage.db).first().await.unwrap().unwrap();
        first.photo = ImageField::new("lot.jpg", "late");
        first.save(&garage.db).await.unwrap();
        stale.deed = FileField::new("deed.pdf", "deed");
        stale.save(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!(read(&stale).await, "late");
        // A field that is emptied on purpose is emptied.
        stale.photo_mut().clear();
        stale.save(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(Lot::objects(&garage.db).first().await.unwrap().unwrap().photo.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_name_of_another_row_is_assigned_and_not_taken_for_stale() {
    Garage::run::<Lot, _>(|garage| async move {
        let (mut first, mut second) = (lot("first"), lot("second"));
        first.save(&garage.db).await.unwrap();
        second.save(&garage.db).await.unwrap();
        second.photo = first.photo.clone();
        second.save(&garage.db).await.unwrap();
        second.refresh(&garage.db).await.unwrap();
        assert_eq!(second.photo, first.photo);
        garage.settle().await;
        assert_eq!(read(&second).await, "first");
    })
    .await;
}

#[tokio::test]
async fn a_row_deleted_meanwhile_does_not_come_back_with_a_file_that_is_gone() {
    Garage::run::<Lot, _>(|garage| async move {
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        first.clone().delete(&garage.db).await.unwrap();
        garage.settle().await;
        let error = first.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DoesNotExist);
        assert!(!Lot::objects(&garage.db).exists().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_another_writer_overtook_is_told_to_begin_anew() {
    Garage::run::<Lot, _>(|garage| async move {
        lot("one").save(&garage.db).await.unwrap();
        let other = db::connect(&garage.url()).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        let mut mine = Lot::objects(&tx).first().await.unwrap().unwrap();
        lot("two").save(&other).await.unwrap();
        mine.width = Some(7);
        let error = mine.save(&tx).await.unwrap_err();
        assert!(error.is_retryable());
        assert!(error.to_string().contains("roll it back, and begin anew"), "{error}");
        assert!(!error.to_string().contains("save in it"), "{error}");
        tx.rollback().await.unwrap();
        mine.save(&garage.db).await.unwrap();
    })
    .await;
}

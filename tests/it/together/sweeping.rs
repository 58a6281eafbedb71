//! What the sweeper deletes, and what it must not.

use super::*;
use filefield::db;
use filefield::{Content, ErrorKind, Sweeper};

#[tokio::test]
async fn what_is_replaced_is_read_in_the_database_not_in_memory() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let mut stale = car.clone();
        car.photo_mut().assign(ImageField::new("second.gif", gif(8)));
        car.save(&garage.db).await.unwrap();
        stale.photo_mut().assign(ImageField::new("third.gif", gif(9)));
        stale.save(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/third.gif"], "F24: a stale instance loses and leaves nothing");
    })
    .await;
}

#[tokio::test]
async fn a_replace_in_a_rolled_back_transaction_keeps_the_file() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        let mut cleared = car.clone();
        cleared.photo_mut().clear();
        cleared.save(&tx).await.unwrap();
        tx.rollback().await.unwrap();
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/chevy.gif"], "F21");
        car.refresh(&garage.db).await.unwrap();
        assert!(car.photo().exists().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_file_that_two_rows_name_stays_until_the_last_lets_go() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let mut copy = Car { id: 0, name: "copy".into(), ..car.clone() };
        copy.save(&garage.db).await.unwrap();
        car.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/chevy.gif"], "F26");
        copy.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(garage.files().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_foreign_file_is_never_deleted() {
    Garage::run::<Car, _>(|garage| async move {
        std::fs::create_dir_all(garage.media().join("cars")).unwrap();
        std::fs::write(garage.media().join("cars/found.gif"), gif(3)).unwrap();
        let mut car =
            Car { name: "found".into(), photo: ImageField::stored("cars/found.gif"), ..Car::default() };
        car.save(&garage.db).await.unwrap();
        car.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/found.gif"], "G3: no owner token, no deletion");
        let report = db::sweep(&garage.db).await.unwrap();
        assert_eq!(report.dead, 1);
    })
    .await;
}

#[tokio::test]
async fn an_abandoned_stage_is_swept_and_remembered_for_a_second_look() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        // As if the process had died between publishing the file and the row's transaction.
        let token = garage.storage.owner(filefield::FileName::new("cars/chevy.gif").unwrap()).await.unwrap().unwrap();
        garage.execute("DELETE FROM cars").await;
        garage
            .execute(&format!(
                "INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column) \
                 VALUES ('override', 'cars/chevy.gif', 'write', 'pending', '{token}', 0, 'cars', 'photo')"
            ))
            .await;
        let report = db::sweep(&garage.db).await.unwrap();
        assert_eq!((report.examined, report.deleted), (1, 1));
        assert!(garage.files().is_empty());
        assert_eq!(garage.number("SELECT COUNT(*) FROM filefield_journal WHERE state = 'tombstone'").await, 1);
        // The delayed writer publishes after all. The second look finds the file.
        let options = filefield::SaveOptions { owner: Some(token), ..Default::default() };
        let name = filefield::FileName::new("cars/chevy.gif").unwrap();
        garage.storage.save(name, Content::from(gif(7)), &options).await.unwrap();
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        let report = Sweeper::new(&garage.db).run().await.unwrap();
        assert_eq!(report.deleted, 1);
        nothing_left(&garage).await;
    })
    .await;
}

#[tokio::test]
async fn a_swept_stage_cannot_be_attached() {
    Garage::run::<Car, _>(|garage| async move {
        // A trigger stands for a sweeper that takes the lease between publishing and the row's transaction.
        garage
            .execute(
                "CREATE TRIGGER fence AFTER INSERT ON filefield_journal \
                 BEGIN UPDATE filefield_journal SET state = 'reaping' WHERE id = NEW.id; END",
            )
            .await;
        let mut car = chevy();
        let error = car.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StagedExpired);
        assert!(error.is_retryable() && car.photo.is_pending());
        assert_eq!(garage.number("SELECT COUNT(*) FROM cars").await, 0);
        garage.execute("DROP TRIGGER fence").await;
        garage.execute("UPDATE filefield_journal SET due_at = 0").await;
        db::sweep(&garage.db).await.unwrap();
        assert!(garage.files().is_empty());
        car.save(&garage.db).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_second_storage_on_the_same_folder_is_the_same_place() {
    use filefield::storage::FileSystemStorage;
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let link = garage.media().with_file_name("linked");
        std::os::unix::fs::symlink(garage.media(), &link).unwrap();
        let through_link = FileSystemStorage::builder(&link).build().unwrap();
        assert_eq!(StorageExt::location(&through_link), garage.storage.location());
        let other = FileSystemStorage::builder(garage.media().join("cars")).build().unwrap();
        assert_ne!(StorageExt::location(&other), garage.storage.location());
    })
    .await;
}

#[tokio::test]
async fn what_a_rolled_back_transaction_did_not_change_is_changed_by_the_next_save() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let tx = garage.db.begin().await.unwrap();
        car.photo_mut().clear();
        car.save(&tx).await.unwrap();
        tx.rollback().await.unwrap();
        car.save(&garage.db).await.unwrap();
        assert!(car.photo.is_empty());
        garage.settle().await;
        assert!(garage.files().is_empty(), "cleared on purpose, and not taken for stale");
    })
    .await;
}

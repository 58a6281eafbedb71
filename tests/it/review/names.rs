//! Names that something else has taken.

use super::*;
use filefield::ErrorKind;
use filefield::content::Pending;
use filefield::testing::{Fault, FaultStorage, Operation};

#[tokio::test]
async fn a_directory_or_a_link_in_the_way_is_a_taken_name() {
    Garage::run::<Lot, _>(|garage| async move {
        std::fs::create_dir_all(garage.media().join("lots/lot.jpg")).unwrap();
        let mut first = lot("first");
        first.save(&garage.db).await.unwrap();
        let name = first.photo.name().unwrap();
        assert!(name.starts_with("lots/lot_") && name.ends_with(".jpg"), "{name}");

        std::fs::remove_dir(garage.media().join("lots/lot.jpg")).unwrap();
        std::os::unix::fs::symlink("nowhere", garage.media().join("lots/lot.jpg")).unwrap();
        let mut second = lot("second");
        second.save(&garage.db).await.unwrap();
        assert_eq!(read(&second).await, "second");
        assert_eq!(garage.journal().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_fails_half_way_reserves_nothing() {
    Garage::run::<Lot, _>(|garage| async move {
        let storage = Arc::new(FaultStorage::new(garage.storage.clone()));
        // The second check, with the name reserved.
        let fault = Fault::fail(ErrorKind::PermissionDenied).on(Operation::Metadata).at(2);
        let injected = storage.inject(fault);
        // Content that can be read once is not tried under a name that may be taken, so the storage is asked.
        let mut once = lot("x");
        once.photo = ImageField::pending(Pending::new("lot.jpg", filefield::Content::reader(&b"x"[..])));
        let error = with_storage(storage, async { once.save(&garage.db).await }).await.unwrap_err();
        assert_eq!((error.kind(), injected.fired()), (ErrorKind::PermissionDenied, 1));
        assert_eq!(garage.journal().await, 0, "R4");
    })
    .await;
}

/// Names that `set_name` refuses do not get into a row through `stored` either.
#[tokio::test]
async fn a_name_that_no_storage_takes_is_not_saved() {
    Garage::run::<Lot, _>(|garage| async move {
        for (name, kind) in [
            ("../lot.jpg", ErrorKind::Traversal),
            ("/lots/lot.jpg", ErrorKind::Traversal),
            ("lots//lot.jpg", ErrorKind::InvalidName),
        ] {
            let deed = FileField::new("deed.txt", "x");
            let mut row = Lot { photo: ImageField::stored(name), deed, ..Lot::default() };
            let error = row.save(&garage.db).await.unwrap_err();
            let at = (error.kind(), error.model(), error.field(), error.name());
            assert_eq!(at, (kind, Some("Lot"), Some("photo"), Some(name)), "{error}");
        }
        assert_eq!(Lot::objects(&garage.db).count().await.unwrap(), 0);
        assert_eq!((garage.journal().await, garage.files().len()), (0, 0), "found out before a byte moves");

        // The other columns of a row that already has such a name can be changed.
        Lot::default().save(&garage.db).await.unwrap();
        garage.execute("UPDATE lots SET photo = '../lot.jpg'").await;
        let mut row = Lot::objects(&garage.db).first().await.unwrap().unwrap();
        row.deed_mut().assign(FileField::new("deed.txt", "x"));
        row.save(&garage.db).await.unwrap();
        row.photo = ImageField::stored("../another.jpg");
        assert_eq!(row.save(&garage.db).await.unwrap_err().kind(), ErrorKind::Traversal);
    })
    .await;
}

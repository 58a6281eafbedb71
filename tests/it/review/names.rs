//! Names that are taken by something else.

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
        // The second look, with the name reserved.
        let fault = Fault::fail(ErrorKind::PermissionDenied).on(Operation::Metadata).at(2);
        let injected = storage.inject(fault);
        // What can be read once is not tried under a name that may be taken, so the storage is asked.
        let mut once = lot("x");
        once.photo = ImageField::pending(Pending::from_reader("lot.jpg", &b"x"[..]));
        let error = with_storage(storage, async { once.save(&garage.db).await }).await.unwrap_err();
        assert_eq!((error.kind(), injected.fired()), (ErrorKind::PermissionDenied, 1));
        assert_eq!(garage.journal().await, 0, "R4");
    })
    .await;
}

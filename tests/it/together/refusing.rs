//! Saves that fail: nothing is left, and the instance is as it was.

use super::*;
use filefield::ErrorKind;
use filefield::db::sea_orm::TransactionTrait;

#[tokio::test]
async fn a_failed_row_leaves_no_file_and_a_retry_works() {
    Garage::run::<Car, _>(|garage| async move {
        chevy().save(&garage.db).await.unwrap();
        let mut twin = chevy();
        twin.key = FileField::new("key.pem", "secret");
        let error = twin.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert!(twin.photo.is_pending() && twin.key.is_pending() && twin.width.is_none());
        assert_eq!(garage.files(), ["cars/chevy.gif"]);
        assert_eq!(garage.journal().await, 0);
        twin.name = "58 Chevy".into();
        twin.save(&garage.db).await.unwrap();
        assert_eq!(garage.files().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn the_second_of_two_files_fails_and_the_first_goes_too() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.manual = Some(FileField::new("long.txt", vec![b'x'; 101]));
        let error = car.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!((error.model(), error.field()), (Some("Car"), Some("manual")));
        assert!(car.photo.is_pending());
        nothing_left(&garage).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_an_image_is_refused_where_the_field_says_so() {
    Garage::run::<Car, _>(|garage| async move {
        for (name, bytes) in
            [("notes.gif", &b"these are notes"[..]), ("empty.gif", b""), ("x.gif", b"<svg/>")]
        {
            let mut car = chevy();
            car.photo = ImageField::new(name, bytes);
            let error = car.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotAccepted, "{name}");
            nothing_left(&garage).await;
        }
    })
    .await;
}

#[tokio::test]
async fn bad_names_are_refused_and_leave_nothing() {
    Garage::run::<Car, _>(|garage| async move {
        for (name, kind) in
            [("..", ErrorKind::NoFileName), ("", ErrorKind::NoFileName), ("/", ErrorKind::NoFileName)]
        {
            let mut car = chevy();
            car.photo = ImageField::new(name, gif(1));
            assert_eq!(car.save(&garage.db).await.unwrap_err().kind(), kind, "{name:?}");
            nothing_left(&garage).await;
        }
        for (car_name, kind) in [("climbs", ErrorKind::Traversal), ("panics", ErrorKind::UploadTo)] {
            let mut car = Car { name: car_name.into(), ..chevy() };
            car.manual = Some(FileField::new("a.txt", "x"));
            let error = car.save(&garage.db).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            nothing_left(&garage).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_clients_name_is_repaired() {
    Garage::run::<Car, _>(|garage| async move {
        for (given, stored) in [
            ("C:\\photos\\my chevy.gif", "cars/my_chevy.gif"),
            ("../../etc/passwd.gif", "cars/passwd.gif"),
            ("a\u{202e}fig.gif", "cars/afig.gif"),
        ] {
            let mut car = Car { name: given.into(), ..chevy() };
            car.photo = ImageField::new(given, gif(1));
            car.save(&garage.db).await.unwrap();
            assert_eq!(car.photo().name(), stored);
            assert_eq!(car.meta.original_name.as_deref(), Some(given));
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_longer_than_the_column_is_cut_or_refused() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.manual = Some(FileField::new(format!("{}.txt", "m".repeat(100)), "x"));
        car.save(&garage.db).await.unwrap();
        assert!(car.manual().name().len() <= 30 && car.manual().name().ends_with(".txt"), "{:?}", car.manual);

        let mut car =
            Car { name: "a very long name, longer than the column of manuals".into(), ..Car::default() };
        car.manual = Some(FileField::new("a.txt", "x"));
        let error = car.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoAvailableName, "{error}");

        let mut car = Car { name: "assigned".into(), ..Car::default() };
        car.manual = Some(FileField::stored("m".repeat(31)));
        let error = car.save(&garage.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NameTooLong);
        assert_eq!(garage.number("SELECT COUNT(*) FROM cars").await, 1);
        assert_eq!(garage.journal().await, 0);
    })
    .await;
}

#[tokio::test]
async fn pending_content_in_an_open_transaction_is_an_error_at_once() {
    Garage::run::<Car, _>(|garage| async move {
        let tx = garage.db.begin().await.unwrap();
        let mut car = chevy();
        let error = car.save(&tx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotStaged);
        tx.rollback().await.unwrap();
        assert!(car.photo.is_pending());
        nothing_left(&garage).await;
    })
    .await;
}

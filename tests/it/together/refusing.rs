//! Saves that fail: nothing is left, and the instance is as it was.

use super::*;
use filefield::ErrorKind;

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
async fn every_entry_makes_the_same_name_of_a_clients_name() {
    Garage::run::<Car, _>(|garage| async move {
        for (given, stored) in [
            ("C:\\photos\\my chevy.gif", "my_chevy.gif"),
            ("C:\\fakepath\\x.png", "x.png"),
            ("../../etc/passwd", "passwd"),
            ("CON", "_CON"),
            ("Screenshot at 9.41.07\u{202f}AM.png", "Screenshot_at_9.41.07_AM.png"),
            ("a\u{202e}fig.gif", "afig.gif"),
            ("C++ notes.gif", "C++_notes.gif"),
            ("photo.jpg\u{3000}", "photo.jpg"),
            ("\u{a0}photo.gif .", "photo.gif"),
            ("💫💫.tar.gz", "file.tar.gz"),
            ("???.jpg", "file.jpg"),
            (".env", "file.env"),
            ("👍", "file"),
            ("", "file"),
            ("..", "file"),
            ("/", "file"),
        ] {
            let mut car = Car { name: format!("{given:?}"), ..Car::default() };
            car.photo = ImageField::new(given, gif(1));
            car.save(&garage.db).await.unwrap();
            assert_eq!(car.photo().name(), format!("cars/{stored}"), "{given:?} in a saved row");
            assert_eq!(car.meta.original_name.as_deref(), Some(given));
            car.photo_mut().delete().await.unwrap();
            let name = car.photo_mut().save(given, gif(1)).await.unwrap();
            assert_eq!(name, format!("cars/{stored}"), "{given:?} by the accessor");
            assert_eq!(car.meta.original_name.as_deref(), Some(given));
            car.photo_mut().delete().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn the_random_part_of_a_taken_name_stands_before_its_last_extension() {
    Garage::run::<Car, _>(|garage| async move {
        for (given, start, end) in [
            ("Dr. Who.gif", "cars/Dr._Who_", ".gif"),
            ("a.tar.gz", "cars/a_", ".tar.gz"),
            ("b.2.gif", "cars/b.2_", ".gif"),
        ] {
            for _ in 0..2 {
                let mut car = Car { name: format!("{given}{}", garage.files().len()), ..Car::default() };
                car.photo = ImageField::new(given, gif(1));
                car.save(&garage.db).await.unwrap();
                let name = car.photo().name();
                let is_first = name == format!("{}{end}", &start[..start.len() - 1]);
                assert!(is_first || (name.starts_with(start) && name.ends_with(end)), "{name}");
                assert!(is_first || name.len() == start.len() + 7 + end.len(), "{name}");
            }
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

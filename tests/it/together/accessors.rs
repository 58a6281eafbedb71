//! The results and immediate effects of accessors.

use super::*;
use filefield::storage::MemoryStorage;
use filefield::testing::{Fault, FaultStorage, Operation};
use filefield::{ErrorKind, FileName, SaveOptions, Storage};
use std::sync::Arc;

#[tokio::test]
async fn the_seed_story_rename_on_disk_set_the_name_save() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let initial = car.photo().path().unwrap();
        let new = garage.media().join("cars/chevy_ii.gif");
        std::fs::rename(&initial, &new).unwrap();
        car.photo_mut().set_name("cars/chevy_ii.gif").unwrap();
        assert_eq!(car.width, Some(7), "the same image");
        car.save(&garage.db).await.unwrap();
        assert_eq!(car.photo().path().unwrap(), new);
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/chevy_ii.gif"]);

        car.photo_mut().rename("cars/1957/chevy.gif").await.unwrap();
        car.save(&garage.db).await.unwrap();
        garage.settle().await;
        assert_eq!(garage.files(), ["cars/1957/chevy.gif"]);
        assert_eq!(car.photo().read().await.unwrap(), gif(7));
        assert_eq!(car.photo_mut().set_name("../up").unwrap_err().kind(), ErrorKind::Traversal);
    })
    .await;
}

#[tokio::test]
async fn unique_names_carry_a_token() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.key = FileField::new("key.pem", "secret");
        car.save(&garage.db).await.unwrap();
        let name = car.key().name();
        assert!(
            name.starts_with("keys/") && name.ends_with("_key.pem") && name.len() == 5 + 26 + 8,
            "{name}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_row_that_names_a_missing_file() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        std::fs::remove_file(car.photo().path().unwrap()).unwrap();
        let car = Car::objects(&garage.db).get(Car::columns().id.eq(car.id)).await.unwrap();
        assert_eq!(
            car.photo().width().await.unwrap(),
            Some(7),
            "from the row: loading and asking do no I/O (W03)"
        );
        assert!(!car.photo().exists().await.unwrap());
        let error = car.photo().open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "Car.photo: open \"cars/chevy.gif\": No such file or directory (os error 2) (storage override)"
        );
        car.delete(&garage.db).await.unwrap();
        garage.settle().await;
    })
    .await;
}

#[tokio::test]
async fn a_field_without_a_file_and_one_not_stored_yet() {
    Garage::run::<Car, _>(|_| async move {
        let car = chevy();
        let error = car.manual().open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoFile);
        assert_eq!(error.to_string(), "Car.manual: open: the field has no file (storage override)");
        let error = car.photo().url().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotStored);
        assert_eq!(
            error.to_string(),
            "Car.photo: url \"chevy.gif\": the content is not stored yet: save the instance first (storage override)"
        );
        assert!(!car.photo().exists().await.unwrap());
        assert_eq!(car.photo().size().await.unwrap(), 29, "of the pending content (D062)");
        let mut car = Car::default();
        car.photo_mut().delete().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn save_and_delete_on_the_accessor_act_at_once() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = Car { name: "now".into(), ..Car::default() };
        let name = car.photo_mut().save("sub dir/n n.gif", gif(4)).await.unwrap();
        assert_eq!(name, "cars/n_n.gif", "of a client's name the last component counts");
        assert_eq!(car.width, Some(4));
        assert_eq!(garage.files(), ["cars/n_n.gif"]);
        let error = car.photo_mut().save("x.gif", "no image").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAccepted);
        assert_eq!(car.photo().name(), name, "a failed save leaves the field as it was");
        car.photo_mut().delete().await.unwrap();
        assert!(car.photo.is_empty() && car.width.is_none() && garage.files().is_empty());
    })
    .await;
}

#[tokio::test]
async fn reading_in_pieces_and_lines() {
    use futures_util::TryStreamExt;
    Garage::run::<Car, _>(|garage| async move {
        let mut car = Car { name: "log".into(), ..Car::default() };
        car.key = FileField::new("log.txt", "one\rtwo\nthree\r\nfour");
        car.save(&garage.db).await.unwrap();
        let lines: Vec<_> = car.key().lines().await.unwrap().try_collect().await.unwrap();
        assert_eq!(lines, ["one\r", "two\n", "three\r\n", "four"]);
        let chunks: Vec<_> = car.key().chunks(8).await.unwrap().try_collect().await.unwrap();
        assert_eq!(chunks.iter().map(filefield::Bytes::len).collect::<Vec<_>>(), [8, 8, 3]);
        assert_eq!(car.key().open_range(4..7).await.unwrap().read_all(u64::MAX).await.unwrap(), "two");
        assert_eq!(car.key().content_type().await.unwrap().as_deref(), Some("text/plain"));
        assert_eq!(car.key().read_limited(3).await.unwrap_err().kind(), ErrorKind::TooLarge);
    })
    .await;
}

/// A file without metadata in its row, on a storage that can fail on demand.
async fn far(name: &str, bytes: Vec<u8>) -> (Arc<FaultStorage>, Car) {
    let storage = Arc::new(FaultStorage::new(Arc::new(MemoryStorage::new())));
    storage.save(FileName::new(name).unwrap(), bytes.into(), &SaveOptions::default()).await.unwrap();
    let car = Car { photo: ImageField::stored(name), key: FileField::stored(name), ..Car::default() };
    (storage, car)
}

#[tokio::test]
async fn a_read_that_breaks_off_says_of_which_file() {
    use futures_util::TryStreamExt;
    let (storage, car) = far("cars/wide.jpg", vec![b'x'; 9000]).await;
    storage.inject(Fault::truncate(100).always());
    filefield::testing::with_storage(storage, async {
        let chunks = car.photo().chunks(64).await.unwrap();
        let errors = [
            car.photo().read().await.err(),
            car.photo().dimensions().await.err(),
            car.photo().orientation().await.err(),
            car.photo().content_type().await.err(),
            chunks.try_collect::<Vec<_>>().await.err(),
            car.photo().lines().await.unwrap().try_collect::<Vec<_>>().await.err(),
        ];
        for error in errors {
            assert_eq!(
                error.unwrap().to_string(),
                "Car.photo: read \"cars/wide.jpg\": injected: the connection broke before the end (storage override)"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn many_small_segments_are_few_requests() {
    let segment = [&[0xff, 0xe5, 4, 4], &[b'x'; 1026][..]].concat();
    let frame = b"\xff\xc0\0\x0b\x08\0\x09\0\x07\x01\x01\x11\0";
    let (storage, car) = far("cars/wide.jpg", [b"\xff\xd8", &segment.repeat(1000)[..], frame].concat()).await;
    let opens = storage.inject(Fault::delay(std::time::Duration::ZERO).on(Operation::OpenRange).always());
    filefield::testing::with_storage(storage, async {
        let sides = car.photo().dimensions().await.unwrap().unwrap();
        assert_eq!((sides.width, sides.height), (7, 9));
    })
    .await;
    // Of 60 KiB each, behind the first.
    assert!(opens.fired() <= 19, "{}", opens.fired());
}

#[tokio::test]
async fn a_storage_without_paths_says_which_field_and_storage() {
    let storage = Arc::new(MemoryStorage::new());
    filefield::testing::with_storage(storage, async {
        let mut car = Car { name: "in memory".into(), ..Car::default() };
        car.photo_mut().save("chevy.gif", gif(1)).await.unwrap();
        let error = car.photo().path().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "Car.photo: path \"cars/chevy.gif\": this storage has no `path` (storage override)"
        );
        assert_eq!(car.photo().read().await.unwrap(), gif(1));
    })
    .await;
}

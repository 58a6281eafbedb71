//! What a save, a replace, a clear and a delete leave behind.

use super::*;
use filefield::TempFile;

#[tokio::test]
async fn create_fills_the_row_from_the_bytes() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        let car = Car::objects(&garage.db).get(Car::columns().name.eq("57 Chevy")).await.unwrap();
        assert_eq!(car.photo().name(), "cars/chevy.gif");
        assert_eq!(car.photo().url().unwrap(), "/media/cars/chevy.gif");
        assert_eq!(car.photo().path().unwrap(), garage.media().join("cars/chevy.gif"));
        assert_eq!((car.width, car.height), (Some(7), Some(9)));
        assert_eq!(car.meta.original_name.as_deref(), Some("chevy.gif"));
        assert_eq!(car.meta.content_type.as_deref(), Some("image/gif"));
        assert_eq!(car.meta.size, Some(29));
        assert_eq!(car.photo().checksum().map(str::len), Some(64));
        assert_eq!(car.photo().read().await.unwrap(), gif(7));
        assert_eq!(garage.journal().await, 0, "the row's transaction consumed the entry");
    })
    .await;
}

#[tokio::test]
async fn replace_deletes_the_old_file_after_the_commit() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        car.photo_mut().assign(ImageField::new("chevy.gif", gif(8)));
        car.save(&garage.db).await.unwrap();
        let new = car.photo().name().to_owned();
        assert!(new.starts_with("cars/chevy_") && new.ends_with(".gif"), "{new}");
        assert_eq!(car.width, Some(8));
        garage.settle().await;
        assert_eq!(garage.files(), [new]);
    })
    .await;
}

#[tokio::test]
async fn clear_and_delete_let_the_file_go_with_the_row() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.save(&garage.db).await.unwrap();
        car.photo_mut().clear();
        assert_eq!((car.width, car.meta.size), (None, None));
        assert_eq!(garage.files().len(), 1, "nothing goes before the row");
        car.save(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(garage.files().is_empty());
        car.photo_mut().assign(ImageField::new("again.gif", gif(1)));
        car.save(&garage.db).await.unwrap();
        car.delete(&garage.db).await.unwrap();
        garage.settle().await;
        assert!(garage.files().is_empty());
    })
    .await;
}

#[tokio::test]
async fn on_replace_and_on_delete_keep() {
    Garage::run::<Car, _>(|garage| async move {
        let mut car = chevy();
        car.name = "Nova".into();
        car.manual = Some(FileField::new("a.txt", "one"));
        car.save(&garage.db).await.unwrap();
        car.manual = Some(FileField::new("a.txt", "two"));
        car.save(&garage.db).await.unwrap();
        car.delete(&garage.db).await.unwrap();
        garage.settle().await;
        let files = garage.files();
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(files.iter().all(|file| file.starts_with("manuals/Nova/a")));
    })
    .await;
}

#[tokio::test]
async fn a_temporary_file_is_moved_and_used_once() {
    Garage::run::<Car, _>(|garage| async move {
        std::fs::create_dir_all(garage.media()).unwrap();
        let path = garage.media().join("upload");
        std::fs::write(&path, gif(5)).unwrap();
        let mut car = chevy();
        car.photo = ImageField::new("up.gif", TempFile::adopt(&path).unwrap());
        car.save(&garage.db).await.unwrap();
        assert_eq!(garage.files(), ["cars/up.gif"]);
        assert_eq!(car.width, Some(5));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_savers_of_one_name_lose_nothing() {
    Garage::run::<Car, _>(|garage| async move {
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let garage = garage.clone();
                filefield::registry::spawn(async move {
                    let mut car = chevy();
                    car.name = format!("car {number}");
                    car.photo = ImageField::new("chevy.gif", gif(number + 1));
                    car.save(&garage.db).await.unwrap();
                    assert_eq!(car.photo().read().await.unwrap(), gif(number + 1));
                    car.photo().name().to_owned()
                })
            })
            .collect();
        let mut names = std::collections::BTreeSet::new();
        for task in tasks {
            names.insert(task.await.unwrap());
        }
        assert_eq!(names.len(), 16);
        assert_eq!(garage.files().len(), 16);
        assert_eq!(garage.journal().await, 0);
    })
    .await;
}

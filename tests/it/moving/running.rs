//! How a move runs: dry, in steps, and from the storage that rows record.

use super::*;
use filefield::ErrorKind;

#[test]
fn a_dry_run_changes_nothing() {
    alone("running::a_dry_run_changes_nothing", async || {
        let yard = Yard::new().await;
        let cars = yard.park(4).await;
        std::fs::write(cars[3].photo().path().unwrap(), "longer than it was").unwrap();
        let report = yard.to_photos().dry_run().concurrency(2).run().await.unwrap();
        assert_eq!((report.moved, report.failed, report.bytes), (3, 1, 15), "{report}");
        assert_eq!(report.errors[0].error.kind(), ErrorKind::NotAsStated);
        assert!(yard.files(&yard.photos()).await.is_empty());
        assert_eq!(yard.number("SELECT COUNT(*) FROM filefield_journal").await, 0);
        assert_eq!(yard.cars().await, cars);
    });
}

#[test]
fn originals_can_be_kept() {
    alone("running::originals_can_be_kept", async || {
        let yard = Yard::new().await;
        yard.park(3).await;
        let report = yard.to_photos().keep_source().run().await.unwrap();
        assert_eq!((report.moved, report.left), (3, 0), "{report}");
        yard.sweep().await;
        assert_eq!(yard.files(&yard.disk()).await.len(), 3);
        assert_eq!(yard.all_well().await.len(), 3);
    });
}

/// The storage function was changed first, and some rows are older than the `meta_field`.
#[test]
fn rows_that_say_nothing_are_found_where_they_are() {
    alone("running::rows_that_say_nothing_are_found_where_they_are", async || {
        OWN.get_or_init(|| "photos");
        let yard = Yard::new().await;
        let new = yard.park(1).await.remove(0);
        assert_eq!(new.photo().storage().unwrap().alias(), "photos");
        for (text, meta) in [("said", r#"{"storage":"disk"}"#), ("silent", "{}"), ("lost", "{}")] {
            let stored = format!("cars/{text}.txt");
            let saved = filefield::SaveOptions { owner: Some(text.into()), ..Default::default() };
            if text != "lost" {
                yard.disk().save(name(&stored), text.to_owned().into(), &saved).await.unwrap();
            }
            yard.execute(&format!(
                "INSERT INTO cars (name, photo, about_photo) VALUES ('{text}', '{stored}', '{meta}')"
            ))
            .await;
        }
        let silent = Car::objects(&yard.db).get(Car::columns().name.eq("silent")).await.unwrap();
        assert_eq!(silent.photo().read().await.unwrap_err().kind(), ErrorKind::NotFound);
        let said = Car::objects(&yard.db).get(Car::columns().name.eq("said")).await.unwrap();
        assert_eq!(said.photo().read().await.unwrap(), "said", "before the move as well");
        let report = yard.to_photos().run().await.unwrap();
        assert_eq!((report.moved, report.skipped, report.failed, report.total), (2, 1, 1, 4), "{report}");
        assert_eq!(report.errors[0].error.kind(), ErrorKind::NotFound);
        yard.execute("DELETE FROM cars WHERE name = 'lost'").await;
        for car in yard.all_well().await {
            assert_eq!(car.photo_meta.storage.as_deref(), Some("photos"));
            assert!(car.photo_meta.sha256.is_some());
        }
        assert_eq!(yard.moved().await.skipped, 3);
        yard.agree().await;
        assert!(yard.files(&yard.disk()).await.is_empty());
    });
}

#[test]
fn an_alias_that_means_something_else_by_now_can_be_named() {
    alone("running::an_alias_that_means_something_else_by_now_can_be_named", async || {
        let yard = Yard::new().await;
        yard.park(2).await;
        yard.execute(r#"UPDATE cars SET about_photo = '{"storage":"default"}'"#).await;
        App::builder()
            .storage("disk", yard.disk())
            .storage("photos", yard.photos())
            .storage("default", "photos")
            .build()
            .unwrap();
        assert_eq!(yard.moved().await.skipped, 2, "they say that they are there already");
        let report = yard.to_photos().formerly("default").run().await.unwrap();
        assert_eq!(report.moved, 2, "{report}");
        yard.all_well().await;
        yard.agree().await;
        assert!(yard.files(&yard.disk()).await.is_empty());
    });
}

#[test]
fn an_alias_that_was_renamed_is_kept_alive() {
    alone("running::an_alias_that_was_renamed_is_kept_alive", async || {
        let yard = Yard::new().await;
        yard.park(2).await;
        yard.execute(r#"UPDATE cars SET about_photo = '{"storage":"Car.photo"}' WHERE id = 1"#).await;
        yard.execute(r#"UPDATE cars SET about_photo = '{"storage":"local"}' WHERE id = 2"#).await;
        for id in [1, 2] {
            let error = yard.car(id).await.photo().url().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnknownStorage, "{error}");
        }
        App::builder()
            .storage("disk", yard.disk())
            .storage("photos", yard.photos())
            .storage("Car.photo", "disk")
            .storage("local", "disk")
            .build()
            .unwrap();
        for car in yard.all_well().await {
            assert_eq!(car.photo().storage().unwrap().alias(), "disk");
        }
        assert_eq!(yard.moved().await.moved, 2);
        yard.all_well().await;
        yard.agree().await;
    });
}

#[test]
fn keys_of_every_kind_are_gone_through_in_pages() {
    alone("running::keys_of_every_kind_are_gone_through_in_pages", async || {
        let yard = Yard::new().await;
        db::migrate::<Boat>(&yard.db).await.unwrap();
        for number in 0..25 {
            let key = format!("{}-ü{number:02}", ["b", "A", "a", "B"][number % 4]);
            let mut boat =
                Boat { key: key.clone(), photo: FileField::new("boat.txt", key), photo_meta: None };
            boat.save(&yard.db).await.unwrap();
        }
        let this = storage_move::<Boat>(&yard.db, &Boat::columns().photo, "disk", "photos");
        let report = this.batch(4).concurrency(3).run().await.unwrap();
        assert!(report.is_complete() && report.moved == 25, "{report}");
        for boat in Boat::objects(&yard.db).all().await.unwrap() {
            assert_eq!(boat.photo().storage().unwrap().alias(), "photos");
            assert_eq!(boat.photo().read().await.unwrap(), boat.key);
        }
    });
}

#[derive(Debug, Clone, Default, Model)]
#[model(table = "boats")]
struct Boat {
    #[model(primary_key)]
    key: String,
    #[file(upload_to = "boats", storage = photo_storage, naming = "unique", meta_field = photo_meta)]
    photo: FileField,
    photo_meta: Option<FileMeta>,
}

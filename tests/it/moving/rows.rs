//! What rows and accessors say about moved files, and what happens to these files.

use super::*;
use filefield::{ErrorKind, SaveOptions};

#[test]
fn a_field_moves_to_another_storage_and_back() {
    alone("rows::a_field_moves_to_another_storage_and_back", async || {
        let yard = Yard::new().await;
        yard.park(7).await;
        let before = yard.files(&yard.disk()).await;
        let mut told = Vec::new();
        let report =
            yard.to_photos().batch(3).progress(|so_far| told.push((so_far.moved, so_far.total))).run();
        let report = report.await.unwrap();
        assert!(report.is_complete() && report.moved == 7 && report.total == 7, "{report}");
        assert_eq!((report.bytes, report.renamed, report.left, report.skipped), (35, 0, 0, 0), "{report}");
        assert_eq!(told, (0..=7).map(|moved| (moved, 7)).collect::<Vec<_>>());

        for car in yard.all_well().await {
            let photo = car.photo();
            assert_eq!(photo.storage().unwrap().alias(), "photos");
            assert_eq!(photo.url().unwrap(), format!("https://photos.example.com/{}", photo.name()));
            assert!(photo.exists().await.unwrap() && photo.size().await.unwrap() == 5);
            assert_eq!(photo.path().unwrap_err().kind(), ErrorKind::Unsupported);
        }
        assert_eq!(yard.files(&yard.photos()).await, before, "each under its own name");
        assert_eq!(yard.files(&yard.disk()).await, before, "whoever was told a URL still finds them");
        yard.agree().await;
        assert!(yard.files(&yard.disk()).await.is_empty());

        let again = yard.moved().await;
        assert_eq!((again.moved, again.skipped, again.total), (0, 7, 7));

        let back =
            storage_move::<Car>(&yard.db, "photo", "photos", "disk").concurrency(4).run().await.unwrap();
        assert!(back.is_complete() && back.moved == 7, "{back}");
        for car in yard.all_well().await {
            assert_eq!(car.photo().url().unwrap(), format!("/media/{}", car.photo().name()));
            assert!(car.photo().path().unwrap().exists());
        }
        assert_eq!(yard.number("SELECT COUNT(*) FROM filefield_journal WHERE due_at > 0").await, 7);
        db::sweep(&yard.db).await.unwrap();
        assert_eq!(yard.files(&yard.photos()).await.len(), 7, "the grace is not over");
        yard.agree().await;
        assert!(yard.files(&yard.photos()).await.is_empty());
    });
}

#[test]
fn a_row_that_cannot_be_read_keeps_no_other_where_it_is() {
    alone("rows::a_row_that_cannot_be_read_keeps_no_other_where_it_is", async || {
        let yard = Yard::new().await;
        let car = yard.park(3).await.remove(1);
        let odd = |text: &str| format!("UPDATE cars SET about_photo = '{text}' WHERE id = {}", car.id);
        yard.execute(&odd(r#"{"size": -1}"#)).await;
        let report = yard.to_photos().run().await.unwrap();
        assert_eq!((report.moved, report.failed), (2, 1), "{report}");
        assert!(report.to_string().contains("cannot be read"), "{report}");
        yard.execute(&odd("{}")).await;
        assert_eq!(yard.moved().await.moved, 1);
        yard.all_well().await;
    });
}

#[test]
fn what_is_learned_of_a_file_is_kept() {
    alone("rows::what_is_learned_of_a_file_is_kept", async || {
        let yard = Yard::new().await;
        let car = yard.park(1).await.remove(0);
        assert_eq!(yard.moved().await.moved, 1);
        let moved = yard.car(car.id).await;
        let meta = car.photo_meta.clone();
        assert_eq!(moved.photo_meta.storage.as_deref(), Some("photos"));
        let mut same = moved.photo_meta.clone();
        same.storage = meta.storage.clone();
        assert_eq!(same, meta, "the rest is as it was");
        yard.agree().await;
    });
}

#[test]
fn a_stale_instance_does_not_write_the_old_place_back() {
    alone("rows::a_stale_instance_does_not_write_the_old_place_back", async || {
        let yard = Yard::new().await;
        let mut stale = yard.park(1).await.remove(0);
        let mut in_transaction = stale.clone();
        assert_eq!(yard.moved().await.moved, 1);
        yard.sweep().await;
        assert_eq!(stale.photo().read().await.unwrap_err().kind(), ErrorKind::NotFound);
        stale.name = "car 0".into();
        stale.save(&yard.db).await.unwrap();
        assert_eq!(stale.photo().storage().unwrap().alias(), "photos", "it knows better now");
        assert_eq!(stale.photo().read().await.unwrap(), "car 0");

        let tx = yard.db.begin().await.unwrap();
        in_transaction.save(&tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(yard.all_well().await.len(), 1);
        yard.agree().await;
    });
}

#[test]
fn what_a_row_lets_go_of_is_deleted_where_it_is() {
    alone("rows::what_a_row_lets_go_of_is_deleted_where_it_is", async || {
        let yard = Yard::new().await;
        let stale = yard.park(6).await;
        assert_eq!(yard.moved().await.moved, 6);
        yard.sweep().await;
        assert!(yard.files(&yard.disk()).await.is_empty());
        // Replaced, cleared and deleted: by instances that know where the file is, and by others.
        for (fresh, numbers) in [(true, [0, 1, 2]), (false, [3, 4, 5])] {
            let mut cars = Vec::new();
            for number in numbers {
                let car = &stale[number];
                cars.push(if fresh { yard.car(car.id).await } else { car.clone() });
            }
            let deleted = cars.pop().unwrap();
            deleted.delete(&yard.db).await.unwrap();
            let mut cleared = cars.pop().unwrap();
            cleared.photo_mut().clear();
            cleared.save(&yard.db).await.unwrap();
            let mut replaced = cars.pop().unwrap();
            replaced.photo_mut().assign(FileField::new("new.txt", "new"));
            replaced.save(&yard.db).await.unwrap();
            assert_eq!(
                replaced.photo().storage().unwrap().alias(),
                "disk",
                "new files go where the field says"
            );
            assert_eq!(yard.car(replaced.id).await.photo().read().await.unwrap(), "new");
        }
        yard.sweep().await;
        assert!(yard.files(&yard.photos()).await.is_empty(), "{:?}", yard.files(&yard.photos()).await);
        assert_eq!(yard.files(&yard.disk()).await.len(), 2);
        yard.agree().await;
    });
}

#[test]
fn files_of_one_name_in_two_storages_are_two_files() {
    alone("rows::files_of_one_name_in_two_storages_are_two_files", async || {
        let yard = Yard::new().await;
        for first in ["disk", "photos"] {
            let moved = yard.park(1).await.remove(0);
            assert_eq!(yard.moved().await.moved, 1);
            yard.sweep().await;
            let stayed = yard.park(1).await.remove(0);
            let moved = yard.car(moved.id).await;
            assert_eq!(moved.photo().name(), stayed.photo().name());
            let [gone, left] = if first == "disk" { [stayed, moved] } else { [moved, stayed] };
            gone.delete(&yard.db).await.unwrap();
            yard.sweep().await;
            assert_eq!(left.photo().read().await.unwrap(), "car 0", "{first}");
            let place = if first == "disk" { yard.disk() } else { yard.photos() };
            assert!(!place.exists(name(left.photo().name())).await.unwrap(), "{first}");
            left.delete(&yard.db).await.unwrap();
            yard.agree().await;
            assert!(yard.files(&yard.disk()).await.is_empty() && yard.files(&yard.photos()).await.is_empty());
        }
    });
}

#[test]
fn rows_that_share_a_file_get_one_each() {
    alone("rows::rows_that_share_a_file_get_one_each", async || {
        let yard = Yard::new().await;
        let car = yard.park(1).await.remove(0);
        let mut twin = Car { id: 0, ..car.clone() };
        twin.save(&yard.db).await.unwrap();
        assert_eq!(twin.photo().name(), car.photo().name());
        // The original stays until the last row has released it.
        let first = yard.to_photos().max_errors(0).progress(|_| {}).batch(1).run().await.unwrap();
        assert_eq!((first.moved, first.renamed), (2, 1), "{first}");
        let cars = yard.all_well().await;
        assert_ne!(cars[0].photo().name(), cars[1].photo().name());
        yard.agree().await;
        // A row that shares an already moved file.
        let mut third = Car { id: 0, ..cars[0].clone() };
        third.save(&yard.db).await.unwrap();
        cars[0].clone().delete(&yard.db).await.unwrap();
        yard.sweep().await;
        assert_eq!(third.photo().read().await.unwrap(), "car 0");
        assert_eq!(yard.all_well().await.len(), 2);
        yard.agree().await;
    });
}

#[test]
fn an_original_stays_while_another_row_names_it() {
    alone("rows::an_original_stays_while_another_row_names_it", async || {
        let yard = Yard::new().await;
        let car = yard.park(1).await.remove(0);
        let mut twin = Car { id: 0, ..car.clone() };
        twin.save(&yard.db).await.unwrap();
        yard.execute("UPDATE cars SET about_photo = '{}' WHERE id = 2").await;
        // The second fails, because its source does.
        yard.disk.inject(
            filefield::testing::Fault::fail(ErrorKind::Io).on(filefield::testing::Operation::Open).at(2),
        );
        let report = yard.to_photos().run().await.unwrap();
        assert_eq!((report.moved, report.failed), (1, 1), "{report}");
        yard.disk.clear();
        yard.sweep().await;
        assert_eq!(
            yard.all_well().await.len(),
            2,
            "a row that states nothing means the storage of its field"
        );
        assert_eq!(yard.moved().await.moved, 1);
        let twin = yard.car(twin.id).await;
        assert_eq!(twin.photo_meta.size, Some(5), "what was learned is noted where nothing was known");
        assert_eq!(twin.photo_meta.sha256, car.photo_meta.sha256);
        yard.agree().await;
        assert!(yard.files(&yard.disk()).await.is_empty());
    });
}

#[test]
fn a_taken_name_is_another_name() {
    alone("rows::a_taken_name_is_another_name", async || {
        let yard = Yard::new().await;
        let car = yard.park(1).await.remove(0);
        let foreign = name(car.photo().name());
        yard.photos().save(foreign, "not ours".into(), &Default::default()).await.unwrap();
        let report = yard.moved().await;
        assert_eq!((report.moved, report.renamed), (1, 1));
        let moved = yard.all_well().await.remove(0);
        assert_ne!(moved.photo().name(), car.photo().name());
        assert_eq!(yard.photos().open(foreign).await.unwrap().read_all(9).await.unwrap(), "not ours");
        yard.photos().delete(foreign).await.unwrap();
        yard.agree().await;
    });
}

#[test]
fn renaming_and_deleting_go_where_the_file_is() {
    alone("rows::renaming_and_deleting_go_where_the_file_is", async || {
        let yard = Yard::new().await;
        let car = yard.park(2).await.remove(0);
        assert_eq!(yard.moved().await.moved, 2);
        yard.sweep().await;
        let mut car = yard.car(car.id).await;
        car.photo_mut().rename("cars/57/chevy.txt").await.unwrap();
        car.save(&yard.db).await.unwrap();
        yard.sweep().await;
        assert_eq!(yard.car(car.id).await.photo().read().await.unwrap(), "car 0");
        let mut other = yard.cars().await.remove(1);
        other.photo_mut().delete().await.unwrap();
        other.save(&yard.db).await.unwrap();
        yard.sweep().await;
        // The checker would report R5: both act on the storage at once, before the row is saved.
        assert_eq!(yard.files(&yard.photos()).await, ["cars/57/chevy.txt"]);
        assert_eq!(yard.number("SELECT COUNT(*) FROM filefield_journal").await, 0);
        // A name assigned by hand means the field's own storage, unless something else is recorded.
        other.photo_mut().assign(FileField::stored("cars/57/chevy.txt"));
        assert_eq!(other.photo().storage().unwrap().alias(), "disk");
    });
}

#[test]
fn a_meta_that_cannot_be_read_says_where_the_file_is_all_the_same() {
    alone("rows::a_meta_that_cannot_be_read_says_where_the_file_is_all_the_same", async || {
        let yard = Yard::new().await;
        yard.park(1).await;
        assert_eq!(yard.moved().await.moved, 1);
        let car = yard.cars().await.remove(0);
        // Another file with that name, which is not the row's.
        yard.sweep().await;
        let options = SaveOptions::default();
        yard.disk().save(name("cars/car.txt"), "mine".into(), &options).await.unwrap();
        yard.execute("UPDATE cars SET about_photo = '{\"size\": \"x\", \"storage\": \"photos\"}'").await;
        car.delete(&yard.db).await.unwrap();
        yard.sweep().await;
        assert_eq!(yard.files(&yard.disk()).await, ["cars/car.txt"]);
        assert!(yard.files(&yard.photos()).await.is_empty());
    });
}

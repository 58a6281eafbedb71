//! Sweepers of programs that do not know the model.

use super::*;
use filefield_tests::isolated::NONE;
use std::path::Path;

const PART: &str = "IT_MOVING_PART";
const FOLDER: &str = "IT_MOVING_FOLDER";

#[test]
fn a_program_without_the_model_deletes_originals_and_nothing_else() {
    const NAME: &str = "moving::elsewhere::a_program_without_the_model_deletes_originals_and_nothing_else";
    if let (Ok(part), Ok(folder)) = (std::env::var(PART), std::env::var(FOLDER)) {
        return isolated(NAME, NONE, || block_on(play(&part, Path::new(&folder))));
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for part in ["moves", "knows one storage", "knows both", "looks"] {
        isolated(NAME, &[(PART, part), (FOLDER, folder)], || unreachable!("it is not alone"));
    }
}

async fn play(part: &str, folder: &Path) {
    let place =
        |name: &str| -> SharedStorage { Arc::new(FileSystemStorage::new(folder.join(name)).unwrap()) };
    let (disk, photos) = (place("disk"), place("photos"));
    let mut app = App::builder().storage("disk", disk.clone());
    if part != "knows one storage" {
        app = app.storage("photos", photos.clone());
    }
    if matches!(part, "moves" | "looks") {
        app = app.model::<Car>();
    }
    app.build().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.join("garage.db").display());
    let db = db::connect(&url).await.unwrap();
    let files =
        async |storage: &SharedStorage| storage.list("cars").await.map_or(0, |listing| listing.files.len());
    db.run("UPDATE filefield_journal SET due_at = 0").await.ok();
    match part {
        "moves" => {
            db::migrate::<Car>(&db).await.unwrap();
            for number in 0..3 {
                let name = format!("car {number}");
                let mut car = Car { photo: FileField::new("car.txt", name.clone()), name, ..Car::default() };
                car.save(&db).await.unwrap();
            }
            let report = storage_move::<Car>(&db, "photo", "disk", "photos").run().await.unwrap();
            assert_eq!(report.moved, 3, "{report}");
            // Another file that stays, under the name of one that is deleted.
            db.run(
                "INSERT INTO cars (name, photo, about_photo) SELECT 'stays', photo, '{}' FROM cars LIMIT 1",
            )
            .await
            .unwrap();
        }
        "knows one storage" => {
            let report = db::sweep(&db).await.unwrap();
            // A name that is certain for one row may mean another file for others.
            assert!(report.failed >= 2, "{report:?}");
            assert_eq!((report.failed + report.referenced, report.deleted), (3, 0), "{report:?}");
            assert_eq!((files(&disk).await, files(&photos).await), (3, 3));
        }
        "knows both" => {
            let report = db::sweep(&db).await.unwrap();
            assert_eq!((report.failed, report.deleted), (0, 2), "{report:?}");
            assert_eq!((files(&disk).await, files(&photos).await), (1, 3));
        }
        _ => {
            for car in Car::objects(&db).all().await.unwrap() {
                assert!(car.photo().read().await.unwrap().starts_with(b"car "), "{car:?}");
            }
        }
    }
    db.close().await;
}

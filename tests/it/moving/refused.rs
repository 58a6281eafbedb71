//! Moves that are refused, and failures that do no harm.

use super::*;
use filefield::testing::{Fault, Operation, with_storage};
use filefield::{ErrorKind, storage::PrefixStorage};

/// The kind and the text of an error of the whole move.
async fn refused(this: StorageMove<'_, Car>) -> (ErrorKind, String) {
    let error = this.run().await.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn wrong_terms_are_refused_before_anything_happens() {
    alone("refused::wrong_terms_are_refused_before_anything_happens", async || {
        let yard = Yard::new().await;
        yard.park(1).await;
        let of = |field: &str, from: &str, to: &str| storage_move::<Car>(&yard.db, field, from, to);
        let (kind, text) = refused(of("phto", "disk", "photos")).await;
        assert_eq!(kind, ErrorKind::Usage);
        assert!(text.contains("no file field `phto`; did you mean `photo`? known: photo, papers"), "{text}");
        let (kind, text) = refused(of("papers", "disk", "photos")).await;
        assert_eq!(kind, ErrorKind::Usage);
        assert!(text.starts_with("Car.papers: ") && text.contains("`meta_field = papers_meta`"), "{text}");
        let (kind, text) = refused(of("photo", "disk", "fotos")).await;
        assert_eq!(kind, ErrorKind::UnknownStorage);
        assert!(text.contains("`fotos`") && text.contains("known: default, disk, photos"), "{text}");
        for (from, to) in [("disk", "disk"), ("photos", "photos")] {
            let (kind, text) = refused(of("photo", from, to)).await;
            assert_eq!(kind, ErrorKind::Usage);
            assert!(text.contains("show the same files"), "{text}");
        }
        let memory: SharedStorage = Arc::new(MemoryStorage::new());
        let (kind, text) = with_storage(memory, refused(of("photo", "disk", "photos"))).await;
        assert_eq!(kind, ErrorKind::Usage);
        assert!(text.contains("a test has put"), "{text}");
        assert_eq!(yard.all_well().await.len(), 1);
        assert_eq!(yard.number("SELECT COUNT(*) FROM filefield_journal").await, 0);
    });
}

#[test]
fn a_storage_within_the_other_is_refused() {
    alone("refused::a_storage_within_the_other_is_refused", async || {
        let yard = Yard::new().await;
        let tenant = PrefixStorage::new(yard.photos(), "tenants/7").unwrap();
        let app = App::builder().storage("disk", yard.disk()).storage("photos", yard.photos());
        app.storage("tenant", tenant).build().unwrap();
        for (from, to) in [("photos", "tenant"), ("tenant", "photos")] {
            let (kind, text) = refused(storage_move::<Car>(&yard.db, "photo", from, to)).await;
            assert_eq!(kind, ErrorKind::Usage);
            assert!(text.contains("show the same files"), "{text}");
        }
    });
}

#[test]
fn a_corrupted_or_missing_original_is_reported_and_kept() {
    alone("refused::a_corrupted_or_missing_original_is_reported_and_kept", async || {
        let yard = Yard::new().await;
        let cars = yard.park(6).await;
        let path = |number: usize| cars[number].photo().path().unwrap();
        std::fs::write(path(0), "cra 0").unwrap();
        std::fs::write(path(1), "car 1 and more").unwrap();
        std::fs::remove_file(path(2)).unwrap();
        yard.execute(r#"UPDATE cars SET about_photo = '{"storage":"gone"}' WHERE id = 4"#).await;
        yard.execute(r#"UPDATE cars SET about_photo = '{"storage":"disk","sha256":"xyz"}' WHERE id = 5"#)
            .await;
        for concurrency in [1, 3] {
            let report = yard.to_photos().concurrency(concurrency).run().await.unwrap();
            assert_eq!(report.failed, 5, "{report}");
            let mut kinds: Vec<_> =
                report.errors.iter().map(|failed| (failed.key.as_str(), failed.error.kind())).collect();
            kinds.sort_by_key(|(key, _)| *key);
            let damaged = ErrorKind::NotAsStated;
            let expected = [
                ("1", damaged),
                ("2", damaged),
                ("3", ErrorKind::NotFound),
                ("4", ErrorKind::UnknownStorage),
                ("5", damaged),
            ];
            assert_eq!(kinds, expected, "{report}");
            assert!(report.errors.iter().all(|failed| failed.error.operation().is_some()), "{report}");
            assert!(!report.is_complete());
        }
        assert_eq!(std::fs::read(path(0)).unwrap(), b"cra 0", "the original stays");
        assert_eq!(yard.files(&yard.photos()).await, [cars[5].photo().name()]);
        let unknown = yard.car(4).await;
        let error = unknown.photo().read().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownStorage);
        assert!(error.to_string().contains(r#"App::builder().storage("gone", "..")"#), "{error}");
        assert_eq!(
            unknown.photo().url().unwrap_err().kind(),
            ErrorKind::UnknownStorage,
            "never a guess (F34)"
        );
        // Such a row can still be saved and deleted, and its file waits for a person.
        let mut unknown = unknown;
        unknown.name = "no longer".into();
        unknown.save(&yard.db).await.unwrap();
        unknown.delete(&yard.db).await.unwrap();
        yard.sweep().await;
        let left = yard.number("SELECT COUNT(*) FROM filefield_journal WHERE storage = 'gone'").await;
        assert_eq!(left, 1);
        assert!(path(3).exists());
    });
}

#[test]
fn errors_are_counted_shown_and_limited() {
    alone("refused::errors_are_counted_shown_and_limited", async || {
        let yard = Yard::new().await;
        let cars = yard.park(120).await;
        for car in &cars {
            std::fs::remove_file(car.photo().path().unwrap()).unwrap();
        }
        let report = yard.to_photos().run().await.unwrap();
        assert_eq!((report.failed, report.errors.len(), report.stopped), (120, 100, false));
        let report = yard.to_photos().max_errors(4).batch(2).run().await.unwrap();
        assert_eq!((report.failed, report.stopped, report.is_complete()), (5, true, false), "{report}");
        assert_eq!(yard.number("SELECT COUNT(*) FROM filefield_journal").await, 0);
    });
}

#[test]
fn a_storage_that_refuses_is_tried_again_by_the_next_run() {
    alone("refused::a_storage_that_refuses_is_tried_again_by_the_next_run", async || {
        let yard = Yard::new().await;
        yard.park(5).await;
        for (storage, operation, kind) in [
            (&yard.photos, Operation::Save, ErrorKind::StorageFull),
            (&yard.photos, Operation::Metadata, ErrorKind::Io),
            (&yard.disk, Operation::Open, ErrorKind::Io),
            (&yard.disk, Operation::Owner, ErrorKind::PermissionDenied),
        ] {
            storage.inject(Fault::fail(kind).on(operation).always());
            let report = yard.to_photos().run().await.unwrap();
            storage.clear();
            assert_eq!((report.moved, report.failed), (0, 5), "{operation:?}: {report}");
            assert!(report.errors.iter().all(|failed| failed.error.kind() == kind), "{report}");
            assert_eq!(yard.all_well().await.len(), 5);
        }
        // The answer is lost, and nobody knows whether the copy exists.
        yard.photos.inject(Fault::lose_answer().on(Operation::Save).at(2));
        let report = yard.to_photos().run().await.unwrap();
        yard.photos.clear();
        assert_eq!((report.moved, report.failed), (4, 1), "{report}");
        assert!(report.errors[0].error.is_uncertain());
        assert_eq!(yard.all_well().await.len(), 5);
        assert_eq!(yard.moved().await.moved, 1);
        yard.all_well().await;
        yard.agree().await;
    });
}

#[test]
fn an_original_without_proof_is_left() {
    alone("refused::an_original_without_proof_is_left", async || {
        let yard = Yard::new().await;
        let root = yard.disk().path(name("x")).unwrap();
        std::fs::create_dir_all(root.parent().unwrap()).unwrap();
        std::fs::write(root.with_file_name("django.txt"), "django").unwrap();
        let photo = FileField::stored_unchecked("django.txt");
        let mut car = Car { name: "django".into(), photo, ..Car::default() };
        car.save(&yard.db).await.unwrap();
        let report = yard.moved().await;
        assert_eq!((report.moved, report.left), (1, 1), "{report}");
        yard.all_well().await;
        yard.sweep().await;
        assert_eq!(
            yard.number("SELECT COUNT(*) FROM filefield_journal").await,
            0,
            "nothing waits for a person"
        );
        assert_eq!(yard.files(&yard.disk()).await, ["django.txt"]);
        assert_eq!(yard.files(&yard.photos()).await, ["django.txt"]);
    });
}

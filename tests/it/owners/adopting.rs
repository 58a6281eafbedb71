//! Files of an older program.

use super::*;
use filefield::ErrorKind;
use filefield::ops::adopt;
use filefield::storage::MemoryStorage;

async fn old_rows(db: &Db, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        let id = index + 1;
        execute(db, &format!("INSERT INTO owned_notes (id, scan, meta) VALUES ({id}, '{name}', '{{}}')"))
            .await;
    }
}

#[tokio::test]
async fn adopted_files_are_deleted_with_their_rows() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    let storage = local(&root);
    std::fs::create_dir_all(root.join("notes")).unwrap();
    for name in ["a.txt", "10:30 b.txt"] {
        std::fs::write(root.join("notes").join(name), name).unwrap();
    }
    // A name that no file can have here.
    old_rows(&db, &["notes/a.txt", "notes/10:30 b.txt", "notes/gone.txt"]).await;
    with_storage(storage.clone(), async {
        let dry = adopt::<Note>(&db, "scan").dry_run().run().await.unwrap();
        assert_eq!((dry.total, dry.adopted, dry.missing), (3, 2, 1), "{dry}");
        assert_eq!(owner(&storage, "notes/a.txt").await, None);
        let mut calls = 0;
        let report = adopt::<Note>(&db, &Note::columns().scan).progress(|_| calls += 1).run().await.unwrap();
        assert_eq!((report.adopted, report.missing, report.is_complete()), (2, 1, false), "{report}");
        assert_eq!(report.errors[0].error.kind(), ErrorKind::NotFound);
        assert_eq!((report.errors[0].key.as_str(), report.errors[0].name.as_str()), ("3", "notes/gone.txt"));
        assert_eq!(calls, 4);
        // A second run has nothing to do.
        let again = adopt::<Note>(&db, "scan").run().await.unwrap();
        assert_eq!((again.adopted, again.owned), (0, 2), "{again}");
        assert_eq!(std::fs::read(root.join("notes/a.txt")).unwrap(), b"a.txt");
        for note in Note::objects(&db).all().await.unwrap() {
            note.delete(&db).await.unwrap();
        }
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
        assert_eq!(entries(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn files_with_names_of_older_programs_are_adopted_and_deleted_with_their_last_row() {
    const PLACES: [&str; 4] = ["10:30.txt", ".hidden", "docs\\win.txt", "notes/absolute.txt"];
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    std::fs::create_dir_all(root.join("notes")).unwrap();
    for place in PLACES {
        std::fs::write(root.join(place), place).unwrap();
    }
    old_rows(&db, &["10:30.txt", ".hidden", "docs\\win.txt", "/notes/absolute.txt", "notes/absolute.txt"])
        .await;
    with_storage(local(&root), async {
        let report = adopt::<Note>(&db, "scan").run().await.unwrap();
        assert_eq!((report.adopted, report.owned, report.is_complete()), (4, 1, true), "{report}");
        let mut notes = Note::objects(&db).all().await.unwrap();
        // Two rows name one file, each in a different way. The first to be deleted leaves it to the other.
        let last = notes.pop().unwrap();
        for note in notes {
            note.delete(&db).await.unwrap();
        }
        sweep_all(&db).await;
        assert_eq!(PLACES.map(|place| root.join(place).exists()), [false, false, false, true]);
        last.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(!root.join("notes/absolute.txt").exists());
        assert_eq!(entries(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_file_of_another_database_is_adopted_only_on_request() {
    let (folder, root) = folder();
    let (ours, theirs) = (database(folder.path(), "a.db").await, database(folder.path(), "b.db").await);
    let storage = local(&root);
    with_storage(storage.clone(), async {
        note("a.txt", "theirs").save(&theirs).await.unwrap();
        let before = owner(&storage, "notes/a.txt").await;
        old_rows(&ours, &["notes/a.txt"]).await;
        let report = adopt::<Note>(&ours, "scan").run().await.unwrap();
        assert_eq!((report.foreign, report.adopted), (1, 0), "{report}");
        assert_eq!(owner(&storage, "notes/a.txt").await, before);
        let report = adopt::<Note>(&ours, "scan").from_other_databases().run().await.unwrap();
        assert_eq!((report.foreign, report.adopted), (0, 1), "{report}");
        assert_ne!(owner(&storage, "notes/a.txt").await, before);
    })
    .await;
}

#[tokio::test]
async fn files_in_memory_are_adopted_and_a_storage_that_cannot_is_reported() {
    let (folder, _) = folder();
    let db = database(folder.path(), "a.db").await;
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    old_rows(&db, &["notes/a.txt"]).await;
    with_storage(storage.clone(), async {
        let name = FileName::new("notes/a.txt").unwrap();
        storage.save(name, "old".into(), &Default::default()).await.unwrap();
        let report = adopt::<Note>(&db, "scan").run().await.unwrap();
        assert!(report.adopted == 1 && report.is_complete(), "{report}");
        assert!(owner(&storage, "notes/a.txt").await.is_some());
        let error = adopt::<Note>(&db, "scam").run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("scan"), "{error}");
    })
    .await;
}

//! A database that was restored from a backup.

use super::*;
use filefield::{ErrorKind, Sweeper};

/// Copies the database as a backup does.
async fn copy(db: &Db, folder: &Path, name: &str) -> Db {
    execute(db, &format!("VACUUM INTO '{}'", folder.join(name).display())).await;
    database(folder, name).await
}

#[tokio::test]
async fn no_new_row_gets_the_name_of_a_restored_row_whose_file_is_gone() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    with_storage(local(&root), async {
        let mut mine = note("a.txt", "private");
        mine.save(&db).await.unwrap();
        let restored = copy(&db, folder.path(), "b.db").await;
        mine.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
        let report = db::after_restore(&restored).await.unwrap();
        assert_eq!((report.names, report.missing, report.queued), (1, 1, 0), "{report:?}");
        let mut other = note("a.txt", "another's");
        other.save(&restored).await.unwrap();
        assert_ne!(other.scan().name(), "notes/a.txt");
        let dead = Sweeper::new(&restored).dead().await.unwrap();
        assert_eq!(dead[0].name, "notes/a.txt");
        assert!(dead[0].reason.contains("missing"), "{dead:?}");
        // Sweeps do not free the name. It becomes free when the row releases it.
        sweep_all(&restored).await;
        assert_eq!(entries(&restored).await, 1);
        let row = Note::objects(&restored).order_by(Note::columns().id.asc()).first().await.unwrap().unwrap();
        assert_eq!(row.scan().name(), "notes/a.txt");
        assert_eq!(row.scan().read().await.unwrap_err().kind(), ErrorKind::NotFound);
        row.delete(&restored).await.unwrap();
        sweep_all(&restored).await;
        assert_eq!(entries(&restored).await, 0);
        let mut third = note("a.txt", "third");
        third.save(&restored).await.unwrap();
        assert_eq!(third.scan().name(), "notes/a.txt");
    })
    .await;
}

#[tokio::test]
async fn a_reserved_name_is_given_to_nobody_until_its_file_is_back() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    with_storage(local(&root), async {
        note("a.txt", "private").save(&db).await.unwrap();
        std::fs::rename(root.join("notes/a.txt"), folder.path().join("a.txt")).unwrap();
        assert_eq!(db::after_restore(&db).await.unwrap().missing, 1);
        let sweeper = Sweeper::new(&db);
        let dead = sweeper.dead().await.unwrap();
        // A retry would find the row that names it, and would free the name.
        assert!(!sweeper.retry(dead[0].id).await.unwrap());
        sweep_all(&db).await;
        let mut other = note("a.txt", "another's");
        other.save(&db).await.unwrap();
        assert_ne!(other.scan().name(), "notes/a.txt");
        // An accessor does not ask the journal, but no row accepts what it has stored there.
        let mut third = Note::default();
        third.scan_mut().save("a.txt", "a third one's").await.unwrap();
        assert_eq!(third.scan().name(), "notes/a.txt");
        assert_eq!(third.save(&db).await.unwrap_err().kind(), ErrorKind::StagedExpired);
        third.scan_mut().delete().await.unwrap();
        std::fs::rename(folder.path().join("a.txt"), root.join("notes/a.txt")).unwrap();
        assert_eq!(db::after_restore(&db).await.unwrap().missing, 0);
        assert!(sweeper.dead().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn nothing_counts_as_missing_while_the_root_is_away() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    with_storage(local(&root), note("a.txt", "here").save(&db)).await.unwrap();
    let away = folder.path().join("away");
    std::fs::rename(&root, &away).unwrap();
    for stands_in in [false, true] {
        if stands_in {
            std::fs::create_dir(&root).unwrap();
        }
        // A new process knows no root.
        let error = with_storage(local(&root), db::after_restore(&db)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{error}");
        assert_eq!(entries(&db).await, 0);
    }
    std::fs::remove_dir(&root).unwrap();
    std::fs::rename(&away, &root).unwrap();
    assert_eq!(with_storage(local(&root), db::after_restore(&db)).await.unwrap().missing, 0);
}

#[tokio::test]
async fn a_name_that_an_older_program_wrote_with_a_slash_is_reserved_too() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    execute(&db, "INSERT INTO owned_notes (id, scan, meta) VALUES (1, '/notes/a.txt', '{}')").await;
    with_storage(local(&root), async {
        note("there.txt", "makes the root").save(&db).await.unwrap();
        let report = db::after_restore(&db).await.unwrap();
        assert_eq!((report.names, report.missing), (2, 1), "{report:?}");
        let mut other = note("a.txt", "another's");
        other.save(&db).await.unwrap();
        assert_ne!(other.scan().name(), "notes/a.txt");
        let row = Note::objects(&db).order_by(Note::columns().id.asc()).first().await.unwrap().unwrap();
        assert_eq!(row.scan().read().await.unwrap_err().kind(), ErrorKind::NotFound);
        // A person frees the name.
        row.delete(&db).await.unwrap();
        sweep_all(&db).await;
        let sweeper = Sweeper::new(&db);
        let dead = sweeper.dead().await.unwrap();
        assert_eq!((dead.len(), dead[0].name.as_str()), (1, "notes/a.txt"), "{dead:?}");
        sweeper.forget(dead[0].id).await.unwrap();
        let mut third = note("a.txt", "third");
        third.save(&db).await.unwrap();
        assert_eq!(third.scan().name(), "notes/a.txt");
    })
    .await;
}

#[tokio::test]
async fn files_newer_than_the_backup_are_queued_and_nothing_else() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    let other = database(folder.path(), "other.db").await;
    with_storage(local(&root), async {
        note("kept.txt", "in the backup").save(&db).await.unwrap();
        let restored = copy(&db, folder.path(), "b.db").await;
        note("newer.txt", "after the backup").save(&db).await.unwrap();
        note("theirs.txt", "another database's").save(&other).await.unwrap();
        std::fs::write(root.join("notes/foreign.txt"), "another program's").unwrap();
        let mut staged = note("staged.txt", "on its way");
        staged.stage(&restored).await.unwrap();
        let report = db::after_restore(&restored).await.unwrap();
        assert_eq!((report.missing, report.files, report.queued), (0, 5, 1), "{report:?}");
        assert_eq!(report.foreign, 1, "{report:?}");
        staged.save(&restored).await.unwrap();
        sweep_all(&restored).await;
        assert_eq!(
            files(&root),
            ["notes/foreign.txt", "notes/kept.txt", "notes/staged.txt", "notes/theirs.txt"]
        );
        // New files have another identity, and both identities belong to this database.
        assert_eq!(number(&restored, "SELECT COUNT(*) FROM filefield_identity WHERE epoch >= 0").await, 2);
        for note in Note::objects(&restored).all().await.unwrap() {
            note.delete(&restored).await.unwrap();
        }
        sweep_all(&restored).await;
        assert_eq!(files(&root), ["notes/foreign.txt", "notes/theirs.txt"]);
    })
    .await;
}

#[tokio::test]
async fn a_verified_read_refuses_bytes_that_the_row_was_not_saved_with() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    with_storage(local(&root), async {
        let mut mine = note("a.txt", "mine");
        mine.save(&db).await.unwrap();
        assert_eq!(mine.scan().read_verified().await.unwrap(), "mine");
        mine.scan().verify().await.unwrap();
        for others in ["mind", "mine and more", "", "min"] {
            std::fs::write(root.join("notes/a.txt"), others).unwrap();
            assert_eq!(mine.scan().read().await.unwrap(), others);
            for error in [mine.scan().read_verified().await.err(), mine.scan().verify().await.err()] {
                let error = error.unwrap();
                assert_eq!(
                    (error.kind(), error.name()),
                    (ErrorKind::NotAsStated, Some("notes/a.txt")),
                    "{error}"
                );
            }
        }
        execute(&db, "UPDATE owned_notes SET meta = '{}'").await;
        mine.refresh(&db).await.unwrap();
        assert_eq!(mine.scan().read_verified().await.unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(mine.scan().verify().await.unwrap_err().kind(), ErrorKind::Usage);
    })
    .await;
}

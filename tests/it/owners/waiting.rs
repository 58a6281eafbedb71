//! Entries that wait for a person, and entries that need not.

use super::*;
use filefield::Sweeper;

async fn foreign(db: &Db, root: &Path, kind: &str) {
    std::fs::create_dir_all(root.join("notes")).unwrap();
    std::fs::write(root.join("notes/a.txt"), "another program's").unwrap();
    execute(
        db,
        &format!(
            "INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column) \
             VALUES ('override', 'notes/a.txt', '{kind}', 'pending', 'id-token', 0, 'owned_notes', 'scan')"
        ),
    )
    .await;
}

/// The file system keeps owners, so a file without one is not what the save would have published.
#[tokio::test]
async fn a_killed_save_that_met_a_foreign_file_leaves_no_dead_entry() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    with_storage(local(&root), async {
        foreign(&db, &root, "write").await;
        let report = db::sweep(&db).await.unwrap();
        assert_eq!((report.absent, report.dead, report.deleted), (1, 0, 0), "{report:?}");
        sweep_all(&db).await;
        assert_eq!(entries(&db).await, 0);
        assert_eq!(files(&root), ["notes/a.txt"]);
    })
    .await;
}

#[tokio::test]
async fn dead_entries_are_listed_retried_and_forgotten() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    let storage = local(&root);
    with_storage(storage.clone(), async {
        foreign(&db, &root, "delete").await;
        let sweeper = Sweeper::new(&db);
        assert_eq!(sweeper.run().await.unwrap().dead, 1);
        let dead = sweeper.dead().await.unwrap();
        assert_eq!(dead.len(), 1);
        let entry = &dead[0];
        assert_eq!((entry.storage.as_str(), entry.name.as_str()), ("override", "notes/a.txt"));
        assert_eq!((entry.table.as_str(), entry.column.as_str()), ("owned_notes", "scan"));
        assert!(entry.is_deletion && entry.reason.contains("no proof"), "{entry:?}");
        // Nothing has changed: it dies again.
        assert!(sweeper.retry(entry.id).await.unwrap());
        assert!(sweeper.dead().await.unwrap().is_empty());
        assert_eq!(sweeper.run().await.unwrap().dead, 1);
        // After the repair, it completes.
        storage.set_owner(FileName::new("notes/a.txt").unwrap(), "any").await.unwrap();
        assert!(sweeper.retry(entry.id).await.unwrap());
        let report = sweeper.run().await.unwrap();
        assert_eq!((report.deleted, report.dead), (1, 0), "{report:?}");
        assert!(files(&root).is_empty());
        assert!(!sweeper.retry(entry.id).await.unwrap() && !sweeper.forget(entry.id).await.unwrap());
        execute(&db, "DELETE FROM filefield_journal").await;
        foreign(&db, &root, "delete").await;
        sweeper.run().await.unwrap();
        let id = sweeper.dead().await.unwrap()[0].id;
        assert!(sweeper.forget(id).await.unwrap());
        assert_eq!((entries(&db).await, files(&root)), (0, vec!["notes/a.txt".to_owned()]));
    })
    .await;
}

//! A media root on a file system that keeps no user attributes.

use super::*;
use std::io::Write;
use std::process::Command;

/// A folder that is mounted a second time without attributes.
struct Mount {
    at: PathBuf,
    _folder: tempfile::TempDir,
}

impl Mount {
    /// Returns `None` and prints a line with the reason if it cannot be mounted.
    fn new() -> Option<Mount> {
        let folder = tempfile::tempdir().unwrap();
        let (from, at) = (folder.path().join("real"), folder.path().join("shown"));
        std::fs::create_dir(&from).unwrap();
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("bindfs").arg("--xattr-none").args([&from, &at]).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Mount { at, _folder: folder }),
            other => {
                let test = std::thread::current().name().unwrap_or("a test").to_owned();
                let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: bindfs cannot mount: {other:?}");
                None
            }
        }
    }

    fn root(&self) -> PathBuf {
        self.at.join("media")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        for _ in 0..50 {
            if Command::new("umount").arg(&self.at).output().is_ok_and(|output| output.status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// A database, and a media root without attributes.
async fn run<F: Future<Output = ()>>(test: impl FnOnce(Db, SharedStorage, PathBuf) -> F) {
    let Some(mount) = Mount::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path(), "a.db").await;
    let storage = local(&mount.root());
    with_storage(storage.clone(), test(db, storage, mount.root())).await;
}

async fn nothing_left(db: &Db, root: &Path) {
    sweep_all(db).await;
    assert_eq!(entries(db).await, 0, "no entry waits for a person");
    assert!(files(root).is_empty(), "{:?}", files(root));
    // There is no note about a file either.
    assert!(files_below(root).is_empty(), "{:?}", files_below(root));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_replaced_cleared_and_deleted_files_go() {
    run(|db, storage, root| async move {
        let mut mine = note("a.txt", "one");
        mine.save(&db).await.unwrap();
        assert!(owner(&storage, "notes/a.txt").await.is_some());
        mine.scan_mut().assign(FileField::new("b.txt", "two"));
        mine.save(&db).await.unwrap();
        sweep_all(&db).await;
        assert_eq!(files(&root), ["notes/b.txt"]);
        mine.scan_mut().clear();
        mine.save(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
        mine.scan_mut().assign(FileField::new("c.txt", "three"));
        mine.save(&db).await.unwrap();
        mine.delete(&db).await.unwrap();
        nothing_left(&db, &root).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_a_rollback_leaves_no_file() {
    run(|db, _, root| async move {
        let mut mine = note("a.txt", "one");
        mine.stage(&db).await.unwrap();
        let tx = db.begin().await.unwrap();
        mine.save(&tx).await.unwrap();
        tx.rollback().await.unwrap();
        drop(mine);
        nothing_left(&db, &root).await;
    })
    .await;
}

/// As if the process had died between publishing and the row's transaction.
#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_a_file_of_a_killed_save_goes() {
    run(|db, storage, root| async move {
        let mut mine = note("a.txt", "one");
        mine.save(&db).await.unwrap();
        let token = owner(&storage, "notes/a.txt").await.unwrap();
        execute(&db, "DELETE FROM owned_notes").await;
        execute(
            &db,
            &format!(
                "INSERT INTO filefield_journal (storage, name, kind, state, token, due_at, model_table, model_column) \
                 VALUES ('override', 'notes/a.txt', 'write', 'pending', '{token}', 0, 'owned_notes', 'scan')"
            ),
        )
        .await;
        nothing_left(&db, &root).await;
    })
    .await;
}

/// As if the process had died right after it reserved the name. A version that recorded no owners left tokens
/// without an identity, and nothing is known about those.
#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_a_killed_save_that_met_a_foreign_file_leaves_no_dead_entry() {
    run(|db, _, root| async move {
        std::fs::create_dir_all(root.join("notes")).unwrap();
        // There is a root with a mark.
        note("b.txt", "ours").save(&db).await.unwrap();
        for (token, left) in [("identity-token", 0), ("token", 1)] {
            std::fs::write(root.join("notes/a.txt"), "another program's").unwrap();
            execute(
                &db,
                &format!(
                    "INSERT INTO filefield_journal \
                     (storage, name, kind, state, token, due_at, model_table, model_column) \
                     VALUES ('override', 'notes/a.txt', 'write', 'pending', '{token}', 0, 'owned_notes', 'scan')"
                ),
            )
            .await;
            sweep_all(&db).await;
            assert_eq!(entries(&db).await, left, "{token}");
            assert_eq!(std::fs::read(root.join("notes/a.txt")).unwrap(), b"another program's");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_a_file_that_took_the_place_of_ours_stays() {
    run(|db, storage, root| async move {
        let mut mine = note("a.txt", "one");
        mine.save(&db).await.unwrap();
        let place = root.join("notes/a.txt");
        std::fs::remove_file(&place).unwrap();
        std::fs::write(&place, "two").unwrap();
        assert_eq!(owner(&storage, "notes/a.txt").await, None);
        mine.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert_eq!(std::fs::read(&place).unwrap(), b"two");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_the_owner_goes_along_with_renames_and_copies() {
    run(|_, storage, root| async move {
        let name = |name: &'static str| FileName::new(name).unwrap();
        let options =
            filefield::SaveOptions { owner: Some("mine-token".into()), exact: true, ..Default::default() };
        storage.save(name("a.txt"), "one".into(), &options).await.unwrap();
        storage.rename(name("a.txt"), name("d/b.txt")).await.unwrap();
        assert_eq!(owner(&storage, "d/b.txt").await.as_deref(), Some("mine-token"));
        storage.copy(name("d/b.txt"), name("c.txt"), &options).await.unwrap();
        assert_eq!(owner(&storage, "c.txt").await.as_deref(), Some("mine-token"));
        storage.delete(name("d/b.txt")).await.unwrap();
        storage.delete(name("c.txt")).await.unwrap();
        assert!(files_below(&root).is_empty(), "{:?}", files_below(&root));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_a_taken_name_keeps_its_owner() {
    run(|_, storage, root| async move {
        let name = FileName::new("a.txt").unwrap();
        let save = async |owner: &str| {
            let options =
                filefield::SaveOptions { owner: Some(owner.into()), exact: true, ..Default::default() };
            storage.save(name, "one".into(), &options).await
        };
        save("first-1").await.unwrap();
        save("second-2").await.unwrap_err();
        assert_eq!(owner(&storage, "a.txt").await.as_deref(), Some("first-1"));
        assert_eq!(files(&root), ["a.txt"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attributes_a_file_of_before_is_adopted() {
    run(|db, storage, root| async move {
        std::fs::create_dir_all(root.join("notes")).unwrap();
        std::fs::write(root.join("notes/old.txt"), "old").unwrap();
        execute(&db, "INSERT INTO owned_notes (id, scan, meta) VALUES (1, 'notes/old.txt', '{}')").await;
        let report = filefield::ops::adopt::<Note>(&db, "scan").run().await.unwrap();
        assert_eq!((report.adopted, report.is_complete()), (1, true), "{report}");
        assert!(owner(&storage, "notes/old.txt").await.is_some());
        Note::objects(&db).first().await.unwrap().unwrap().delete(&db).await.unwrap();
        nothing_left(&db, &root).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_file_with_a_line_break_in_its_name_goes_with_its_row() {
    run(|db, _, root| async move {
        std::fs::create_dir_all(root.join("notes")).unwrap();
        std::fs::write(root.join("notes/two\nlines.txt"), "older").unwrap();
        execute(&db, "INSERT INTO owned_notes (id, scan, meta) VALUES (1, 'notes/two\nlines.txt', '{}')")
            .await;
        let report = filefield::ops::adopt::<Note>(&db, "scan").run().await.unwrap();
        assert_eq!((report.adopted, report.owned), (1, 0), "{report}");
        let report = filefield::ops::adopt::<Note>(&db, "scan").run().await.unwrap();
        assert_eq!((report.adopted, report.owned), (0, 1), "{report}");
        Note::objects(&db).first().await.unwrap().unwrap().delete(&db).await.unwrap();
        nothing_left(&db, &root).await;
    })
    .await;
}

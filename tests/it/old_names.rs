//! Names that an older program has written into the rows. filefield would not create them, and works with
//! them.

use filefield::db::Queries;
use filefield::db::{self, Db};
use filefield::ops::rename_names;
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::storage::{FileSystemStorage, MemoryStorage, PrefixStorage, Signer};
use filefield::{ErrorKind, FileName, SaveOptions, SharedStorage};
use filefield_tests::isolated::isolated;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Default, Model)]
#[model(table = "old_letters")]
struct Letter {
    #[model(primary_key)]
    id: i64,
    title: String,
    #[file(upload_to = "scans")]
    scan: FileField,
}

/// The names, and where each file is below the root.
const ODD: [(&str, &str); 20] = [
    ("10:30.txt", "10:30.txt"),
    ("scans/cafe\u{301}.txt", "scans/cafe\u{301}.txt"),
    (".hidden", ".hidden"),
    (".old/letter.txt", ".old/letter.txt"),
    ("a.", "a."),
    ("trailing ", "trailing "),
    ("docs\\win.txt", "docs\\win.txt"),
    ("C:\\scans\\a.txt", "C:\\scans\\a.txt"),
    ("report #12", "report #12"),
    ("/docs/abs.txt", "docs/abs.txt"),
    ("tab\there.txt", "tab\there.txt"),
    ("line\nbreak.txt", "line\nbreak.txt"),
    ("con.txt", "con.txt"),
    ("what?.txt", "what?.txt"),
    ("a*b|c<d>e.txt", "a*b|c<d>e.txt"),
    ("\"quoted\".txt", "\"quoted\".txt"),
    ("\u{202e}gpj.exe", "\u{202e}gpj.exe"),
    ("...", "..."),
    ("%2e%2e", "%2e%2e"),
    ("plain.txt", "plain.txt"),
];

async fn database(folder: &Path) -> Db {
    let url = format!("sqlite://{}?mode=rwc", folder.join("old_letters.db").display());
    let db = db::connect(&url).await.unwrap();
    db::migrate::<Letter>(&db).await.unwrap();
    for (number, (name, _)) in ODD.iter().enumerate() {
        insert(&db, number, name).await;
    }
    db
}

async fn insert(db: &Db, number: usize, name: &str) {
    let sql = "INSERT INTO old_letters (title, scan) VALUES (?, ?)";
    db.execute(sql, vec![format!("letter {number}").into(), name.into()]).await.unwrap();
}

/// The files of the older program.
fn write_files(root: &Path) {
    for (number, (_, at)) in ODD.iter().enumerate() {
        let path = root.join(at);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("text {number}")).unwrap();
    }
}

fn disk(root: &Path) -> FileSystemStorage {
    let signer = Signer::new("a key for the tests that is long enough".repeat(2).as_str()).unwrap();
    FileSystemStorage::builder(root).base_url("/media/").signer(signer).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_older_programs_are_read_linked_listed_copied_saved_and_deleted() {
    for below in ["", "tenants/7"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("media");
        write_files(&root.join(below));
        let storage: SharedStorage = match below {
            "" => Arc::new(disk(&root)),
            below => Arc::new(PrefixStorage::new(Arc::new(disk(&root)), below).unwrap()),
        };
        let db = database(folder.path()).await;
        with_storage(storage.clone(), async {
            for (number, (_, at)) in ODD.iter().enumerate() {
                let letter = Letter::objects(&db).get(Letter::columns().title.eq(format!("letter {number}")));
                let mut letter = letter.await.unwrap();
                let text = format!("text {number}");
                let scan = letter.scan();
                assert_eq!(scan.read().await.unwrap(), text, "{at}");
                assert_eq!(
                    (scan.size().await.unwrap(), scan.exists().await.unwrap()),
                    (text.len() as u64, true)
                );
                assert!(scan.url().unwrap().starts_with("/media/"));
                let url = scan.signed_url(Duration::from_secs(60)).await.unwrap();
                let request = filefield::storage::SignedRequest::new("GET", &url);
                assert_eq!(storage.verify_signed_url(&request).unwrap().name, *at);
                let (parent, leaf) = at.rsplit_once('/').unwrap_or(("", at));
                assert!(storage.list(parent).await.unwrap().files.iter().any(|file| file == leaf), "{at}");
                let copied = storage
                    .copy(
                        FileName::existing(at).unwrap(),
                        FileName::new("copy.txt").unwrap(),
                        &SaveOptions::default(),
                    )
                    .await
                    .unwrap();
                assert_eq!(copied.size, text.len() as u64);
                // A row that is saved keeps its file.
                letter.title.push('!');
                letter.save(&db).await.unwrap();
                assert_eq!(letter.scan().read().await.unwrap(), text);
                letter.scan_mut().delete().await.unwrap();
                assert!(!root.join(below).join(at).exists(), "{at}");
            }
        })
        .await;
        db.close().await;
    }
}

#[tokio::test]
async fn nothing_is_saved_under_such_a_name() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [Arc::new(disk(folder.path())) as SharedStorage, Arc::new(MemoryStorage::new())] {
        let plain = FileName::new("plain").unwrap();
        storage.save(plain, "x".into(), &SaveOptions::default()).await.unwrap();
        for odd in ["10:30.txt", ".hidden", "a.", "docs\\win.txt", "cafe\u{301}"] {
            let odd = FileName::existing(odd).unwrap();
            let refused = [
                storage.save(odd, "x".into(), &SaveOptions::default()).await.map(drop),
                storage.copy(plain, odd, &SaveOptions::default()).await.map(drop),
                storage.rename(plain, odd).await,
            ];
            for refused in refused {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidName);
            }
        }
        assert_eq!(storage.list("").await.unwrap().files, ["plain"]);
    }
}

#[tokio::test]
async fn no_row_leads_out_of_the_root() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("outside"), "x").unwrap();
    let root = folder.path().join("media");
    std::fs::create_dir_all(root.join(".filefield/tmp")).unwrap();
    std::fs::write(root.join(".filefield/tmp/staged"), "x").unwrap();
    let db = database(folder.path()).await;
    let bad = [
        "../outside",
        "/../outside",
        "a/../../outside",
        "..\\outside",
        ".filefield/tmp/staged",
        "//etc/passwd",
    ];
    for (number, name) in bad.iter().enumerate() {
        insert(&db, 100 + number, name).await;
    }
    with_storage(Arc::new(disk(&root)) as SharedStorage, async {
        for (number, name) in bad.iter().enumerate() {
            let title = format!("letter {}", 100 + number);
            let letter = Letter::objects(&db).get(Letter::columns().title.eq(title)).await.unwrap();
            let kind = letter.scan().read().await.unwrap_err().kind();
            assert!(matches!(kind, ErrorKind::Traversal | ErrorKind::InvalidName), "{name}: {kind:?}");
            letter.scan().url().unwrap_err();
        }
    })
    .await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_older_programs_become_ours_in_file_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    write_files(&root);
    let db = database(folder.path()).await;
    // Another row has the same file, one has a missing file, and one has a name that leaves the root.
    insert(&db, 50, "10:30.txt").await;
    insert(&db, 51, "gone:.txt").await;
    insert(&db, 52, "../10:30.txt").await;
    let storage: SharedStorage = Arc::new(disk(&root));
    with_storage(storage.clone(), async {
        let adopted = filefield::ops::adopt::<Letter>(&db, "scan").run().await.unwrap();
        assert_eq!((adopted.adopted, adopted.owned), (20, 1), "{adopted}");
        let would = rename_names::<Letter>(&db, "scan").dry_run().run().await.unwrap();
        assert_eq!((would.moved, would.failed), (19, 2), "{would}");
        assert!(root.join("10:30.txt").exists() && !root.join("1030.txt").exists());
        let report = rename_names::<Letter>(&db, &Letter::columns().scan).run().await.unwrap();
        // `%2e%2e` and `plain.txt` need no other name. The first of the two rows leaves the file to the
        // second.
        assert_eq!((report.total, report.moved, report.skipped), (23, 19, 2), "{report}");
        assert_eq!((report.left, report.failed, report.errors.len()), (1, 2, 2), "{report}");
        let kinds: Vec<_> = report.errors.iter().map(|error| error.error.kind()).collect();
        assert_eq!(kinds, [ErrorKind::NotFound, ErrorKind::Traversal]);
        // A database that is restored now still finds the old files. The sweeper deletes them when they are
        // due.
        assert!(root.join("10:30.txt").exists());
        db::sweep(&db).await.unwrap();
        for (number, (_, at)) in ODD.iter().enumerate() {
            let letter = Letter::objects(&db).get(Letter::columns().title.eq(format!("letter {number}")));
            let letter = letter.await.unwrap();
            let name = letter.scan().name().to_owned();
            FileName::new(&name).unwrap();
            assert_eq!(letter.scan().read().await.unwrap(), format!("text {number}"));
            assert_eq!(root.join(at).exists(), *at == name, "{at}");
        }
        let again = rename_names::<Letter>(&db, "scan").run().await.unwrap();
        assert_eq!((again.moved, again.skipped, again.failed), (0, 21, 2), "{again}");
        // They are ours now: if a row releases one, it is deleted.
        let letter = Letter::objects(&db).get(Letter::columns().title.eq("letter 0")).await.unwrap();
        let at = root.join(letter.scan().name());
        letter.delete(&db).await.unwrap();
        db::sweep(&db).await.unwrap();
        assert!(!at.exists());
    })
    .await;
    db.close().await;
}

/// The original is not ours, and may belong to another application on the same root.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_original_that_nobody_adopted_stays() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("10:30.txt"), "half past ten").unwrap();
    let db = database(folder.path()).await;
    db.run("DELETE FROM old_letters").await.unwrap();
    insert(&db, 1, "10:30.txt").await;
    let storage: SharedStorage = Arc::new(disk(&root));
    with_storage(storage.clone(), async {
        let report = rename_names::<Letter>(&db, "scan").run().await.unwrap();
        assert_eq!((report.moved, report.left, report.failed), (1, 1, 0), "{report}");
        db.run("UPDATE filefield_journal SET due_at = 0").await.unwrap();
        db::sweep(&db).await.unwrap();
        assert_eq!(std::fs::read(root.join("10:30.txt")).unwrap(), b"half past ten");
        assert_eq!(storage.owner(FileName::existing("10:30.txt").unwrap()).await.unwrap(), None);
        let letter = Letter::objects(&db).first().await.unwrap().unwrap();
        assert_eq!(letter.scan().name(), "1030.txt");
    })
    .await;
    db.close().await;
}

/// The originals outlive the renaming by `DELETE_AFTER`, so the names in a backup of the database still have
/// files.
#[test]
fn a_database_restored_after_a_renaming_finds_its_files() {
    const NAME: &str = "old_names::a_database_restored_after_a_renaming_finds_its_files";
    isolated(NAME, &[("FILEFIELD_DELETE_AFTER", "")], || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(rename_and_restore());
    });
}

async fn rename_and_restore() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("10:30.txt"), "half past ten").unwrap();
    let db = database(folder.path()).await;
    db.run("DELETE FROM old_letters").await.unwrap();
    insert(&db, 1, "10:30.txt").await;
    let storage: SharedStorage = Arc::new(disk(&root));
    with_storage(storage, async {
        let adopted = filefield::ops::adopt::<Letter>(&db, "scan").run().await.unwrap();
        assert_eq!(adopted.adopted, 1, "{adopted}");
        let backup = folder.path().join("backup.db");
        db.run(&format!("VACUUM INTO '{}'", backup.display())).await.unwrap();
        let report = rename_names::<Letter>(&db, "scan").run().await.unwrap();
        assert_eq!((report.moved, report.left), (1, 0), "{report}");
        db::sweep(&db).await.unwrap();
        let restored = db::connect(&format!("sqlite://{}", backup.display())).await.unwrap();
        let report = db::after_restore(&restored).await.unwrap();
        assert_eq!(report.missing, 0, "{report:?}");
        db::sweep(&restored).await.unwrap();
        let letter = Letter::objects(&restored).first().await.unwrap().unwrap();
        assert_eq!(letter.scan().name(), "10:30.txt");
        assert_eq!(letter.scan().read().await.unwrap(), "half past ten");
        restored.close().await;
    })
    .await;
    db.close().await;
}

/// Two applications share a root, and each has a row for the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_database_owns_keeps_its_name_beside_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("10:30.txt"), "half past ten").unwrap();
    let db = database(folder.path()).await;
    let others_folder = folder.path().join("others");
    std::fs::create_dir(&others_folder).unwrap();
    let others = database(&others_folder).await;
    for db in [&db, &others] {
        db.run("DELETE FROM old_letters").await.unwrap();
        insert(db, 1, "10:30.txt").await;
    }
    let storage: SharedStorage = Arc::new(disk(&root));
    with_storage(storage, async {
        let report = filefield::ops::adopt::<Letter>(&others, "scan").run().await.unwrap();
        assert_eq!(report.adopted, 1, "{report}");
        let report = rename_names::<Letter>(&db, "scan").run().await.unwrap();
        assert_eq!((report.moved, report.left, report.failed), (1, 1, 0), "{report}");
        for db in [&db, &others] {
            db::sweep(db).await.unwrap();
            let letter = Letter::objects(db).first().await.unwrap().unwrap();
            assert_eq!(letter.scan().read().await.unwrap(), "half past ten");
        }
    })
    .await;
}

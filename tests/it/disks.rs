//! File systems that lack hard links, modes, attributes, or distinct spellings of a name.

use filefield::db::{self, Queries};
use filefield::prelude::*;
use filefield::registry::with_storage;
use filefield::storage::FileSystemStorage;
use filefield::{Content, ErrorKind, FileName, SaveOptions, SharedStorage, Storage, TempFile};
use filefield_tests::disks::Disk;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn name(text: &str) -> FileName<'_> {
    FileName::new(text).unwrap()
}

fn storage_in(folder: &Path) -> FileSystemStorage {
    FileSystemStorage::builder(folder).base_url("/media/").build().unwrap()
}

/// Every file below a folder, except those in the reserved one.
fn files(folder: &Path) -> Vec<String> {
    let mut files = crate::support::files_below(folder);
    files.retain(|file| !file.starts_with(".filefield/"));
    files
}

/// The files in the reserved folder, without the mark of the root.
fn reserved(folder: &Path) -> Vec<String> {
    let mut files = crate::support::files_below(&folder.join(".filefield"));
    files.retain(|file| file != "root");
    files
}

async fn conforms(disk: &Disk) {
    let mut number = 0;
    filefield::testing::storage_suite(async || {
        number += 1;
        Arc::new(storage_in(&disk.root().join(format!("suite{number}")))) as SharedStorage
    })
    .await;
}

async fn savers_of_one_name_never_lose_bytes(disk: &Disk) {
    let root = disk.root().join("race");
    let storage: SharedStorage = Arc::new(storage_in(&root));
    let mut savers = tokio::task::JoinSet::new();
    for saver in 0..4 {
        let storage = storage.clone();
        savers.spawn(async move {
            let mut saved = Vec::new();
            for round in 0..15 {
                // On this file system they are one name.
                let wanted = ["d/a.txt", "d/A.TXT"][(saver + round) % 2];
                let bytes = format!("{saver} {round}");
                let options = SaveOptions::default();
                let name = storage.save(name(wanted), bytes.clone().into(), &options).await.unwrap().name;
                saved.push((name, bytes));
            }
            saved
        });
    }
    let mut taken = BTreeSet::new();
    while let Some(saved) = savers.join_next().await {
        for (saved, bytes) in saved.unwrap() {
            assert_eq!(storage.open(name(&saved)).await.unwrap().read_all(100).await.unwrap(), bytes);
            assert!(taken.insert(saved.to_lowercase()), "{saved} was given twice");
        }
    }
    assert_eq!((files(&root).len(), reserved(&root)), (60, vec![]));
}

async fn every_way_to_a_name(disk: &Disk) {
    let root = disk.root().join("ways");
    let storage = storage_in(&root);
    let save = async |wanted: &str, content: Content, options: &SaveOptions| {
        storage.save(name(wanted), content, options).await.map(|saved| saved.name)
    };
    let (free, exact) = (SaveOptions::default(), SaveOptions { exact: true, ..SaveOptions::default() });
    assert_eq!(save("a.txt", "one".into(), &free).await.unwrap(), "a.txt");
    for wanted in ["a.txt", "A.txt"] {
        let error = save(wanted, "two".into(), &exact).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_ne!(save(wanted, "two".into(), &free).await.unwrap(), wanted);
    }
    let mut temp = TempFile::create_in(disk.root()).unwrap();
    temp.write_all(b"three").unwrap();
    assert_eq!(save("temp.txt", temp.finish().unwrap().into(), &exact).await.unwrap(), "temp.txt");
    storage.rename(name("temp.txt"), name("x/y.txt")).await.unwrap();
    let onto = storage.rename(name("x/y.txt"), name("A.TXT")).await.unwrap_err();
    assert_eq!(onto.kind(), ErrorKind::AlreadyExists);
    assert_eq!(storage.copy(name("x/y.txt"), name("b.txt"), &exact).await.unwrap().name, "b.txt");
    for (file, bytes) in [("a.txt", "one"), ("x/y.txt", "three"), ("b.txt", "three")] {
        assert_eq!(storage.open(name(file)).await.unwrap().read_all(100).await.unwrap(), bytes);
    }
    let replacing = FileSystemStorage::builder(&root).allow_overwrite(true).build().unwrap();
    let mut temp = TempFile::create_in(disk.root()).unwrap();
    temp.write_all(b"five").unwrap();
    for (content, bytes) in [(Content::from("four"), "four"), (temp.finish().unwrap().into(), "five")] {
        let saved = replacing.save(name("a.txt"), content, &free).await.unwrap();
        assert_eq!(saved.name, "a.txt");
        assert_eq!(storage.open(name("a.txt")).await.unwrap().read_all(100).await.unwrap(), bytes);
    }
    storage.delete(name("b.txt")).await.unwrap();
    assert_eq!(files(&root).len(), 4);
    assert_eq!(storage.remove_staged(Duration::ZERO).await.unwrap(), 0);
    let marked: Vec<_> = reserved(&root).into_iter().filter(|file| file != "root").collect();
    assert!(marked.is_empty() && files(&disk.root()).len() >= 4, "{marked:?}");
}

#[derive(Debug, Clone, Default, Model)]
#[model(table = "stick_notes")]
struct StickNote {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    title: String,
    #[file(upload_to = "scans", naming = "unique", meta_field = scan_meta)]
    scan: FileField,
    scan_meta: FileMeta,
}

async fn rows_replace_and_delete(disk: &Disk) {
    let root = disk.root().join("rows");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("notes.db").display());
    let db = db::connect(&url).await.unwrap();
    db::migrate::<StickNote>(&db).await.unwrap();
    with_storage(Arc::new(storage_in(&root)), async {
        let mut note = StickNote { scan: FileField::new("scan.txt", "one"), ..StickNote::default() };
        note.save(&db).await.unwrap();
        note.scan_mut().assign(FileField::new("scan.txt", "two"));
        note.save(&db).await.unwrap();
        db::sweep(&db).await.unwrap();
        assert_eq!((files(&root).len(), note.scan().read().await.unwrap().as_ref()), (1, b"two".as_slice()));
        // An upload survives a refused save, although it cannot get a second name.
        let mut temp = TempFile::create_in(disk.root()).unwrap();
        temp.write_all(b"three").unwrap();
        let scan = FileField::new("scan.txt", temp.finish().unwrap());
        let mut second = StickNote { scan, ..StickNote::default() };
        assert_eq!(second.save(&db).await.unwrap_err().kind(), ErrorKind::UniqueViolation);
        second.title = "second".into();
        second.save(&db).await.unwrap();
        assert_eq!(second.scan().read().await.unwrap(), "three");
        second.delete(&db).await.unwrap();
        note.delete(&db).await.unwrap();
        db::sweep(&db).await.unwrap();
        assert_eq!((files(&root), reserved(&root)), (vec![], vec![]));
    })
    .await;
    db.close().await;
}

async fn a_name_in_another_case_is_not_the_name_of_the_file(disk: &Disk) {
    let root = disk.root().join("case");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("notes.db").display());
    let db = db::connect(&url).await.unwrap();
    db::migrate::<StickNote>(&db).await.unwrap();
    with_storage(Arc::new(storage_in(&root)), async {
        let mut note = StickNote { scan: FileField::new("scan.txt", "one"), ..StickNote::default() };
        note.save(&db).await.unwrap();
        let name = note.scan().name().to_owned();
        for other in [name.replace(".txt", ".TXT"), name.replace("scans/", "Scans/"), name.to_uppercase()] {
            if other.starts_with("scans/") {
                let scan = FileField::stored(&other);
                let mut second = StickNote { title: other.clone(), scan, ..StickNote::default() };
                let error = second.save(&db).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound, "{other}: {error}");
                assert!(error.to_string().contains("ignores case"), "{error}");
            }
            // A row of another program that names the file this way does not delete it.
            let insert = "INSERT INTO stick_notes (title, scan, scan_meta)";
            db.run(&format!("{insert} VALUES ('{other}', '{other}', '{{}}')")).await.unwrap();
            let title = StickNote::columns().title.eq(other.as_str());
            StickNote::objects(&db).get(title).await.unwrap().delete(&db).await.unwrap();
            db::sweep(&db).await.unwrap();
            assert_eq!(note.scan().read().await.unwrap(), "one", "{other}");
        }
        // The right spelling shares the file.
        let scan = FileField::stored(&name);
        StickNote { title: "second".into(), scan, ..StickNote::default() }.save(&db).await.unwrap();
        note.delete(&db).await.unwrap();
        db::sweep(&db).await.unwrap();
        assert_eq!(files(&root), [name]);
    })
    .await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_without_links_and_modes_is_a_storage() {
    for disk in [Disk::exfat(), Disk::vfat()].into_iter().flatten() {
        every_way_to_a_name(&disk).await;
        savers_of_one_name_never_lose_bytes(&disk).await;
        rows_replace_and_delete(&disk).await;
        a_name_in_another_case_is_not_the_name_of_the_file(&disk).await;
        conforms(&disk).await;
    }
}

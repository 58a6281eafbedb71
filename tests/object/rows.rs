//! Rows whose files are objects: the journal's promises hold in a bucket.

use filefield::db::Queries;
use filefield::db::{self, Db, Table, migrate, sweep};
use filefield::ops::adopt;
use filefield::prelude::*;
use filefield::storage::{CreateOnlyUploads, ObjectStorage};
use filefield::testing::{Operation, RecordingStorage, with_storage};
use filefield::{ErrorKind, FileName, SaveOptions, SharedStorage};
use filefield_tests::buckets::provider::Provider;
use filefield_tests::buckets::s3::{Server, over};
use std::sync::Arc;

#[derive(Debug, Clone, Default, Model)]
#[model(table = "ferries")]
pub(crate) struct Ferry {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    pub(crate) name: String,
    #[file(upload_to = "ferries")]
    pub(crate) photo: FileField,
    #[file(upload_to = "ferries", naming = "unique")]
    pub(crate) plan: FileField,
}

/// Two parts and a bit.
pub(crate) const LARGE: usize = (2 << 23) + 5;

pub(crate) fn ferry(name: &str) -> Ferry {
    Ferry {
        name: name.into(),
        photo: FileField::new("ferry.txt", name.to_owned()),
        plan: FileField::new("plan.bin", vec![7; LARGE]),
        ..Ferry::default()
    }
}

pub(crate) async fn files(storage: &SharedStorage) -> Vec<String> {
    storage.list("ferries").await.map(|listing| listing.files).unwrap_or_default()
}

/// A new database with the table.
pub(crate) async fn database() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("db.sqlite").display());
    let db = db::connect(&url).await.unwrap();
    migrate::<Ferry>(&db).await.unwrap();
    (folder, db)
}

pub(crate) async fn swept(db: &Db) {
    for _ in 0..2 {
        db.run("UPDATE filefield_journal SET due_at = 0").await.unwrap();
        sweep(db).await.unwrap();
    }
}

async fn rows(storage: SharedStorage) {
    let (_folder, db) = database().await;
    assert!(files(&storage).await.is_empty());

    let mut one = ferry("one");
    one.save(&db).await.unwrap();
    let mut two = ferry("two");
    two.save(&db).await.unwrap();
    assert_ne!(one.photo().name(), two.photo().name());
    let read = Ferry::objects(&db).get(Ferry::columns().name.eq("two")).await.unwrap();
    assert_eq!(read.photo().read().await.unwrap(), "two");
    assert_eq!(read.plan().size().await.unwrap(), LARGE as u64);

    // A row that is refused takes its files along.
    assert_eq!(ferry("one").save(&db).await.unwrap_err().kind(), ErrorKind::UniqueViolation);
    // So does a transaction that is rolled back, once the lease is over.
    let mut three = ferry("three");
    three.stage(&db).await.unwrap();
    let tx = db.begin().await.unwrap();
    three.save(&tx).await.unwrap();
    tx.rollback().await.unwrap();
    drop(three);
    swept(&db).await;
    assert_eq!(files(&storage).await.len(), 4);

    // What is replaced goes, and a file that is not ours stays.
    let old = one.photo().name().to_owned();
    one.photo = FileField::new("ferry.txt", "one again");
    one.save(&db).await.unwrap();
    two.delete(&db).await.unwrap();
    swept(&db).await;
    assert!(!storage.exists(FileName::new(&old).unwrap()).await.unwrap());
    assert_eq!(one.photo().read().await.unwrap(), "one again");
    assert_eq!(files(&storage).await.len(), 2);
}

/// A save asks nothing: neither whether the name is free, before, nor whether the file is there, after.
#[tokio::test]
async fn a_small_save_is_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("db.sqlite").display());
    let db = db::connect(&url).await.unwrap();
    migrate::<Ferry>(&db).await.unwrap();
    let bucket = Arc::new(filefield::object_store::memory::InMemory::new());
    let recording =
        Arc::new(RecordingStorage::new(Arc::new(ObjectStorage::builder(bucket).build().unwrap())));
    with_storage(recording.clone(), async {
        for (round, name) in ["one", "two"].into_iter().enumerate() {
            recording.clear();
            let photo = FileField::new("ferry.txt", vec![7; 4096]);
            let mut ferry = Ferry { name: name.into(), photo, ..Ferry::default() };
            ferry.save(&db).await.unwrap();
            let asked: Vec<_> = recording.operations().iter().map(|done| done.operation).collect();
            // A name that is taken is found out by the save, and looked for before the next one.
            let expected: &[_] = match round {
                0 => &[Operation::Save],
                _ => &[Operation::Save, Operation::Metadata, Operation::Save],
            };
            assert_eq!(asked, expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_objects_agree() {
    for provider in Provider::all().await {
        let storage: SharedStorage = Arc::new(provider.fresh().await.build().unwrap());
        with_storage(storage.clone(), rows(storage)).await;
    }
}

/// Where the service does not finish an upload over a name that is taken.
#[tokio::test(flavor = "multi_thread")]
async fn rows_and_create_only_uploads_agree() {
    let server = Server::start().await;
    let client = server.client(&server.bucket()).with_http_connector(CreateOnlyUploads);
    let storage: SharedStorage = Arc::new(over(client.build().unwrap()).build().unwrap());
    with_storage(storage.clone(), rows(storage)).await;
}

/// What an older program has stored is deleted with its row, once it was adopted.
async fn adopted(storage: SharedStorage) {
    let (_folder, db) = database().await;
    let old = crate::name("ferries/old.txt");
    storage.save(old, "old".into(), &SaveOptions::default()).await.unwrap();
    let mut one = Ferry { name: "one".into(), photo: FileField::stored(old.as_str()), ..Ferry::default() };
    one.save(&db).await.unwrap();
    let report = adopt::<Ferry>(&db, "photo").run().await.unwrap();
    assert_eq!((report.adopted, report.is_complete()), (1, true), "{report}");
    let report = adopt::<Ferry>(&db, "photo").run().await.unwrap();
    assert_eq!((report.owned, report.is_complete()), (1, true), "{report}");
    assert_eq!(one.photo().read().await.unwrap(), "old");
    one.delete(&db).await.unwrap();
    swept(&db).await;
    assert!(!storage.exists(old).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_an_older_program_are_adopted() {
    for provider in Provider::honest().await {
        println!("{}", provider.name());
        let storage: SharedStorage = Arc::new(provider.fresh().await.build().unwrap());
        with_storage(storage.clone(), adopted(storage)).await;
    }
}

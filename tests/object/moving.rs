//! From the disk into buckets, from one into another, and back.

use filefield::db::Queries;
use filefield::db::{self, Db, Table, migrate};
use filefield::object_store::memory::InMemory;
use filefield::ops::storage_move;
use filefield::prelude::*;
use filefield::storage::{FileSystemStorage, ObjectStorage};
use filefield::testing::Invariants;
use filefield::{SharedStorage, Sweeper};
use filefield_tests::buckets::s3::{Server, over};
use std::sync::Arc;

#[derive(Debug, Clone, Default, Model)]
#[model(table = "parcels")]
struct Parcel {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "parcels/ü %y", storage = parcel_storage, meta_field = content_meta)]
    content: FileField,
    content_meta: FileMeta,
}

fn parcel_storage() -> &'static str {
    "shelf"
}

/// A part and a bit.
const LARGE: usize = PART + 5;
const PART: usize = 5 << 20;

fn bytes(id: i64) -> Vec<u8> {
    let len = if id == 1 { LARGE } else { 40_000 + usize::try_from(id).unwrap() };
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

async fn sweep(db: &Db) {
    for _ in 0..3 {
        db.run("UPDATE filefield_journal SET due_at = 0").await.unwrap();
        Sweeper::new(db).tombstone_seconds(0).run().await.unwrap();
    }
}

async fn all_well(db: &Db, alias: &str) {
    let parcels = Parcel::objects(db).order_by(Parcel::columns().id.asc()).all().await.unwrap();
    assert_eq!(parcels.len(), 8);
    for parcel in parcels {
        let content = parcel.content();
        assert_eq!(content.storage().unwrap().alias(), alias);
        assert!(content.read().await.unwrap() == bytes(parcel.id), "{alias}: {parcel:?}");
    }
}

/// One test for all: aliases are the whole process's.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_moves_through_disk_and_buckets() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    let shelf: SharedStorage = Arc::new(FileSystemStorage::new(folder.path().join("shelf")).unwrap());
    let box_: SharedStorage = Arc::new(
        ObjectStorage::builder(Arc::new(InMemory::new()))
            .base_url("https://box.example.com/")
            .build()
            .unwrap(),
    );
    let client = server.client(&server.bucket()).build().unwrap();
    let depot: SharedStorage = Arc::new(over(client).part_size(PART as u64).build().unwrap());
    let app = App::builder().storage("shelf", shelf.clone()).storage("box", box_.clone());
    app.storage("depot", depot.clone()).model::<Parcel>().build().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("db.sqlite").display());
    let db = db::connect(&url).await.unwrap();
    migrate::<Parcel>(&db).await.unwrap();
    for id in 1..=8 {
        let mut parcel = Parcel { content: FileField::new("a parcel.bin", bytes(id)), ..Parcel::default() };
        parcel.save(&db).await.unwrap();
    }
    let storages = [("shelf", &shelf), ("box", &box_), ("depot", &depot)];
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let [(from, emptied), (to, _)] = [storages[from], storages[to]];
        let this = storage_move::<Parcel>(&db, &Parcel::columns().content, from, to);
        let report = this.concurrency(3).run().await.unwrap();
        assert!(report.is_complete(), "{from} to {to}: {report}");
        assert_eq!((report.moved, report.renamed, report.left), (8, 0, 0), "{from} to {to}: {report}");
        all_well(&db, to).await;
        sweep(&db).await;
        all_well(&db, to).await;
        for (_, storage) in storages {
            // What a bucket's own check leaves there is nobody's.
            let check = Invariants::new(&db, storage).model::<Parcel>().swept();
            let check = check.leave_out(|name| name.starts_with(".filefield"));
            check.check().await.unwrap().assert_clean();
        }
        assert!(emptied.list("parcels").await.map_or(true, |listing| listing.files.is_empty()));
    }
}

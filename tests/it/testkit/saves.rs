//! The kit with real saves.

use crate::support::Garage;
use filefield::db::{self, Table};
use filefield::prelude::*;
use filefield::testing::{
    Fault, FaultStorage, Invariants, Operation, Outcome, RecordingStorage, assert_no_orphans, with_storage,
};
use filefield::{ErrorKind, SharedStorage, Sweeper};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Model)]
#[model(table = "kit_cars")]
struct Car {
    #[model(primary_key)]
    id: i64,
    #[file(upload_to = "cars", meta_field = meta)]
    photo: FileField,
    meta: FileMeta,
}

fn car(content: &'static str) -> Car {
    Car { photo: FileField::new("a.txt", content), ..Car::default() }
}

/// Saves, replaces and deletes through a storage that `fault` hits, and checks after every step.
async fn saves_with(fault: Fault) -> u64 {
    let fired = std::sync::atomic::AtomicU64::new(0);
    Garage::run::<Car, _>(async |garage| {
        let recording =
            Arc::new(RecordingStorage::new(garage.storage.clone()).forbid_deleting_referenced(&garage.db));
        let faults = Arc::new(FaultStorage::new(recording.clone()));
        let storage: SharedStorage = faults.clone();
        with_storage(storage.clone(), async {
            let (db, storage) = (&garage.db, &storage);
            faults.inject(fault);
            for round in 0..4 {
                let mut saved = car("one");
                if saved.save(db).await.is_ok() {
                    saved.photo = FileField::new("b.txt", "two");
                    let replaced = saved.save(db).await.is_ok();
                    if replaced && round % 2 == 0 {
                        let _ = saved.delete(db).await;
                    }
                }
            }
            // The sweep waits for the background work of the saves, where faults fire too.
            Sweeper::new(db).run().await.unwrap();
            fired.store(faults.fired(), std::sync::atomic::Ordering::SeqCst);
            faults.clear();
            assert_no_orphans(db, storage).await;
            // Entries that a fault has postponed wait until they are due. After that everything agrees.
            garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            for _ in 0..3 {
                Sweeper::new(db).tombstone_seconds(0).run().await.unwrap();
                garage.execute("UPDATE filefield_journal SET due_at = 0").await;
            }
            let check = Invariants::new(db, storage).model::<Car>().swept().recording(&recording);
            let report = check.check().await.unwrap();
            report.assert_clean();
            assert!(recording.count(Operation::Save) > 0);
            assert_eq!(recording.judged(), recording.count(Operation::Delete));
        })
        .await;
    })
    .await;
    fired.into_inner()
}

#[tokio::test]
async fn file_and_row_agree_whatever_the_storage_does() {
    let mut fired = 0;
    for operation in [Operation::Save, Operation::Delete, Operation::Metadata, Operation::Owner] {
        for call in 1..=4 {
            fired += saves_with(Fault::fail(ErrorKind::Io).on(operation).at(call)).await;
            fired += saves_with(Fault::lose_answer().on(operation).at(call)).await;
        }
    }
    for bytes in 0..3 {
        fired += saves_with(Fault::truncate(bytes).on(Operation::Save).at(2)).await;
    }
    assert!(fired >= 15, "only {fired} faults fired");
}

#[tokio::test]
async fn operations_are_remembered() {
    Garage::run::<Car, _>(async |garage| {
        let recording = Arc::new(RecordingStorage::new(garage.storage.clone()));
        with_storage(recording.clone(), async {
            let mut saved = car("one");
            saved.save(&garage.db).await.unwrap();
            assert_eq!(recording.count(Operation::Save), 1);
            let save =
                recording.operations().into_iter().find(|done| done.operation == Operation::Save).unwrap();
            assert_eq!((save.name.as_str(), save.outcome), ("cars/a.txt", Outcome::Done));
            assert_eq!(save.to.as_deref(), Some("cars/a.txt"));
            assert!(saved.photo().open().await.is_ok());
            assert_eq!(recording.count(Operation::Open), 1);
            assert_eq!(Car::objects(&garage.db).count().await.unwrap(), 1);
            db::sweep(&garage.db).await.unwrap();
            recording.clear();
            assert_eq!((recording.count(Operation::Save), recording.operations().len()), (0, 0));
        })
        .await;
    })
    .await;
}

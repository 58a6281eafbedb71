#![allow(clippy::unwrap_used)]
use super::*;
use crate::storage::MemoryStorage;
use crate::testing::{Fault, FaultStorage};
use crate::{FileName, SaveOptions, Storage};
use std::sync::Arc;

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

fn memory() -> SharedStorage {
    Arc::new(MemoryStorage::new())
}

async fn save(storage: &dyn Storage, wanted: &str) -> Result<crate::Saved> {
    storage.save(name(wanted), "x".into(), &SaveOptions::default()).await
}

fn outcomes(storage: &RecordingStorage) -> Vec<Outcome> {
    storage.operations().iter().map(|recorded| recorded.outcome).collect()
}

#[tokio::test]
async fn names_and_outcomes_are_remembered() {
    let faults = Arc::new(FaultStorage::new(memory()));
    let storage = RecordingStorage::new(faults.clone());
    save(&storage, "a.txt").await.unwrap();
    let saved = save(&storage, "a.txt").await.unwrap();
    faults.inject(Fault::fail(ErrorKind::StorageFull));
    save(&storage, "b.txt").await.unwrap_err();
    faults.inject(Fault::lose_answer());
    save(&storage, "c.txt").await.unwrap_err();
    storage.rename(name("c.txt"), name("d.txt")).await.unwrap();
    let recorded = storage.operations();
    assert_eq!(recorded[1].to.as_deref(), Some(&*saved.name), "the name that was used");
    assert_eq!((recorded[4].name.as_str(), recorded[4].to.as_deref()), ("c.txt", Some("d.txt")));
    let wanted = [
        Outcome::Done,
        Outcome::Done,
        Outcome::Failed(ErrorKind::StorageFull),
        Outcome::Uncertain(ErrorKind::Io),
        Outcome::Done,
    ];
    assert_eq!(outcomes(&storage), wanted);
    assert_eq!((storage.count(Operation::Save), storage.count(Operation::Delete)), (4, 0));
}

#[tokio::test]
async fn what_was_dropped_stays_unfinished() {
    let faults = Arc::new(FaultStorage::new(memory()));
    let storage = RecordingStorage::new(faults.clone());
    let _stall = faults.inject(Fault::stall());
    let dropped = tokio::time::timeout(std::time::Duration::from_millis(10), save(&storage, "a.txt")).await;
    assert!(dropped.is_err());
    assert_eq!(outcomes(&storage), [Outcome::Unfinished]);
}

#[tokio::test]
async fn only_the_last_ones_are_kept() {
    let storage = RecordingStorage::new(memory()).keep_last(3);
    for number in 0..10 {
        save(&storage, &format!("{number}.txt")).await.unwrap();
    }
    let kept: Vec<_> = storage.operations().into_iter().map(|recorded| recorded.name).collect();
    assert_eq!(kept, ["7.txt", "8.txt", "9.txt"]);
    assert_eq!(outcomes(&storage), [Outcome::Done; 3]);
    assert_eq!(storage.count(Operation::Save), 10);
    storage.clear();
    save(&storage, "a.txt").await.unwrap();
    assert_eq!(outcomes(&storage), [Outcome::Done]);
}

#[tokio::test]
async fn deletions_are_judged() {
    let check = |name: String| async move {
        match name.as_str() {
            "kept.txt" => Ok(Some("a row".to_owned())),
            "unknown.txt" => Err(crate::Error::new(ErrorKind::Database, "gone away")),
            _ => Ok(None),
        }
    };
    let storage = RecordingStorage::new(memory()).forbid_deletion(check);
    for stored in ["free.txt", "kept.txt", "unknown.txt"] {
        save(&storage, stored).await.unwrap();
        storage.delete(name(stored)).await.unwrap();
    }
    let seen: Vec<_> = storage.violations().iter().map(ToString::to_string).collect();
    assert_eq!(
        seen,
        [
            "R5: \"kept.txt\": delete while a row references it",
            "R5: \"unknown.txt\": delete of what may be referenced: gone away"
        ]
    );
    assert_eq!(storage.judged(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_conforms() {
    crate::testing::storage_suite(async || Arc::new(RecordingStorage::new(memory())) as _).await;
}

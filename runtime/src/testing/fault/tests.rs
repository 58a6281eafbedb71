#![allow(clippy::unwrap_used)]
use super::*;
use crate::storage::{FileSystemStorage, MemoryStorage};
use crate::{Bytes, FileName, SaveOptions, Saved, Storage};

fn memory() -> FaultStorage {
    FaultStorage::new(Arc::new(MemoryStorage::new()))
}

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

async fn save(storage: &FaultStorage, content: impl Into<Content>) -> Result<Saved> {
    storage.save(name("a.txt"), content.into(), &SaveOptions::default()).await
}

#[tokio::test]
async fn a_fault_fires_at_its_calls_only() {
    let storage = memory();
    storage.inject(Fault::fail(ErrorKind::StorageFull).on(Operation::Save).at(2).times(2));
    let mut kinds = Vec::new();
    for _ in 0..5 {
        storage.exists(name("other.txt")).await.unwrap();
        kinds.push(save(&storage, "x").await.map_err(|error| (error.kind(), error.is_retryable())).err());
    }
    let full = Some((ErrorKind::StorageFull, true));
    assert_eq!(kinds, [None, full, full, None, None]);
    assert_eq!(storage.fired(), 2);
    assert_eq!(storage.inner().list("").await.unwrap().files.len(), 3);
    storage.clear();
    assert_eq!(storage.fired(), 2, "what was cleared has fired all the same");
}

#[tokio::test]
async fn without_an_operation_every_call_counts() {
    let storage = memory();
    let injected = storage.inject(Fault::fail(ErrorKind::Io).at(3).always());
    save(&storage, "x").await.unwrap();
    storage.metadata(name("a.txt")).await.unwrap();
    assert!(storage.delete(name("a.txt")).await.is_err());
    assert!(storage.list("").await.is_err());
    assert_eq!(injected.fired(), 2);
    assert!(storage.inner().exists(name("a.txt")).await.unwrap(), "what fails has not happened");
}

#[tokio::test]
async fn a_lost_answer_is_a_success_that_says_it_failed() {
    let storage = memory();
    let lost = storage.inject(Fault::lose_answer().on(Operation::Save).at(1));
    let error = save(&storage, "x").await.unwrap_err();
    assert!(error.is_uncertain() && error.is_retryable());
    assert_eq!(error.name(), Some("a.txt"));
    assert_eq!(lost.fired(), 1);
    assert!(storage.inner().exists(name("a.txt")).await.unwrap());
    // A call that fails by itself has no answer to lose.
    let lost = storage.inject(Fault::lose_answer().on(Operation::Open));
    assert!(!storage.open(name("none.txt")).await.unwrap_err().is_uncertain());
    assert_eq!(lost.fired(), 0);
}

#[tokio::test]
async fn a_stall_holds_until_it_is_released() {
    let storage = Arc::new(memory());
    let stall = storage.inject(Fault::stall().on(Operation::Save));
    let saving = tokio::spawn({
        let storage = storage.clone();
        async move { save(&storage, "x").await }
    });
    stall.reached(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!saving.is_finished());
    assert!(!storage.inner().exists(name("a.txt")).await.unwrap());
    stall.release();
    saving.await.unwrap().unwrap();
    storage.inject(Fault::delay(Duration::from_millis(30)));
    let began = std::time::Instant::now();
    storage.exists(name("a.txt")).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_panic_is_one() {
    let storage = Arc::new(memory());
    storage.inject(Fault::panic().on(Operation::Delete));
    let delete = {
        let storage = storage.clone();
        tokio::spawn(async move { storage.delete(name("a.txt")).await })
    };
    assert!(delete.await.unwrap_err().is_panic());
    assert_eq!(storage.fired(), 1);
    storage.delete(name("a.txt")).await.unwrap();
}

#[tokio::test]
async fn a_cut_content_is_never_saved() {
    let folder = tempfile::tempdir().unwrap();
    let inners: [SharedStorage; 2] =
        [Arc::new(MemoryStorage::new()), Arc::new(FileSystemStorage::new(folder.path()).unwrap())];
    for inner in inners {
        let storage = FaultStorage::new(inner);
        let bytes = Bytes::from(vec![7; 300_000]);
        let cuts = [0, 1, 65_536, 100_000, 299_999, 300_000, 999_999];
        for cut in cuts {
            for known in [true, false] {
                storage.inject(Fault::truncate(cut).on(Operation::Save));
                let content = match known {
                    true => Content::from(bytes.clone()),
                    false => Content::reader(std::io::Cursor::new(bytes.clone())),
                };
                let error = save(&storage, content).await.unwrap_err();
                assert!(!error.is_uncertain(), "{error}");
                assert_eq!(storage.inner().list("").await.unwrap().files, [""; 0], "{cut}");
            }
        }
        assert_eq!(storage.fired(), 2 * cuts.len() as u64);
        save(&storage, bytes).await.unwrap();
    }
}

#[tokio::test]
async fn a_cut_reader_never_ends_well() {
    let storage = memory();
    save(&storage, vec![7; 300_000]).await.unwrap();
    let cuts = [0, 1, 100_000, 300_000, 999_999];
    for cut in cuts {
        storage.inject(Fault::truncate(cut).on(Operation::Open));
        // A fault on one operation does not affect another.
        assert_eq!(storage.metadata(name("a.txt")).await.unwrap().size, 300_000);
        let read = storage.open(name("a.txt")).await.unwrap().read_all(u64::MAX).await;
        assert!(read.is_err(), "{cut}");
        storage.inject(Fault::truncate(cut).on(Operation::OpenRange));
        let mut reader = storage.open_range(name("a.txt"), 10..20).await.unwrap();
        let mut got = 0;
        let end = loop {
            match reader.next_chunk(3).await {
                Ok(Some(chunk)) => got += chunk.len() as u64,
                end => break end,
            }
        };
        assert_eq!((end.is_err(), got), (true, cut.min(9)));
    }
    assert_eq!(storage.fired(), 2 * cuts.len() as u64);
    storage.save(name("empty.txt"), "".into(), &SaveOptions::default()).await.unwrap();
    storage.inject(Fault::truncate(5).on(Operation::Open));
    assert!(storage.open(name("empty.txt")).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_fault_it_conforms() {
    crate::testing::storage_suite(async || Arc::new(memory()) as _).await;
}

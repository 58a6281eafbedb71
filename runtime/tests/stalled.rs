//! Uploads that stall, by the thousand, beside others. In a process of its own: the threads and descriptors are counted.
#![allow(clippy::unwrap_used)]

use filefield::storage::author::{Gate, GateKeeper};
use filefield::storage::{FileSystemStorage, MemoryStorage};
use filefield::{Bytes, Content, FileName, Result, SaveOptions, SharedStorage, StorageExt};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// One test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// As long as nothing hangs, a test takes a few seconds.
const HANGS: Duration = Duration::from_secs(120);

fn runtime(blocking: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(2).max_blocking_threads(blocking).enable_all().build().unwrap()
}

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

fn storages(dir: &tempfile::TempDir) -> [SharedStorage; 2] {
    [Arc::new(FileSystemStorage::new(dir.path().join("media")).unwrap()), Arc::new(MemoryStorage::new())]
}

/// A stream of what is sent.
struct Sent(mpsc::Receiver<Bytes>);

impl futures_core::Stream for Sent {
    type Item = Result<Bytes>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(Ok))
    }
}

/// Waits until the sender is gone.
struct Waits(Receiver<()>);

impl Read for Waits {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(0)
    }
}

/// Uncached reads and saves of all kinds, and the application's own blocking work.
async fn others_work(storage: &SharedStorage, turn: usize) {
    let stored = format!("honest/{turn}");
    let contents = [Content::from("bytes"), Content::stream(stream_of(b"bytes")), Content::from("bytes")];
    for content in contents {
        let saved = storage.save(name(&stored), content, &SaveOptions::default()).await.unwrap();
        let read = storage.open(name(&saved.name)).await.unwrap().read_all(100).await.unwrap();
        assert_eq!(read, "bytes");
        assert_eq!(storage.list("honest").await.unwrap().dirs.len(), 0);
        storage.delete(name(&saved.name)).await.unwrap();
    }
    assert_eq!(tokio::task::spawn_blocking(|| 7).await.unwrap(), 7);
}

fn stream_of(bytes: &'static [u8]) -> Sent {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(Bytes::from_static(bytes)).unwrap();
    Sent(receiver)
}

#[test]
fn two_thousand_stalled_uploads_of_each_kind_stop_nobody() {
    let _turn = TURN.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(4);
    for storage in storages(&dir) {
        let mut senders = Vec::new();
        let mut releases = Vec::new();
        let test = async {
            let mut stalled = tokio::task::JoinSet::new();
            for number in 0..2_000 {
                let (sender, receiver) = mpsc::channel(1);
                // Some stall before their first byte, some behind more than is gathered before a file is opened.
                if number % 2 == 0 {
                    sender.send(Bytes::from(vec![7; 100_000])).await.unwrap();
                }
                senders.push(sender);
                let (release, waiting) = channel::<()>();
                releases.push(release);
                for content in [Content::stream(Sent(receiver)), Content::reader(Waits(waiting))] {
                    let (storage, content) = (storage.clone(), content.with_idle_timeout(None));
                    stalled.spawn(async move {
                        let stored = format!("stalled/{number}");
                        storage.save(name(&stored), content, &SaveOptions::default()).await
                    });
                }
            }
            for turn in 0..20 {
                others_work(&storage, turn).await;
            }
            // They go on where they stood, and each ends well.
            senders.clear();
            releases.clear();
            while let Some(saved) = stalled.join_next().await {
                saved.unwrap().unwrap();
            }
            assert_eq!(storage.list("stalled").await.unwrap().files.len(), 4_000);
        };
        runtime.block_on(async { tokio::time::timeout(HANGS, test).await }).unwrap();
    }
}

/// A runtime ends although a reader never returns, and the reader publishes nothing later.
#[test]
fn a_stuck_reader_does_not_hold_up_the_end_of_a_runtime() {
    let _turn = TURN.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(&dir) {
        let (release, waiting) = channel::<()>();
        let (ended, end) = channel();
        let saver = storage.clone();
        std::thread::spawn(move || {
            let runtime = runtime(4);
            runtime.spawn(async move {
                saver.save(name("stuck"), Content::reader(Waits(waiting)), &SaveOptions::default()).await
            });
            std::thread::sleep(Duration::from_millis(50));
            drop(runtime);
            ended.send(()).unwrap();
        });
        end.recv_timeout(HANGS).unwrap();
        drop(release);
        std::thread::sleep(Duration::from_millis(50));
        assert!(!runtime(4).block_on(storage.exists(name("stuck"))).unwrap());
    }
}

/// A save inside of a reader waits for no place that the reader keeps.
#[test]
fn readers_that_save_do_not_wait_for_each_other() {
    use filefield::blocking::Wait;
    struct Saves(SharedStorage, u32, bool);
    impl Read for Saves {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.2, false) {
                let stored = format!("inner/{}", self.1);
                let content = Content::reader(&b"from within"[..]);
                self.0.save(name(&stored), content, &SaveOptions::default()).wait()?;
            }
            Ok(0)
        }
    }
    let _turn = TURN.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(&dir) {
        let test = async {
            let mut saves = tokio::task::JoinSet::new();
            for number in 0..400 {
                let storage = storage.clone();
                saves.spawn(async move {
                    let content = Content::reader(Saves(storage.clone(), number, true));
                    storage.save(name(&format!("outer/{number}")), content, &SaveOptions::default()).await
                });
            }
            while let Some(saved) = saves.join_next().await {
                saved.unwrap().unwrap();
            }
            assert_eq!(storage.list("inner").await.unwrap().files.len(), 400);
        };
        runtime(8).block_on(async { tokio::time::timeout(HANGS, test).await }).unwrap();
    }
}

#[test]
fn thousands_of_saves_at_once_stay_within_few_descriptors() {
    let _turn = TURN.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::write(&source, vec![7; 5000]).unwrap();
    let storage: SharedStorage = Arc::new(FileSystemStorage::new(dir.path().join("media")).unwrap());
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let test = async {
        storage.save(name("first"), "warm".into(), &SaveOptions::default()).await.unwrap();
        let before = open();
        let mut keepers = Vec::new();
        let mut saves = tokio::task::JoinSet::new();
        let mut most = 0;
        for number in 0..3_000 {
            let (gate, keeper) = Gate::closed();
            keepers.push(keeper);
            let content = match number % 2 {
                0 => Content::from(vec![7; 5000]),
                _ => Content::copy_of(&source).unwrap(),
            };
            let storage = storage.clone();
            saves.spawn(async move {
                let options = SaveOptions { gate: Some(gate), ..SaveOptions::default() };
                storage.save(name(&format!("many/{number}")), content, &options).await
            });
            if number % 100 == 0 {
                tokio::task::yield_now().await;
                most = most.max(open());
            }
        }
        // Until all wait at their gates.
        tokio::time::sleep(Duration::from_millis(300)).await;
        most = most.max(open());
        keepers.into_iter().for_each(GateKeeper::open);
        while let Some(saved) = saves.join_next().await {
            saved.unwrap().unwrap();
            most = most.max(if saves.len() % 20 == 0 { open() } else { 0 });
        }
        assert!(most < before + 400, "{most} descriptors, {before} before");
    };
    runtime(512).block_on(async { tokio::time::timeout(HANGS, test).await }).unwrap();
}

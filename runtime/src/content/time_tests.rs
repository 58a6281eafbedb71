//! Tests of contents that stall, drip, never end, or panic.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::storage::{FileSystemStorage, MemoryStorage};
use crate::{Error, ErrorKind, FileName, SaveOptions, SharedStorage, StorageExt};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::time::Instant;

const SHORT: Duration = Duration::from_millis(60);

/// Gives one piece, and then never anything more.
struct Stalls(Option<Bytes>);

impl Stream for Stalls {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(piece))))
    }
}

/// Gives one piece, and then ends.
struct Pieces(Option<Result<Bytes>>);

impl Stream for Pieces {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take())
    }
}

/// Gives a letter, and then waits until its sender is dropped.
struct Waits(Option<u8>, Receiver<()>);

impl Read for Waits {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.take() {
            Some(letter) => {
                buf[0] = letter;
                Ok(1)
            }
            None => {
                let _ = self.1.recv();
                Ok(0)
            }
        }
    }
}

fn waits() -> (Sender<()>, Content) {
    let (sender, receiver) = channel();
    (sender, Content::reader(Waits(Some(b'x'), receiver)))
}

fn stalled() -> [Content; 2] {
    [None, Some(Bytes::from(vec![7; 100_000]))].map(|piece| Content::stream(Stalls(piece)))
}

async fn drain(content: Content) -> Error {
    let mut chunks = content.chunks();
    loop {
        match chunks.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it has ended"),
            Err(error) => {
                // It never recovers.
                assert_eq!(chunks.next().await.unwrap_err().kind(), error.kind());
                return error;
            }
        }
    }
}

fn storages(dir: &Path) -> [SharedStorage; 2] {
    [Arc::new(FileSystemStorage::new(dir.join("media")).unwrap()), Arc::new(MemoryStorage::new())]
}

async fn refused(storage: &SharedStorage, content: Content) -> Error {
    let name = FileName::new("f").unwrap();
    let error = storage.save(name, content, &SaveOptions::default()).await.unwrap_err();
    assert!(!storage.exists(name).await.unwrap());
    error
}

#[test]
fn a_stalled_content_times_out_everywhere_and_nothing_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    // Without timers.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for limit in [
            |content: Content| content.with_idle_timeout(SHORT),
            |content: Content| content.with_timeout(SHORT),
        ] {
            let mut kept = Vec::new();
            let mut contents = || {
                let (sender, reader) = waits();
                kept.push(sender);
                stalled().into_iter().chain([reader]).map(limit).collect::<Vec<_>>()
            };
            for content in contents() {
                let error = drain(content).await;
                assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::TimedOut, true), "{error}");
            }
            for storage in storages(dir.path()) {
                for content in contents() {
                    let error = refused(&storage, content).await;
                    assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::TimedOut, false), "{error}");
                }
            }
            // A stream that is read on a blocking thread.
            for content in stalled().map(limit) {
                let read =
                    tokio::task::spawn_blocking(move || io::copy(&mut content.blocking(), &mut io::sink()));
                assert_eq!(Error::from(read.await.unwrap().unwrap_err()).kind(), ErrorKind::TimedOut);
            }
        }
    });
}

#[tokio::test]
async fn a_late_end_of_a_reader_publishes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(dir.path()) {
        let (sender, reader) = waits();
        assert_eq!(refused(&storage, reader.with_idle_timeout(SHORT)).await.kind(), ErrorKind::TimedOut);
        drop(sender);
        tokio::time::sleep(SHORT).await;
        assert!(!storage.exists(FileName::new("f").unwrap()).await.unwrap());
    }
}

#[tokio::test]
async fn bytes_that_drip_are_waited_for_up_to_the_total() {
    /// Gives the remaining letters, one at a time with pauses.
    struct Drips(u32);
    impl Read for Drips {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(SHORT / 6);
            self.0 = self.0.saturating_sub(1);
            buf[0] = b'x';
            Ok(usize::from(self.0 > 0))
        }
    }
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(dir.path()) {
        let name = FileName::new("drips").unwrap();
        // The total exceeds the idle limit, which is long enough for a busy machine.
        let content = Content::reader(Drips(50)).with_idle_timeout(SHORT * 6);
        assert_eq!(storage.save(name, content, &SaveOptions::default()).await.unwrap().size, 49);
        let content = Content::reader(Drips(u32::MAX)).with_timeout(SHORT * 2);
        assert_eq!(refused(&storage, content).await.kind(), ErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn the_time_of_the_storage_is_not_that_of_the_content() {
    let mut chunks =
        Content::stream(Stalls(Some(Bytes::from(vec![7; 100_000])))).with_idle_timeout(SHORT * 5).chunks();
    chunks.next().await.unwrap();
    tokio::time::sleep(SHORT * 6).await;
    // No bytes were requested in between.
    assert_eq!(chunks.next().await.unwrap().unwrap().len(), 100_000 - 64 * 1024);
    let begun = Instant::now();
    assert_eq!(chunks.next().await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() >= SHORT * 5);
}

/// Endless empty pieces, always ready.
struct Empties;

impl Stream for Empties {
    type Item = Result<Bytes>;
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(Bytes::new())))
    }
}

#[tokio::test]
async fn empty_pieces_without_end_let_others_run_and_fail() {
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(dir.path()) {
        let error = refused(&storage, Content::stream(Empties)).await;
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains("empty pieces"), "{error}");
    }
    let read =
        tokio::task::spawn_blocking(|| io::copy(&mut Content::stream(Empties).blocking(), &mut io::sink()));
    assert!(read.await.unwrap().unwrap_err().to_string().contains("empty pieces"));
    // One poll ends long before the maximum number of pieces.
    let mut polls = 0;
    let mut chunks = Content::stream(Empties).chunks();
    let error = poll_fn(|cx| {
        polls += 1;
        chunks.poll_chunk(cx)
    });
    tokio::spawn(async { tokio::task::yield_now().await }).await.unwrap();
    error.await.unwrap_err();
    assert!(polls > 10, "{polls}");
}

#[tokio::test]
async fn a_reader_that_is_always_interrupted_fails() {
    struct Interrupted;
    impl Read for Interrupted {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Interrupted.into())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(dir.path()) {
        assert_eq!(refused(&storage, Content::reader(Interrupted)).await.kind(), ErrorKind::Io);
    }
}

#[tokio::test]
async fn what_a_content_panicked_with_is_in_no_error() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("no bytes in /srv/secret/place")
        }
    }
    impl Stream for Panics {
        type Item = Result<Bytes>;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            panic!("no bytes in /srv/secret/place")
        }
    }
    let dir = tempfile::tempdir().unwrap();
    for storage in storages(dir.path()) {
        for content in [Content::reader(Panics), Content::stream(Panics)] {
            let error = refused(&storage, content).await;
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("panicked") && !shown.contains("secret"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_limit_of_zero_is_broken_at_once_by_readers_and_streams() {
    let dir = tempfile::tempdir().unwrap();
    for limit in [
        |content: Content| content.with_idle_timeout(Duration::ZERO),
        |content: Content| content.with_timeout(Duration::ZERO),
    ] {
        for text in ["", "all is here"] {
            let contents = || {
                let piece = Some(Ok::<_, Error>(Bytes::from(text)));
                [Content::reader(text.as_bytes()), Content::stream(Pieces(piece))].map(limit)
            };
            for content in contents() {
                let error = content.chunks().next().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
            }
            for content in contents() {
                let error = content.blocking().next_chunk(9).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
            }
            for storage in storages(dir.path()) {
                for content in contents() {
                    assert_eq!(refused(&storage, content).await.kind(), ErrorKind::TimedOut);
                }
            }
            // These never wait.
            assert_eq!(limit(Content::from(text)).chunks().next().await.unwrap().is_some(), !text.is_empty());
        }
    }
}

#[test]
fn limits_that_are_set_are_kept_and_others_filled_in() {
    let timeouts = Timeouts { idle: Some(SHORT), total: Some(2 * SHORT) };
    let mut content = Content::stream(Stalls(None)).with_idle_timeout(None);
    content.fill_timeouts(timeouts);
    assert_eq!((content.idle, content.total), (Some(None), Some(timeouts.total)));
    let mut content = Content::stream(Stalls(None));
    content.fill_timeouts(timeouts);
    let content = content.with_timeout(Duration::MAX);
    assert_eq!((content.idle, content.total), (Some(timeouts.idle), Some(Some(Duration::MAX))));
}

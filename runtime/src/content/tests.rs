#![allow(clippy::unwrap_used)]
use super::*;
use crate::inspect::Rules;
use crate::{Error, ErrorKind};
use std::fs;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::task::{Poll, Waker};
use tempfile::tempdir;

/// A stream of the given chunks; each arrives after one wait.
struct Steps {
    items: std::vec::IntoIter<Result<Bytes>>,
    waited: bool,
}

impl Stream for Steps {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::replace(&mut self.waited, true) {
            self.waited = false;
            return Poll::Ready(self.items.next());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn steps(items: Vec<Result<Bytes>>) -> Content {
    Content::stream(Steps { items: items.into_iter(), waited: false })
}

fn broken() -> Error {
    Error::new(ErrorKind::NotAccepted, "broken on purpose")
}

/// Returns some bytes, then an error.
struct BreaksAfter(usize);

impl Read for BreaksAfter {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(broken().into());
        }
        let count = self.0.min(buf.len());
        self.0 -= count;
        Ok(count)
    }
}

/// The same bytes from every kind of source.
fn every_source(bytes: &Bytes, dir: &Path) -> Vec<Content> {
    let mut writer = TempFile::create_in(dir).unwrap();
    writer.write_all(bytes).unwrap();
    let mut file = tempfile::tempfile_in(dir).unwrap();
    file.write_all(bytes).unwrap();
    let parts: Vec<_> =
        bytes.chunks(1000).flat_map(|c| [Ok(Bytes::new()), Ok(Bytes::copy_from_slice(c))]).collect();
    vec![
        bytes.clone().into(),
        writer.finish().unwrap().into(),
        file.into(),
        Content::reader(io::Cursor::new(bytes.clone())),
        steps(parts),
    ]
}

async fn drain(content: Content) -> Result<Vec<u8>> {
    let mut chunks = content.chunks();
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await? {
        assert!(!chunk.is_empty() && chunk.len() <= 64 * 1024);
        all.extend_from_slice(&chunk);
    }
    assert_eq!(chunks.next().await?, None);
    Ok(all)
}

#[tokio::test]
async fn every_source_gives_all_its_bytes_both_ways() {
    let dir = tempdir().unwrap();
    for len in [0, 1, 64 * 1024, 3 * 64 * 1024 + 1] {
        let bytes: Bytes = (0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>().into();
        for content in every_source(&bytes, dir.path()) {
            let what = format!("{content:?}");
            assert_eq!(drain(content).await.unwrap(), bytes, "{what}");
        }
        for content in every_source(&bytes, dir.path()) {
            let what = format!("{content:?}");
            let read = tokio::task::spawn_blocking(move || {
                let mut all = Vec::new();
                content.blocking().read_to_end(&mut all).map(|_| all)
            });
            assert_eq!(read.await.unwrap().unwrap(), bytes, "{what}");
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "temporary files are gone");
}

#[test]
fn without_a_runtime_all_works_inline() {
    let dir = tempdir().unwrap();
    let bytes = Bytes::from(vec![7; 200_000]);
    for content in every_source(&bytes, dir.path()) {
        let mut all = Vec::new();
        content.blocking().read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes);
    }
    for content in every_source(&bytes, dir.path()) {
        assert_eq!(blocking::block_on(drain(content), || None).unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_stream_that_sleeps_is_awaited_on_a_blocking_thread() {
    let sleep = Box::pin(tokio::time::sleep(Duration::from_millis(5)));
    let mut sleep = Some(sleep);
    struct Later<F>(F);
    impl<F: FnMut(&mut std::task::Context<'_>) -> Poll<Option<Result<Bytes>>> + Unpin> Stream for Later<F> {
        type Item = Result<Bytes>;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
            (self.0)(cx)
        }
    }
    let content = Content::stream(Later(move |cx: &mut std::task::Context<'_>| match &mut sleep {
        Some(waiting) => {
            std::task::ready!(waiting.as_mut().poll(cx));
            sleep = None;
            Poll::Ready(Some(Ok(Bytes::from_static(b"late"))))
        }
        None => Poll::Ready(None),
    }));
    let read = std::thread::spawn({
        let mut content = content.blocking();
        move || {
            let mut text = String::new();
            content.read_to_string(&mut text).map(|_| text)
        }
    });
    let text = tokio::task::spawn_blocking(move || read.join().unwrap()).await.unwrap();
    assert_eq!(text.unwrap(), "late");
}

#[tokio::test]
async fn errors_travel_unchanged_and_never_become_an_end() {
    let failing = || {
        [
            steps(vec![Ok("some".into()), Err(broken())]),
            Content::reader(BreaksAfter(4)),
            Content::reader(io::Cursor::new("some")).with_len(5),
            steps(vec![Ok("some".into())]).with_len(5),
            Content::reader(io::Cursor::new("some")).with_len(3),
            steps(vec![Ok("some".into())]).with_len(3),
        ]
    };
    for (n, content) in failing().into_iter().enumerate() {
        let wanted = if n < 2 { ErrorKind::NotAccepted } else { ErrorKind::Io };
        let mut chunks = content.chunks();
        let error = loop {
            match chunks.next().await {
                Ok(chunk) => assert!(chunk.is_some(), "an end after a failure"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), wanted);
        for _ in 0..3 {
            assert_eq!(chunks.next().await.unwrap_err().kind(), wanted);
        }
    }
    for (n, content) in failing().into_iter().enumerate() {
        let wanted = if n < 2 { ErrorKind::NotAccepted } else { ErrorKind::Io };
        let mut read = content.blocking();
        let error = read.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(Error::from(error).kind(), wanted);
        for _ in 0..3 {
            assert_eq!(Error::from(read.read(&mut [0; 9]).unwrap_err()).kind(), wanted);
        }
    }
}

#[tokio::test]
async fn w24_a_broken_rule_is_an_error_before_the_end() {
    let dir = tempdir().unwrap();
    for (len, fits) in [(10, true), (11, false), (200_000, false)] {
        let bytes = Bytes::from(vec![b'x'; len]);
        let rules = Rules { max_size: Some(10), ..Rules::default() };
        for content in every_source(&bytes, dir.path()) {
            let (inspector, result) = Inspector::new(rules.clone());
            let outcome = drain(content.with_inspector(inspector)).await;
            assert_eq!(outcome.is_ok(), fits);
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::TooLarge);
            }
            assert_eq!(result.get().map(|seen| seen.size), fits.then_some(10));
        }
        for content in every_source(&bytes, dir.path()) {
            let (inspector, result) = Inspector::new(rules.clone());
            let mut read = content.with_inspector(inspector).blocking();
            let outcome =
                tokio::task::spawn_blocking(move || io::copy(&mut read, &mut io::sink())).await.unwrap();
            assert_eq!(outcome.is_ok(), fits);
            assert_eq!(result.get().is_some(), fits);
        }
    }
}

#[tokio::test]
async fn a_dropped_future_loses_no_bytes() {
    let (read, mut write) = io::pipe().unwrap();
    let mut chunks = Content::reader(read).chunks();
    let mut cx = std::task::Context::from_waker(Waker::noop());
    {
        let mut dropped = Box::pin(chunks.next());
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
    }
    write.write_all(b"kept").unwrap();
    drop(write);
    assert_eq!(chunks.next().await.unwrap().unwrap(), "kept");
    assert_eq!(chunks.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_reader_that_panics_is_an_error() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("on purpose");
        }
    }
    let mut chunks = Content::reader(Panics).chunks();
    for _ in 0..2 {
        assert_eq!(chunks.next().await.unwrap_err().kind(), ErrorKind::Io);
    }
}

#[tokio::test]
async fn chunks_are_a_stream_and_fill_small_reads() {
    struct OneByte(usize);
    impl Read for OneByte {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let count = self.0.min(1);
            self.0 -= count;
            buf[..count].fill(b'1');
            Ok(count)
        }
    }
    let mut chunks = Content::reader(OneByte(64 * 1024 + 5)).chunks();
    let mut lens = Vec::new();
    while let Some(chunk) = poll_fn(|cx| Pin::new(&mut chunks).poll_next(cx)).await {
        lens.push(chunk.unwrap().len());
    }
    assert_eq!(lens, [64 * 1024, 5]);
}

#[test]
fn d164_a_file_is_copied_from_its_start() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"abcdef").unwrap();
    file.seek(SeekFrom::Start(3)).unwrap();
    let content = Content::from(file);
    assert_eq!(content.len(), Some(6));
    let mut text = String::new();
    content.blocking().read_to_string(&mut text).unwrap();
    assert_eq!(text, "abcdef");
}

#[tokio::test]
async fn p7_without_its_guard_a_content_fails_and_its_thread_wakes() {
    struct Never;
    impl Stream for Never {
        type Item = Result<Bytes>;
        fn poll_next(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Pending
        }
    }
    let mut content = Content::stream(Never);
    let guard = content.guard();
    let (begun, waiting) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        begun.send(()).unwrap();
        content.blocking().read(&mut [0; 9]).map_err(Error::from)
    });
    waiting.recv().unwrap();
    std::thread::sleep(Duration::from_millis(20));
    drop(guard);
    assert_eq!(thread.join().unwrap().unwrap_err().kind(), ErrorKind::Io);

    let mut content = Content::reader(io::Cursor::new("abc"));
    let guard = content.guard();
    let mut read = content.blocking();
    assert_eq!(read.read(&mut [0; 9]).unwrap(), 3);
    drop(guard);
    for _ in 0..2 {
        read.read(&mut [0; 9]).unwrap_err();
    }
    let mut content = Content::from("abc");
    drop(content.guard());
    drain(content).await.unwrap_err();
    let mut content = Content::from("abc");
    let _guard = content.guard();
    assert_eq!(drain(content).await.unwrap(), b"abc");
}

#[test]
fn a_missing_file_is_named_as_the_caller_named_it() {
    let missing = |path: &str| Pending::from_path(path).unwrap_err().to_string();
    assert!(missing("nope/chevy.jpg").contains("nope/chevy.jpg"), "{}", missing("nope/chevy.jpg"));
    let absolute = missing("/nope/chevy.jpg");
    assert!(absolute.contains("chevy.jpg") && !absolute.contains("/nope"), "{absolute}");
}

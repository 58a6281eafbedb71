//! Contents of more than one part.

use super::*;
use crate::StorageExt;
use bytes::Bytes;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

const PART: usize = 256 * 1024;

fn small_parts(store: &Double) -> ObjectStorage {
    over(store).trust_create_only().part_size(PART as u64).concurrency(3).build().unwrap()
}

fn pattern(len: usize) -> Bytes {
    (0..len).map(|n| (n % 251) as u8 ^ (n >> 16) as u8).collect()
}

#[tokio::test]
async fn parts_are_put_together_under_a_unique_name() {
    let store = Double::default();
    let storage = small_parts(&store);
    for (len, parts) in [(PART, 0), (PART + 1, 2), (2 * PART, 2), (5 * PART + 7, 6)] {
        let bytes = pattern(len);
        let owner = SaveOptions { owner: Some("o".into()), ..SaveOptions::default() };
        let wanted = format!("d/{len}.jpg");
        let saved = storage.save(name(&wanted), bytes.clone().into(), &owner).await.unwrap();
        assert_eq!(saved.size, len as u64);
        let requests = store.requests();
        assert_eq!(requests.iter().filter(|request| **request == "part").count(), parts, "{len}");
        assert_eq!(requests.len(), if parts == 0 { 1 } else { parts + 2 }, "{requests:?}");
        let token = saved.name.strip_prefix("d/").and_then(|leaf| leaf.strip_suffix(&format!("_{len}.jpg")));
        assert_eq!(token.map(str::len), (parts > 0).then_some(26), "{}", saved.name);
        let got = storage.open(name(&saved.name)).await.unwrap().read_all(u64::MAX).await.unwrap();
        assert!(got == bytes);
        assert_eq!(storage.owner(name(&saved.name)).await.unwrap().as_deref(), Some("o"));
        store.requests();
    }
    assert_eq!(store.open_uploads(), 0);
}

#[tokio::test]
async fn an_exact_name_is_asked_for_twice() {
    let store = Double::default();
    let storage = small_parts(&store);
    storage.save(name("a"), pattern(3 * PART).into(), &exact()).await.unwrap();
    let requests = store.requests();
    assert_eq!((requests[0], requests[1], requests[5], requests[6]), ("head", "create", "head", "complete"));
    // Nothing is sent for a taken name.
    let error = storage.save(name("a"), pattern(3 * PART).into(), &exact()).await.unwrap_err();
    assert_eq!((error.kind(), store.requests()), (ErrorKind::AlreadyExists, vec!["head"]));

    // Another client takes the name while the parts are sent.
    let slow = Double { slow: Some(Duration::from_millis(100)), ..store.clone() };
    let storage = Arc::new(small_parts(&slow));
    let saving = tokio::spawn({
        let storage = storage.clone();
        async move { storage.save(name("b"), pattern(3 * PART).into(), &exact()).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let error = storage.save(name("b"), pattern(3 * PART).into(), &exact()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "one save of this process at a time wants a name");
    save(&*storage, "b", "small").await.unwrap();
    assert_eq!(saving.await.unwrap().unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(text(&*storage, "b").await, "small");
    assert_eq!((store.open_uploads(), storage.unfinished.count()), (0, 0));
}

#[tokio::test]
async fn a_failure_aborts_the_upload() {
    for fault in ["create", "part", "complete"] {
        let store = Double::default();
        let storage = small_parts(&store);
        store.fail(fault, Fault::Fails);
        let error = storage.save(name("a"), pattern(4 * PART).into(), &exact()).await.unwrap_err();
        assert!(error.is_retryable());
        // Only completing an upload creates a file.
        assert_eq!(error.is_uncertain(), fault == "complete", "{fault}");
        assert!(!storage.exists(name("a")).await.unwrap());
        assert_eq!(store.open_uploads(), usize::from(fault == "complete"));
    }
    let store = Double::default();
    let storage = small_parts(&store);
    let failing = Content::reader(std::io::Read::chain(&[7; 3 * PART][..], Breaks));
    let error = storage.save(name("a"), failing, &exact()).await.unwrap_err();
    assert_eq!((error.kind(), store.open_uploads()), (ErrorKind::Io, 0));
    let (inspector, _) = crate::inspect::Inspector::new(crate::inspect::Rules {
        max_size: Some(3 * PART as u64),
        ..Default::default()
    });
    let large = Content::from(pattern(4 * PART)).with_inspector(inspector);
    let error = storage.save(name("a"), large, &exact()).await.unwrap_err();
    assert_eq!((error.kind(), store.open_uploads()), (ErrorKind::TooLarge, 0));
    assert_eq!(storage.list("").await.unwrap(), Listing::default());
}

struct Breaks;

impl std::io::Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("broken on purpose"))
    }
}

#[tokio::test]
async fn an_upload_of_unknown_end_is_left_to_its_owner() {
    let store = Double::default();
    let storage = small_parts(&store);
    let options = SaveOptions { owner: Some("mine".into()), exact: true, ..SaveOptions::default() };
    store.fail("complete", Fault::AnswerLost);
    storage.save(name("done"), pattern(2 * PART).into(), &options).await.unwrap();
    store.fail("complete", Fault::Fails);
    let error = storage.save(name("a"), pattern(2 * PART).into(), &options).await.unwrap_err();
    assert!(error.is_uncertain());
    assert_eq!((store.open_uploads(), storage.unfinished.count()), (1, 1));
    storage.discard_staged("other").await.unwrap();
    assert_eq!(store.open_uploads(), 1);
    store.fail("abort", Fault::Fails);
    assert!(storage.discard_staged("mine").await.unwrap_err().is_retryable());
    storage.discard_staged("mine").await.unwrap();
    assert_eq!(storage.unfinished.count(), 0);
    assert_eq!(storage.list("").await.unwrap().files, ["done"]);
}

#[tokio::test]
async fn a_dropped_save_aborts_its_upload() {
    let store = Double { slow: Some(Duration::from_secs(60)), ..Double::default() };
    let storage = Arc::new(small_parts(&store));
    let saving = tokio::spawn({
        let storage = storage.clone();
        async move { storage.save(name("a"), pattern(9 * PART).into(), &SaveOptions::default()).await }
    });
    while store.open_uploads() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    saving.abort();
    assert!(saving.await.unwrap_err().is_cancelled());
    for _ in 0..200 {
        if store.open_uploads() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((store.open_uploads(), storage.unfinished.count()), (0, 0));
}

#[tokio::test]
async fn too_many_parts_are_refused() {
    let store = Double { forgets: true, ..Double::default() };
    let storage = over(&store).trust_create_only().part_size(1024).build().unwrap();
    let error = storage.save(name("a"), vec![0; 10_000 * 1024 + 1].into(), &exact()).await.unwrap_err();
    assert_eq!((error.kind(), store.requests().len()), (ErrorKind::TooLarge, 0));
    let unknown = Content::reader(std::io::Read::take(std::io::repeat(1), 10_000 * 1024 + 1));
    let error = storage.save(name("a"), unknown, &exact()).await.unwrap_err();
    assert_eq!((error.kind(), store.open_uploads()), (ErrorKind::TooLarge, 0));
}

/// Bytes that are counted as long as they are held.
#[derive(Default)]
struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Piece(Arc<Held>, Vec<u8>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.now.fetch_sub(self.1.len(), Ordering::SeqCst);
    }
}

struct Pieces {
    held: Arc<Held>,
    left: usize,
    size: usize,
}

impl futures_core::Stream for Pieces {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let size = self.size.min(self.left);
        self.left -= size;
        let now = self.held.now.fetch_add(size, Ordering::SeqCst) + size;
        self.held.most.fetch_max(now, Ordering::SeqCst);
        let piece = Piece(self.held.clone(), vec![1; size]);
        Poll::Ready(Some(Ok(Bytes::from_owner(piece))))
    }
}

/// A content of 1 GiB never takes more memory than configured.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded() {
    const GIB: usize = 1 << 30;
    let store = Double { forgets: true, slow: Some(Duration::from_millis(1)), ..Double::default() };
    let storage = over(&store).trust_create_only().part_size(8 << 20).concurrency(3).build().unwrap();
    for (size, copied) in [(1 << 20, false), (64 << 10, false), (10_000, true)] {
        let held = Arc::new(Held::default());
        let len = if copied { GIB / 8 } else { GIB };
        let content = Content::stream(Pieces { held: held.clone(), left: len, size });
        let error = storage.save(name("a"), content, &SaveOptions::default()).await;
        assert_eq!(error.map(|saved| saved.size).unwrap(), len as u64);
        let most = held.most.load(Ordering::SeqCst);
        // Small pieces are copied together, so that none of them stays alive.
        let bound = if copied { 4 * size } else { 3 * (8 << 20) + 2 * size };
        assert!(most <= bound, "{most} bytes of pieces of {size} were held, {bound} may be");
        assert!(store.most_sent() <= 3 * (8 << 20), "{}", store.most_sent());
        assert_eq!(held.now.load(Ordering::SeqCst), 0);
    }
}

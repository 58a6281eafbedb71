#![allow(clippy::unwrap_used)]
use super::*;
use async_trait::async_trait;
use std::future::Future;
use std::task::Waker;

/// Gives a few bytes per call, after waiting once, and declares no length.
struct Slow {
    bytes: Bytes,
    most: usize,
    waited: bool,
}

#[async_trait]
impl ReadSource for Slow {
    async fn chunk(&mut self, max: usize) -> Result<Bytes> {
        poll_fn(|cx| {
            if std::mem::replace(&mut self.waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.waited = false;
        let count = max.min(self.most).min(self.bytes.len());
        Ok(self.bytes.split_to(count))
    }
}

fn slow(text: &'static str, len: Option<u64>) -> Reader {
    slow_by(1, text, len)
}

fn slow_by(most: usize, text: &'static str, len: Option<u64>) -> Reader {
    Reader::new(Box::new(Slow { bytes: Bytes::from_static(text.as_bytes()), most, waited: false }), len)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn reads_all_of_every_source() {
    run(async {
        assert_eq!(Reader::from(Bytes::from_static(b"abc")).read_all(3).await.unwrap(), "abc");
        assert_eq!(slow("abc", None).read_all(u64::MAX).await.unwrap(), "abc");
        assert_eq!(slow("abc", Some(3)).read_all(3).await.unwrap(), "abc");
        assert_eq!(slow("", None).read_all(0).await.unwrap(), "");
        let read = Reader::from_async_read(&b"from tokio"[..], None);
        assert_eq!(read.read_all(100).await.unwrap(), "from tokio");
    });
}

#[test]
fn stops_over_the_limit_however_the_length_is_told() {
    run(async {
        for reader in [slow("abcd", None), slow("abcd", Some(4)), Reader::from(Bytes::from_static(b"abcd"))] {
            assert_eq!(reader.read_all(3).await.unwrap_err().kind(), ErrorKind::TooLarge);
        }
        let mut begun = slow("abcd", None);
        begun.next_chunk(1).await.unwrap();
        assert_eq!(begun.read_all(2).await.unwrap_err().kind(), ErrorKind::TooLarge);
    });
}

#[test]
fn a_false_length_is_an_error_or_a_cut_and_takes_no_memory() {
    run(async {
        let error = slow("abc", Some(1 << 50)).read_all(u64::MAX).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let mut reader = slow("ab", Some(3));
        assert_eq!(reader.next_chunk(9).await.unwrap().unwrap(), "a");
        assert_eq!(reader.next_chunk(9).await.unwrap().unwrap(), "b");
        assert_eq!(reader.next_chunk(9).await.unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(slow("abcdef", Some(3)).read_all(u64::MAX).await.unwrap(), "abc");
    });
}

#[test]
fn ranges_are_cut_at_the_end_and_inverted_ones_are_empty() {
    #[expect(clippy::reversed_empty_ranges)]
    let cases = [(0..10, "0123456789"), (2..5, "234"), (8..99, "89"), (10..11, ""), (50..60, ""), (5..2, "")];
    run(async {
        for (range, expected) in cases {
            for reader in [
                Reader::from(Bytes::from_static(b"0123456789")),
                slow("0123456789", None),
                slow("0123456789", Some(10)),
            ] {
                let got = reader.into_range(range.clone()).read_all(u64::MAX).await.unwrap();
                assert_eq!(got, expected, "{range:?}");
            }
        }
        let part = Reader::from(Bytes::from_static(b"0123456789")).into_range(2..8);
        assert_eq!(part.len(), Some(6));
        assert_eq!(part.into_range(1..3).read_all(9).await.unwrap(), "34");
        let open = slow("0123456789", None).into_range(2..u64::MAX);
        assert_eq!(open.read_all(9).await.unwrap(), "23456789");
    });
}

#[test]
fn a_dropped_future_loses_no_bytes() {
    let mut reader = slow("abc", None);
    drop_a_chunk(&mut reader, 1);
    assert_eq!(run(reader.read_all(9)).unwrap(), "abc");
}

/// Requests a chunk and drops the future while it waits.
fn drop_a_chunk(reader: &mut Reader, max: usize) {
    let mut dropped = Box::pin(reader.next_chunk(max));
    assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn a_range_counts_the_chunk_of_a_dropped_future() {
    let text = "0123456789ABCDEFGHIJ";
    for most in [1, 3, 7, 20] {
        for len in [None, Some(20)] {
            for (range, expected) in
                [(5..10, "56789"), (0..3, "012"), (7..7, ""), (18..99, "IJ"), (20..30, "")]
            {
                let mut reader = slow_by(most, text, len);
                drop_a_chunk(&mut reader, 20);
                let got = run(reader.into_range(range.clone()).read_all(100)).unwrap();
                assert_eq!(got, expected, "{range:?} by {most}, length {len:?}");
            }
            let mut reader = slow_by(most, text, len).into_range(2..18);
            drop_a_chunk(&mut reader, 20);
            assert_eq!(run(reader.into_range(1..9).into_range(2..5).read_all(100)).unwrap(), "567");
        }
    }
}

#[test]
fn streams_chunks_and_stays_ended() {
    run(async {
        let mut stream = Reader::from(Bytes::from_static(b"abcde")).into_stream(2);
        let mut next = async || poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await;
        for expected in ["ab", "cd", "e"] {
            assert_eq!(next().await.unwrap().unwrap(), expected);
        }
        assert!(next().await.is_none() && next().await.is_none());
    });
}

#[test]
fn serves_tokio_reads_of_any_size() {
    for (len, known) in [(200_000, true), (200_000, false), (0, true)] {
        let bytes: Bytes = (0..len).map(|i| i as u8).collect::<Vec<_>>().into();
        let mut reader = if known {
            Reader::from(bytes.clone())
        } else {
            Reader::from_async_read(std::io::Cursor::new(bytes.clone()), None)
        };
        let mut got = Vec::new();
        run(async {
            loop {
                let mut memory = [0; 333];
                let mut buf = ReadBuf::new(&mut memory);
                poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut buf)).await.unwrap();
                if buf.filled().is_empty() {
                    break;
                }
                got.extend_from_slice(buf.filled());
            }
        });
        assert_eq!(bytes, got);
    }
}

#[tokio::test]
async fn skips_without_reading_where_the_source_can() {
    let folder = tempfile::tempdir().unwrap();
    let storage = crate::storage::FileSystemStorage::builder(folder.path()).build().unwrap();
    let name = crate::FileName::new("f").unwrap();
    let digits: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    crate::Storage::save(&storage, name, digits.clone().into(), &Default::default()).await.unwrap();
    let mut reader = crate::StorageExt::open(&storage, name).await.unwrap();
    assert_eq!(reader.next_chunk(10).await.unwrap().unwrap(), digits[..10]);
    assert!(reader.try_skip(0) && reader.try_skip(70_000));
    assert_eq!(reader.len(), Some(29_990));
    assert_eq!(reader.next_chunk(10).await.unwrap().unwrap(), digits[70_010..70_020]);
    assert!(reader.try_skip(u64::MAX));
    assert_eq!(reader.next_chunk(10).await.unwrap(), None);
    let mut stream = Reader::from_async_read(&b"0123456789"[..], None);
    assert!(!stream.try_skip(0) && !stream.try_skip(3));
    assert_eq!(stream.read_all(10).await.unwrap(), "0123456789");
}

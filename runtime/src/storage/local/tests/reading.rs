//! Reading from memory and from the disk, with and without a runtime.

use super::*;
use futures_core::Stream;
use std::future::poll_fn;
use std::pin::Pin;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 253) as u8).collect()
}

/// Asks the kernel to drop the file from its cache.
fn chill(path: &Path) {
    let file = fs::File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

#[test]
fn gives_the_bytes_whatever_is_cached() {
    let media = Media::new();
    for len in [0, 1, 4096, 65_536, 262_144, 262_145, 1_500_000] {
        let bytes = pattern(len);
        let file = media.save("f", bytes.clone()).unwrap().name;
        for cold in [false, true] {
            for off in [false, true] {
                fallbacks::switch_all_off_if(&media.storage.disk, off);
                if cold {
                    chill(&media.at(&file));
                }
                assert_eq!(media.read(&file).unwrap(), bytes);
                let middle = len as u64 / 3..len as u64 / 2;
                let part = run(async {
                    media
                        .storage
                        .open_range(name(&file), middle.clone())
                        .await
                        .unwrap()
                        .read_all(u64::MAX)
                        .await
                });
                assert_eq!(part.unwrap(), bytes[len / 3..len / 2]);
                for chunk in [1000, 65_536, 1 << 20] {
                    if cold {
                        chill(&media.at(&file));
                    }
                    let mut streamed = Vec::new();
                    run(async {
                        let mut stream = media.storage.open(name(&file)).await.unwrap().into_stream(chunk);
                        while let Some(piece) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
                            let piece = piece.unwrap();
                            assert!(!piece.is_empty() && piece.len() <= chunk);
                            streamed.extend_from_slice(&piece);
                        }
                    });
                    assert_eq!(streamed, bytes);
                }
            }
        }
        run(media.storage.delete(name(&file))).unwrap();
    }
}

#[test]
fn ranges_are_cut_and_tell_their_length() {
    #[expect(clippy::reversed_empty_ranges)]
    let cases = [
        (0..u64::MAX, 0..10),
        (3..5, 3..5),
        (9..99, 9..10),
        (10..11, 10..10),
        (99..100, 10..10),
        (5..2, 5..5),
    ];
    let media = Media::new();
    media.save("f", "0123456789").unwrap();
    for (range, expected) in cases {
        let reader = run(media.storage.open_range(name("f"), range.clone())).unwrap();
        assert_eq!(reader.len(), Some((expected.end - expected.start) as u64), "{range:?}");
        let bytes = run(reader.read_all(10)).unwrap();
        assert_eq!(bytes, b"0123456789"[expected]);
    }
    // Skipped parts of a large file are not read.
    let sparse = fs::File::create(media.at("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let end = (1 << 40) - 5..u64::MAX;
    let tail = run(async { media.storage.open_range(name("sparse"), end).await?.read_all(9).await });
    assert_eq!(tail.unwrap(), [0; 5][..]);
    let tail = run(async {
        media.storage.open(name("sparse")).await?.into_range((1 << 40) - 3..u64::MAX).read_all(9).await
    });
    assert_eq!(tail.unwrap(), [0; 3][..]);
    let whole = run(async { media.storage.open(name("sparse")).await?.read_all(1 << 20).await });
    assert_eq!(whole.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_cut() {
    for len in [100_u64, 1_000_000] {
        let media = Media::new();
        for (becomes, expected) in [(len / 2, Err(ErrorKind::Io)), (len * 2, Ok(len))] {
            fs::write(media.at("f"), vec![7; len as usize]).unwrap();
            let reader = run(media.storage.open(name("f"))).unwrap();
            fs::OpenOptions::new().write(true).open(media.at("f")).unwrap().set_len(becomes).unwrap();
            let read = run(reader.read_all(u64::MAX));
            assert_eq!(read.map(|bytes| bytes.len() as u64).map_err(|error| error.kind()), expected);
        }
    }
}

#[test]
fn a_deleted_file_is_read_to_its_end() {
    let media = Media::new();
    let bytes = pattern(3_000_000);
    media.save("f", bytes.clone()).unwrap();
    let mut reader = run(media.storage.open(name("f"))).unwrap();
    let first = run(reader.next_chunk(1000)).unwrap().unwrap();
    run(media.storage.delete(name("f"))).unwrap();
    let rest = run(reader.read_all(u64::MAX)).unwrap();
    assert_eq!([&first[..], &rest[..]].concat(), bytes);
}

#[test]
fn large_streams_let_other_tasks_run() {
    let media = Media::new();
    media.save("f", vec![0; 64 << 20]).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let mut reader = media.storage.open(name("f")).await.unwrap();
        let ticks = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = ticks.clone();
        tokio::spawn(async move {
            loop {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        while reader.next_chunk(1 << 16).await.unwrap().is_some() {}
        assert!(ticks.load(std::sync::atomic::Ordering::Relaxed) > 3);
    });
}

#[test]
fn times_are_told() {
    let media = Media::new();
    let before = std::time::SystemTime::now() - Duration::from_secs(5);
    media.save("f", "x").unwrap();
    let metadata = run(media.storage.metadata(name("f"))).unwrap();
    assert!(metadata.modified.unwrap() > before && metadata.accessed.unwrap() > before);
    assert!(metadata.created.is_none_or(|created| created > before));
    assert_eq!(run(media.storage.modified(name("f"))).unwrap(), metadata.modified.unwrap());
    // A time before 1970.
    let old = std::time::SystemTime::UNIX_EPOCH - Duration::new(10, 250);
    fs::File::open(media.at("f")).unwrap().set_modified(old).unwrap();
    assert_eq!(run(media.storage.modified(name("f"))).unwrap(), old);
}

#[test]
fn copies_from_another_storage_stream() {
    let (from, to) = (Media::new(), Media::new());
    let bytes = pattern(2_000_000);
    from.save("f", bytes.clone()).unwrap();
    let reader = run(from.storage.open(name("f"))).unwrap();
    assert_eq!(to.save("g", reader.into_content()).unwrap().size, 2_000_000);
    assert_eq!(to.read("g").unwrap(), bytes);
}

/// Cached bytes are read at any offset, without moving the reader.
#[test]
fn reads_at_an_offset_without_moving() {
    let media = Media::new();
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    media.save("a.bin", bytes.clone()).unwrap();
    run(async {
        let mut reader = media.storage.open_range(name("a.bin"), 10..4096).await.unwrap();
        let mut buf = [0; 1000];
        for (offset, expected) in [(0, 1000), (70_000, 1000), (99_500, 500), (100_000, 0), (u64::MAX / 4, 0)]
        {
            // `None` if the kernel would have to wait, as on a file system without this call.
            if let Some(count) = reader.try_read_at(offset, &mut buf) {
                let start = usize::try_from(offset).unwrap().min(bytes.len());
                assert_eq!(count.unwrap(), expected);
                assert_eq!(buf[..expected], bytes[start..start + expected]);
            }
        }
        assert_eq!(reader.read_all(1 << 20).await.unwrap(), bytes[10..4096]);
    });
}

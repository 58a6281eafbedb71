#![allow(clippy::unwrap_used)]
use super::*;
use crate::content::Pending;
use crate::{Content, Error, ErrorKind};
use bytes::Bytes;
use std::fs;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use tempfile::tempdir;

fn n(size: usize) -> NonZeroUsize {
    NonZeroUsize::new(size).unwrap()
}

fn cursor(text: &'static str) -> File {
    File::new(Cursor::new(text))
}

fn texts(items: impl Iterator<Item = crate::Result<Bytes>>) -> Vec<String> {
    items.map(|item| String::from_utf8(item.unwrap().into()).unwrap()).collect()
}

fn kind(error: io::Error) -> ErrorKind {
    Error::from(error).kind()
}

fn read_text(from: &mut impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn d001_calls_reach_the_inner_stream() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.txt");
    let mut file = File::open_as(&path, OpenMode::Write).unwrap();
    write!(file, "bytes").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "bytes");
    file.seek(SeekFrom::Start(1)).unwrap();
    file.write_all(b"-").unwrap();
    assert_eq!(file.stream_position().unwrap(), 2);
    file.truncate(3).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "b-t");
    assert!(file.as_std().is_some());
}

#[test]
fn d003_to_d007_names_and_modes() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("chevy.jpg");
    fs::write(&path, "x").unwrap();
    let file = File::open(&path).unwrap();
    assert_eq!((file.name(), file.path()), (Some("chevy.jpg"), Some(path.as_path())));
    assert_eq!(file.mode(), Some(OpenMode::Read));
    assert_eq!(file.with_name("other").to_string(), "other");
    let unnamed = cursor("");
    assert_eq!((unnamed.name(), unnamed.mode(), unnamed.to_string().as_str()), (None, None, ""));
    assert_eq!(format!("{unnamed:?}"), "File { name: None, closed: false, .. }");
    for mode in [OpenMode::Read, OpenMode::ReadWrite, OpenMode::Write, OpenMode::Append] {
        let file = File::from(mode.options().open(&path).unwrap());
        assert_eq!((file.mode(), file.name()), (Some(mode), None));
    }
}

#[test]
fn d010_to_d012_sizes() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, "12345").unwrap();
    let mut file = File::open_as(&path, OpenMode::ReadWrite).unwrap();
    assert_eq!(file.size().unwrap(), 5);
    let mut other = OpenMode::Append.options().open(&path).unwrap();
    other.write_all(b"678").unwrap();
    assert_eq!(file.size().unwrap(), 5, "remembered");
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(b"9").unwrap();
    assert_eq!(file.size().unwrap(), 9, "forgotten after a write of its own");
    let mut closed = File::open(&path).unwrap();
    closed.close().unwrap();
    assert_eq!(closed.size().unwrap(), 9, "by its path");

    let mut file = cursor("123456");
    file.seek(SeekFrom::Start(3)).unwrap();
    assert_eq!(file.size().unwrap(), 6);
    assert_eq!(file.stream_position().unwrap(), 3);
    assert_eq!(File::reader(io::empty()).size().unwrap_err().kind(), ErrorKind::Unsupported);
    let (pipe, _writer) = io::pipe().unwrap();
    let pipe = fs::File::from(std::os::fd::OwnedFd::from(pipe));
    assert_eq!(File::from(pipe).size().unwrap_err().kind(), ErrorKind::Unsupported);
    let mut file = cursor("x");
    file.close().unwrap();
    assert_eq!(file.size().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn d013_to_d016_chunks() {
    let lens = |text: &'static str, size| -> Vec<_> { texts(cursor(text).chunks_of(n(size))) };
    assert_eq!(lens("0123456789", 3), ["012", "345", "678", "9"]);
    assert_eq!(lens("0123456789", 5), ["01234", "56789"]);
    assert_eq!(lens("", 3), [""; 0]);
    let mut big = ContentFile::new(vec![0; 65_537]);
    let lens: Vec<_> = big.chunks().map(|chunk| chunk.unwrap().len()).collect();
    assert_eq!(lens, [65_536, 1]);
    assert!(big.multiple_chunks(DEFAULT_CHUNK_SIZE));
    assert!(!big.multiple_chunks(n(65_537)));
    assert!(File::from(big).multiple_chunks(n(65_536)).unwrap());

    let mut file = cursor("abcdef");
    file.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(texts(file.chunks()), ["abcdef"], "from the start");
    let mut file = File::reader(Cursor::new("abcdef"));
    file.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(texts(file.chunks()), ["def"], "from where it is");
}

#[test]
fn d017_to_d020_lines() {
    for size in 1..=20 {
        let mut file = cursor("one\rtwo\nthree\r\nfour");
        assert_eq!(texts(file.lines_by(n(size))), ["one\r", "two\n", "three\r\n", "four"]);
        assert_eq!(texts(file.lines_by(n(size))), ["one\r", "two\n", "three\r\n", "four"], "again");
        let odd = "a\u{c}b\u{b}c\u{85}d\u{2028}e\u{2029}f\u{1c}g";
        assert_eq!(texts(cursor(odd).lines_by(n(size))), [odd]);
        assert_eq!(texts(cursor("\n\r\r\n\n\r").lines_by(n(size))), ["\n", "\r", "\r\n", "\n", "\r"]);
        assert_eq!(texts(cursor("").lines_by(n(size))), [""; 0]);
    }
    assert_eq!(texts(cursor("one\r\ntwo").lines_by(n(4))), ["one\r\n", "two"]);
}

#[test]
fn lines_can_be_limited() {
    for size in 1..=20 {
        let lines = |max| cursor("12\n1234\r\n1").lines_by(n(size)).max_len(n(max)).collect::<Vec<_>>();
        assert!(lines(6).iter().all(Result::is_ok), "chunks of {size}");
        let limited = lines(5);
        assert_eq!(limited.len(), 2, "it ends after the error");
        assert_eq!(limited[1].as_ref().unwrap_err().kind(), ErrorKind::TooLarge);
    }
    let mut endless = File::reader(io::repeat(b'x'));
    let error = endless.lines().max_len(n(1_000_000)).next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let mut splitter = LineSplitter::new().max_len(n(3));
    splitter.push("12345".into());
    for _ in 0..2 {
        assert_eq!(splitter.next_line().unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[tokio::test]
async fn d017_asynchronous_lines() {
    use futures_core::Stream;
    let text = "one\rtwo\nthree\r\n\nfour\r";
    let reader = || crate::Reader::from(Bytes::from(text));
    for size in 1..=20 {
        let mut lines = LineStream::new(reader().into_stream(size));
        let mut got = Vec::new();
        while let Some(line) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut lines).poll_next(cx)).await {
            got.push(line);
        }
        assert_eq!(texts(got.into_iter()), ["one\r", "two\n", "three\r\n", "\n", "four\r"]);
    }
    let mut lines = reader().lines().max_len(n(6));
    let mut next = async || std::future::poll_fn(|cx| std::pin::Pin::new(&mut lines).poll_next(cx)).await;
    assert!(next().await.unwrap().is_ok() && next().await.unwrap().is_ok());
    assert_eq!(next().await.unwrap().unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(next().await.is_none());
}

#[test]
fn a_read_error_ends_chunks_and_lines() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    let mut file = File::reader(Cursor::new("a\nb").chain(Fails));
    let lines: Vec<_> = file.lines_by(n(1)).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].as_ref().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(File::reader(Fails).chunks().count(), 1);
}

#[test]
fn d021_to_d031_open_and_close() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.txt");
    fs::write(&path, "abc").unwrap();
    let mut file = File::open(&path).unwrap();
    file.read_exact(&mut [0; 2]).unwrap();
    assert_eq!(read_text(file.reopen().unwrap()), "abc", "D024");
    assert_eq!(file.reopen_as(OpenMode::Write).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(kind(file.write(b"x").unwrap_err()), ErrorKind::Unsupported);
    assert!(file.is_readable() && !file.is_writable() && file.is_seekable());
    file.close().unwrap();
    file.close().unwrap();
    assert!(file.is_closed() && !file.is_readable() && !file.is_writable() && !file.is_seekable());
    assert_eq!(kind(file.read(&mut [0]).unwrap_err()), ErrorKind::Closed);
    assert_eq!(kind(file.write(&[0]).unwrap_err()), ErrorKind::Closed);
    assert_eq!(kind(file.flush().unwrap_err()), ErrorKind::Closed);
    assert_eq!(kind(file.seek(SeekFrom::Start(0)).unwrap_err()), ErrorKind::Closed);
    assert_eq!(file.lines().next().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(file.truncate(0).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(read_text(file.reopen().unwrap()), "abc", "D025");
    file.close().unwrap();
    file.reopen_as(OpenMode::Write).unwrap();
    assert_eq!(
        (fs::read(&path).unwrap().len(), file.mode(), file.size().unwrap()),
        (0, Some(OpenMode::Write), 0)
    );
    file.close().unwrap();
    fs::remove_file(&path).unwrap();
    file.reopen_as(OpenMode::CreateNew).unwrap().write_all(b"kept").unwrap();
    file.close().unwrap();
    assert_eq!(file.reopen_as(OpenMode::CreateNew).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(read_text(file.reopen().unwrap()), "kept");
    assert_eq!(file.mode(), Some(OpenMode::ReadWrite));

    let mut gone = File::open(&path).unwrap();
    gone.close().unwrap();
    fs::remove_file(&path).unwrap();
    let error = gone.reopen().unwrap_err();
    assert_eq!((error.kind(), error.name()), (ErrorKind::NotFound, Some("a.txt")));
    assert!(!error.to_string().contains(dir.path().to_str().unwrap()));

    let mut nameless = cursor("x");
    nameless.close().unwrap();
    assert_eq!(nameless.reopen().unwrap_err().kind(), ErrorKind::Closed, "D026");
    // A client's name is not a path to open.
    fs::write(&path, "secret").unwrap();
    let mut named = cursor("x").with_name(path.to_str().unwrap());
    named.close().unwrap();
    assert_eq!(named.reopen().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(named.size().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn d021_scoped_use_closes_and_reports() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, "abc").unwrap();
    let mut file = File::open(&path).unwrap();
    for _ in 0..2 {
        let text = file.with_open(|file| Ok(read_text(file))).unwrap();
        assert_eq!(text, "abc");
        assert!(file.is_closed());
    }
    let failed: crate::Result<()> = file.with_open(|_| Err(Error::new(ErrorKind::Usage, "on purpose")));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Usage);
    assert!(file.is_closed());

    struct FailsToFlush;
    impl Write for FailsToFlush {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let mut file = File::writer(FailsToFlush);
    let error = file.with_open(|file| Ok(file.write_all(b"x")?)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(file.is_closed());
}

#[test]
fn d023_dropped_files_free_their_descriptors() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, "a").unwrap();
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let limit =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    let limit: u64 = limit.unwrap().parse().unwrap();
    for _ in 0..limit.min(100_000) + 10 {
        File::open(&path).unwrap();
    }
}

#[test]
fn d032_adapters_take_it() {
    let lines: Vec<_> = BufReader::new(cursor("a\nb")).lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["a", "b"]);
    let mut out = File::read_write(Cursor::new(Vec::new()));
    io::copy(&mut cursor("copied"), &mut out).unwrap();
    assert_eq!(read_text(out.reopen().unwrap()), "copied");
}

#[test]
fn d033_to_d041_content_files() {
    let mut file = ContentFile::new("é€");
    assert_eq!((file.size(), file.name(), file.to_string().as_str()), (5, None, ""));
    assert_eq!(read_text(&mut file), "é€");
    assert_eq!(read_text(file.reopen()), "é€");
    assert_eq!(ContentFile::from(String::from("x")).with_name("n").name(), Some("n"));

    let mut file = ContentFile::new("");
    file.write_all(b"Test ").unwrap();
    file.write_all(b"string").unwrap();
    assert_eq!(file.size(), 11, "D036");
    assert_eq!(read_text(file.reopen()), "Test string");

    let shared = Bytes::from_static(b"abc");
    let mut file = ContentFile::new(shared.clone());
    let other = file.clone();
    file.write_all(b"X").unwrap();
    assert_eq!((read_text(file.reopen()), file.size()), ("Xbc".to_owned(), 3), "D037");
    assert_eq!((&shared[..], &other.content()[..]), (&b"abc"[..], &b"abc"[..]));
    assert_eq!(texts(file.lines()), ["Xbc"]);

    file.seek(SeekFrom::End(2)).unwrap();
    assert_eq!(file.read(&mut [0]).unwrap(), 0);
    file.write_all(b"Y").unwrap();
    assert_eq!(&file.content()[..], b"Xbc\0\0Y");
    assert!(file.seek(SeekFrom::Current(-100)).is_err());
    file.seek(SeekFrom::Start(u64::MAX)).unwrap();
    assert_eq!(file.read(&mut [0]).unwrap(), 0);
    assert_eq!(kind(file.write(b"z").unwrap_err()), ErrorKind::TooLarge);
    assert_eq!(&file.content()[..], b"Xbc\0\0Y");
}

#[test]
fn content_files_act_like_a_cursor() {
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..500 {
        let mut ours = ContentFile::new("0123456789");
        let mut model = Cursor::new(b"0123456789".to_vec());
        for step in 0..20u8 {
            match random(4) {
                0 => {
                    let bytes = vec![step; 1 + random(5) as usize];
                    ours.write_all(&bytes).unwrap();
                    model.write_all(&bytes).unwrap();
                }
                1 => {
                    let mut buf = [vec![0; random(6) as usize], vec![]];
                    buf[1] = buf[0].clone();
                    assert_eq!(ours.read(&mut buf[0]).unwrap(), model.read(&mut buf[1]).unwrap());
                    assert_eq!(buf[0], buf[1]);
                }
                2 => {
                    let to = SeekFrom::Start(random(20));
                    assert_eq!(ours.seek(to).unwrap(), model.seek(to).unwrap());
                }
                _ => {
                    let to = SeekFrom::Current(random(10) as i64 - 5);
                    assert_eq!(ours.seek(to).ok(), model.seek(to).ok());
                }
            }
            assert_eq!(&ours.content()[..], &model.get_ref()[..]);
        }
    }
}

#[test]
fn d164_content_is_whole_from_the_start() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, "abcdef").unwrap();
    let mut memory = ContentFile::new("abcdef").with_name("a");
    memory.seek(SeekFrom::Start(3)).unwrap();
    for mut file in [File::open(&path).unwrap(), cursor("abcdef"), memory.clone().into()] {
        file.seek(SeekFrom::Start(3)).unwrap();
        assert_eq!(read_text(&mut Content::from(file).blocking()), "abcdef");
    }
    assert_eq!(read_text(&mut Content::from(memory.clone()).blocking()), "abcdef");
    let pending = Pending::from(memory);
    assert_eq!((pending.name(), pending.len()), ("a", Some(6)));
    let pending = Pending::from(File::open(&path).unwrap());
    assert_eq!((pending.name(), pending.len()), ("a", Some(6)));
    assert_eq!(Pending::from(cursor("x")).name(), "");

    let mut closed = File::open(&path).unwrap();
    closed.close().unwrap();
    assert_eq!(kind(Content::from(closed).blocking().read(&mut [0]).unwrap_err()), ErrorKind::Closed);
    let writer = File::open_as(&path, OpenMode::Append).unwrap();
    assert_eq!(kind(Content::from(writer).blocking().read(&mut [0]).unwrap_err()), ErrorKind::Unsupported);
}

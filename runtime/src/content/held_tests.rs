//! Tests of content held until it is saved: temporary files and pending values.
#![allow(clippy::unwrap_used)]
use super::{Content, Pending, TempFile};
use crate::{Error, ErrorKind};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use tempfile::tempdir;

#[test]
fn temp_files_are_private_counted_hashed_and_removed() {
    let dir = tempdir().unwrap();
    let mut writer = TempFile::create_in(dir.path()).unwrap().hashing();
    writer.write_all(b"hel").unwrap();
    writer.write_all(b"lo").unwrap();
    assert_eq!(writer.len(), 5);
    let temp = writer.finish().unwrap();
    assert_eq!(fs::metadata(temp.path()).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(temp.len(), 5);
    assert_eq!(temp.sha256().unwrap()[..4], [0x2c, 0xf2, 0x4d, 0xba]);
    let path = temp.path().to_owned();
    drop(temp);
    assert!(!path.exists());
    drop(TempFile::create_in(dir.path()).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(TempFile::create_in(dir.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn d217_a_temp_file_that_changed_is_refused() {
    let dir = tempdir().unwrap();
    let temp = TempFile::create_in(dir.path()).unwrap().finish().unwrap();
    fs::write(temp.path(), b"late bytes").unwrap();
    assert_eq!(temp.open().unwrap_err().kind(), ErrorKind::Io);

    let temp = TempFile::create_in(dir.path()).unwrap().finish().unwrap();
    fs::rename(temp.path(), dir.path().join("elsewhere")).unwrap();
    assert_eq!(temp.open().unwrap_err().kind(), ErrorKind::NotFound);
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), temp.path()).unwrap();
    assert_eq!(temp.open().unwrap_err().kind(), ErrorKind::NotAFile);
    fs::remove_file(temp.path()).unwrap();
    fs::write(temp.path(), b"").unwrap();
    let error = Content::from(temp).blocking().read(&mut [0; 9]).unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Io);
}

#[test]
fn adopted_files_are_regular_and_can_be_taken() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("upload.bin");
    let missing = TempFile::adopt(&path).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(!missing.to_string().contains(dir.path().to_str().unwrap()), "{missing}");
    assert_eq!(TempFile::adopt(dir.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
    fs::write(&path, "content").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(TempFile::adopt(&link).unwrap_err().kind(), ErrorKind::NotAFile);
    let (taken, mut file) = TempFile::adopt(&path).unwrap().into_taken().unwrap();
    assert_eq!(taken, path);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
    assert!(path.exists());
    drop(TempFile::adopt(&path).unwrap());
    assert!(!path.exists());
}

#[test]
fn a_file_that_took_the_place_of_a_temp_file_is_not_removed() {
    let dir = tempdir().unwrap();
    let (path, other) = (dir.path().join("upload.bin"), dir.path().join("other.bin"));
    let replace = |path: &std::path::Path| {
        fs::write(&other, "another's").unwrap();
        fs::rename(&other, path).unwrap();
    };
    fs::write(&path, "content").unwrap();
    let temp = TempFile::adopt(&path).unwrap();
    replace(&path);
    drop(temp);
    assert_eq!(fs::read(&path).unwrap(), b"another's");
    let temp = TempFile::create_in(dir.path()).unwrap().finish().unwrap();
    let path = temp.path().to_owned();
    replace(&path);
    assert_eq!(temp.into_taken().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(fs::read(&path).unwrap(), b"another's");
}

#[test]
fn pending_bytes_and_paths_can_be_read_again() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("chevy.jpg");
    fs::write(&path, "photo").unwrap();
    let pending = [Pending::new("chevy.jpg", "photo"), Pending::from_path(&path).unwrap()];
    for pending in pending {
        let pending = pending.with_content_type("image/jpeg");
        assert_eq!((pending.name(), pending.len()), ("chevy.jpg", Some(5)));
        for _ in 0..2 {
            let content = pending.clone().content().unwrap();
            assert_eq!(content.content_type(), Some("image/jpeg"));
            let mut text = String::new();
            content.blocking().read_to_string(&mut text).unwrap();
            assert_eq!(text, "photo");
        }
        assert!(pending.is_same(&pending.clone()));
        assert!(!pending.is_same(&pending.clone().with_name("other.jpg")));
    }
    assert!(path.exists());
}

#[test]
fn a_pending_reader_is_consumed_by_its_first_byte_and_a_temporary_file_by_nobody() {
    let dir = tempdir().unwrap();
    let mut writer = TempFile::create_in(dir.path()).unwrap();
    writer.write_all(b"12345").unwrap();
    let temp = Pending::new("a.bin", writer.finish().unwrap());
    assert_eq!(temp.len(), Some(5));
    let reader = Pending::new("b.bin", Content::reader(io::Cursor::new("12345")));
    assert_eq!(reader.len(), None);
    assert!(!temp.is_same(&reader));
    for (pending, again) in [(temp, true), (reader, false)] {
        let other = pending.clone();
        assert!(pending.is_same(&other));
        // Content that nothing reads stays.
        drop(pending.content().unwrap());
        let late = other.content().unwrap();
        assert_eq!(pending.content().unwrap().blocking().read(&mut [0; 9]).unwrap(), 5);
        assert_eq!(other.is_consumed(), !again);
        assert_eq!(late.blocking().read(&mut [0; 9]).is_ok(), again);
        match other.content() {
            Ok(content) if again => assert_eq!(content.blocking().read(&mut [0; 9]).unwrap(), 5),
            content => assert_eq!(content.unwrap_err().kind(), ErrorKind::Consumed),
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn an_open_file_is_read_again_whatever_its_position() {
    let mut file = tempfile::tempfile().unwrap();
    io::Write::write_all(&mut file, b"12345").unwrap();
    let pending = Pending::new("a.bin", file);
    let (one, two) = (pending.content().unwrap(), pending.content().unwrap());
    assert_eq!((one.len(), two.len()), (Some(5), Some(5)));
    // Both at once, byte by byte. The first one uses the position shared by all descriptors.
    let (mut one, mut two) = (one.blocking(), two.blocking());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        Read::by_ref(&mut one).take(1).read_to_end(&mut first).unwrap();
        Read::by_ref(&mut two).take(1).read_to_end(&mut second).unwrap();
    }
    assert_eq!((&first[..], &second[..]), (&b"12345"[..], &b"12345"[..]));
}

#[test]
fn pending_paths_are_checked_at_once_and_never_hang() {
    let dir = tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for (path, kind) in [
        (dir.path().join("missing.jpg"), ErrorKind::NotFound),
        (dir.path().to_owned(), ErrorKind::IsADirectory),
        (fifo.clone(), ErrorKind::NotAFile),
    ] {
        let error = Pending::from_path(&path).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.to_string().contains(&format!("{root}/")), "{error}");
    }
    assert_eq!(Content::copy_of(&fifo).unwrap_err().kind(), ErrorKind::NotAFile);
    let path = dir.path().join("soon-gone");
    fs::write(&path, "x").unwrap();
    let pending = Pending::from_path(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let error = pending.content().unwrap_err();
    assert_eq!((error.kind(), error.name()), (ErrorKind::NotFound, Some("soon-gone")));
    assert_eq!(pending.len(), None);
}

#[test]
fn d023_pending_values_hold_no_descriptors() {
    let dir = tempdir().unwrap();
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let values: Vec<_> = (0..500)
        .map(|n| {
            let path = dir.path().join(format!("{n}"));
            fs::write(&path, "x").unwrap();
            let temp = TempFile::create_in(dir.path()).unwrap().finish().unwrap();
            (Pending::from_path(&path).unwrap(), Pending::new("t", temp))
        })
        .collect();
    // Other tests run in parallel and open files too.
    assert!(open() < before + 250, "{} descriptors for {} values", open() - before, 2 * values.len());
}

//! Content of every kind is saved completely or not at all.

use super::*;
use crate::content::Source;
use crate::inspect::{Inspector, Rules};
use std::time::Instant;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// One content of each kind.
fn contents(dir: &Path, bytes: &[u8]) -> Vec<Content> {
    let path = dir.join("source");
    fs::write(&path, bytes).unwrap();
    let chunks = bytes.to_vec();
    let reader = Reader::from(bytes::Bytes::from(bytes.to_vec()));
    vec![
        Content::from(bytes.to_vec()),
        temp(dir, bytes),
        Content::copy_of(&path).unwrap(),
        Content::reader(std::io::Cursor::new(chunks)),
        Content::new(Source::Stream(Box::pin(reader.into_stream(1000)))),
    ]
}

#[test]
fn stores_every_kind_of_content_of_every_size() {
    for durability in [Durability::Full, Durability::File, Durability::None] {
        let media = Media::with(|builder| builder.durability(durability));
        for len in [0, 1, 4095, 4096, 32_767, 32_768, 32_769, 262_143, 262_144, 262_145, 3_000_000] {
            let bytes = pattern(len);
            for content in contents(media.dir.path(), &bytes) {
                let label = format!("{content:?}");
                let saved = media.save("a/b/f.bin", content).unwrap();
                assert_eq!(saved.size, len as u64, "{label}");
                assert_eq!(media.read(&saved.name).unwrap(), bytes, "{label}");
                run(media.storage.delete(name(&saved.name))).unwrap();
            }
        }
        assert!(media.files().is_empty());
        // Temporary files that were passed in are removed from their old place.
        assert_eq!(fs::read_dir(media.dir.path()).unwrap().count(), 2);
    }
}

#[test]
fn works_without_a_runtime() {
    let media = Media::with(|builder| builder);
    for content in contents(media.dir.path(), b"new content") {
        let saved = inline(media.storage.save(name("a/f"), content, &SaveOptions::default())).unwrap();
        let bytes =
            inline(async { media.storage.open(name(&saved.name)).await?.read_all(99).await }).unwrap();
        assert_eq!(bytes, "new content");
        inline(media.storage.delete(name(&saved.name))).unwrap();
    }
}

#[test]
fn a_temporary_file_is_moved_not_copied() {
    use std::os::unix::fs::MetadataExt;
    for overwrite in [false, true] {
        let media = Media::with(|builder| builder.allow_overwrite(overwrite));
        media.save("taken.bin", "old").unwrap();
        for wanted in ["free.bin", "taken.bin"] {
            let path = media.dir.path().join("upload");
            fs::write(&path, "new").unwrap();
            let before = fs::metadata(&path).unwrap().ino();
            let saved = media.save(wanted, crate::TempFile::adopt(&path).unwrap().assume_closed()).unwrap();
            assert_eq!(saved.name == wanted, overwrite || wanted == "free.bin");
            let after = fs::metadata(media.at(&saved.name)).unwrap();
            assert_eq!((after.ino(), after.nlink()), (before, 1));
            assert!(!path.exists());
        }
    }
}

#[test]
fn a_temporary_file_that_was_written_here_is_moved() {
    use std::os::unix::fs::MetadataExt;
    let media = Media::new();
    let mut writer = crate::TempFile::create_in(media.dir.path()).unwrap();
    writer.write_all(b"written here").unwrap();
    let temp = writer.finish().unwrap();
    let before = fs::metadata(temp.path()).unwrap().ino();
    media.save("f", temp).unwrap();
    assert_eq!(fs::metadata(media.at("f")).unwrap().ino(), before);
}

/// A program that still has the file open for writing could change the stored file, but not the hash in its
/// row.
#[test]
fn an_adopted_file_that_is_still_written_to_does_not_change_the_stored_one() {
    use std::io::Write;
    for overwrite in [false, true] {
        let media = Media::with(|builder| builder.allow_overwrite(overwrite));
        let path = media.dir.path().join("upload");
        let mut writer = fs::File::create(&path).unwrap();
        writer.write_all(b"as it was").unwrap();
        media.save("f", crate::TempFile::adopt(&path).unwrap()).unwrap();
        writer.write_all(b", and more").unwrap();
        assert_eq!(media.read("f").unwrap(), b"as it was");
        assert!(!path.exists());
    }
}

#[test]
fn a_temporary_file_with_other_names_is_copied() {
    let media = Media::new();
    let path = media.dir.path().join("upload");
    fs::write(&path, "right").unwrap();
    fs::hard_link(&path, media.dir.path().join("alias")).unwrap();
    media.save("f", crate::TempFile::adopt(&path).unwrap().assume_closed()).unwrap();
    fs::write(media.dir.path().join("alias"), "wrong").unwrap();
    assert_eq!(media.read("f").unwrap(), b"right");
    assert!(!path.exists());
}

#[test]
fn a_temporary_file_of_another_file_system_is_copied() {
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return eprintln!("skipped: there is no /dev/shm");
    };
    let media = Media::new();
    let saved = media.save("f", temp(other.path(), b"from memory")).unwrap();
    assert_eq!((saved.size, media.read("f").unwrap()), (11, b"from memory".to_vec()));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}

#[test]
fn content_that_fails_leaves_nothing() {
    for overwrite in [false, true] {
        let media = Media::with(|builder| builder.allow_overwrite(overwrite));
        media.save("d/old.bin", "old").unwrap();
        for bytes in [0, 1, 32_768, 1_000_000] {
            for target in ["d/old.bin", "new/f.bin"] {
                let error = media.save(target, Content::reader(Failing(bytes))).unwrap_err();
                assert_eq!(
                    (error.kind(), error.operation(), error.name()),
                    (ErrorKind::Io, Some("save"), Some(target))
                );
                assert!(!error.is_uncertain());
            }
        }
        let stated = Content::reader(&b"abc"[..]).with_len(5_000_000);
        assert_eq!(media.save("new/f.bin", stated).unwrap_err().kind(), ErrorKind::Io);
        let stated = Content::from("abc").with_len(4);
        assert_eq!(media.save("new/f.bin", stated).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(media.files(), ["d/old.bin"]);
        assert_eq!(media.read("d/old.bin").unwrap(), b"old");
    }
}

#[test]
fn a_panicking_reader_is_an_error_and_leaves_nothing() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("a bug in the application")
        }
    }
    let media = Media::new();
    let error = media.save("f", Content::reader(Panics)).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("the content panicked"), "{error}");
    assert!(media.files().is_empty());
    media.save("f", "fine").unwrap();
}

#[test]
fn refused_content_leaves_nothing() {
    let media = Media::new();
    for content in contents(media.dir.path(), &pattern(5000)) {
        let (inspector, _) = Inspector::new(Rules { max_size: Some(4999), ..Rules::default() });
        let refused = media.save("f", content.with_inspector(inspector));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::TooLarge);
        assert!(media.files().is_empty());
    }
    for checksum in [false, true] {
        for content in contents(media.dir.path(), &pattern(5000)) {
            let (inspector, result) = Inspector::new(Rules { checksum, ..Rules::default() });
            media.save("f", content.with_inspector(inspector)).unwrap();
            assert_eq!(result.get().unwrap().size, 5000);
        }
    }
}

#[test]
fn content_of_special_files_is_read_to_its_end() {
    let media = Media::new();
    // Its declared size is 0.
    let size = media.save("status", Content::copy_of("/proc/self/status").unwrap()).unwrap().size;
    assert!(size > 100);
}

/// A reader sees either the old bytes or the new ones, complete.
#[test]
fn replacing_is_one_step() {
    let media = Media::with(|builder| builder.allow_overwrite(true).durability(Durability::None));
    let lengths = [100_000, 10, 40_000];
    media.save("f", vec![0; lengths[0]]).unwrap();
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let end = stop.at_the_end();
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !stop.was_told() {
                let bytes = fs::read(media.at("f")).unwrap();
                let value = usize::from(bytes[0]);
                assert_eq!(bytes.len(), lengths[value]);
                assert!(bytes.iter().all(|byte| usize::from(*byte) == value));
                seen += 1;
            }
            seen
        });
        let start = Instant::now();
        for round in 0.. {
            let value = round % lengths.len();
            assert_eq!(media.save("f", vec![value as u8; lengths[value]]).unwrap().name, "f");
            if start.elapsed() > Duration::from_millis(500) {
                break;
            }
        }
        drop(end);
        assert!(reader.join().unwrap() > 10);
    });
    assert_eq!(media.files(), ["f"]);
}

#[test]
fn a_directory_is_never_replaced() {
    for (overwrite, expected) in [(true, Some(ErrorKind::IsADirectory)), (false, None)] {
        let media = Media::with(|builder| builder.allow_overwrite(overwrite));
        fs::create_dir(media.at("d")).unwrap();
        let saved = media.save("d", "x");
        assert_eq!(saved.as_ref().map_err(Error::kind).err(), expected);
        if let Ok(saved) = saved {
            assert!(saved.name.starts_with("d_"));
        }
        assert!(media.at("d").is_dir());
        media.save("file", "x").unwrap();
        for below in ["file/x", "file/x/y"] {
            assert_eq!(media.save(below, "x").unwrap_err().kind(), ErrorKind::NotADirectory);
        }
    }
}

#[test]
fn owner_tokens_are_kept_with_the_file() {
    let media = Media::new();
    let long = "o".repeat(1000);
    for (file, owner) in [("a", "token"), ("b", long.as_str())] {
        let options = SaveOptions { owner: Some(owner.to_owned()), ..SaveOptions::default() };
        match media.save_with(file, temp(media.dir.path(), b"x"), &options) {
            Ok(_) => {}
            Err(error) => panic!("{error:?}"),
        }
        match run(media.storage.owner(name(file))) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return eprintln!("skipped: no attributes");
            }
            found => assert_eq!(found.unwrap().as_deref(), Some(owner)),
        }
    }
    media.save("plain", "x").unwrap();
    assert_eq!(run(media.storage.owner(name("plain"))).unwrap(), None);
    let missing = run(media.storage.owner(name("missing"))).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn a_missing_root_is_made_and_nothing_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let storage = FileSystemStorage::new(dir.path().join("media")).unwrap();
    assert!(!run(storage.exists(name("f"))).unwrap());
    assert!(run(storage.list("")).unwrap().files.is_empty());
    run(storage.delete(name("f"))).unwrap();
    run(storage.save(name("f"), Content::from("x"), &SaveOptions::default())).unwrap();
    assert!(dir.path().join("media/f").is_file());
    let deep = FileSystemStorage::new(dir.path().join("not/there")).unwrap();
    let error = run(deep.save(name("f"), Content::from("x"), &SaveOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    assert!(!error.to_string().contains(&*dir.path().to_string_lossy()));
    assert!(!dir.path().join("not").exists());
}

/// A directory created by a save that has not synced it yet is synced by other saves into it.
#[test]
fn made_directories_are_synced_by_somebody() {
    struct SavesMeanwhile(Arc<Media>, bool);
    impl Read for SavesMeanwhile {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            if !std::mem::replace(&mut self.1, true) {
                let (media, made) = (&self.0, &self.0.storage.disk.made);
                assert!(!made.is_empty());
                std::thread::scope(|scope| {
                    scope.spawn(|| media.save("new/d/g", "x").unwrap()).join().unwrap()
                });
                assert!(made.is_empty(), "the other save did not sync the directories");
            }
            Ok(0)
        }
    }
    let media = Arc::new(Media::with(|builder| builder));
    media.save("new/d/f", Content::reader(SavesMeanwhile(media.clone(), false))).unwrap();
    // Also after a failure.
    media.save("other/d/f", Content::reader(Failing(1))).unwrap_err();
    assert!(media.storage.disk.made.is_empty() && media.at("other/d").is_dir());
}

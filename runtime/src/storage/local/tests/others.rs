//! Changes to the files of a storage by other programs, users and disks.

use super::pieces::stream;
use super::*;
use crate::inspect::Rules;
use bytes::Bytes;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const HTML: &[u8] = b"<html><script>alert()";

/// Declaring a length reserves only space in proportion to the bytes that have arrived.
#[test]
fn a_stated_length_reserves_little() {
    let media = Media::new();
    fs::write(media.at("f"), []).unwrap();
    let (file, seen) = (fs::File::options().write(true).open(media.at("f")).unwrap(), media.at("f"));
    let mut pieces = [vec![1; 40_000], vec![2; 3 << 20], Vec::new()].into_iter();
    let mut blocks = Vec::new();
    let reader = std::iter::from_fn(move || {
        blocks.push(fs::metadata(&seen).unwrap().blocks() * 512);
        assert!(
            blocks.last() <= [0, 2 << 20, 8 << 20, 8 << 20].get(blocks.len() - 1),
            "reserved: {blocks:?}"
        );
        pieces.next().map(|piece| Ok(Bytes::from(piece)))
    });
    let content = stream(reader).with_len(4 << 30);
    let ended = copy::content(&file, content.blocking(), Some(4 << 30), &Cancel::default()).unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Io, "{ended}");
}

/// Content with a declared length over the limit is refused before a byte is read.
#[test]
fn a_stated_length_over_the_limit() {
    let media = Media::new();
    let never = stream(std::iter::from_fn(|| panic!("the content was asked for a byte")));
    let (inspector, _) = Inspector::new(Rules { max_size: Some(100), ..Rules::default() });
    let error = media.save("f", never.with_len(101).with_inspector(inspector)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(!error.is_retryable() && media.files().is_empty());
}

/// Another program writes to the source during the save. The stored bytes must be the checked ones.
#[test]
fn a_source_that_is_written_to_while_it_is_saved() {
    let media = Media::new();
    let source = media.dir.path().join("source");
    let whole = |start: &[u8]| [start, &vec![b' '; 200_000]].concat();
    fs::write(&source, whole(PNG)).unwrap();
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let _end = stop.at_the_end();
        scope.spawn(|| {
            use std::os::unix::fs::FileExt;
            let file = fs::File::options().write(true).open(&source).unwrap();
            while !stop.was_told() {
                file.write_all_at(&[HTML, &[b' '; 50]].concat(), 0).unwrap();
                file.write_all_at(&[PNG, &[b' '; 50]].concat(), 0).unwrap();
            }
        });
        let mut accepted = 0;
        for n in 0..200 {
            let rules = Rules { accept: &["image/png"], ..Rules::default() };
            let content = Content::copy_of(&source).unwrap().with_inspector(Inspector::new(rules).0);
            match media.save(&format!("f{n}"), content) {
                Ok(saved) => {
                    accepted += 1;
                    assert!(media.read(&saved.name).unwrap().starts_with(PNG));
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotAccepted, "{error}"),
            }
        }
        assert!(accepted > 0);
    });
}

/// A growing log without a declared length is saved. A declared length must match.
#[test]
fn a_source_that_has_grown() {
    let media = Media::new();
    let source = media.dir.path().join("log");
    for inspected in [false, true] {
        fs::write(&source, "first").unwrap();
        let (inspector, _) = Inspector::new(Rules { checksum: inspected, ..Rules::default() });
        let content = Content::copy_of(&source).unwrap().with_inspector(inspector);
        let stated = Content::copy_of(&source).unwrap().with_len(5);
        fs::write(&source, "first, second").unwrap();
        assert_eq!(media.save(&format!("log{inspected}"), content).unwrap().size, 13);
        assert_eq!(media.save("stated", stated).unwrap_err().kind(), ErrorKind::Io);
    }
}

#[test]
fn a_temporary_file_of_somebody_else() {
    if !child::am_root() {
        eprintln!("skipped: only root can make a file of somebody else");
        return;
    }
    let media = Media::new();
    let path = media.dir.path().join("upload");
    fs::write(&path, "bytes").unwrap();
    chown(&path, Some(1000), Some(1000)).unwrap();
    let temp = crate::TempFile::adopt(&path).unwrap().assume_closed();
    let saved = media.save("f", Content::from(temp)).unwrap();
    assert_eq!(media.read(&saved.name).unwrap(), b"bytes");
    assert_eq!(fs::metadata(media.at("f")).unwrap().uid(), 0, "its owner could write to it");
    assert!(!path.exists());
}

/// A directory with the set-group-ID bit passes its group on to everything created in it or moved there.
#[test]
fn a_group_is_handed_down() {
    if !child::am_root() {
        eprintln!("skipped: only root can make a directory of another group");
        return;
    }
    let media = Media::with(|builder| builder.directory_permissions_mode(0o775));
    chown(media.storage.location(), None, Some(1234)).unwrap();
    fs::set_permissions(media.storage.location(), fs::Permissions::from_mode(0o2775)).unwrap();
    media.save("a/b/bytes", "x").unwrap();
    media.save("a/b/temp", temp(media.dir.path(), b"x")).unwrap();
    for (path, mode) in [("a", 0o2775), ("a/b", 0o2775), ("a/b/bytes", 0o644), ("a/b/temp", 0o644)] {
        let metadata = fs::metadata(media.at(path)).unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o7777), (1234, mode), "{path}");
    }
}

/// The holder of a lease is asked to give it up, and the open waits.
#[test]
fn a_file_under_a_lease() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    const HOLDER: &str = "import fcntl, os, signal, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
def give_up(*_):
    time.sleep(0.1)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    os._exit(0)
signal.signal(signal.SIGIO, give_up)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
time.sleep(60)
";
    let media = Media::new();
    media.save("f", "bytes").unwrap();
    let holder =
        Command::new("python3").args(["-c", HOLDER]).arg(media.at("f")).stdout(Stdio::piped()).spawn();
    let mut holder = match holder {
        Ok(holder) => holder,
        Err(error) => {
            eprintln!("skipped: python3 does not start: {error}");
            return;
        }
    };
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.is_empty() {
        eprintln!("skipped: the file system has no leases");
        holder.wait().unwrap();
        return;
    }
    assert_eq!(media.read("f").unwrap(), b"bytes");
    assert!(holder.wait().unwrap().success(), "it was asked");
}

#[test]
fn a_location_that_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    symlink("nowhere", dir.path().join("media")).unwrap();
    let storage = FileSystemStorage::new(dir.path().join("media")).unwrap();
    let error = run(storage.save(name("f"), Content::from("x"), &SaveOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
    assert!(error.to_string().contains("link to nothing"), "{error}");
}

/// `fsync` of a pipe returns what some file systems return for a directory.
#[test]
fn directories_that_cannot_be_synced() {
    let (pipe, _writer) = std::io::pipe().unwrap();
    assert_eq!(rustix::fs::fsync(&pipe), Err(Errno::INVAL));
    assert_eq!(sys::sync_directory(pipe.as_fd()), Ok(()));
}

/// Another file system mounted below the root: some operations work, the others explain why not.
#[test]
fn a_disk_below_the_root() {
    const SETUP: &str = "mkdir -p \"$DIR/cars\" && mount -t tmpfs none \"$DIR/cars\"";
    if !child::is_child() {
        child::run_in("others::a_disk_below_the_root", SETUP, &["unshare", "-m"], SETUP);
        return;
    }
    let storage = FileSystemStorage::builder(child::directory()).allow_overwrite(true).build().unwrap();
    let options = SaveOptions { owner: Some("token".to_owned()), ..SaveOptions::default() };
    let save = |file: &str, text: &'static str| run(storage.save(name(file), Content::from(text), &options));
    assert_eq!(save("cars/a", "first").unwrap().name, "cars/a");
    let error = save("cars/a", "second").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
    assert!(error.to_string().contains("mounted below the root"), "{error}");
    for (from, to) in [("cars/a", "b"), ("b", "cars/c")] {
        run(storage.rename(name(from), name(to))).unwrap();
        assert!(!run(storage.exists(name(from))).unwrap());
        assert_eq!(run(storage.owner(name(to))).unwrap().as_deref(), Some("token"));
        assert_eq!(fs::read(child::directory().join(to)).unwrap(), b"first");
    }
    save("b", "another").unwrap();
    let taken = run(storage.rename(name("b"), name("cars/c"))).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(child::directory().join("b")).unwrap(), b"another");
}

//! Roots that are missing, replaced, not mounted, and back again.

use super::pieces::stream;
use super::*;
use crate::storage::{PrefixStorage, WhichRoot};
use bytes::Bytes;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn owned() -> SaveOptions {
    SaveOptions { owner: Some("token".to_owned()), ..SaveOptions::default() }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it went well"),
        Err(error) => {
            assert!(error.kind() != ErrorKind::StorageUnavailable || error.is_retryable(), "{error}");
            error.kind()
        }
    }
}

/// Every operation reports that the storage is unavailable.
fn is_unavailable(storage: &dyn Storage) {
    let away = ErrorKind::StorageUnavailable;
    let (f, g) = (name("d/f"), name("d/g"));
    run(async {
        assert_eq!(kind(storage.open(f).await), away, "open");
        assert_eq!(kind(storage.open_range(f, 0..1).await), away, "open_range");
        assert_eq!(kind(storage.exists(f).await), away, "exists");
        assert_eq!(kind(storage.exists(g).await), away, "exists of what never was");
        assert_eq!(kind(storage.size(f).await), away, "size");
        assert_eq!(kind(storage.metadata(f).await), away, "metadata");
        assert_eq!(kind(storage.modified(f).await), away, "modified");
        assert_eq!(kind(storage.list("").await), away, "list");
        assert_eq!(kind(storage.list("d").await), away, "list");
        assert_eq!(kind(storage.owner(f).await), away, "owner");
        assert_eq!(kind(storage.delete(f).await), away, "delete");
        assert_eq!(kind(storage.delete(g).await), away, "delete of what never was");
        assert_eq!(kind(storage.delete_owned(f, "token").await), away, "delete_owned");
        assert_eq!(kind(storage.discard_staged("token").await), away, "discard_staged");
        assert_eq!(kind(storage.save(g, "new".into(), &owned()).await), away, "save");
        assert_eq!(kind(storage.copy(f, g, &SaveOptions::default()).await), away, "copy");
        assert_eq!(kind(storage.rename(f, g).await), away, "rename");
        assert_eq!(kind(storage.root(WhichRoot::Standing).await), away, "root");
        assert_eq!(kind(storage.root(WhichRoot::First).await), away, "root");
        assert_eq!(kind(storage.check()), away, "check");
    });
}

fn is_well(storage: &dyn Storage) {
    run(async {
        assert!(storage.exists(name("d/f")).await.unwrap() && !storage.exists(name("d/g")).await.unwrap());
        assert_eq!(storage.open(name("d/f")).await.unwrap().read_all(100).await.unwrap(), "bytes");
        assert_eq!(storage.save(name("d/g"), "new".into(), &owned()).await.unwrap().name, "d/g");
        assert!(storage.delete_owned(name("d/g"), "token").await.unwrap());
    });
    storage.check().unwrap();
}

fn marked() -> Media {
    let media = Media::new();
    media.save_with("d/f", "bytes", &owned()).unwrap();
    // Readers rely on the last check of the root for a short time.
    pause();
    media
}

fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

/// Another process that sees the mark of the root, but has none of this one's state.
fn started_anew(media: &Media) -> FileSystemStorage {
    FileSystemStorage::builder(media.storage.location()).durability(Durability::None).build().unwrap()
}

#[test]
fn the_first_save_marks_the_root_for_the_owner_alone() {
    let media = marked();
    let mark = media.at(".filefield/root");
    assert_eq!(fs::metadata(&mark).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&mark).unwrap();
    assert_eq!(run(started_anew(&media).root(WhichRoot::Standing)).unwrap().as_deref(), Some(text.trim()));
    // Later saves keep it, and it is not a file of the storage.
    run(started_anew(&media).save(name("x"), "x".into(), &owned())).unwrap();
    assert_eq!(fs::read_to_string(&mark).unwrap(), text);
    assert_eq!(run(media.storage.list("")).unwrap().dirs, ["d"]);
    assert_ne!(fs::read_to_string(marked().at(".filefield/root")).unwrap(), text);
}

#[test]
fn many_first_savers_make_one_root() {
    for calls in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let storages: Vec<_> = (0..16)
            .map(|_| {
                let storage = FileSystemStorage::new(dir.path().join("media")).unwrap();
                storage.disk.calls.unnamed.fetch_and(calls, std::sync::atomic::Ordering::Relaxed);
                storage
            })
            .collect();
        let barrier = std::sync::Barrier::new(storages.len());
        let identities: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let start = |storage: FileSystemStorage, barrier: &std::sync::Barrier| {
                barrier.wait();
                inline(storage.save(name("f"), "x".into(), &SaveOptions::default())).unwrap();
                inline(storage.root(WhichRoot::Standing)).unwrap().unwrap()
            };
            let barrier = &barrier;
            let threads: Vec<_> =
                storages.into_iter().map(|storage| scope.spawn(move || start(storage, barrier))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(identities.len(), 1);
        assert_eq!(fs::read_dir(dir.path().join("media/.filefield/tmp")).map_or(0, Iterator::count), 0);
    }
}

#[test]
fn a_root_that_is_away_makes_the_storage_unavailable_until_it_is_back() {
    let media = marked();
    let aside = media.dir.path().join("aside");
    let prefixed = PrefixStorage::new(Arc::new(media.storage.clone()), "d").unwrap();
    for round in 0..3 {
        fs::rename(media.storage.location(), &aside).unwrap();
        is_unavailable(&media.storage);
        assert_eq!(kind(run(prefixed.open(name("f")))), ErrorKind::StorageUnavailable);
        assert!(!media.storage.location().exists(), "nobody made a new one in round {round}");
        // An empty mount point.
        fs::create_dir(media.storage.location()).unwrap();
        is_unavailable(&media.storage);
        assert_eq!(fs::read_dir(media.storage.location()).unwrap().count(), 0);
        fs::remove_dir(media.storage.location()).unwrap();
        // A file instead of the directory.
        fs::write(media.storage.location(), "").unwrap();
        is_unavailable(&media.storage);
        fs::remove_file(media.storage.location()).unwrap();
        fs::rename(&aside, media.storage.location()).unwrap();
        is_well(&media.storage);
        assert!(run(prefixed.exists(name("f"))).unwrap());
        pause();
    }
}

#[test]
fn another_root_in_the_place_is_left_alone() {
    let (media, other) = (marked(), marked());
    fs::write(other.at("d/f"), "of another program").unwrap();
    let (location, aside) = (media.storage.location(), media.dir.path().join("aside"));
    fs::rename(location, &aside).unwrap();
    fs::rename(other.storage.location(), location).unwrap();
    is_unavailable(&media.storage);
    assert_eq!(fs::read(media.at("d/f")).unwrap(), b"of another program");
    assert_eq!(media.files(), ["d/f"]);
    fs::rename(location, other.storage.location()).unwrap();
    fs::rename(&aside, location).unwrap();
    is_well(&media.storage);
    is_unavailable_nowhere(&other);
}

fn is_unavailable_nowhere(media: &Media) {
    assert!(run(media.storage.exists(name("d/f"))).unwrap());
}

#[test]
fn a_copy_with_the_mark_is_the_root() {
    let media = marked();
    let (location, copy) = (media.storage.location(), media.dir.path().join("copy"));
    let copied = Command::new("cp").arg("-a").arg(location).arg(&copy).status().unwrap();
    assert!(copied.success());
    fs::rename(location, media.dir.path().join("old disk")).unwrap();
    fs::rename(&copy, location).unwrap();
    is_well(&media.storage);
    assert_eq!(fs::read(media.dir.path().join("old disk/d/f")).unwrap(), b"bytes");
}

#[test]
fn a_root_that_a_database_knows_is_the_only_one() {
    let media = marked();
    let identity = run(media.storage.root(WhichRoot::Standing)).unwrap().unwrap();
    let known = || WhichRoot::Known(identity.clone());
    let aside = media.dir.path().join("aside");
    fs::rename(media.storage.location(), &aside).unwrap();
    // A process that starts while the disk is not mounted.
    let fresh = started_anew(&media);
    assert_eq!(kind(run(fresh.root(known()))), ErrorKind::StorageUnavailable);
    is_unavailable(&fresh);
    assert!(!media.storage.location().exists());
    // A process that uses another root gets the error too, and keeps its root.
    fs::create_dir(media.storage.location()).unwrap();
    let other = started_anew(&media);
    run(other.save(name("d/f"), "x".into(), &owned())).unwrap();
    assert_eq!(kind(run(other.root(known()))), ErrorKind::StorageUnavailable);
    assert!(run(other.exists(name("d/f"))).unwrap());
    fs::remove_dir_all(media.storage.location()).unwrap();
    fs::rename(&aside, media.storage.location()).unwrap();
    assert_eq!(run(fresh.root(known())).unwrap().as_ref(), Some(&identity));
    is_well(&fresh);
    assert_eq!(run(other.root(known())).unwrap().as_ref(), Some(&identity));
    is_well(&other);
}

#[test]
fn a_root_that_another_process_marks_is_known_to_who_read_before() {
    let media = Media::new();
    fs::create_dir(media.at("d")).unwrap();
    fs::write(media.at("d/f"), "bytes").unwrap();
    assert!(run(media.storage.exists(name("d/f"))).unwrap());
    let other = started_anew(&media);
    run(other.save(name("x"), "x".into(), &owned())).unwrap();
    let aside = media.dir.path().join("aside");
    fs::rename(media.storage.location(), &aside).unwrap();
    fs::create_dir(media.storage.location()).unwrap();
    pause();
    assert_eq!(kind(run(media.storage.exists(name("d/f")))), ErrorKind::StorageUnavailable);
}

#[test]
fn an_accepted_root_is_the_only_one() {
    let media = marked();
    let before = run(media.storage.root(WhichRoot::Standing)).unwrap();
    fs::rename(media.storage.location(), media.dir.path().join("lost")).unwrap();
    assert_ne!(run(media.storage.root(WhichRoot::Accepted)).unwrap(), before);
    assert!(!run(media.storage.exists(name("d/f"))).unwrap());
    media.save_with("d/f", "bytes", &owned()).unwrap();
    is_well(&media.storage);
    fs::rename(media.storage.location(), media.dir.path().join("accepted")).unwrap();
    fs::rename(media.dir.path().join("lost"), media.storage.location()).unwrap();
    pause();
    is_unavailable(&media.storage);
}

/// A root that cannot be marked, as one from before there were marks, is used without a mark.
#[test]
fn a_root_that_cannot_be_marked_is_used_without() {
    let media = Media::new();
    fs::create_dir(media.at("d")).unwrap();
    // A link is refused for every user, including root.
    std::os::unix::fs::symlink("d", media.at(".filefield")).unwrap();
    media.save("d/f", "bytes").unwrap();
    assert_eq!(media.read("d/f").unwrap(), b"bytes");
    let error = run(media.storage.root(WhichRoot::First)).unwrap_err();
    assert!(error.to_string().contains("`.filefield/root`, is damaged"), "{error}");
}

#[test]
fn a_damaged_mark_is_said_to_be_so() {
    let media = marked();
    for damaged in ["", "0123", "not hexadecimal, not hexadecimal", "\u{e9}\u{e9}"] {
        fs::write(media.at(".filefield/root"), damaged).unwrap();
        let error = run(started_anew(&media).root(WhichRoot::First)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
        assert!(error.to_string().contains("damaged"), "{error}");
        assert_eq!(fs::read_to_string(media.at(".filefield/root")).unwrap(), damaged);
    }
}

#[test]
fn a_root_that_is_replaced_while_content_comes() {
    for standing in [false, true] {
        let media = Arc::new(marked());
        let (mover, mut moved) = (media.clone(), false);
        let reader = std::iter::from_fn(move || {
            if std::mem::replace(&mut moved, true) {
                return None;
            }
            fs::rename(mover.storage.location(), mover.dir.path().join("aside")).unwrap();
            if standing {
                fs::create_dir(mover.storage.location()).unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
            Some(Ok(Bytes::from_static(b"late")))
        });
        let error = media.save("d/late", stream(reader)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable, "{error}");
        assert!(error.is_retryable() && !error.is_uncertain(), "{error:?}");
        assert!(!media.dir.path().join("aside/d/late").exists());
        assert_eq!(media.storage.location().exists(), standing);
        if standing {
            fs::remove_dir(media.storage.location()).unwrap();
        }
        fs::rename(media.dir.path().join("aside"), media.storage.location()).unwrap();
        assert_eq!(media.save("d/late", "again").unwrap().name, "d/late");
    }
}

#[test]
fn only_the_file_of_the_owner_is_deleted() {
    let media = marked();
    let delete = |file: &str, owner: &str| run(media.storage.delete_owned(name(file), owner));
    assert!(!delete("d/f", "another").unwrap() && !delete("d/missing", "token").unwrap());
    assert!(!delete("d/f/below", "token").unwrap());
    fs::write(media.at("d/foreign"), "x").unwrap();
    assert!(!delete("d/foreign", "token").unwrap());
    assert_eq!(media.files(), ["d/f", "d/foreign"]);
    std::os::unix::fs::symlink("f", media.at("d/link")).unwrap();
    assert_eq!(kind(delete("d/link", "token")), ErrorKind::NotAFile);
    assert!(delete("d/f", "token").unwrap());
    assert_eq!(media.files(), ["d/foreign", "d/link"]);
}

#[test]
fn a_check_says_what_is_wrong_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = |location: &str| FileSystemStorage::new(dir.path().join(location)).unwrap();
    at("new").check().unwrap();
    assert!(!dir.path().join("new").exists());
    for calls in [true, false] {
        let media = marked();
        media.storage.disk.calls.unnamed.fetch_and(calls, std::sync::atomic::Ordering::Relaxed);
        media.storage.check().unwrap();
        assert_eq!(media.files(), ["d/f"]);
    }
    fs::write(dir.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
    for (location, says) in [
        ("not/there", "the directory that the storage's location lies in does not exist"),
        ("file", "the location is a directory"),
        ("file/below", "the location is a directory"),
        ("link", "a link to nothing"),
    ] {
        let error = at(location).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
        assert!(error.to_string().contains(says), "{location}: {error}");
        assert!(!format!("{error} {error:?}").contains(&*dir.path().to_string_lossy()), "{error:?}");
    }
}

/// A folder that belongs to another user. Root may do everything, so it becomes another user.
#[test]
fn a_check_says_whose_the_location_must_be() {
    if !child::is_child() {
        if !child::am_root() {
            println!("SKIPPED: only root can become another user");
            return;
        }
        let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
        let setup = format!("mkdir \"$DIR/media\"; chmod 755 \"$DIR\"; exec {nobody} \"$0\" \"$@\"");
        let probe = format!("{nobody} test -x \"$0\"");
        child::run_in("roots::a_check_says_whose_the_location_must_be", &probe, &[], &setup);
        return;
    }
    for location in ["media", "new"] {
        let storage = FileSystemStorage::new(child::directory().join(location)).unwrap();
        let error = storage.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("`chown`"), "{error}");
    }
}

/// A disk that is not mounted: the location is the empty mount point.
#[test]
fn an_unmounted_disk_makes_the_storage_unavailable_until_it_is_mounted() {
    const SETUP: &str = "mkdir -p \"$DIR/disk\" \"$DIR/media\" && mount -t tmpfs none \"$DIR/disk\" && mount --bind \"$DIR/disk\" \"$DIR/media\"";
    if !child::is_child() {
        child::run_in(
            "roots::an_unmounted_disk_makes_the_storage_unavailable_until_it_is_mounted",
            SETUP,
            &["unshare", "-m"],
            SETUP,
        );
        return;
    }
    let (media, disk) = (child::directory().join("media"), child::directory().join("disk"));
    let done = |command: &mut Command| assert!(command.status().unwrap().success());
    let storage = FileSystemStorage::new(&media).unwrap();
    run(storage.save(name("d/f"), "bytes".into(), &owned())).unwrap();
    pause();
    // The storage keeps its root open, so only a lazy unmount works.
    done(Command::new("umount").arg("--lazy").arg(&media));
    is_unavailable(&storage);
    assert_eq!(fs::read_dir(&media).unwrap().count(), 0);
    done(Command::new("mount").arg("--bind").arg(&disk).arg(&media));
    is_well(&storage);
    pause();
    // Another disk.
    done(Command::new("umount").arg("--lazy").arg(&media));
    done(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&media));
    is_unavailable(&storage);
    assert_eq!(fs::read_dir(&media).unwrap().count(), 0);
}

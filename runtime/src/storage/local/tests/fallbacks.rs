//! Kernels and file systems that lack a call.

use super::*;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn switch_all_off(disk: &Disk) {
    switch_all_off_if(disk, true);
}

pub(super) fn switch_all_off_if(disk: &Disk, off: bool) {
    // Hard links stay: without them too, names are taken by placeholders.
    for call in calls(disk).into_iter().take(5) {
        call.store(!off, Relaxed);
    }
}

pub(super) fn switch_off_links_if(disk: &Disk, off: bool) {
    disk.calls.links.store(!off, Relaxed);
}

fn calls(disk: &Disk) -> [&AtomicBool; 6] {
    let calls = &disk.calls;
    [&calls.openat2, &calls.unnamed, &calls.link_handle, &calls.noreplace, &calls.copy_range, &calls.links]
}

/// Runs the test for every set of missing calls.
fn each(test: impl Fn(&Media)) {
    for missing in 0_u32..64 {
        for overwrite in [false, true] {
            let media = Media::with(|builder| builder.allow_overwrite(overwrite));
            for (bit, call) in calls(&media.storage.disk).iter().enumerate() {
                call.store(missing & (1 << bit) == 0, Relaxed);
            }
            test(&media);
            assert_eq!(media.files().iter().filter(|file| file.starts_with(".filefield")).count(), 0);
        }
    }
}

/// A killed process must leave nothing that could be found only through its uncommitted journal entry.
#[test]
fn nothing_has_a_name_while_the_gate_is_closed() {
    each(|media| {
        media.save("d/there", "x").unwrap();
        for wanted in ["d/f", "new/f"] {
            let (gate, keeper) = crate::storage::Gate::closed();
            let options = SaveOptions {
                owner: Some("token".to_owned()),
                gate: Some(gate),
                exact: true,
                ..SaveOptions::default()
            };
            run(async {
                let mut saving = std::pin::pin!(media.storage.save(name(wanted), "bytes".into(), &options));
                let wait = Duration::from_millis(5);
                assert!(tokio::time::timeout(wait, saving.as_mut()).await.is_err(), "it does not wait");
                assert!(!media.files().contains(&wanted.to_owned()) && !media.at("new").exists());
                let staging = fs::read_dir(media.at(".filefield/tmp"));
                assert_eq!(staging.map_or(0, Iterator::count), 0);
                keeper.open();
                assert_eq!(saving.await.unwrap().name, wanted);
            });
            assert_eq!(media.read(wanted).unwrap(), b"bytes");
        }
    });
}

#[test]
fn do_the_same() {
    each(|media| {
        let overwrite = media.storage.disk.allow_overwrite;
        let source = media.dir.path().join("source");
        fs::write(&source, "copied").unwrap();
        media.save("d/e/f", "bytes").unwrap();
        for (content, text) in [
            (Content::from("again"), "again"),
            (temp(media.dir.path(), b"moved"), "moved"),
            (Content::copy_of(&source).unwrap(), "copied"),
        ] {
            let saved = media.save("d/e/f", content).unwrap();
            assert_eq!(saved.name == "d/e/f", overwrite);
            assert_eq!(media.read(&saved.name).unwrap(), text.as_bytes());
        }
        let exact = SaveOptions { exact: true, ..SaveOptions::default() };
        let taken = media.save_with("d/e/f", "x", &exact).map_err(|error| error.kind());
        assert_eq!(taken.err(), Some(ErrorKind::AlreadyExists));
        media.save("from", "from").unwrap();
        let onto = run(media.storage.rename(name("from"), name("d/e/f"))).unwrap_err();
        assert_eq!(onto.kind(), ErrorKind::AlreadyExists);
        run(media.storage.rename(name("from"), name("x/y/to"))).unwrap();
        assert_eq!(media.read("x/y/to").unwrap(), b"from");
        assert!(!run(media.storage.exists(name("from"))).unwrap());
        assert_eq!(run(media.storage.metadata(name("x/y/to"))).unwrap().size, 4);
        let listing = run(media.storage.list("")).unwrap();
        assert_eq!((listing.dirs, listing.files), (vec!["d".to_owned(), "x".to_owned()], vec![]));
        let failing = media.save("g", Content::reader(Failing(9))).unwrap_err();
        assert_eq!(failing.kind(), ErrorKind::Io);
        assert!(!media.at("g").exists());
        run(media.storage.delete(name("x/y/to"))).unwrap();
    });
}

#[test]
fn staged_names_are_private_and_swept() {
    use std::os::unix::fs::PermissionsExt;
    let media = Media::new();
    switch_all_off(&media.storage.disk);
    assert_eq!(run(media.storage.remove_staged(Duration::ZERO)).unwrap(), 0);
    struct Looks(PathBuf, bool);
    impl Read for Looks {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.1, true) {
                return Ok(0);
            }
            for (path, mode) in [(self.0.clone(), 0o700), (self.0.join("tmp"), 0o700)] {
                assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, mode);
            }
            let staged = fs::read_dir(self.0.join("tmp")).unwrap().next().unwrap().unwrap();
            assert_eq!(staged.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
            buf[0] = 1;
            Ok(1)
        }
    }
    media.save("f", Content::reader(Looks(media.at(".filefield"), false))).unwrap();
    fs::write(media.at(".filefield/tmp/left-by-a-killed-save"), "x").unwrap();
    assert_eq!(run(media.storage.remove_staged(Duration::from_secs(60))).unwrap(), 0);
    assert_eq!(run(media.storage.remove_staged(Duration::ZERO)).unwrap(), 1);
    assert_eq!(media.files(), ["f"]);
    // They cannot be named either.
    assert!(FileName::new(".filefield/tmp/x").is_err());
    assert_eq!(run(media.storage.list(".filefield")).unwrap_err().kind(), ErrorKind::InvalidName);
}

/// A storage on a file system without hard links and without a rename that never replaces.
fn without_links() -> Media {
    let media = Media::new();
    switch_all_off(&media.storage.disk);
    switch_off_links_if(&media.storage.disk, true);
    media
}

#[test]
fn savers_of_one_name_never_lose_bytes_without_links() {
    let media = without_links();
    let saved: Vec<_> = std::thread::scope(|scope| {
        let media = &media;
        let savers: Vec<_> = (0..4)
            .map(|saver| {
                scope.spawn(move || {
                    let save = |round| {
                        let bytes = format!("{saver} {round}");
                        (media.save("d/f", bytes.clone()).unwrap().name, bytes)
                    };
                    (0..50).map(save).collect::<Vec<_>>()
                })
            })
            .collect();
        savers.into_iter().flat_map(|saver| saver.join().unwrap()).collect()
    });
    for (name, bytes) in &saved {
        assert_eq!(media.read(name).unwrap(), bytes.as_bytes());
    }
    assert_eq!(media.files().len(), saved.len());
}

/// Creates what remains of a process killed between the placeholder and the rename over it.
fn leave_placeholder(media: &Media, staged: &str, wanted: &str) {
    for folder in [".filefield/tmp", ".filefield/placeholders", "d"] {
        fs::create_dir_all(media.at(folder)).unwrap();
    }
    fs::write(media.at(&format!(".filefield/tmp/{staged}")), "staged").unwrap();
    let note = format!(".filefield/tmp/{staged}\0{wanted}");
    fs::write(media.at(&format!(".filefield/placeholders/{staged}")), note).unwrap();
    fs::write(media.at(wanted), "").unwrap();
}

#[test]
fn a_placeholder_of_a_killed_save_is_removed_with_what_it_staged() {
    let media = without_links();
    leave_placeholder(&media, "mine", "d/mine");
    leave_placeholder(&media, "other", "d/other");
    run(media.storage.discard_staged("mine")).unwrap();
    assert_eq!(media.files(), [".filefield/placeholders/other", ".filefield/tmp/other", "d/other"]);
    run(media.storage.discard_staged("mine")).unwrap();
    assert_eq!(run(media.storage.remove_staged(Duration::from_secs(60))).unwrap(), 0);
    assert_eq!(media.files().len(), 3);
    assert_eq!(run(media.storage.remove_staged(Duration::ZERO)).unwrap(), 1);
    assert_eq!(media.files(), [""; 0]);
}

#[test]
fn only_a_placeholder_is_taken_for_one() {
    let media = without_links();
    // The rename has happened, and an empty file was saved.
    leave_placeholder(&media, "renamed", "d/renamed");
    fs::remove_file(media.at(".filefield/tmp/renamed")).unwrap();
    // Another program has written to the file, or the file is older.
    leave_placeholder(&media, "written", "d/written");
    fs::write(media.at("d/written"), "x").unwrap();
    leave_placeholder(&media, "older", "d/older");
    let old = std::time::SystemTime::now() - Duration::from_secs(100);
    fs::File::options().write(true).open(media.at("d/older")).unwrap().set_modified(old).unwrap();
    // A process that was killed before its note was complete.
    fs::write(media.at(".filefield/placeholders/half"), "").unwrap();
    for owner in ["renamed", "written", "older"] {
        run(media.storage.discard_staged(owner)).unwrap();
    }
    run(media.storage.remove_staged(Duration::ZERO)).unwrap();
    assert_eq!(media.files(), ["d/older", "d/renamed", "d/written"]);
}

#[test]
fn a_taken_name_stays_as_it_is_without_links() {
    let media = without_links();
    fs::write(media.at("taken"), "").unwrap();
    let exact = SaveOptions { exact: true, ..SaveOptions::default() };
    assert_eq!(media.save_with("taken", "x", &exact).unwrap_err().kind(), ErrorKind::AlreadyExists);
    media.save("from", "x").unwrap();
    let error = run(media.storage.rename(name("from"), name("taken"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(media.files(), ["from", "taken"]);
    assert_eq!(fs::read(media.at("taken")).unwrap(), b"");
}

#[test]
fn errors_of_the_file_system_say_what_to_do() {
    for (error, what) in [
        (Errno::ROFS, "mounted read-only"),
        (Errno::PERM, "owner and the mode"),
        (Errno::DQUOT, "disk quota"),
        (Errno::NOTCONN, "mount it again"),
    ] {
        let text = located(error.into(), "save", Some("a")).to_string();
        assert!(text.contains(what), "{text}");
    }
}

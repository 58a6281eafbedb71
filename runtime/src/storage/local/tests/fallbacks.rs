//! Kernels and file systems that lack a call.

use super::*;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn switch_all_off(disk: &Disk) {
    switch_all_off_if(disk, true);
}

pub(super) fn switch_all_off_if(disk: &Disk, off: bool) {
    for call in calls(disk) {
        call.store(!off, Relaxed);
    }
}

fn calls(disk: &Disk) -> [&AtomicBool; 6] {
    let calls = &disk.calls;
    [&calls.openat2, &calls.unnamed, &calls.link_handle, &calls.noreplace, &calls.links, &calls.copy_range]
}

/// Every set of missing calls.
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

/// A killed process must leave nothing that only its journal entry, which is not committed yet, would lead to (F05).
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
    // Nobody can name them either.
    assert!(FileName::new(".filefield/tmp/x").is_err());
    assert_eq!(run(media.storage.list(".filefield")).unwrap_err().kind(), ErrorKind::InvalidName);
}

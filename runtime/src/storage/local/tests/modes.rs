//! Modes of files and directories.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn check(directory: &Path) {
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    let above = mode(directory);
    let by_umask = 0o777 & !umask.as_raw_mode();
    let storage = |location: &str| FileSystemStorage::builder(directory.join(location));
    let save = |storage: &FileSystemStorage, file: &str, content: Content| {
        run(storage.save(name(file), content, &SaveOptions::default())).unwrap();
    };
    for fallback in [false, true] {
        let plain = storage(&format!("plain{fallback}")).build().unwrap();
        let set = storage(&format!("set{fallback}"))
            .file_permissions_mode(0o640)
            .directory_permissions_mode(0o2751)
            .build()
            .unwrap();
        if fallback {
            fallbacks::switch_all_off(&plain.disk);
            fallbacks::switch_all_off(&set.disk);
        }
        for (storage, file_mode, directory_mode) in [(&plain, 0o644, by_umask), (&set, 0o640, 0o2751)] {
            save(storage, "a/b/bytes", Content::from("x"));
            save(storage, "a/b/temp", temp(directory, b"x"));
            save(storage, "a/b/stream", Content::reader(&b"x"[..]));
            for made in ["", "a", "a/b"] {
                assert_eq!(mode(storage.location().join(made)), directory_mode, "{made:?} under {umask:?}");
            }
            for file in ["a/b/bytes", "a/b/temp", "a/b/stream"] {
                assert_eq!(mode(storage.location().join(file)), file_mode, "{file} under {umask:?}");
            }
            assert_eq!(mode(directory), above, "the parent of the root was changed");
        }
        // Existing directories keep their mode.
        fs::set_permissions(set.location().join("a"), fs::Permissions::from_mode(0o777)).unwrap();
        save(&set, "a/c/f", Content::from("x"));
        assert_eq!(mode(set.location().join("a")), 0o777);
        assert_eq!(mode(set.location().join("a/c")), 0o2751);
    }
}

#[test]
fn are_the_same_whatever_the_umask() {
    if child::is_child() {
        return check(&child::directory());
    }
    for umask in ["000", "077", "027"] {
        let ran = child::run_in(
            "modes::are_the_same_whatever_the_umask",
            "umask 077",
            &[],
            &format!("umask {umask}"),
        );
        assert!(ran);
    }
}

#[test]
fn are_the_same_while_another_thread_changes_the_umask() {
    if !child::is_child() {
        child::run_in("modes::are_the_same_while_another_thread_changes_the_umask", "true", &[], "true");
        return;
    }
    let directory = child::directory();
    let storage = FileSystemStorage::builder(directory.join("media"))
        .directory_permissions_mode(0o755)
        .durability(Durability::None)
        .build()
        .unwrap();
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let end = stop.at_the_end();
        scope.spawn(|| {
            let mut bits = 0;
            while !stop.was_told() {
                rustix::process::umask(rustix::fs::Mode::from_raw_mode(bits & 0o077));
                bits += 1;
            }
        });
        for round in 0..500 {
            let file = format!("{round}/d/f");
            inline(storage.save(name(&file), Content::from("x"), &SaveOptions::default())).unwrap();
            let path = storage.location().join(&file);
            assert_eq!(mode(&path), 0o644);
            for above in path.ancestors().skip(1).take(3) {
                assert_eq!(mode(above), 0o755);
            }
        }
        drop(end);
    });
}

#[test]
fn an_overwrite_sets_the_mode_again() {
    let media = Media::with(|builder| builder.allow_overwrite(true));
    media.save("f", "x").unwrap();
    fs::set_permissions(media.at("f"), fs::Permissions::from_mode(0o600)).unwrap();
    media.save("f", "y").unwrap();
    assert_eq!(mode(media.at("f")), 0o644);
}

//! Disks that are full, read-only or not writable, and descriptors that run out.

use super::*;

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// All kinds of saves must fail with `expected` and leave nothing.
fn all_saves_fail(storage: &FileSystemStorage, len: usize, expected: ErrorKind) {
    let elsewhere = tempfile::tempdir().unwrap();
    let source = elsewhere.path().join("source");
    fs::write(&source, vec![1; len]).unwrap();
    for content in [
        Content::from(vec![1; len]),
        Content::reader(std::io::Cursor::new(vec![1; len])),
        Content::reader(std::io::Cursor::new(vec![1; len])).with_len(len as u64),
        Content::copy_of(&source).unwrap(),
        temp(elsewhere.path(), &vec![1; len]),
    ] {
        let label = format!("{content:?}");
        let error = run(storage.save(name("d/f"), content, &SaveOptions::default())).unwrap_err();
        assert_eq!(error.kind(), expected, "{label}: {error:?}");
        assert!(!error.is_uncertain());
        assert!(!run(storage.exists(name("d/f"))).unwrap());
    }
    assert!(run(storage.list("d")).map_or(true, |listing| listing.files.is_empty()));
}

/// A tmpfs of 1 MiB, in a mount namespace of the child.
const MOUNT: &str = "mount -t tmpfs -o size=1m,mode=0777 none \"$DIR\"";

#[test]
fn a_full_disk() {
    if !child::is_child() {
        child::run_in("faults::a_full_disk", MOUNT, &["unshare", "-m"], MOUNT);
        return;
    }
    for fallback in [false, true] {
        let storage = FileSystemStorage::new(child::directory().join(format!("media{fallback}"))).unwrap();
        if fallback {
            fallbacks::switch_all_off(&storage.disk);
        }
        all_saves_fail(&storage, 3 << 20, ErrorKind::StorageFull);
        // All of the space is free again.
        let saved = run(storage.save(name("d/f"), Content::from(vec![1; 700_000]), &SaveOptions::default()));
        assert_eq!(saved.unwrap().name, "d/f");
        run(storage.delete(name("d/f"))).unwrap();
    }
}

#[test]
fn a_disk_without_inodes() {
    const MOUNT: &str = "mount -t tmpfs -o size=1m,nr_inodes=6,mode=0777 none \"$DIR\"";
    if !child::is_child() {
        child::run_in("faults::a_disk_without_inodes", MOUNT, &["unshare", "-m"], MOUNT);
        return;
    }
    let storage = FileSystemStorage::new(child::directory()).unwrap();
    run(storage.save(name("a"), Content::from("x"), &SaveOptions::default())).unwrap();
    run(storage.save(name("b"), Content::from("x"), &SaveOptions::default())).unwrap();
    run(storage.save(name("c"), Content::from("x"), &SaveOptions::default())).unwrap();
    all_saves_fail(&storage, 10, ErrorKind::StorageFull);
}

#[test]
fn a_read_only_disk() {
    const SETUP: &str = "mount -t tmpfs none \"$DIR\" && echo x >\"$DIR/f\" && mount -o remount,ro \"$DIR\"";
    if !child::is_child() {
        child::run_in("faults::a_read_only_disk", SETUP, &["unshare", "-m"], SETUP);
        return;
    }
    let storage = FileSystemStorage::new(child::directory()).unwrap();
    all_saves_fail(&storage, 10, ErrorKind::ReadOnly);
    assert_eq!(run(storage.delete(name("f"))).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(run(storage.rename(name("f"), name("g"))).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(run(storage.size(name("f"))).unwrap(), 2);
}

/// The folder of uploads is on another disk.
#[test]
fn an_upload_on_another_disk() {
    const SETUP: &str =
        "mkdir -p \"$DIR/.filefield/uploads\" && mount -t tmpfs none \"$DIR/.filefield/uploads\"";
    if !child::is_child() {
        child::run_in("faults::an_upload_on_another_disk", SETUP, &["unshare", "-m"], SETUP);
        return;
    }
    let storage = FileSystemStorage::new(child::directory()).unwrap();
    let upload = FileName::or_upload(".filefield/uploads/abcdefghijklmnopqrstuvwx27").unwrap();
    run(storage.save(upload, Content::from("bytes"), &SaveOptions::default())).unwrap();
    let (inspector, result) = Inspector::new(crate::inspect::Rules::default());
    let options = SaveOptions { owner: Some("token".to_owned()), ..SaveOptions::default() };
    let saved = run(storage.promote(upload, name("d/f"), inspector, &options)).unwrap();
    assert_eq!((saved.name.as_str(), saved.size, result.get().unwrap().size), ("d/f", 5, 5));
    assert_eq!(fs::read(child::directory().join("d/f")).unwrap(), b"bytes");
    assert_eq!(run(storage.owner(name("d/f"))).unwrap().as_deref(), Some("token"));
    // Never replaces another file.
    let (inspector, _) = Inspector::new(crate::inspect::Rules::default());
    let taken = run(storage.promote(upload, name("d/f"), inspector, &options)).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
}

/// If a move is a link and an unlink, the old name may stay.
#[test]
fn a_move_that_only_half_works() {
    use std::os::unix::fs::PermissionsExt;
    if !child::is_child() {
        let user: &[&str] = match child::am_root() {
            true => &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
            false => &[],
        };
        child::run_in("faults::a_move_that_only_half_works", "test -x \"$0\"", user, "true");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let location = directory.path().join("media");
    let storage = FileSystemStorage::new(&location).unwrap();
    fallbacks::switch_all_off(&storage.disk);
    run(storage.save(name("shut/f"), Content::from("x"), &SaveOptions::default())).unwrap();
    let set = |path: &str, mode| {
        fs::set_permissions(location.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("shut", 0o555);
    let error = run(storage.rename(name("shut/f"), name("g"))).unwrap_err();
    assert_eq!((error.kind(), error.is_uncertain()), (ErrorKind::PermissionDenied, true), "{error:?}");
    set("shut", 0o755);
    assert!(location.join("g").exists());

    // A save succeeds even if its staged file cannot be unlinked.
    struct Shuts<F>(Option<F>);
    impl<F: FnOnce()> Read for Shuts<F> {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            if let Some(shut) = self.0.take() {
                shut();
            }
            Ok(0)
        }
    }
    let staging = location.join(".filefield/tmp");
    let shut = move || fs::set_permissions(staging, fs::Permissions::from_mode(0o500)).unwrap();
    let saved = run(storage.save(name("h"), Content::reader(Shuts(Some(shut))), &SaveOptions::default()));
    set(".filefield/tmp", 0o700);
    assert_eq!(saved.unwrap().name, "h");
}

#[test]
fn directories_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    const SHUT: &str = "faults::directories_without_permission";
    if !child::is_child() {
        // Permissions do not apply to root.
        let user: &[&str] = match child::am_root() {
            true => &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
            false => &[],
        };
        child::run_in(SHUT, "test -x \"$0\"", user, "true");
        return;
    }
    // The child cannot use the directory of its parent, which may run as another user.
    let directory = tempfile::tempdir().unwrap();
    let location = directory.path().join("media");
    let storage = FileSystemStorage::new(&location).unwrap();
    run(storage.save(name("shut/f"), Content::from("x"), &SaveOptions::default())).unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // It may be searched but not written.
    set(&location, 0o555);
    all_saves_fail(&storage, 10, ErrorKind::PermissionDenied);
    assert_eq!(run(storage.size(name("shut/f"))).unwrap(), 1);
    set(&location, 0o755);
    set(&location.join("shut"), 0o555);
    let denied = [
        run(storage.save(name("shut/g"), Content::from("x"), &SaveOptions::default())).map(drop),
        run(storage.delete(name("shut/f"))),
        run(storage.rename(name("shut/f"), name("g"))),
    ];
    set(&location.join("shut"), 0o000);
    let shut = [
        run(storage.open(name("shut/f"))).map(drop),
        run(storage.exists(name("shut/f"))).map(drop),
        run(storage.list("shut")).map(drop),
        run(storage.delete(name("shut/f"))),
        run(storage.save(name("shut/g"), Content::from("x"), &SaveOptions::default())).map(drop),
    ];
    set(&location.join("shut"), 0o700);
    for result in denied.into_iter().chain(shut) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
        assert!(!error.to_string().contains(&*location.to_string_lossy()));
    }
    set(&location.join("shut/f"), 0o000);
    assert_eq!(run(storage.open(name("shut/f"))).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(run(storage.size(name("shut/f"))).unwrap(), 1);
    assert_eq!(run(storage.list("")).unwrap().dirs, ["shut"]);
}

#[test]
fn descriptors_that_run_out() {
    if !child::is_child() {
        child::run_in("faults::descriptors_that_run_out", "ulimit -n 40", &[], "ulimit -n 40");
        return;
    }
    let storage = FileSystemStorage::new(child::directory().join("media")).unwrap();
    let save = || inline(storage.save(name("d/f"), Content::from("x"), &SaveOptions::default()));
    save().unwrap();
    let mut held = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        held.push(file);
    }
    // Raises the limit from zero until the save succeeds, so that every call fails once.
    let mut failed = 0;
    loop {
        match save() {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::TooManyOpenFiles, "{error:?}"),
        }
        if failed == 0 {
            let kinds = [
                inline(storage.open(name("d/f"))).map(drop),
                inline(storage.size(name("d/f"))).map(drop),
                inline(storage.delete(name("d/f"))),
                inline(storage.list("d")).map(drop),
            ];
            assert!(kinds.iter().all(|result| {
                result.as_ref().is_err_and(|error| error.kind() == ErrorKind::TooManyOpenFiles)
            }));
        }
        failed += 1;
        held.pop();
    }
    assert!(failed > 1);
    drop(held);
    assert_eq!(inline(storage.list("d")).unwrap().files.len(), 2);
}

#[test]
fn ten_thousand_operations_leave_no_descriptor_and_no_file() {
    if !child::is_child() {
        let test = "faults::ten_thousand_operations_leave_no_descriptor_and_no_file";
        child::run_in(test, "true", &[], "true");
        return;
    }
    let directory = child::directory();
    let storage =
        FileSystemStorage::builder(directory.join("media")).durability(Durability::None).build().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let round = |round: usize| {
        fallbacks::switch_all_off_if(&storage.disk, round % 2 == 1);
        let save = |content| inline(storage.save(name("d/f"), content, &SaveOptions::default()));
        save(Content::from("x")).unwrap();
        let copy = save(temp(elsewhere.path(), b"y")).unwrap().name;
        save(Content::reader(Failing(round % 3))).unwrap_err();
        let exact = SaveOptions { exact: true, ..SaveOptions::default() };
        inline(storage.save(name("d/f"), temp(elsewhere.path(), b"z"), &exact)).unwrap_err();
        inline(storage.open(name("d/f"))).unwrap();
        inline(async { storage.open(name("d/f")).await?.read_all(0).await }).unwrap_err();
        inline(storage.open(name("missing"))).map(drop).unwrap_err();
        inline(storage.list("d")).unwrap();
        inline(storage.delete(name("d/f"))).unwrap();
        inline(storage.delete(name(&copy))).unwrap();
    };
    round(0);
    round(1);
    let before = open_descriptors();
    (0..1000).for_each(round);
    assert_eq!(open_descriptors(), before);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(storage.location().join("d")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(storage.location().join(".filefield/tmp")).unwrap().count(), 0);
}

/// A process killed at any moment leaves only complete files, and staged files if they need names.
#[test]
fn a_killed_process_leaves_whole_files() {
    const LEN: usize = 300_000;
    if child::is_child() {
        let storage = FileSystemStorage::new(child::directory()).unwrap();
        fallbacks::switch_all_off_if(&storage.disk, !child::directory().ends_with("usual"));
        fallbacks::switch_off_links_if(&storage.disk, child::directory().ends_with("no-links"));
        for round in 0_usize.. {
            let file = format!("d{}/{}/f", round % 7, round % 3);
            let content = Content::reader(std::io::Cursor::new(vec![round as u8; LEN]));
            inline(storage.save(name(&file), content, &SaveOptions::default())).unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    for location in ["usual", "fallbacks", "no-links"] {
        let location = dir.path().join(location);
        fs::create_dir(&location).unwrap();
        for round in 0..8 {
            let time = Duration::from_millis(40 + 25 * round);
            child::kill_after("faults::a_killed_process_leaves_whole_files", time, &location);
        }
        let media =
            Media { storage: FileSystemStorage::new(&location).unwrap(), dir: tempfile::tempdir().unwrap() };
        let (staged, mut published): (Vec<_>, Vec<_>) =
            media.files().into_iter().partition(|file| file.starts_with(".filefield/"));
        assert!(!published.is_empty());
        assert!(staged.is_empty() || !location.ends_with("usual"), "{staged:?}");
        if location.ends_with("no-links") {
            // Placeholders are removed with the staged files.
            run(media.storage.remove_staged(Duration::ZERO)).unwrap();
            published = media.files();
        }
        for file in published {
            let bytes = fs::read(media.at(&file)).unwrap();
            assert!(bytes.len() == LEN && bytes.iter().all(|byte| *byte == bytes[0]), "{file} is not whole");
        }
        run(media.storage.remove_staged(Duration::ZERO)).unwrap();
        assert!(!media.files().iter().any(|file| file.starts_with(".filefield")));
    }
}

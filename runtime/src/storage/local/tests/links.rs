//! Links, FIFOs and other special files below the root.

use super::*;
use rustix::fs::{CWD, FileType, Mode};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::Instant;

/// A storage next to a directory that must not change.
fn planted(overwrite: bool) -> (Media, PathBuf) {
    let media = Media::with(|builder| builder.allow_overwrite(overwrite).durability(Durability::None));
    let outside = media.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    (media, outside)
}

fn untouched(outside: &Path) {
    let entries = fs::read_dir(outside).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(entries, ["secret"]);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
}

fn refuses_all(media: &Media, through: &str) {
    let storage = &media.storage;
    let through = name(through);
    let not_a_file = [
        run(storage.open(through)).map(drop),
        run(storage.open_range(through, 0..1)).map(drop),
        run(storage.metadata(through)).map(drop),
        run(storage.size(through)).map(drop),
        run(storage.modified(through)).map(drop),
        run(storage.owner(through)).map(drop),
        run(storage.copy(through, name("copy"), &SaveOptions::default())).map(drop),
        run(storage.rename(through, name("moved"))),
    ];
    for (at, result) in not_a_file.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAFile, "{at} of {through}");
        assert!(!error.to_string().contains("symbolic"), "{at} of {through}: {error}");
    }
    assert!(!run(storage.exists(through)).unwrap());
}

#[test]
fn a_link_in_the_last_place_is_neither_followed_nor_replaced() {
    for overwrite in [false, true] {
        for target in ["../outside/secret", "../outside/missing", "../outside", "ours", "loop"] {
            for fallback in [false, true] {
                let (media, outside) = planted(overwrite);
                if fallback {
                    fallbacks::switch_all_off(&media.storage.disk);
                }
                media.save("ours", "ours").unwrap();
                symlink(target, media.at("loop")).unwrap();
                refuses_all(&media, "loop");
                let saved = media.save("loop", "new");
                if overwrite {
                    assert_eq!(saved.unwrap_err().kind(), ErrorKind::NotAFile);
                } else {
                    assert_ne!(saved.unwrap().name, "loop");
                }
                let exact = SaveOptions { exact: true, ..SaveOptions::default() };
                let kind = media.save_with("loop", "new", &exact).unwrap_err().kind();
                assert!(matches!(kind, ErrorKind::AlreadyExists | ErrorKind::NotAFile), "{kind:?}");
                let moved = run(media.storage.rename(name("ours"), name("loop"))).unwrap_err();
                assert_eq!(moved.kind(), ErrorKind::AlreadyExists);
                assert!(!run(media.storage.list("")).unwrap().files.contains(&"loop".to_owned()));
                assert_eq!(media.read("ours").unwrap(), b"ours");
                // The link itself is deleted.
                run(media.storage.delete(name("loop"))).unwrap();
                assert!(fs::symlink_metadata(media.at("loop")).is_err());
                untouched(&outside);
            }
        }
    }
}

#[test]
fn a_link_on_the_way_is_not_followed() {
    for overwrite in [false, true] {
        for fallback in [false, true] {
            let (media, outside) = planted(overwrite);
            if fallback {
                fallbacks::switch_all_off(&media.storage.disk);
            }
            media.save("a/ours", "ours").unwrap();
            symlink(&outside, media.at("absolute")).unwrap();
            symlink("../../outside", media.at("a/relative")).unwrap();
            symlink("a", media.at("inside")).unwrap();
            for through in ["absolute", "a/relative", "inside"] {
                let leaf = if through == "inside" { "ours" } else { "secret" };
                let path = format!("{through}/{leaf}");
                refuses_all(&media, &path);
                for path in [path.clone(), format!("{through}/new"), format!("{through}/deep/new")] {
                    assert_eq!(media.save(&path, "x").unwrap_err().kind(), ErrorKind::NotAFile, "{path}");
                    let temp = temp(media.dir.path(), b"x");
                    assert_eq!(media.save(&path, temp).unwrap_err().kind(), ErrorKind::NotAFile, "{path}");
                    let moved = run(media.storage.rename(name("a/ours"), name(&path))).unwrap_err();
                    assert_eq!(moved.kind(), ErrorKind::NotAFile);
                    assert_eq!(
                        run(media.storage.delete(name(&path))).unwrap_err().kind(),
                        ErrorKind::NotAFile
                    );
                }
                assert_eq!(run(media.storage.list(through)).unwrap_err().kind(), ErrorKind::NotAFile);
            }
            assert_eq!(media.read("a/ours").unwrap(), b"ours");
            untouched(&outside);
        }
    }
}

#[test]
fn the_staging_folder_may_be_no_link() {
    for reserved in [".filefield", ".filefield/tmp"] {
        let (media, outside) = planted(false);
        fallbacks::switch_all_off(&media.storage.disk);
        fs::create_dir_all(media.at(reserved).parent().unwrap()).unwrap();
        symlink(&outside, media.at(reserved)).unwrap();
        assert_eq!(media.save("f", "x").unwrap_err().kind(), ErrorKind::NotAFile);
        assert_eq!(run(media.storage.remove_staged(Duration::ZERO)).unwrap_err().kind(), ErrorKind::NotAFile);
        untouched(&outside);
    }
}

#[test]
fn fifos_sockets_and_devices_are_not_opened() {
    let (media, _) = planted(false);
    rustix::fs::mknodat(CWD, media.at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _listener = UnixListener::bind(media.at("socket")).unwrap();
    let device = rustix::fs::makedev(1, 3);
    let made = rustix::fs::mknodat(CWD, media.at("null"), FileType::CharacterDevice, Mode::RWXU, device);
    let mut planted = vec!["fifo", "socket"];
    match made {
        Ok(()) => planted.push("null"),
        Err(error) => eprintln!("skipped devices: {error}"),
    }
    let start = Instant::now();
    for thing in planted {
        refuses_all(&media, thing);
        assert_ne!(media.save(thing, "x").unwrap().name, thing);
        assert!(!run(media.storage.list("")).unwrap().files.contains(&thing.to_owned()));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "it has waited for a writer");
}

#[test]
fn directories_are_not_files() {
    let (media, _) = planted(false);
    media.save("d/f", "x").unwrap();
    let storage = &media.storage;
    assert_eq!(run(storage.open(name("d"))).unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(run(storage.size(name("d"))).unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(run(storage.delete(name("d"))).unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(run(storage.rename(name("d"), name("e"))).unwrap_err().kind(), ErrorKind::IsADirectory);
    assert!(!run(storage.exists(name("d"))).unwrap());
    // There is nothing below a file.
    assert_eq!(run(storage.open(name("d/f/g"))).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!run(storage.exists(name("d/f/g"))).unwrap());
    run(storage.delete(name("d/f/g"))).unwrap();
    assert_eq!(run(storage.list("d/f")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(run(storage.list("nowhere")).unwrap_err().kind(), ErrorKind::NotFound);
}

/// A directory is continuously swapped for a link and back.
#[test]
fn swapping_links_lets_nobody_out() {
    // Campaigns run longer.
    let time = std::env::var("FILEFIELD_SWAP_MS").map_or(700, |time| time.parse().unwrap());
    for fallback in [false, true] {
        let (media, outside) = planted(true);
        if fallback {
            fallbacks::switch_all_off(&media.storage.disk);
        }
        fs::create_dir(media.at("a")).unwrap();
        fs::create_dir(media.at("a/d")).unwrap();
        fs::write(media.at("a/d/secret"), "ours").unwrap();
        symlink(&outside, media.at("link")).unwrap();
        let stop = Stop::default();
        std::thread::scope(|scope| {
            let end = stop.at_the_end();
            let swaps = scope.spawn(|| {
                let mut swaps = 0_u32;
                while !stop.was_told() {
                    rustix::fs::renameat_with(
                        CWD,
                        media.at("link"),
                        CWD,
                        media.at("a/d"),
                        rustix::fs::RenameFlags::EXCHANGE,
                    )
                    .unwrap();
                    swaps += 1;
                }
                swaps
            });
            let start = Instant::now();
            let (mut reached, mut refused) = (0, 0);
            while start.elapsed() < Duration::from_millis(time) {
                let storage = &media.storage;
                match inline(async { storage.open(name("a/d/secret")).await?.read_all(99).await }) {
                    Ok(bytes) => {
                        assert_eq!(bytes, "ours");
                        reached += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::NotAFile);
                        refused += 1;
                    }
                }
                let _ = inline(storage.save(name("a/d/new"), Content::from("x"), &SaveOptions::default()));
                let _ =
                    inline(storage.save(name("a/d/secret"), Content::from("ours"), &SaveOptions::default()));
                let _ = inline(storage.delete(name("a/d/new")));
                if let Ok(size) = inline(storage.size(name("a/d/secret"))) {
                    assert_eq!(size, 4);
                }
            }
            drop(end);
            let swaps = swaps.join().unwrap();
            eprintln!("{swaps} swaps, {reached} files reached, {refused} links refused");
            assert!(swaps > 100 && reached > 0 && refused > 0);
        });
        untouched(&outside);
    }
}

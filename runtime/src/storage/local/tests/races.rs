//! Concurrent saves, deletes and uploads.

use super::*;
use std::collections::BTreeSet;
use std::time::Instant;

const THREADS: usize = 16;
const ROUNDS: usize = 40;

/// Every save of the same wanted name gets a separate name, with its own bytes.
fn race(content: impl Fn(&Path, &str) -> Content + Sync, configure: impl FnOnce(&Disk)) {
    let media = Media::new();
    configure(&media.storage.disk);
    for round in 0..ROUNDS {
        let wanted = format!("d{round}/photo.jpg");
        let saved = std::thread::scope(|scope| {
            let save = |thread: usize| {
                let (media, wanted, content) = (&media, &wanted, &content);
                scope.spawn(move || {
                    let text = format!("{round} of {thread}");
                    let content = content(media.dir.path(), &text);
                    let saved = inline(media.storage.save(name(wanted), content, &SaveOptions::default()));
                    (saved.unwrap().name, text)
                })
            };
            let threads = (0..THREADS).map(save).collect::<Vec<_>>();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(saved.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), THREADS);
        assert_eq!(saved.iter().filter(|(name, _)| *name == wanted).count(), 1);
        for (name, text) in &saved {
            assert_eq!(media.read(name).unwrap(), text.as_bytes());
        }
    }
    let files = media.files();
    assert_eq!(files.iter().filter(|file| !file.starts_with(".filefield/")).count(), ROUNDS * THREADS);
    assert_eq!(files.len(), ROUNDS * THREADS, "something staged is left");
}

#[test]
fn bytes_under_one_name() {
    race(|_, text| Content::from(text.to_owned()), |_| {});
}

#[test]
fn temporary_files_under_one_name() {
    race(|dir, text| temp(dir, text.as_bytes()), |_| {});
}

#[test]
fn bytes_under_one_name_with_every_fallback() {
    race(|_, text| Content::from(text.to_owned()), fallbacks::switch_all_off);
}

#[test]
fn temporary_files_under_one_name_with_every_fallback() {
    race(|dir, text| temp(dir, text.as_bytes()), fallbacks::switch_all_off);
}

#[test]
fn directories_that_others_remove_are_made_again() {
    for (overwrite, fallback) in [(false, false), (false, true), (true, false), (true, true)] {
        let media = Media::with(|builder| builder.durability(Durability::File).allow_overwrite(overwrite));
        if fallback {
            fallbacks::switch_all_off(&media.storage.disk);
        }
        let stop = Stop::default();
        std::thread::scope(|scope| {
            let end = stop.at_the_end();
            scope.spawn(|| {
                while !stop.was_told() {
                    if overwrite {
                        let _ = fs::remove_file(media.at("a/b/f"));
                    }
                    // Fails while a file is in it.
                    let _ = fs::remove_dir(media.at("a/b"));
                    let _ = fs::remove_dir(media.at("a"));
                }
            });
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(500) {
                match inline(media.storage.save(name("a/b/f"), Content::from("x"), &SaveOptions::default())) {
                    Ok(saved) => {
                        assert_eq!(saved.name, "a/b/f");
                        if overwrite {
                            continue;
                        }
                        inline(media.storage.delete(name("a/b/f"))).unwrap();
                    }
                    // Another thread was faster sixteen times in a row.
                    Err(error) => assert!(error.is_retryable(), "{error:?}"),
                }
            }
            drop(end);
        });
        inline(media.storage.delete(name("a/b/f"))).unwrap();
        assert!(media.files().is_empty());
    }
}

#[test]
fn saves_and_deletes_of_one_name() {
    let media = Media::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let saved = inline(media.storage.save(
                        name("d/f"),
                        Content::from("12345"),
                        &SaveOptions::default(),
                    ));
                    let saved = saved.unwrap().name;
                    match inline(media.storage.size(name("d/f"))) {
                        Ok(size) => assert_eq!(size, 5),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
                    }
                    inline(media.storage.delete(name(&saved))).unwrap();
                }
            });
        }
    });
    assert!(media.files().is_empty());
}

#[test]
fn only_one_of_many_renames_gets_the_name() {
    let media = Media::new();
    for round in 0..50 {
        let to = format!("to{round}");
        let won = std::thread::scope(|scope| {
            let rename = |thread: usize| {
                let (media, to) = (&media, &to);
                scope.spawn(move || {
                    let from = format!("from{round}_{thread}");
                    inline(media.storage.save(name(&from), Content::from("x"), &SaveOptions::default()))
                        .unwrap();
                    match inline(media.storage.rename(name(&from), name(to))) {
                        Ok(()) => 1,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
                            0
                        }
                    }
                })
            };
            (0..4)
                .map(rename)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<u32>()
        });
        assert_eq!(won, 1);
    }
    assert_eq!(media.files().len(), 50 * 4);
}

/// The row gets the bytes that were checked, even if the client replaces the upload during the check.
#[test]
fn an_upload_that_is_replaced_while_it_is_judged() {
    for fallback in [false, true] {
        let (media, stop) = (Media::new(), Stop::default());
        fallbacks::switch_all_off_if(&media.storage.disk, fallback);
        let upload = ".filefield/uploads/abcdefghijklmnopqrstuvwx27";
        fs::create_dir_all(media.at(".filefield/uploads")).unwrap();
        let (mut promoted, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            let _stop = stop.at_the_end();
            scope.spawn(|| {
                for len in (1..=9).cycle().take_while(|_| !stop.was_told()) {
                    fs::write(media.at("next"), vec![b'x'; len]).unwrap();
                    fs::rename(media.at("next"), media.at(upload)).unwrap();
                }
            });
            let begun = Instant::now();
            while (promoted < 50 || refused < 5) && begun.elapsed() < Duration::from_secs(20) {
                let (inspector, result) = Inspector::new(crate::inspect::Rules::default());
                let upload = FileName::or_upload(upload).unwrap();
                let options = SaveOptions::default();
                match inline(media.storage.promote(upload, name("d/f"), inspector, &options)) {
                    Ok(saved) => {
                        let found = fs::read(media.at("d/f")).unwrap().len() as u64;
                        assert_eq!((found, saved.size), (result.get().unwrap().size, found));
                        fs::remove_file(media.at("d/f")).unwrap();
                        promoted += 1;
                    }
                    Err(error) => {
                        assert!(
                            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAsStated),
                            "{error:?}"
                        );
                        assert!(!media.at("d/f").exists());
                        refused += usize::from(error.kind() == ErrorKind::NotAsStated);
                    }
                }
            }
        });
        assert!(promoted > 0, "none came through");
        assert!(refused > 0, "none was replaced in time");
    }
}

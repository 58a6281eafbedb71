//! Every step of the storages can be made to fail, and every planted bug is one. In a process of their own, where one
//! test runs at a time: fail points are the whole process's.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "db-sqlite")]
#[path = "failpoints/moving.rs"]
mod moving;

use filefield::storage::{FileSystemStorage, MemoryStorage};
use filefield::testing::failpoints::{BUGS, FailScenario, POINTS, cfg, cfg_callback, remove};
use filefield::{Bytes, Content, FileName, Result, SaveOptions, Saved, SharedStorage, StorageExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

fn name(name: &str) -> FileName<'_> {
    FileName::new(name).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

async fn save(storage: &SharedStorage, wanted: &str, content: impl Into<Content>) -> Result<Saved> {
    storage
        .save(name(wanted), content.into(), &SaveOptions { owner: Some("me".into()), ..Default::default() })
        .await
}

async fn read(storage: &SharedStorage, stored: &str) -> Result<Bytes> {
    storage.open(name(stored)).await?.read_all(1 << 20).await
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Save,
    Delete,
    Rename,
}

/// What a point belongs to, and whether something has happened there already.
fn belongs(point: &str) -> Option<(Operation, bool)> {
    use Operation::{Delete, Rename, Save};
    Some(match point {
        "local.made" | "local.opened" | "local.written" | "local.owned" | "local.synced" => (Save, false),
        "local.published" | "local.directory-synced" => (Save, true),
        "local.delete" => (Delete, false),
        "local.deleted" | "local.delete-synced" => (Delete, true),
        "local.rename" => (Rename, false),
        "local.renamed" | "local.rename-synced" => (Rename, true),
        "memory.read" => (Save, false),
        "memory.published" => (Save, true),
        "memory.delete" => (Delete, false),
        "memory.deleted" => (Delete, true),
        "memory.renamed" => (Rename, true),
        _ => return None,
    })
}

#[test]
fn every_step_of_a_storage_can_fail() {
    let _scenario = FailScenario::setup();
    for point in POINTS.iter().filter(|point| point.starts_with("local.") || point.starts_with("memory.")) {
        let (operation, happened) = belongs(point).unwrap_or_else(|| panic!("{point} is not tested"));
        let folder = tempfile::tempdir().unwrap();
        let storage: SharedStorage = match point.starts_with("local.") {
            true => Arc::new(FileSystemStorage::new(folder.path()).unwrap()),
            false => Arc::new(MemoryStorage::new()),
        };
        block_on(async {
            save(&storage, "there/a.txt", "a").await.unwrap();
            cfg(*point, "return(broken)").unwrap();
            let (failed, seen) = match operation {
                Operation::Save => (save(&storage, "new/b.txt", "b").await.map(drop), "new/b.txt"),
                Operation::Delete => (storage.delete(name("there/a.txt")).await, "there/a.txt"),
                Operation::Rename => {
                    (storage.rename(name("there/a.txt"), name("new/b.txt")).await, "new/b.txt")
                }
            };
            remove(point);
            let error = failed.unwrap_err();
            assert!(error.to_string().contains(&format!("broken at step {point}")), "{error}");
            assert_eq!(error.is_uncertain(), happened, "{point}");
            let exists = storage.exists(name(seen)).await.unwrap();
            assert_eq!(exists, (operation == Operation::Delete) != happened, "{point}");
            assert!(staged(folder.path()).is_empty(), "{point} leaves a temporary file");
            // It was the point that failed, and nothing else is broken.
            save(&storage, "new/b.txt", "b").await.unwrap();
        });
    }
}

/// What lies in the staging folder.
fn staged(root: &Path) -> Vec<PathBuf> {
    let staging = std::fs::read_dir(root.join(".filefield/tmp"));
    staging.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// Where a bug may show.
struct Place {
    root: PathBuf,
    storage: SharedStorage,
}

/// Whether a bug shows: without it the answer is `false`.
async fn shows(bug: &str, at: &Place) -> bool {
    let storage = &at.storage;
    match bug {
        "publish-replaces" | "memory-overwrites" => {
            save(storage, "a.txt", "old").await.unwrap();
            save(storage, "a.txt", "new").await.unwrap();
            read(storage, "a.txt").await.unwrap() != "old"
        }
        "exists-then-create" => loses_a_race(storage).await,
        "publish-before-write" => {
            let (seen, path) = (Arc::new(Mutex::new(false)), at.root.join("a.txt"));
            let at_step = seen.clone();
            cfg_callback("local.synced", move || *at_step.lock().unwrap() = path.exists()).unwrap();
            save(storage, "a.txt", "x").await.unwrap();
            remove("local.synced");
            *seen.lock().unwrap()
        }
        "no-owner" => {
            save(storage, "a.txt", "x").await.unwrap();
            storage.owner(name("a.txt")).await.unwrap().is_none()
        }
        "delete-follows-links" => {
            let outside = at.root.with_extension("outside");
            std::fs::write(&outside, "x").unwrap();
            std::os::unix::fs::symlink(&outside, at.root.join("link.txt")).unwrap();
            let _ = storage.delete(name("link.txt")).await;
            let gone = !outside.exists();
            let _ = std::fs::remove_file(outside);
            gone
        }
        "open-follows-links" => {
            let outside = at.root.with_extension("outside");
            std::fs::write(&outside, "x").unwrap();
            std::os::unix::fs::symlink(&outside, at.root.join("link.txt")).unwrap();
            let followed = read(storage, "link.txt").await.is_ok();
            std::fs::remove_file(outside).unwrap();
            followed
        }
        "temp-left-behind" => {
            save(storage, "a.txt", failing()).await.unwrap_err();
            !staged(&at.root).is_empty()
        }
        "digits-tmp-in-place" => {
            let (seen, root) = (Arc::new(Mutex::new(false)), at.root.clone());
            let at_step = seen.clone();
            let look = move || {
                let mut names = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name());
                *at_step.lock().unwrap() = names.any(|name| name.to_string_lossy().contains('#'));
            };
            cfg_callback("local.written", look).unwrap();
            save(storage, "a.txt", "x").await.unwrap();
            remove("local.written");
            *seen.lock().unwrap()
        }
        "short-content-accepted" => {
            let content = Content::reader(std::io::Cursor::new("abc")).with_len(10);
            save(storage, "a.txt", content).await.is_ok()
        }
        "limit-off-by-one" => {
            use filefield::inspect::{Inspector, Rules};
            let (inspector, _) = Inspector::new(Rules { max_size: Some(3), ..Rules::default() });
            save(storage, "a.txt", Content::from("abcd").with_inspector(inspector)).await.is_ok()
        }
        _ => panic!("{bug} is not tested"),
    }
}

fn failing() -> Content {
    Content::reader(Failing(1))
}

struct Failing(u8);

impl std::io::Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        self.0 -= 1;
        buf[0] = b'x';
        Ok(1)
    }
}

/// Whether savers of one name lose a file, in many rounds.
async fn loses_a_race(storage: &SharedStorage) -> bool {
    for round in 0..400 {
        let wanted = format!("{round}.txt");
        let savers: Vec<_> = (0..8)
            .map(|_| {
                let (storage, wanted) = (storage.clone(), wanted.clone());
                tokio::spawn(async move { save(&storage, &wanted, "x").await.unwrap().name })
            })
            .collect();
        let mut names = std::collections::BTreeSet::new();
        for saver in savers {
            names.insert(saver.await.unwrap());
        }
        if names.len() < 8 {
            return true;
        }
    }
    false
}

/// Those that show in what is stored.
const SHOWN: [&str; 11] = [
    "publish-replaces",
    "publish-before-write",
    "exists-then-create",
    "no-owner",
    "delete-follows-links",
    "open-follows-links",
    "temp-left-behind",
    "digits-tmp-in-place",
    "memory-overwrites",
    "limit-off-by-one",
    "short-content-accepted",
];

#[test]
fn planted_bugs_show() {
    let _scenario = FailScenario::setup();
    for bug in SHOWN {
        assert!(BUGS.contains(&bug), "{bug} is not in the list");
        for planted in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("media");
            std::fs::create_dir(&root).unwrap();
            let storage: SharedStorage = match bug.starts_with("memory-") {
                true => Arc::new(MemoryStorage::new()),
                false => Arc::new(FileSystemStorage::new(&root).unwrap()),
            };
            if planted {
                cfg(format!("planted:{bug}"), "return").unwrap();
            }
            let shown = block_on(shows(bug, &Place { root, storage }));
            remove(format!("planted:{bug}"));
            assert_eq!(shown, planted, "{bug}");
        }
    }
}

/// Names the bug for a process of its own, and the folder that it is to use.
const BUG: &str = "TEST_FAILPOINTS_BUG";
const FOLDER: &str = "TEST_FAILPOINTS_FOLDER";

/// Not a test but what the following ones run under a limit or a tracer: a save into a new directory, and a deletion.
#[test]
fn saves_in_a_process_of_its_own() {
    let (Ok(bug), Ok(folder)) = (std::env::var(BUG), std::env::var(FOLDER)) else { return };
    if !bug.is_empty() {
        assert!(BUGS.contains(&bug.as_str()), "{bug} is not in the list");
        cfg(format!("planted:{bug}"), "return").unwrap();
    }
    let storage: SharedStorage = Arc::new(FileSystemStorage::new(Path::new(&folder)).unwrap());
    block_on(async {
        save(&storage, "new/a.txt", vec![7; 5000]).await.unwrap();
        storage.delete(name("new/none.txt")).await.unwrap();
        if std::env::var_os("TEST_FAILPOINTS_DELETE").is_some() {
            storage.delete(name("new/a.txt")).await.unwrap();
        }
    });
}

/// Runs it by way of `program`; whether it came through.
fn run_alone(program: &[&str], bug: &str, folder: &Path, delete: bool) -> bool {
    let mut command = std::process::Command::new(program[0]);
    command.args(&program[1..]).arg(std::env::current_exe().unwrap());
    command.args(["saves_in_a_process_of_its_own", "--exact"]).env(BUG, bug).env(FOLDER, folder);
    if delete {
        command.env("TEST_FAILPOINTS_DELETE", "1");
    }
    command.output().unwrap().status.success()
}

#[test]
fn an_ignored_short_write_cuts_a_file() {
    // Files may not grow over 2 blocks of 512 or 1024 bytes: a write is cut there, and the next one fails.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""];
    for (bug, comes_through) in [("", false), ("short-write-ignored", true)] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run_alone(&limited, bug, folder.path(), false), comes_through, "{bug:?}");
        let size = std::fs::metadata(folder.path().join("new/a.txt")).map(|file| file.len());
        assert_eq!(size.is_ok_and(|size| size < 5000), comes_through, "{bug:?}");
    }
}

/// How many `fsync` a save into a new directory and a deletion make.
fn syncs(bug: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let traced = ["strace", "-f", "-qq", "-e", "trace=fsync", "-o", trace.to_str().unwrap()];
    assert!(run_alone(&traced, bug, &folder.path().join("media"), true), "{bug:?}");
    let trace = std::fs::read_to_string(trace).unwrap();
    trace.lines().filter(|line| line.contains("fsync(")).count()
}

#[test]
fn planted_bugs_skip_a_sync() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        eprintln!("SKIPPED: strace is not installed");
        return;
    }
    // The mark of the root, its folder and the root above that. Then file, directory, the root and its parent for what
    // was made in them; the directory after the deletion.
    assert_eq!(syncs(""), 8);
    for (bug, skipped) in
        [("no-fsync", 1), ("no-directory-fsync", 1), ("no-parent-fsync", 2), ("no-delete-fsync", 1)]
    {
        assert_eq!(syncs(bug), 8 - skipped, "{bug}");
    }
    // The fourth is that of the file.
    for (bug, comes_through) in [("", false), ("fsync-error-ignored", true)] {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let inject =
            ["strace", "-f", "-qq", "-e", "inject=fsync:error=EIO:when=4", "-o", trace.to_str().unwrap()];
        assert_eq!(run_alone(&inject, bug, &folder.path().join("media"), false), comes_through, "{bug:?}");
    }
}

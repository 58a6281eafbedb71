//! Directories and files below the media root are replaced by links to the outside, as fast as the machine
//! can, while files are stored, read, listed and deleted. Nothing outside may be read, written or deleted.

mod naive;
mod swapper;

use super::options::Options;
use super::report::Report;
use super::{Result, runtime};
use filefield::storage::{Durability, FileSystemStorage, Storage};
use filefield::{Error, ErrorKind, FileName, SaveOptions, StorageExt};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use swapper::Swapper;

/// Names below the root whose directory or last component is exchanged.
const PLACES: [&str; 4] = ["d", "deep/middle", "deep/middle/end", "f/victim.txt"];

/// The content of every file outside. No file inside has this text or this length.
const CANARY: &str = "this text is outside of the media root";

/// The operations of the storage.
const OPERATIONS: [&str; 8] = ["save", "open", "metadata", "list", "delete", "copy", "rename", "owner"];

/// Runs a minimum number of swaps and a minimum number of seconds (`--seconds`). `--plant BUG` plants a bug
/// of the library.
pub(super) fn links(options: &Options) -> Result<Report> {
    let swaps = options.count.unwrap_or(200_000);
    let seconds = Duration::from_secs(options.text("seconds", "10").parse()?);
    let mut report = Report::default();
    super::parts::plant(options)?;
    // A storage that joins paths must be caught; otherwise the race never happened.
    let control = Race::run(options.seed, swaps.min(50_000), Duration::from_secs(1), |media| {
        Ok(Arc::new(naive::Naive::new(media)))
    })?;
    if control.escapes.is_empty() {
        report.violation("C19", "a storage that joins paths did not escape");
    }
    let race = Race::run(options.seed, swaps, seconds, |media| {
        Ok(Arc::new(FileSystemStorage::builder(media).durability(Durability::None).build()?))
    })?;
    for escape in &race.escapes {
        report.violation("21", escape);
    }
    for (operation, (done, refused)) in &race.counts {
        if *done == 0 || *refused == 0 {
            report
                .violation("race", format!("{operation}: {done} done, {refused} refused: nothing was raced"));
        }
    }
    report.points = race.counts.values().map(|(done, refused)| done + refused).sum();
    report.fired = race.swaps;
    report.more.insert("operations".to_owned(), json!(race.counts));
    report.more.insert("planted".to_owned(), json!({ "naive storage": control.escapes.len() }));
    Ok(report)
}

struct Race {
    swaps: u64,
    escapes: Vec<String>,
    /// How many of each operation were done, and how many were refused.
    counts: BTreeMap<&'static str, (u64, u64)>,
}

impl Race {
    fn run(
        seed: u64,
        swaps: u64,
        time: Duration,
        make: impl FnOnce(&Path) -> Result<Arc<dyn Storage>>,
    ) -> Result<Race> {
        let dir = tempfile::tempdir()?;
        let (media, outside) = (dir.path().join("media"), dir.path().join("outside"));
        prepare(&media)?;
        prepare_outside(&outside)?;
        let before = snapshot(&outside)?;
        let storage = make(&media)?;
        let swapper = Swapper::start(&media, &outside, &PLACES)?;
        let (began, counts) = (Instant::now(), Counts::default());
        let escapes = runtime()?.block_on(async {
            let mut escapes = Vec::new();
            let mut random = seed | 1;
            while swapper.swaps() < swaps || began.elapsed() < time {
                for _ in 0..64 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    if let Some(escape) = one(&*storage, random, &counts).await {
                        escapes.push(escape);
                    }
                }
                if escapes.len() > 100 {
                    break;
                }
            }
            escapes
        });
        let swaps = swapper.stop()?;
        let mut race = Race { swaps, escapes, counts: counts.take() };
        let after = snapshot(&outside)?;
        for path in before.keys().chain(after.keys()) {
            if before.get(path) != after.get(path) {
                race.escapes.push(format!(
                    "outside `{}`: {:?} became {:?}",
                    path.display(),
                    before.get(path),
                    after.get(path)
                ));
            }
        }
        Ok(race)
    }
}

#[derive(Default)]
struct Counts([(AtomicU64, AtomicU64); OPERATIONS.len()]);

impl Counts {
    fn add(&self, operation: usize, done: bool) {
        let (good, bad) = &self.0[operation];
        if done { good } else { bad }.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> BTreeMap<&'static str, (u64, u64)> {
        let numbers =
            self.0.iter().map(|(good, bad)| (good.load(Ordering::Relaxed), bad.load(Ordering::Relaxed)));
        OPERATIONS.into_iter().zip(numbers).collect()
    }
}

/// Runs one operation. Returns what it saw of the outside, if anything.
async fn one(storage: &dyn Storage, random: u64, counts: &Counts) -> Option<String> {
    let directory =
        ["d", "deep/middle", "deep/middle/end", "f"][usize::try_from(random >> 8 & 3).unwrap_or(0)];
    let file = if directory == "f" { "victim.txt" } else { "victim" };
    let operation = usize::try_from(random >> 16).unwrap_or(0) % OPERATIONS.len();
    let name = format!("{directory}/{file}");
    let new = format!("{directory}/new{}", random >> 20 & 63);
    let outcome = act(storage, OPERATIONS[operation], (&name, &new), directory).await;
    counts.add(operation, outcome.is_ok());
    match outcome {
        Ok(seen) if seen.contains(CANARY) || seen.contains("canary") => {
            Some(format!("{} of `{name}` gave `{seen}`", OPERATIONS[operation]))
        }
        Ok(_) => None,
        Err(error) if is_refusal(&error) => None,
        Err(error) => Some(format!("{} of `{name}`: {:?}: {error}", OPERATIONS[operation], error.kind())),
    }
}

/// Whether this error is allowed for an operation on a place that is a link half of the time.
fn is_refusal(error: &Error) -> bool {
    // The kernel saw that the directory was moved out of the root during the call.
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    if source.and_then(std::io::Error::raw_os_error) == Some(rustix::io::Errno::XDEV.raw_os_error()) {
        return true;
    }
    use ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotAFile, NotFound, Unsupported};
    matches!(error.kind(), AlreadyExists | IsADirectory | NotADirectory | NotAFile | NotFound | Unsupported)
}

async fn act(
    storage: &dyn Storage,
    operation: &str,
    (name, new): (&str, &str),
    directory: &str,
) -> filefield::Result<String> {
    let (name, new) = (FileName::new(name)?, FileName::new(new)?);
    let exact = SaveOptions { exact: true, owner: Some("0".repeat(32)), ..SaveOptions::default() };
    match operation {
        "save" => Ok(storage.save(new, "inside".into(), &exact).await?.name),
        "open" => {
            let bytes = storage.open(name).await?.read_all(1000).await?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        "metadata" => {
            let size = storage.metadata(name).await?.size;
            Ok(if size == CANARY.len() as u64 { CANARY } else { "" }.to_owned())
        }
        "list" => {
            let listing = storage.list(directory).await?;
            Ok([listing.files, listing.dirs].concat().join(" "))
        }
        "delete" => storage.delete(new).await.map(|()| String::new()),
        "copy" => {
            let copied = storage.copy(name, new, &exact).await?.name;
            Ok(copied)
        }
        "rename" => {
            let back = format!("{directory}/renamed");
            let back = FileName::new(&back)?;
            storage.rename(new, back).await?;
            storage.delete(back).await.map(|()| String::new())
        }
        _ => Ok(storage.owner(name).await?.unwrap_or_default()),
    }
}

/// The tree inside: every place has its directory and a file.
fn prepare(media: &Path) -> Result {
    for directory in ["d", "deep/middle/end", "f"] {
        fs::create_dir_all(media.join(directory))?;
    }
    for file in ["d/victim", "deep/middle/victim", "deep/middle/end/victim", "f/victim.txt"] {
        fs::write(media.join(file), "inside")?;
    }
    Ok(())
}

/// The tree outside, which a link makes look like the one inside.
fn prepare_outside(outside: &Path) -> Result {
    for directory in ["", "middle", "end", "middle/end"] {
        let directory = outside.join(directory);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("canary"), CANARY)?;
        for name in ["victim", "victim.txt", "renamed.txt"] {
            let file = directory.join(name);
            fs::write(&file, CANARY)?;
            // An owner that must not be reported.
            let _ = rustix::fs::setxattr(&file, "user.filefield", b"canary", rustix::fs::XattrFlags::empty());
        }
        for number in 0..64 {
            fs::write(directory.join(format!("new{number}")), CANARY)?;
        }
    }
    // These names are taken first; the names in between are free on both sides.
    for number in (0..64).step_by(2) {
        fs::remove_file(outside.join(format!("new{number}")))?;
    }
    Ok(())
}

type Tree = BTreeMap<PathBuf, (String, u32, Option<std::time::SystemTime>)>;

/// Every file below a directory, with its text, its mode and its modification time.
fn snapshot(directory: &Path) -> Result<Tree> {
    use std::os::unix::fs::PermissionsExt;
    let mut tree = Tree::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
            let metadata = fs::symlink_metadata(&path)?;
            let text = if kind?.is_dir() {
                open.push(path.clone());
                String::new()
            } else {
                fs::read_to_string(&path)?
            };
            tree.insert(path, (text, metadata.permissions().mode(), metadata.modified().ok()));
        }
    }
    Ok(tree)
}

//! `names`: many saves of one name, in sequence or in parallel.

use super::data::{Random, names_in, payload};
use super::measure::{Clock, Report};
use super::options::{Options, runtime};
use super::{Result, jobs, save};
use filefield::storage::FileSystemStorage;
use filefield::{Bytes, Content, FileName, SaveOptions, Storage, TempFile};
use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Barrier;

const NAME: &str = "same.bin";

pub(crate) fn names(options: &Options) -> Result<Report> {
    if options.word.as_deref() == Some("race") {
        return race(options);
    }
    let (n, jobs) = (options.number("n", 1000)?, options.number("jobs", 1)?);
    let dir = options.dir()?;
    let bytes = Bytes::from(payload(options.number("size", 16)?));
    let stored = (n * bytes.len()) as u64;
    let tries = AtomicUsize::new(0);
    let time = if options.is_baseline() {
        let clock = Clock::start();
        jobs::threads(n, jobs, |thread, i| {
            tries.fetch_add(with_suffix(&dir, seed(thread, i), &bytes)?, Ordering::Relaxed);
            Ok(())
        })?;
        clock.stop()
    } else {
        let storage = Arc::new(save::storage(&dir, options)?);
        let runtime = runtime()?;
        let clock = Clock::start();
        runtime.block_on(jobs::tasks(n, jobs, move |_| {
            let (storage, bytes) = (storage.clone(), bytes.clone());
            async move {
                storage.save(FileName::new(NAME)?, Content::from(bytes), &SaveOptions::default()).await?;
                Ok(())
            }
        }))?;
        clock.stop()
    };
    let distinct = names_in(&dir)?.len();
    if distinct != n {
        return Err(format!("{distinct} files, not {n}").into());
    }
    let report = Report::new(n, time, stored).with("distinct", distinct);
    Ok(if options.is_baseline() { report.with("tries", tries.into_inner()) } else { report })
}

fn seed(thread: usize, i: usize) -> u64 {
    (thread as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (i as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03)
}

/// Exclusive create, with a random suffix if the name is taken. Returns the number of tries.
fn with_suffix(dir: &Path, seed: u64, bytes: &[u8]) -> Result<usize> {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = Random(seed);
    let mut name = NAME.to_owned();
    for tries in 1.. {
        match OpenOptions::new().write(true).create_new(true).open(dir.join(&name)) {
            Ok(mut file) => {
                file.write_all(bytes)?;
                return Ok(tries);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let suffix: String =
                    (0..7).map(|_| char::from(LETTERS[(random.next() % 36) as usize])).collect();
                name = format!("same_{suffix}.bin");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err("no free name".into())
}

/// `--jobs` savers of one name at the same moment, in each of `--n` empty directories. Every saver has
/// different content, and every content must be found under the name that its saver got.
fn race(options: &Options) -> Result<Report> {
    let (rounds, jobs) = (options.number("n", 200)?, options.number("jobs", 16)?);
    let dir = options.dir()?;
    for round in 0..rounds {
        std::fs::create_dir(dir.join(format!("r{round}")))?;
        if options.is_set("temp") {
            for job in 0..jobs {
                std::fs::write(dir.join(format!("temp-{round}-{job}")), text(round, job))?;
            }
        }
    }
    let temp = options.is_set("temp");
    let (mut lost, mut hit) = (0, 0);
    let runtime = runtime()?;
    let clock = Clock::start();
    let mut given = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let root = dir.join(format!("r{round}"));
        given.push(if options.is_baseline() {
            jobs::threads(jobs, jobs, |thread, i| {
                with_suffix(&root, seed(thread, i), text(round, i).as_bytes()).map(drop)
            })?;
            Vec::new()
        } else {
            let storage = Arc::new(save::storage(&root, options)?);
            runtime.block_on(one_race(&storage, &dir, round, jobs, temp))?
        });
    }
    let time = clock.stop();
    for (round, given) in given.iter().enumerate() {
        let root = dir.join(format!("r{round}"));
        let mut there = HashSet::new();
        for name in names_in(&root)? {
            there.insert(std::fs::read_to_string(root.join(name))?);
        }
        let mut missing = (0..jobs).filter(|job| !there.contains(&text(round, *job))).count();
        for (job, name) in given.iter().enumerate() {
            missing += usize::from(std::fs::read_to_string(root.join(name))? != text(round, job));
        }
        lost += missing;
        hit += usize::from(missing > 0);
    }
    let stored: usize =
        (0..rounds).map(|round| (0..jobs).map(|job| text(round, job).len()).sum::<usize>()).sum();
    let report = Report::new(rounds * jobs, time, stored as u64);
    Ok(report.with("lost", lost).with("rounds_hit", hit).with("rounds", rounds))
}

fn text(round: usize, job: usize) -> String {
    format!("content {job} of round {round}")
}

/// The names that the savers got.
async fn one_race(
    storage: &Arc<FileSystemStorage>,
    dir: &Path,
    round: usize,
    jobs: usize,
    temp: bool,
) -> Result<Vec<String>> {
    let start = Arc::new(Barrier::new(jobs));
    let mut tasks = Vec::with_capacity(jobs);
    for job in 0..jobs {
        let (storage, start) = (storage.clone(), start.clone());
        let content = match temp {
            true => Content::from(TempFile::adopt(dir.join(format!("temp-{round}-{job}")))?.assume_closed()),
            false => Content::from(text(round, job)),
        };
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            storage.save(FileName::new(NAME)?, content, &SaveOptions::default()).await
        }));
    }
    let mut names = Vec::with_capacity(jobs);
    for task in tasks {
        names.push(task.await??.name);
    }
    Ok(names)
}

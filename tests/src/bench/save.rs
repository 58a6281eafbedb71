//! `save`: small files under distinct names.

use super::data::{self, SMALL, payload};
use super::measure::{Clock, Report};
use super::options::{Options, runtime};
use super::{Result, jobs};
use filefield::storage::{Durability, FileSystemStorage};
use filefield::{Bytes, Content, FileName, SaveOptions, Storage};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// A storage in `dir` with the durability of `--sync` or `--durability`.
pub(crate) fn storage(dir: &Path, options: &Options) -> Result<FileSystemStorage> {
    let default = if options.is_set("sync") { "full" } else { "none" };
    let durability = match options.text("durability", default) {
        "full" => Durability::Full,
        "file" => Durability::File,
        "none" => Durability::None,
        other => return Err(format!("no durability `{other}`").into()),
    };
    Ok(FileSystemStorage::builder(dir).base_url("/media/").durability(durability).build()?)
}

pub(crate) fn save(options: &Options) -> Result<Report> {
    let (n, jobs) = (options.number("n", 2000)?, options.number("jobs", 1)?);
    let dir = options.dir()?;
    let bytes = Bytes::from(payload(options.number("size", SMALL)?));
    let len = bytes.len() as u64;
    let time = if options.is_baseline() {
        let clock;
        if options.is_set("sync") {
            let directory = open_directory(&dir)?;
            clock = Clock::start();
            jobs::threads(n, jobs, |_, i| durable(&directory, &data::name(i), &bytes))?;
        } else if options.is_set("hop") {
            // The minimum cost of asynchronous code: the same work on one blocking thread of the runtime.
            let runtime = runtime()?;
            let (dir, bytes) = (dir.clone(), bytes.clone());
            clock = Clock::start();
            runtime.block_on(jobs::tasks(n, jobs, move |i| {
                let (path, bytes) = (dir.join(data::name(i)), bytes.clone());
                async move { tokio::task::spawn_blocking(move || exclusive(&path, &bytes)).await? }
            }))?;
        } else {
            clock = Clock::start();
            jobs::threads(n, jobs, |_, i| exclusive(&dir.join(data::name(i)), &bytes))?;
        }
        clock.stop()
    } else {
        let storage = Arc::new(storage(&dir, options)?);
        let runtime = runtime()?;
        let clock = Clock::start();
        runtime.block_on(jobs::tasks(n, jobs, move |i| {
            let (storage, bytes) = (storage.clone(), bytes.clone());
            async move {
                let name = data::name(i);
                storage.save(FileName::new(&name)?, Content::from(bytes), &SaveOptions::default()).await?;
                Ok(())
            }
        }))?;
        clock.stop()
    };
    let mut count = 0;
    for entry in std::fs::read_dir(&dir)? {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            count += 1;
            if metadata.len() != len {
                return Err("a file is not whole".into());
            }
        }
    }
    if count != n {
        return Err(format!("{count} files, not {n}").into());
    }
    Ok(Report::new(n, time, n as u64 * len))
}

/// Plain exclusive create and write.
pub(crate) fn exclusive(path: &Path, bytes: &[u8]) -> Result {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    Ok(file.write_all(bytes)?)
}

pub(crate) fn open_directory(dir: &Path) -> Result<OwnedFd> {
    Ok(rustix::fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// The system calls of a durable save, written by hand.
pub(crate) fn durable(directory: &OwnedFd, name: &str, bytes: &[u8]) -> Result {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(directory, ".", flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
    rustix::fs::fsync(&file)?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, unnamed.as_str(), directory, name, AtFlags::SYMLINK_FOLLOW)?;
    drop(file);
    Ok(rustix::fs::fsync(directory)?)
}

//! `read`, `open`, `exists`, `size` of small files, `stream` of a large one; everything is in the page cache.

use super::data::names_in;
use super::measure::{Clock, Report};
use super::options::{Options, runtime, split};
use super::{Result, save};
use filefield::storage::FileSystemStorage;
use filefield::{FileName, StorageExt};
use futures_util::StreamExt;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;

/// One operation of the storage on one file, and the same with the standard library. Returns the bytes or
/// files seen.
struct Operation {
    ours: AsyncOperation,
    plain: fn(&Path) -> std::io::Result<u64>,
    /// Whether it reads the bytes.
    reads: bool,
}

type AsyncOperation =
    for<'a> fn(
        &'a FileSystemStorage,
        FileName<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = filefield::Result<u64>> + Send + 'a>>;

pub(crate) fn read(options: &Options) -> Result<Report> {
    let ours: AsyncOperation = |storage, name| {
        Box::pin(async move {
            let bytes = storage.open(name).await?.read_all(u64::MAX).await?;
            Ok(touch(&bytes))
        })
    };
    repeat(options, Operation { ours, plain: |path| Ok(touch(&std::fs::read(path)?)), reads: true })
}

pub(crate) fn open(options: &Options) -> Result<Report> {
    let ours: AsyncOperation = |storage, name| {
        Box::pin(async move {
            black_box(storage.open(name).await?);
            Ok(1)
        })
    };
    repeat(options, Operation { ours, plain: |path| black_box(File::open(path)).map(|_| 1), reads: false })
}

pub(crate) fn exists(options: &Options) -> Result<Report> {
    let ours: AsyncOperation =
        |storage, name| Box::pin(async move { Ok(u64::from(storage.exists(name).await?)) });
    repeat(
        options,
        Operation { ours, plain: |path| Ok(u64::from(std::fs::metadata(path)?.is_file())), reads: false },
    )
}

pub(crate) fn size(options: &Options) -> Result<Report> {
    let ours: AsyncOperation = |storage, name| Box::pin(async move { storage.size(name).await });
    repeat(options, Operation { ours, plain: |path| Ok(std::fs::metadata(path)?.len()), reads: false })
}

/// Uses the bytes without reading all of them.
fn touch(bytes: &[u8]) -> u64 {
    black_box(bytes.first());
    bytes.len() as u64
}

fn repeat(options: &Options, operation: Operation) -> Result<Report> {
    let dir = options.path("dir")?;
    let names = names_in(&dir)?;
    let n = options.number("n", 20_000)?;
    let mut seen = 0;
    let time = if options.is_baseline() {
        for name in &names {
            (operation.plain)(&dir.join(name))?;
        }
        let clock = Clock::start();
        for name in names.iter().cycle().take(n) {
            seen += (operation.plain)(&dir.join(name))?;
        }
        clock.stop()
    } else {
        let storage = save::storage(&dir, options)?;
        runtime()?.block_on(async {
            for name in &names {
                (operation.ours)(&storage, FileName::new(name)?).await?;
            }
            let clock = Clock::start();
            for name in names.iter().cycle().take(n) {
                seen += (operation.ours)(&storage, FileName::new(name)?).await?;
            }
            Result::Ok(clock.stop())
        })?
    };
    if seen < n as u64 {
        return Err("some files were not there".into());
    }
    Ok(Report::new(n, time, if operation.reads { seen } else { 0 }))
}

pub(crate) fn stream(options: &Options) -> Result<Report> {
    let src = options.path("src")?;
    let chunk = options.number("chunk", 64 * 1024)?;
    let size = std::fs::metadata(&src)?.len();
    let mut seen = 0;
    let time = if options.is_baseline() {
        let mut memory = vec![0; chunk];
        let clock = Clock::start();
        let mut file = File::open(&src)?;
        loop {
            let count = file.read(&mut memory)?;
            if count == 0 {
                break;
            }
            seen += touch(&memory[..count]);
        }
        clock.stop()
    } else {
        let (dir, name) = split(&src)?;
        let storage = FileSystemStorage::new(dir)?;
        runtime()?.block_on(async {
            let clock = Clock::start();
            let mut stream = storage.open(FileName::new(name)?).await?.into_stream(chunk);
            while let Some(bytes) = stream.next().await {
                seen += touch(&bytes?);
            }
            Result::Ok(clock.stop())
        })?
    };
    if seen != size {
        return Err("not all bytes came".into());
    }
    Ok(Report::new(1, time, size))
}

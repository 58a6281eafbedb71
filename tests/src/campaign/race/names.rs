//! Savers that all want one name of a storage at the same moment, without a journal that reserves it. The
//! storage alone decides. Every saver gets a different name and finds its own bytes under it.

use crate::campaign::Result;
use crate::campaign::options::Options;
use crate::campaign::place::in_memory;
use crate::campaign::report::Report;
use filefield::storage::{Durability, FileSystemStorage, MemoryStorage};
use filefield::{ErrorKind, FileName, SaveOptions, SharedStorage, StorageExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Barrier;

/// Savers of one name. Half of them accept no other name.
const SAVERS: u64 = 16;

/// `--count` is the number of saves.
pub(super) fn run(options: &Options) -> Result<Report> {
    let folder = in_memory()?;
    let local = FileSystemStorage::builder(folder.path().join("media")).durability(Durability::None);
    let storages: [(&str, SharedStorage); 2] =
        [("local", Arc::new(local.build()?)), ("memory", Arc::new(MemoryStorage::new()))];
    let rounds = (options.count.unwrap_or(20_000) / SAVERS / 2).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = Report::default();
    for (which, storage) in storages {
        for round in 0..rounds {
            let tried = format!("round {round} on {which} storage");
            runtime.block_on(one(&storage, round, &mut report, &tried))?;
        }
    }
    Ok(report)
}

async fn one(storage: &SharedStorage, round: u64, report: &mut Report, tried: &str) -> Result {
    let wanted = format!("names/{round}.txt");
    let start = Arc::new(Barrier::new(usize::try_from(SAVERS)?));
    let savers: Vec<_> = (0..SAVERS)
        .map(|saver| {
            let (storage, wanted, start) = (storage.clone(), wanted.clone(), start.clone());
            tokio::spawn(async move {
                let exact = SaveOptions { exact: saver % 2 == 0, ..SaveOptions::default() };
                start.wait().await;
                storage.save(FileName::new(&wanted)?, content(saver).into(), &exact).await
            })
        })
        .collect();
    let mut names = BTreeMap::new();
    for (saver, saving) in (0..SAVERS).zip(savers) {
        report.points += 1;
        match saving.await? {
            Ok(saved) => {
                if let Some(other) = names.insert(saved.name.clone(), saver) {
                    report.violation(
                        "P4",
                        format!("`{}` was given to {other} and {saver}; {tried}", saved.name),
                    );
                }
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists && saver % 2 == 0 => report.fired += 1,
            Err(error) => report.violation("error", format!("{error}; {tried}")),
        }
    }
    for (name, saver) in names {
        let name = FileName::new(&name)?;
        let bytes = storage.open(name).await?.read_all(1000).await?;
        if bytes != content(saver).as_bytes() {
            report.violation("P4", format!("`{name}` of {saver} has another's bytes; {tried}"));
        }
        // This keeps the other names from piling up.
        storage.delete(name).await?;
    }
    Ok(())
}

fn content(saver: u64) -> String {
    format!("the bytes of {saver}")
}

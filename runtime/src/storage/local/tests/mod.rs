#![allow(clippy::unwrap_used)]

mod child;
mod fallbacks;
mod faults;
mod here;
mod links;
mod modes;
mod names;
mod others;
mod pieces;
mod races;
mod reading;
mod roots;
mod saving;
mod threads;

use super::*;
use crate::{ErrorKind, StorageExt};
use std::fs;
use std::io::Read;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// A storage in a new directory.
struct Media {
    dir: TempDir,
    storage: FileSystemStorage,
}

impl Media {
    fn new() -> Self {
        Media::with(|builder| builder.durability(Durability::None))
    }

    fn with(configure: impl FnOnce(FileSystemBuilder) -> FileSystemBuilder) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = configure(FileSystemStorage::builder(dir.path().join("media"))).build().unwrap();
        fs::create_dir(storage.location()).unwrap();
        Media { dir, storage }
    }

    /// The path of `name`, to plant something there.
    fn at(&self, name: &str) -> PathBuf {
        self.storage.location().join(name)
    }

    fn save(&self, name: &str, content: impl Into<Content>) -> Result<Saved> {
        self.save_with(name, content, &SaveOptions::default())
    }

    fn save_with(&self, name: &str, content: impl Into<Content>, options: &SaveOptions) -> Result<Saved> {
        run(self.storage.save(FileName::new(name).unwrap(), content.into(), options))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        run(async { self.storage.open(FileName::new(name).unwrap()).await?.read_all(1 << 30).await })
            .map(Into::into)
    }

    /// All files below the root except its mark, as sorted paths from the root.
    fn files(&self) -> Vec<String> {
        fn walk(path: &Path, prefix: &str, found: &mut Vec<String>) {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                match entry.file_type().unwrap().is_dir() {
                    true => walk(&entry.path(), &format!("{name}/"), found),
                    false => found.push(name),
                }
            }
        }
        let mut found = Vec::new();
        walk(self.storage.location(), "", &mut found);
        found.retain(|name| name != ".filefield/root");
        found.sort();
        found
    }
}

fn name(text: &str) -> FileName<'_> {
    FileName::new(text).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Polls a future that must be ready at once. Without a runtime every operation is.
fn inline<T>(future: impl Future<Output = T>) -> T {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("waits without a runtime"),
    }
}

/// Tells another thread to stop, also if the test fails.
#[derive(Default)]
struct Stop(AtomicBool);

impl Stop {
    fn was_told(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn at_the_end(&self) -> impl Drop {
        struct Tells<'a>(&'a Stop);
        impl Drop for Tells<'_> {
            fn drop(&mut self) {
                self.0.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        Tells(self)
    }
}

/// Returns some bytes, then fails.
struct Failing(usize);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::Error::other("the connection broke"));
        }
        let count = buf.len().min(self.0);
        buf[..count].fill(b'x');
        self.0 -= count;
        Ok(count)
    }
}

/// Creates a finished temporary file in `dir`.
fn temp(dir: &Path, bytes: &[u8]) -> Content {
    let mut writer = crate::TempFile::create_in(dir).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into()
}

/// Runs the conformance suite with every durability.
#[cfg(feature = "testing")]
#[test]
fn conforms() {
    for durability in [Durability::Full, Durability::File, Durability::None] {
        let mut kept = Vec::new();
        run(crate::testing::storage_suite(async || {
            let dir = tempfile::tempdir().unwrap();
            let builder = FileSystemStorage::builder(dir.path().join("media")).base_url("/media/");
            let storage = builder.durability(durability).build().unwrap();
            kept.push(dir);
            Arc::new(storage) as _
        }));
    }
}

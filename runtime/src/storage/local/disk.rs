//! The state that all operations on the files of one storage share.

use super::directories::Made;
use super::here::Pace;
use super::operations::Cleaned;
use super::root::Root;
use super::sys::Calls;
use crate::threads::{self, Lost};
use crate::{Error, ErrorKind, Result};
use rustix::fs::Mode;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// How durable a save is when it returns.
///
/// A save survives a power failure only if the name is durable too: synced bytes under a name that was not
/// synced may be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Bytes and name are on the disk: the file is synced before it is published, then its directory and
    /// every directory created for it. File systems that refuse to sync directories are assumed not to need
    /// it.
    #[default]
    Full,
    /// The bytes are on the disk before the name appears. A power failure may lose the name.
    File,
    /// The kernel decides when to write, as in Django. For caches and tests.
    None,
}

/// The configuration of a storage and its open root.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) root: Root,
    pub(super) calls: Calls,
    pub(super) made: Made,
    pub(super) pace: Pace,
    pub(super) cleaned: Cleaned,
    pub(super) file_mode: Mode,
    pub(super) directory_mode: Option<Mode>,
    pub(super) allow_overwrite: bool,
    pub(super) durability: Durability,
}

/// The maximum number of saves, copies and moves that run on blocking threads at the same time, per process.
/// More would only take threads and descriptors from other work. They wait only for the disk.
const MOST_WRITERS: usize = 64;
static WRITERS: Semaphore = Semaphore::const_new(MOST_WRITERS);

/// Runs blocking work: in a runtime on one of tokio's blocking threads, otherwise on this thread.
pub(super) async fn hop<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let Ok(runtime) = Handle::try_current() else { return work() };
    threads::run(&runtime, work).await.unwrap_or_else(|lost| Err(without_result(&lost)))
}

/// Like [`hop`], for work that opens files for writing. Waits for a permit.
pub(super) async fn write_hop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let room = WRITERS.acquire().await;
    hop(move || {
        let _room = room;
        work()
    })
    .await
}

/// Like [`hop`], for work that reads from a reader supplied by the application.
pub(super) async fn read_hop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    threads::run_reader(work).await.unwrap_or_else(|lost| Err(without_result(&lost)))
}

/// The payload of a panic may contain anything, so no error shows it. The panic hook has reported it.
fn without_result(lost: &Lost) -> Error {
    match lost {
        Lost::Panicked => Error::new(ErrorKind::Io, "the content panicked"),
        Lost::NeverDone => {
            Error::new(ErrorKind::Io, "the runtime is shutting down, or there is no thread to be had")
                .uncertain()
        }
    }
}

//! What all operations on the files of one storage share.

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
/// Durability of the name is what makes a save survive a power loss: synced bytes under a name that was not synced
/// may be gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Bytes and name are on the disk: the file is synced before it is published, then its directory and every
    /// directory made for it. A file system that refuses to sync directories is taken to need no sync of them.
    #[default]
    Full,
    /// The bytes are on the disk before the name appears; the name may be lost with the power.
    File,
    /// The kernel writes when it likes, as Django leaves it (D244). For caches and tests.
    None,
}

/// A storage's configuration and its open root.
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

/// The most saves, copies and moves that work on blocking threads at the same time, in the whole process. More of them
/// would only take threads and descriptors from everybody else. None of them waits for anything but the disk.
const MOST_WRITERS: usize = 64;
static WRITERS: Semaphore = Semaphore::const_new(MOST_WRITERS);

/// Does blocking work: on one of tokio's blocking threads where there is a runtime, else here.
pub(super) async fn hop<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let Ok(runtime) = Handle::try_current() else { return work() };
    threads::run(&runtime, work).await.unwrap_or_else(|lost| Err(without_result(&lost)))
}

/// As [`hop`], for work that opens files to write them. Waits until there is room for it.
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

/// As [`hop`], for work that reads what an application's own reader gives.
pub(super) async fn read_hop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    threads::run_reader(work).await.unwrap_or_else(|lost| Err(without_result(&lost)))
}

/// What somebody panicked with may hold anything, so no error shows it; the panic hook has reported it.
fn without_result(lost: &Lost) -> Error {
    match lost {
        Lost::Panicked => Error::new(ErrorKind::Io, "the content panicked"),
        Lost::NeverDone => {
            Error::new(ErrorKind::Io, "the runtime is shutting down, or there is no thread to be had")
                .uncertain()
        }
    }
}

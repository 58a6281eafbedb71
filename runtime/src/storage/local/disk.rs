//! What all operations on the files of one storage share.

use super::directories::Made;
use super::here::Pace;
use super::operations::Cleaned;
use super::root::Root;
use super::sys::Calls;
use super::threads::{self, Lost};
use crate::{Error, ErrorKind, Result};
use rustix::fs::Mode;
use std::any::Any;
use tokio::runtime::Handle;

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

/// Does blocking work: on one of tokio's blocking threads where there is a runtime, else here.
pub(super) async fn hop<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let Ok(runtime) = Handle::try_current() else { return work() };
    match threads::run(&runtime, work).await {
        Ok(result) => result,
        Err(Lost::Panicked(panic)) => {
            Err(Error::new(ErrorKind::Io, format!("the content panicked: {}", panic_text(&*panic))))
        }
        Err(Lost::NeverDone) => Err(Error::new(ErrorKind::Io, "the runtime is shutting down").uncertain()),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

//! Building blocks of the checks.

use crate::content::{Source, TempFile};
use crate::{Bytes, Content, Error, ErrorKind, FileName, Result, SaveOptions, Saved, Storage, StorageExt};
use futures_core::Stream;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(String),
    Skipped(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(format!("unexpected {:?}: {error}", error.kind()))
    }
}

pub(super) type Checked<T = ()> = Result<T, Stop>;

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::testing::kit::Stop::Failed(format!($($message)+)));
        }
    };
}
pub(super) use ensure;

/// Fails the check unless the result is an error of one of the kinds.
macro_rules! ensure_error {
    ($result:expr, $what:expr, $($kind:ident)|+) => {
        match $result {
            Err(error) if matches!(error.kind(), $($crate::ErrorKind::$kind)|+) => {}
            Err(error) => {
                let kinds = stringify!($($kind)|+);
                let message = format!("{}: wanted {kinds}, got {:?}: {error}", $what, error.kind());
                return Err($crate::testing::kit::Stop::Failed(message));
            }
            Ok(_) => {
                let kinds = stringify!($($kind)|+);
                return Err($crate::testing::kit::Stop::Failed(format!("{}: wanted {kinds}, got a success", $what)));
            }
        }
    };
}
pub(super) use ensure_error;

/// Skips the check if the storage does not offer the operation.
pub(super) fn offered<T>(result: Result<T>) -> Checked<T> {
    result.map_err(|error| match error.kind() {
        ErrorKind::Unsupported => Stop::Skipped(error.to_string()),
        _ => error.into(),
    })
}

pub(super) fn name(text: &str) -> Result<FileName<'_>> {
    FileName::new(text)
}

pub(super) fn exact() -> SaveOptions {
    SaveOptions { exact: true, ..SaveOptions::default() }
}

pub(super) fn max_length(max: u32) -> SaveOptions {
    SaveOptions { max_length: Some(max), ..SaveOptions::default() }
}

/// Saves under a free name and returns the name.
pub(super) async fn save(storage: &dyn Storage, wanted: &str, content: impl Into<Content>) -> Result<Saved> {
    storage.save(name(wanted)?, content.into(), &SaveOptions::default()).await
}

/// Saves under a name that is free in a fresh storage, and that must therefore be used.
pub(super) async fn put(storage: &dyn Storage, wanted: &str, content: impl Into<Content>) -> Checked {
    let saved = save(storage, wanted, content).await?;
    ensure!(saved.name == wanted, "the name {wanted:?} was free, but the file was saved as {:?}", saved.name);
    Ok(())
}

pub(super) async fn read(storage: &dyn Storage, stored: &str) -> Result<Bytes> {
    storage.open(name(stored)?).await?.read_all(1 << 30).await
}

pub(super) async fn ensure_holds(storage: &dyn Storage, stored: &str, wanted: impl AsRef<[u8]>) -> Checked {
    let (got, wanted) = (read(storage, stored).await?, wanted.as_ref());
    ensure!(got == wanted, "{stored:?} holds {}, not {}", shown(&got), shown(wanted));
    let size = storage.size(name(stored)?).await?;
    ensure!(size == wanted.len() as u64, "the size of {stored:?} is {size}, not {}", wanted.len());
    Ok(())
}

fn shown(bytes: &[u8]) -> String {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
    format!("{} bytes beginning with {start:?}", bytes.len())
}

/// Lists all files of the storage by their full names, or returns `None` if it cannot list.
pub(super) async fn files(storage: &dyn Storage) -> Checked<Option<Vec<String>>> {
    let mut found = Vec::new();
    let mut todo = vec![String::new()];
    while let Some(directory) = todo.pop() {
        let listing = match storage.list(&directory).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound && directory.is_empty() => break,
            result => result?,
        };
        let whole =
            |leaf: &String| if directory.is_empty() { leaf.clone() } else { format!("{directory}/{leaf}") };
        found.extend(listing.files.iter().map(whole));
        todo.extend(listing.dirs.iter().map(whole));
    }
    found.sort();
    Ok(Some(found))
}

/// Fails unless the storage holds exactly these files. Passes if the storage cannot list.
pub(super) async fn ensure_files(storage: &dyn Storage, wanted: &[&str]) -> Checked {
    if let Some(found) = files(storage).await? {
        ensure!(found == wanted, "the storage lists {found:?}, not {wanted:?}");
    }
    Ok(())
}

/// Fails if any file is visible under the name, or anywhere else.
pub(super) async fn ensure_nothing(storage: &dyn Storage, wanted: &str) -> Checked {
    ensure!(!storage.exists(name(wanted)?).await?, "{wanted:?} exists after a save that failed");
    ensure_error!(storage.open(name(wanted)?).await, "open after a failed save", NotFound);
    ensure_files(storage, &[]).await
}

/// Bytes that differ from position to position.
pub(super) fn pattern(len: usize) -> Bytes {
    (0..len).map(|i| (i % 251) as u8 ^ (i >> 16) as u8).collect::<Vec<_>>().into()
}

/// The same bytes from every kind of source.
pub(super) fn every_source(bytes: &Bytes) -> Result<Vec<(&'static str, Content)>> {
    let temp = || -> Result<TempFile> {
        let mut writer = TempFile::create_in(std::env::temp_dir())?;
        writer.write_all(bytes)?;
        writer.finish()
    };
    let file = temp()?.open()?;
    let parts = bytes.chunks(10_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    Ok(vec![
        ("bytes", Content::from(bytes.clone())),
        ("temporary file", Content::from(temp()?)),
        ("file", Content::new(Source::File(file))),
        ("reader", Content::reader(Cursor::new(bytes.clone()))),
        ("stream", Content::stream(Steps::new(parts))),
    ])
}

/// A stream that yields these items.
pub(super) struct Steps(std::vec::IntoIter<Result<Bytes>>);

impl Steps {
    pub(super) fn new(items: Vec<Result<Bytes>>) -> Self {
        Steps(items.into_iter())
    }
}

impl Stream for Steps {
    type Item = Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// A reader that yields some bytes and then fails.
pub(super) struct BreaksAfter(pub(super) usize);

pub(super) fn broken() -> Error {
    Error::new(ErrorKind::StagedExpired, "broken on purpose")
}

impl io::Read for BreaksAfter {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(broken().into());
        }
        let count = self.0.min(buf.len());
        buf[..count].fill(b'x');
        self.0 -= count;
        Ok(count)
    }
}

/// A stream that yields one chunk and then waits for its release.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<GateState>);

#[derive(Default)]
struct GateState {
    given: AtomicBool,
    open: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Gate {
    /// Whether the chunk was read.
    pub(super) fn was_read(&self) -> bool {
        self.0.given.load(Ordering::SeqCst)
    }

    /// Lets the stream end.
    pub(super) fn release(&self) {
        self.0.open.store(true, Ordering::SeqCst);
        if let Some(waker) = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}

impl Stream for Gate {
    type Item = Result<Bytes>;
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.0.given.swap(true, Ordering::SeqCst) {
            return Poll::Ready(Some(Ok(pattern(100_000))));
        }
        *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if self.0.open.load(Ordering::SeqCst) { Poll::Ready(None) } else { Poll::Pending }
    }
}

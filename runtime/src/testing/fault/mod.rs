//! A storage that fails on demand.

mod cut;
#[cfg(test)]
mod tests;

use super::operation::{Operation, storage_around};
use crate::{Content, Error, ErrorKind, Reader, Result, SharedStorage, StorageExt};
use cut::{CutContent, CutReader};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Something that goes wrong in a [`FaultStorage`]. By default it happens once, at the first call of any
/// operation.
///
/// ```
/// use filefield::ErrorKind;
/// use filefield::testing::{Fault, Operation};
///
/// Fault::fail(ErrorKind::StorageFull).on(Operation::Save).at(3);      // the third save
/// Fault::lose_answer().on(Operation::Delete).times(2);                // the next two
/// Fault::truncate(1000).on(Operation::Save).always();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is injected into a `FaultStorage`"]
pub struct Fault {
    what: What,
    on: Option<Operation>,
    at: u64,
    times: u64,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Fail(ErrorKind),
    Delay(Duration),
    Stall,
    Truncate(u64),
    LoseAnswer,
    Panic,
}

impl Fault {
    fn new(what: What) -> Self {
        Fault { what, on: None, at: 1, times: 1 }
    }

    /// The operation fails with an error of this kind, and has no effect.
    pub fn fail(kind: ErrorKind) -> Self {
        Fault::new(What::Fail(kind))
    }

    /// The operation starts after this time.
    pub fn delay(time: Duration) -> Self {
        Fault::new(What::Delay(time))
    }

    /// The operation starts after [`Injected::release`].
    pub fn stall() -> Self {
        Fault::new(What::Stall)
    }

    /// The connection breaks after `bytes` bytes, or just before the end of shorter data: the content of a
    /// save, the bytes of an `open` or `open_range`. The wrapped storage never sees the end of such a
    /// content. Other operations transfer no bytes and are not counted.
    pub fn truncate(bytes: u64) -> Self {
        Fault::new(What::Truncate(bytes))
    }

    /// The operation succeeds, but returns an error that [is uncertain](Error::is_uncertain).
    pub fn lose_answer() -> Self {
        Fault::new(What::LoseAnswer)
    }

    /// The operation panics before it has any effect.
    pub fn panic() -> Self {
        Fault::new(What::Panic)
    }

    /// Restricts the fault to this operation. Only its calls are counted.
    pub fn on(mut self, operation: Operation) -> Self {
        self.on = Some(operation);
        self
    }

    /// Starts at the `call`-th call, counted from 1 after the injection.
    pub fn at(mut self, call: u64) -> Self {
        self.at = call.max(1);
        self
    }

    /// Repeats the fault in `times` consecutive calls.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Repeats the fault in every following call.
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    fn concerns(&self, operation: Operation) -> bool {
        let has_bytes = matches!(operation, Operation::Save | Operation::Open | Operation::OpenRange);
        self.on.is_none_or(|on| on == operation) && (has_bytes || !matches!(self.what, What::Truncate(_)))
    }
}

/// An active fault.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    calls: AtomicU64,
    fired: watch::Sender<u64>,
    released: watch::Sender<bool>,
}

impl Armed {
    fn new(fault: Fault) -> Self {
        let (fired, released) = (watch::Sender::new(0), watch::Sender::new(false));
        Armed { fault, calls: AtomicU64::new(0), fired, released }
    }

    /// Counts a call, and returns whether this call goes wrong.
    fn is_due(&self) -> bool {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        call >= self.fault.at && call - self.fault.at < self.fault.times
    }

    fn fire(&self) {
        self.fired.send_modify(|fired| *fired += 1);
    }
}

/// A handle to an injected fault: tells whether it fired, and releases stalled calls.
#[derive(Clone, Debug)]
pub struct Injected(Arc<Armed>);

impl Injected {
    /// How often the fault took effect.
    pub fn fired(&self) -> u64 {
        *self.0.fired.borrow()
    }

    /// Waits until the fault has taken effect `times` times.
    pub async fn reached(&self, times: u64) {
        // `self` holds the sender, so waiting cannot fail.
        let _ = self.0.fired.subscribe().wait_for(|fired| *fired >= times).await;
    }

    /// Releases all calls that the fault stalls, now and later.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }
}

/// A storage that forwards every call to another one, and fails on demand. [`Fault`] describes the failures.
///
/// ```
/// use filefield::storage::MemoryStorage;
/// use filefield::testing::{Fault, FaultStorage, Operation};
/// use filefield::{ErrorKind, FileName, SaveOptions, Storage};
/// use std::sync::Arc;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = FaultStorage::new(Arc::new(MemoryStorage::new()));
/// storage.inject(Fault::fail(ErrorKind::StorageFull).on(Operation::Save).at(2));
///
/// let save = async || storage.save(FileName::new("a.txt")?, "a".into(), &SaveOptions::default()).await;
/// assert!(save().await.is_ok());
/// assert_eq!(save().await.unwrap_err().kind(), ErrorKind::StorageFull);
/// assert!(save().await.is_ok());
/// // A test whose faults never fired has shown nothing.
/// assert_eq!(storage.fired(), 1);
/// # Ok::<(), filefield::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FaultStorage {
    inner: SharedStorage,
    injected: Mutex<Injections>,
}

#[derive(Debug, Default)]
struct Injections {
    armed: Vec<Arc<Armed>>,
    /// How often the cleared faults have fired.
    fired: u64,
}

impl FaultStorage {
    /// Wraps `inner`, without a fault.
    pub fn new(inner: SharedStorage) -> Self {
        FaultStorage { inner, injected: Mutex::default() }
    }

    /// The wrapped storage, which does not fail on demand.
    pub fn inner(&self) -> &SharedStorage {
        &self.inner
    }

    /// Activates a fault. If several faults are due in one call, the first one takes effect.
    pub fn inject(&self, fault: Fault) -> Injected {
        let armed = Arc::new(Armed::new(fault));
        self.injections().armed.push(armed.clone());
        Injected(armed)
    }

    /// Removes all faults and releases the calls that they stall.
    pub fn clear(&self) {
        let mut injections = self.injections();
        for armed in std::mem::take(&mut injections.armed) {
            injections.fired += *armed.fired.borrow();
            armed.released.send_replace(true);
        }
    }

    /// How often any fault took effect.
    pub fn fired(&self) -> u64 {
        let injections = self.injections();
        injections.fired + injections.armed.iter().map(|armed| *armed.fired.borrow()).sum::<u64>()
    }

    fn injections(&self) -> std::sync::MutexGuard<'_, Injections> {
        self.injected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that is due in this call. Every fault that matches the call counts it.
    fn due(&self, operation: Operation) -> Option<Arc<Armed>> {
        let mut first = None;
        for armed in self.injections().armed.iter().filter(|armed| armed.fault.concerns(operation)) {
            if armed.is_due() {
                first.get_or_insert_with(|| armed.clone());
            }
        }
        first
    }

    async fn begin(&self, operation: Operation, name: &str, _: Option<&str>) -> Result<Call<'_>> {
        let call = Call { storage: self, operation, name: name.to_owned(), armed: self.due(operation) };
        let Some(armed) = &call.armed else { return Ok(call) };
        match armed.fault.what {
            What::Fail(kind) => {
                armed.fire();
                let error = call.error(kind, "injected failure");
                let passes = matches!(kind, ErrorKind::StorageFull | ErrorKind::TooManyOpenFiles);
                return Err(if passes { error.retryable() } else { error });
            }
            What::Delay(time) => {
                armed.fire();
                tokio::time::sleep(time).await;
            }
            What::Stall => {
                let mut released = armed.released.subscribe();
                armed.fire();
                let _ = released.wait_for(|released| *released).await;
            }
            What::Panic => {
                armed.fire();
                panic!("injected panic in {operation}");
            }
            What::Truncate(_) | What::LoseAnswer => {}
        }
        Ok(call)
    }
}

/// A call in progress.
struct Call<'a> {
    storage: &'a FaultStorage,
    operation: Operation,
    name: String,
    armed: Option<Arc<Armed>>,
}

impl Call<'_> {
    fn error(&self, kind: ErrorKind, message: &'static str) -> Error {
        Error::new(kind, message)
            .with_operation(self.operation.as_str())
            .with_storage(self.storage.inner.kind())
            .with_name(&self.name)
    }

    fn cut(&self) -> Option<(u64, Arc<Armed>)> {
        let armed = self.armed.as_ref()?;
        match armed.fault.what {
            What::Truncate(bytes) => Some((bytes, armed.clone())),
            _ => None,
        }
    }

    fn content(&self, content: Content) -> Content {
        match self.cut() {
            Some((bytes, armed)) => CutContent::cut(content, bytes, armed),
            None => content,
        }
    }

    fn reader(&self, reader: Reader) -> Result<Reader> {
        match self.cut() {
            Some((bytes, armed)) => CutReader::cut(reader, bytes, armed),
            None => Ok(reader),
        }
    }

    async fn end<T>(self, result: Result<T>, _: impl Fn(&T) -> Option<&String>) -> Result<T> {
        match &self.armed {
            Some(armed) if matches!(armed.fault.what, What::LoseAnswer) && result.is_ok() => {
                armed.fire();
                Err(self.error(ErrorKind::Io, "injected: the answer was lost").uncertain().retryable())
            }
            _ => result,
        }
    }
}

storage_around!(FaultStorage);

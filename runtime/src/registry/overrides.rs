//! Replacing every storage for one task, in tests.

use crate::{Error, ErrorKind, Result, SharedStorage};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The number of active overrides. Without any, the usual path costs only one relaxed load.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

/// Whether using a field without an override is an error.
static STRICT: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The overrides active on this thread, innermost last.
    static STACK: RefCell<Vec<SharedStorage>> = const { RefCell::new(Vec::new()) };
}

struct Active;

impl Active {
    fn new() -> Self {
        ACTIVE.fetch_add(1, Ordering::Relaxed);
        Active
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        ACTIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An override on top of the stack, removed on drop.
struct Entered;

impl Entered {
    fn new(storage: SharedStorage) -> Self {
        STACK.with_borrow_mut(|stack| stack.push(storage));
        Entered
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped after the borrow of the stack ends: a storage's destructor may use a field.
        let _storage = STACK.with_borrow_mut(Vec::pop);
    }
}

/// Whether there may be an override, or must be one.
#[inline]
pub(super) fn are_active() -> bool {
    ACTIVE.load(Ordering::Relaxed) != 0
}

/// The current override.
pub(super) fn current() -> Option<SharedStorage> {
    if are_active() { STACK.with_borrow(|stack| stack.last().cloned()) } else { None }
}

/// The current override. An error if an override is required and there is none.
pub(super) fn required() -> Result<Option<SharedStorage>> {
    match current() {
        None if STRICT.load(Ordering::Relaxed) => Err(Error::new(
            ErrorKind::Usage,
            "real storages are denied, and there is no override here: run the test in `with_storage`, and spawn its \
             tasks with `filefield::testing::spawn`",
        )),
        found => Ok(found),
    }
}

/// Makes every use of a field without an override an error, in the whole process from now on. This way no
/// test writes to a real storage by accident, for instance from a task that did not inherit the override.
pub fn deny_real_storage() {
    if !STRICT.swap(true, Ordering::Relaxed) {
        ACTIVE.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `future` with `storage` in place of every field's storage. Other tasks are not affected; a task
/// spawned inside inherits the override only through [`spawn`]. The innermost override applies.
pub async fn with_storage<F: Future>(storage: SharedStorage, future: F) -> F::Output {
    let _active = Active::new();
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = Entered::new(storage.clone());
        future.as_mut().poll(context)
    })
    .await
}

/// Like [`with_storage`], for a closure on this thread.
pub fn with_storage_sync<R>(storage: SharedStorage, run: impl FnOnce() -> R) -> R {
    let _active = Active::new();
    let _entered = Entered::new(storage);
    run()
}

/// Spawns a task that inherits the override of the current one.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match current() {
        Some(storage) => tokio::spawn(with_storage(storage, future)),
        None => tokio::spawn(future),
    }
}

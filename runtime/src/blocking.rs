//! Waiting for futures in synchronous code: scripts, tests, diesel.

use std::future::IntoFuture;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

/// Waits for a future in blocking code.
///
/// Outside a runtime, the future runs on a shared runtime that filefield creates at the first call. Inside a
/// multi-threaded runtime, it runs there and blocks the worker thread. Database connections belong to the
/// runtime in which they were opened, so if you use them with `wait`, also open them with `wait`.
///
/// ```
/// use filefield::blocking::Wait;
/// use filefield::storage::MemoryStorage;
/// use filefield::{FileName, SaveOptions, Storage};
///
/// let storage = MemoryStorage::new();
/// let saved = storage.save(FileName::new("notes.txt")?, "drive well".into(), &SaveOptions::default()).wait()?;
/// assert_eq!(saved.size, 10);
/// # Ok::<(), filefield::Error>(())
/// ```
pub trait Wait: IntoFuture + Sized {
    /// Waits until the future is ready.
    ///
    /// # Panics
    /// Panics inside a current-thread runtime, whose only thread would wait for itself: use `.await` there.
    /// `#[tokio::test]` creates such a runtime by default.
    fn wait(self) -> Self::Output;
}

impl<F: IntoFuture> Wait for F {
    fn wait(self) -> F::Output {
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::CurrentThread => {
                panic!(
                    "`.wait()` inside a current-thread runtime would wait for itself for ever; use `.await`"
                )
            }
            Ok(handle) => tokio::task::block_in_place(|| handle.block_on(self.into_future())),
            Err(_) => shared().block_on(self.into_future()),
        }
    }
}

fn shared() -> &'static Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(|| {
        let built =
            Builder::new_multi_thread().worker_threads(1).enable_all().thread_name("filefield").build();
        built.unwrap_or_else(|error| panic!("the operating system gives no thread for a runtime: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::Wait;
    use std::time::Duration;

    async fn seven() -> u8 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        7
    }

    #[test]
    fn without_a_runtime() {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| seven().wait())).collect();
        assert!(threads.into_iter().all(|thread| thread.join().is_ok_and(|answer| answer == 7)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn in_a_worker_and_in_a_blocking_thread() {
        assert_eq!(tokio::spawn(async { seven().wait() }).await.ok(), Some(7));
        assert_eq!(tokio::task::spawn_blocking(|| seven().wait()).await.ok(), Some(7));
    }

    #[tokio::test]
    #[should_panic = "use `.await`"]
    async fn in_a_current_thread_runtime_it_says_what_to_do() {
        seven().wait();
    }
}

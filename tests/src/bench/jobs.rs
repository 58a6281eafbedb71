//! Runs one operation many times, in sequence or in parallel.

use super::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `work` for 0, 1, .. `n` in `jobs` tasks. A single job runs on this task.
pub(crate) async fn tasks<F>(
    n: usize,
    jobs: usize,
    work: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result
where
    F: Future<Output = Result> + Send,
{
    if jobs <= 1 {
        for i in 0..n {
            work(i).await?;
        }
        return Ok(());
    }
    let (next, work) = (Arc::new(AtomicUsize::new(0)), Arc::new(work));
    let tasks: Vec<_> = (0..jobs)
        .map(|_| {
            let (next, work) = (next.clone(), work.clone());
            tokio::spawn(async move {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n {
                        return Ok(());
                    }
                    work(i).await?;
                }
            })
        })
        .collect();
    for task in tasks {
        let done: Result = task.await?;
        done?;
    }
    Ok(())
}

/// Like [`tasks`], on plain threads. A single job runs on this thread. `work` also receives the index of its
/// thread.
pub(crate) fn threads(n: usize, jobs: usize, work: impl Fn(usize, usize) -> Result + Sync) -> Result {
    if jobs <= 1 {
        return (0..n).try_for_each(|i| work(0, i));
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (next, work) = (&next, &work);
        let threads: Vec<_> = (0..jobs)
            .map(|thread| {
                scope.spawn(move || {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= n {
                            return Ok(());
                        }
                        work(thread, i)?;
                    }
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })
}

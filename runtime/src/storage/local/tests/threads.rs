//! Running work on blocking threads.

use crate::threads::{self, Lost};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::runtime::{Builder, Handle, Runtime};

fn runtime(blocking: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(2).max_blocking_threads(blocking).enable_all().build().unwrap()
}

async fn done<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match threads::run(&Handle::current(), work).await {
        Ok(result) => result,
        Err(Lost::Panicked) => panic!("the work panicked"),
        Err(Lost::NeverDone) => panic!("the work was not done"),
    }
}

#[test]
fn every_caller_gets_his_own_result() {
    for blocking in [1, 3, 512] {
        runtime(blocking).block_on(async {
            let callers: Vec<_> = (0..64)
                .map(|caller| {
                    tokio::spawn(async move {
                        for turn in 0..100 {
                            assert_eq!(done(move || caller * 1000 + turn).await, caller * 1000 + turn);
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.await.unwrap();
            }
        });
    }
}

#[test]
fn work_stays_in_its_runtime() {
    let work = || {
        runtime(512).block_on(async {
            let here = Handle::current().id();
            for _ in 0..200 {
                assert_eq!(done(|| Handle::current().id()).await, here);
            }
        });
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(work);
        }
    });
}

/// Sequential saves need not wake a different thread each.
#[test]
fn few_threads_do_one_after_another() {
    runtime(512).block_on(async {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..500 {
            seen.insert(done(|| thread::current().id()).await);
        }
        // A thread may be replaced when its time is over, or after this thread was delayed.
        assert!(seen.len() < 250, "{} threads for 500 turns", seen.len());
    });
}

#[test]
fn a_panic_is_told_and_stops_nothing() {
    runtime(1).block_on(async {
        for _ in 0..20 {
            let lost = threads::run(&Handle::current(), || -> u8 { panic!("on purpose") }).await;
            assert!(matches!(lost, Err(Lost::Panicked)));
            assert_eq!(done(|| 7).await, 7);
        }
    });
}

/// Other blocking work of a runtime with a single thread gets its turn.
#[test]
fn a_busy_thread_is_given_back() {
    runtime(1).block_on(async {
        let stop = Arc::new(AtomicUsize::new(0));
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                tokio::spawn(async move {
                    while stop.load(Ordering::SeqCst) == 0 {
                        done(|| ()).await;
                    }
                })
            })
            .collect();
        assert_eq!(tokio::task::spawn_blocking(|| 7).await.unwrap(), 7);
        stop.store(1, Ordering::SeqCst);
        for busy in busy {
            busy.await.unwrap();
        }
    });
}

/// A runtime ends only after work that has started in it.
#[test]
fn work_that_has_begun_is_finished() {
    let finished = Arc::new(AtomicUsize::new(0));
    for turn in 1..=10 {
        let runtime = runtime(512);
        runtime.block_on(async {
            done(|| ()).await;
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let finished = finished.clone();
            tokio::spawn(async move {
                done(move || {
                    sender.send(()).unwrap();
                    thread::sleep(std::time::Duration::from_millis(20));
                    finished.fetch_add(1, Ordering::SeqCst);
                })
                .await;
            });
            receiver.await.unwrap();
        });
        drop(runtime);
        assert_eq!(finished.load(Ordering::SeqCst), turn);
    }
}

//! Dropped futures: there is no row without its file, and no file that a sweep does not find.

use super::*;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

/// Polls `future` at most `polls` times, with short pauses, and drops it. Returns whether it completed.
async fn polled<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        // The waker does not matter, because the next poll comes anyway.
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_dropped_at_any_poll() {
    Garage::run::<Car, _>(|garage| async move {
        let mut finished = 0;
        for polls in 0..60 {
            let mut car = Car { name: format!("created {polls}"), ..chevy() };
            finished += usize::from(polled(car.save(&garage.db), polls).await);
            agree(&garage).await;
        }
        assert!(
            (1..60).contains(&finished),
            "{finished} of 60 were finished: the polls do not tell them apart"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replace_and_a_delete_dropped_at_any_poll() {
    Garage::run::<Car, _>(|garage| async move {
        for polls in 0..40 {
            let mut car = Car { name: format!("replaced {polls}"), ..chevy() };
            car.save(&garage.db).await.unwrap();
            let before = car.clone();
            car.photo_mut().assign(ImageField::new("new.gif", gif(2)));
            polled(car.save(&garage.db), polls).await;
            agree(&garage).await;
            polled(before.delete(&garage.db), polls / 2).await;
            agree(&garage).await;
        }
    })
    .await;
}

//! Futures that are dropped before they complete.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Polls `future` at most `times`, then drops it. Returns its output if it completed.
pub async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    polled_and_held(future, times, std::future::ready(())).await
}

/// Like [`polled`], but keeps the future until `meanwhile` is over. What it has started continues until then.
pub async fn polled_and_held<F: Future>(
    future: F,
    times: usize,
    meanwhile: impl Future<Output = ()>,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    let done = poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if done.is_none() {
        meanwhile.await;
    }
    done
}

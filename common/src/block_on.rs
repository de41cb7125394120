//! Drives a future on the calling thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::park::Parker;
use crate::sync::now;

crate::sync::thread_local! {
    /// The thread's parker and its waker, made once. Taken out while in use, so that a nested call
    /// finds it gone and makes its own: sharing one token would let the inner wait eat the outer
    /// future's wake-up.
    static CACHED: RefCell<Option<(Parker, Waker)>> = const { RefCell::new(None) };
}

/// Runs `future` to its end on the calling thread, which sleeps while the future waits.
///
/// The calling thread does nothing else meanwhile. On an executor's own worker that takes the worker
/// away from the executor until the future is done.
///
/// # Examples
///
/// ```
/// assert_eq!(executor_common::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    match drive(pin!(future), None) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("without a deadline the future is driven to its end"),
    }
}

/// Drives `future` until it is ready or `deadline` has passed.
pub(crate) fn block_on_until<F: Future>(future: Pin<&mut F>, deadline: Instant) -> Poll<F::Output> {
    drive(future, Some(deadline))
}

fn drive<F: Future>(mut future: Pin<&mut F>, deadline: Option<Instant>) -> Poll<F::Output> {
    let (parker, waker) = take_cached();
    let mut context = Context::from_waker(&waker);
    let result = loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            break Poll::Ready(output);
        }
        match deadline {
            None => parker.park(),
            Some(deadline) => {
                if !parker.park_until(deadline) && now() >= deadline {
                    break future.as_mut().poll(&mut context);
                }
            }
        }
    };
    // A panic above loses the cached pair; the next call makes another.
    put_cached((parker, waker));
    result
}

fn take_cached() -> (Parker, Waker) {
    let cached = CACHED.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
    cached.unwrap_or_else(|| {
        let parker = Parker::new();
        let waker = Waker::from(parker.unparker());
        (parker, waker)
    })
}

fn put_cached(pair: (Parker, Waker)) {
    // During the thread's own destructors the slot is gone, and the pair is dropped.
    let _ = CACHED.try_with(|slot| *slot.borrow_mut() = Some(pair));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn nested_calls_do_not_share_a_token() {
        let answer = block_on(async {
            // The outer future has been woken; the inner wait must not eat that token.
            let mut first = true;
            std::future::poll_fn(move |context| {
                if std::mem::take(&mut first) {
                    context.waker().wake_by_ref();
                    let mut inner_first = true;
                    block_on(std::future::poll_fn(move |inner| {
                        if std::mem::take(&mut inner_first) {
                            inner.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        Poll::Ready(())
                    }));
                    return Poll::Pending;
                }
                Poll::Ready(7)
            })
            .await
        });
        assert_eq!(answer, 7);
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let never = pin!(std::future::pending::<()>());
        let deadline = Instant::now() + Duration::from_millis(1);
        assert!(block_on_until(never, deadline).is_pending());
    }
}

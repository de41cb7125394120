//! Lets others go first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Returns pending once, so that the executor runs other tasks before this one goes on.
///
/// # Examples
///
/// ```
/// executor_common::block_on(async {
///     executor_common::yield_now().await;
/// });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
///
/// # Examples
///
/// ```
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// use executor_common::{YieldNow, yield_now};
///
/// let mut turn = pin!(yield_now());
/// let mut context = Context::from_waker(Waker::noop());
/// assert!(YieldNow::poll(turn.as_mut(), &mut context).is_pending());
/// assert!(YieldNow::poll(turn.as_mut(), &mut context).is_ready());
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

//! A future that waits for one wake-up.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// Where a future leaves its waker.
///
/// The standard library's `Arc` and lock, which loom does not see: nothing here orders anything.
#[derive(Clone, Debug, Default)]
pub struct Pause(Arc<Mutex<Option<Waker>>>);

impl Pause {
    /// Nobody has left a waker yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A future that leaves its waker at its first poll, and is ready at the second.
    ///
    /// # Panics
    ///
    /// When polled, if a panic has poisoned the lock.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let place = self.clone();
        let mut polled = false;
        poll_fn(move |context| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            // Cloned before the lock: a model may go to another thread in between.
            let waker = context.waker().clone();
            *place.0.lock().unwrap() = Some(waker);
            Poll::Pending
        })
    }

    /// The waker that has been left, if the future has been polled.
    ///
    /// # Panics
    ///
    /// If a panic has poisoned the lock.
    pub fn waker(&self) -> Option<Waker> {
        self.0.lock().unwrap().take()
    }
}

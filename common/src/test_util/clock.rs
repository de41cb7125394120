//! Time that passes when nothing else is to be done.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::schedule::Shared;
use crate::sync::{Arc, Mutex};

/// A virtual clock with its timers.
pub(super) struct Clock {
    beginning: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Duration,
    /// By when they are due, and then by number.
    timers: BTreeMap<Key, Waker>,
    made: u64,
}

type Key = (Duration, u64);

impl Clock {
    pub(super) fn new() -> Self {
        Self { beginning: Instant::now(), state: Mutex::default() }
    }

    /// Since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.state.lock().now
    }

    pub(super) fn instant(&self) -> Instant {
        self.beginning + self.now()
    }

    pub(super) fn since_beginning(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.beginning)
    }

    /// Goes to the next timer, or to `limit` if that comes first, and wakes whoever waits for that time. False if there is neither.
    pub(super) fn advance(&self, limit: Option<Duration>) -> bool {
        let due = {
            let mut state = self.state.lock();
            let next = state.timers.keys().next().map(|(due, _)| *due);
            let Some(then) = next.into_iter().chain(limit).min() else { return false };
            let now = state.now.max(then);
            state.now = now;
            let later = state.timers.split_off(&(now, u64::MAX));
            mem::replace(&mut state.timers, later)
        };
        due.into_values().for_each(Waker::wake);
        true
    }

    /// Sets a timer, in place of the one with this key.
    fn set(&self, due: Duration, key: Option<Key>, waker: Waker) -> Key {
        let mut state = self.state.lock();
        let key = key.unwrap_or_else(|| {
            state.made += 1;
            (due, state.made)
        });
        let replaced = state.timers.insert(key, waker);
        drop(state);
        drop(replaced);
        key
    }

    fn unset(&self, key: Key) {
        let removed = self.state.lock().timers.remove(&key);
        drop(removed);
    }
}

/// Waits until a virtual instant; see [`TestHandle::sleep`](super::TestHandle::sleep).
///
/// # Cancel safety
///
/// Dropped before it is ready, it leaves no timer behind: the clock does not wait for it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::test_util::{Sleep, TestExecutor};
///
/// let executor = TestExecutor::new(7);
/// let minute: Sleep = executor.handle().sleep(Duration::from_secs(60));
/// executor.block_on(minute);
/// assert_eq!(executor.now(), Duration::from_secs(60));
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    shared: Arc<Shared>,
    due: Duration,
    timer: Option<Key>,
}

impl Sleep {
    pub(super) fn until(shared: &Arc<Shared>, due: Duration) -> Self {
        Self { shared: Arc::clone(shared), due, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.clock.now() >= self.due {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        self.timer = Some(self.shared.clock.set(self.due, self.timer, waker));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.shared.clock.unset(timer);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("due", &self.due).finish_non_exhaustive()
    }
}

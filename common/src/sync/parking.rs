//! What a thread sleeps on for as long as nobody needs it, out of the stand-ins' own lock and condition variable.

use std::time::Instant;

/// Guards nothing but the way into a sleep.
#[derive(Debug, Default)]
pub struct Mutex(super::Mutex<()>);

/// Guard of [`Mutex`].
pub type MutexGuard<'a> = super::MutexGuard<'a, ()>;

impl Mutex {
    /// Locks.
    pub fn lock(&self) -> MutexGuard<'_> {
        self.0.lock()
    }
}

/// Where the sleepers are.
#[derive(Debug, Default)]
pub struct Condvar(super::Condvar);

impl Condvar {
    /// Releases the lock, waits for a notification, locks again.
    pub fn wait(&self, guard: &mut MutexGuard<'_>) {
        self.0.wait(guard);
    }

    /// As [`Condvar::wait`], at most until `deadline`. True if that has passed.
    pub fn wait_until(&self, guard: &mut MutexGuard<'_>, deadline: Instant) -> bool {
        self.0.wait_until(guard, deadline).timed_out()
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }
}

//! Waiting for a number of tasks.

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Condvar, Mutex};

/// Waits until a number of tasks have reported. All peers are measured with this one, because their own handles
/// cost differently, and differ in what they promise.
///
/// # Examples
///
/// ```
/// use benches::peers::Countdown;
///
/// let left: &'static Countdown = Countdown::leak();
/// left.set(2);
/// for _ in 0..2 {
///     std::thread::spawn(|| left.done());
/// }
/// left.wait();
/// ```
#[derive(Debug, Default)]
pub struct Countdown {
    left: AtomicUsize,
    finished: Mutex<bool>,
    changed: Condvar,
}

impl Countdown {
    /// A countdown for tasks that own nothing. One for each scenario; it is never freed.
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Expects `tasks` reports. Not while some are missing.
    ///
    /// # Panics
    ///
    /// If `tasks` is zero: nobody would end the wait.
    pub fn set(&self, tasks: usize) {
        assert!(tasks > 0, "nobody would end the wait");
        *self.finished.lock() = false;
        // Ordering: Relaxed; handing a task to another thread publishes it.
        self.left.store(tasks, Ordering::Relaxed);
    }

    /// Reports one task.
    #[inline]
    pub fn done(&self) {
        // Ordering: AcqRel chains all reports, so that whoever waits sees what every task wrote.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.finished.lock() = true;
            self.changed.notify_one();
        }
    }

    /// Whether there have been exactly as many reports as expected.
    pub fn is_over(&self) -> bool {
        // Ordering: Relaxed. Asked after `wait`, which has seen them all; one too many shows sooner or later.
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Waits for all reports.
    pub fn wait(&self) {
        let mut finished = self.finished.lock();
        while !*finished {
            self.changed.wait(&mut finished);
        }
    }
}

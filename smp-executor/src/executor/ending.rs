//! The pool's end: a shutdown, with or without a limit, and the drop.

use std::time::{Duration, Instant};

use executor_common::ShutdownReport;
use executor_common::sync::{now, thread};

use super::SmpExecutor;
use crate::context;

impl SmpExecutor {
    /// Runs everything that has been accepted, what that spawns, and futures that wait for something, to its
    /// end. From now on others are turned away. Called again, it reports an end that is past.
    ///
    /// On a worker of this pool it begins the shutdown and returns at once, since it would wait for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// for n in 0..100_u64 {
    ///     drop(executor.spawn(move || n * n));
    /// }
    /// let report = executor.shutdown();
    /// assert!(report.is_clean());
    /// println!("{report}"); // "100 ran, 0 cancelled, ..", less what ran before
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn shutdown(&self) -> ShutdownReport {
        self.shut_down(None)
    }

    /// As [`SmpExecutor::shutdown`] for at most `timeout`. What has not started then is cancelled, futures that
    /// wait included; closures that still run are reported and left to end by themselves, and a drop does not wait for them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let waits_for_ever = executor.spawn_future(std::future::pending::<()>());
    /// let report = executor.shutdown_timeout(Duration::from_millis(10));
    /// assert_eq!(report.cancelled, 1);
    /// assert!(waits_for_ever.join().unwrap_err().is_cancelled());
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn shutdown_timeout(&self, timeout: Duration) -> ShutdownReport {
        self.shut_down(now().checked_add(timeout))
    }

    fn shut_down(&self, deadline: Option<Instant>) -> ShutdownReport {
        if self.is_inherited() {
            return ShutdownReport::default();
        }
        let shared = self.shared();
        let begin = Instant::now();
        let before = self.tally();
        shared.drain();
        let mut left_running = None;
        if !self.is_own_worker() {
            if !shared.lifecycle.wait(deadline) {
                shared.stop();
                left_running = self.wait_for_idle_workers();
            }
            self.end_threads(left_running.is_none());
        }
        let (still_running, after) = left_running.unwrap_or_else(|| (0, self.tally()));
        ShutdownReport {
            ran: after.completed - before.completed,
            cancelled: after.cancelled - before.cancelled,
            still_running: still_running as u64,
            elapsed: begin.elapsed(),
        }
    }

    /// Whether this is a forked child's copy, without threads.
    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    fn is_own_worker(&self) -> bool {
        context::is_thread_of(self.shared())
    }

    fn tally(&self) -> Tally {
        let shared = self.shared();
        let remotes = || shared.remotes().iter();
        Tally {
            completed: remotes()
                .map(|remote| remote.counters.ended() + remote.tasks.forgotten())
                .sum(),
            cancelled: remotes().map(|remote| remote.counters.cancelled.get()).sum::<u64>()
                + shared.cancelled.get(),
        }
    }
}

/// Sums over all workers, for the difference that a shutdown reports.
#[derive(PartialEq, Eq)]
struct Tally {
    completed: u64,
    cancelled: u64,
}

/// How often a stopping pool looks whether the workers that have not left are held by a task, at first.
const LEAVE_CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// And later, where tasks take their time.
const MAX_LEAVE_CHECK_INTERVAL: Duration = Duration::from_millis(100);

impl SmpExecutor {
    /// The pool is stopping: waits until the workers have left that no task holds, and returns how many others
    /// there are, if any, and what had ended by then. Whoever is between two tasks leaves, or is seen to begin one that it had
    /// already taken. Nothing is left behind those who stay.
    fn wait_for_idle_workers(&self) -> Option<(usize, Tally)> {
        let shared = self.shared();
        loop {
            if shared.lifecycle.wait(Some(now() + LEAVE_CHECK_INTERVAL)) {
                return None;
            }
            let emptied = shared.cancel_behind_held();
            // Nobody ends a task between the two tallies, so that none is counted there and as a running one.
            let tally = self.tally();
            let held = emptied.into_iter().filter(|remote| remote.is_held()).count();
            if shared.lifecycle.alive() <= held && self.tally() == tally {
                return Some((held, tally));
            }
        }
    }

    /// The pool is stopping: waits until all workers have left.
    fn wait_for_all_workers(&self) {
        let mut interval = LEAVE_CHECK_INTERVAL;
        while !self.shared().lifecycle.wait(Some(now() + interval)) {
            self.shared().cancel_behind_held();
            interval = MAX_LEAVE_CHECK_INTERVAL.min(interval * 2);
        }
    }

    /// Waits for the workers if they have all left, or else leaves the threads to themselves.
    fn end_threads(&self, all_have_left: bool) {
        let core = self.threads.lock().take();
        for thread in core.into_iter().flatten().chain(self.shared().spares.take_threads()) {
            // A worker that has left may still drop what the program has given it, the pool's last handle among it.
            let is_own = thread.thread().id() == thread::current().id();
            if all_have_left && !is_own {
                // A worker's panic would be a bug of this crate; it has been printed.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for SmpExecutor {
    fn drop(&mut self) {
        if self.is_inherited() {
            // To let go of a thread that this process does not have could mean one that it has started since.
            return std::mem::forget(self.threads.lock().take());
        }
        let shared = self.shared();
        shared.stop();
        if self.is_own_worker() {
            self.end_threads(false);
        } else if self.threads.lock().is_some() {
            self.wait_for_all_workers();
            self.end_threads(true);
        }
    }
}

//! How a pool ends: drain, stop, leave.

use std::time::Instant;

use executor_common::sync::atomic::{AtomicU32, Ordering, fence};
use executor_common::sync::{Condvar, Mutex};

/// Where the pool stands. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Phase {
    /// Takes tasks from everybody.
    Open = 0,
    /// Runs what it has accepted, and what that spawns; turns others away.
    Draining = 1,
    /// Workers leave after the task that they run; what is queued is cancelled.
    Stopping = 2,
}

/// The phase, and how many workers have not left yet.
pub(crate) struct Lifecycle {
    phase: AtomicU32,
    alive: Mutex<usize>,
    left: Condvar,
}

impl Lifecycle {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            phase: AtomicU32::new(Phase::Open as u32),
            alive: Mutex::new(workers),
            left: Condvar::new(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        // Ordering: Relaxed. Where a queue and the phase must be seen in order, the caller has a SeqCst
        // fence in between (`Shared::inject`, `Sleep::fall_asleep`).
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Open,
            1 => Phase::Draining,
            _ => Phase::Stopping,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase() == Phase::Open
    }

    /// Open becomes draining; a later phase stays.
    pub(crate) fn drain(&self) {
        // Ordering: Relaxed; `Sleep::call_all` has a lock that orders it, and a spawner that is late for the mark
        // is served by the drain or turned away at its end.
        self.phase.fetch_max(Phase::Draining as u32, Ordering::Relaxed);
    }

    /// Any phase becomes stopping.
    pub(crate) fn stop(&self) {
        self.phase.fetch_max(Phase::Stopping as u32, Ordering::Relaxed);
        // Ordering: pairs with the fence between push and look in `Shared::inject`. Without it the final
        // drain could miss a push whose pusher missed the mark, and that task's handle would wait for ever.
        // (The injector has a fence of its own in that place today, which is not part of its interface; no
        // model can miss this one as long as it does.)
        fence(Ordering::SeqCst);
    }

    /// A spare is about to start. Its starter is a worker that has not left.
    pub(crate) fn join(&self) {
        *self.alive.lock() += 1;
    }

    /// A worker has left, or was never started.
    pub(crate) fn leave(&self, workers: usize) {
        let mut alive = self.alive.lock();
        *alive -= workers;
        if *alive == 0 {
            self.left.notify_all();
        }
    }

    /// How many workers have not left.
    pub(crate) fn alive(&self) -> usize {
        *self.alive.lock()
    }

    /// Waits until all workers have left, or until `deadline`. True if they have.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut alive = self.alive.lock();
        while *alive > 0 {
            match deadline {
                None => self.left.wait(&mut alive),
                Some(deadline) => {
                    if self.left.wait_until(&mut alive, deadline).timed_out() {
                        return *alive == 0;
                    }
                }
            }
        }
        true
    }
}

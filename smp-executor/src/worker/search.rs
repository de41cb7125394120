//! How a worker looks for work that is not its own.

use executor_common::Priority;
use executor_common::sync::{LOOM, MODEL, hint, thread};

use super::{Found, Worker};
use crate::shared::Remote;
use crate::shutdown::Phase;
use crate::sleep::Others;

/// Each so many rounds, about 7 us, and in the last one, a searcher takes private tasks and forked jobs from workers that have not
/// heard the question: those do something long.
const SEIZE_INTERVAL: u32 = if MODEL { 1 } else { 32 };
/// About 200 ns: whoever waits longer between two looks finds a small job when it is almost done.
const SPINS_PER_ROUND: u32 = 8;

impl Worker {
    /// Goes over everybody's queues until something is found or the search has lasted long enough.
    ///
    /// It never gives its core away meanwhile: a searcher that does not run is one on whom every push relies.
    pub(super) fn search(&self) -> Option<Found> {
        self.counters().end_busy();
        let rounds = self.patience.rounds(self.shared.sleep.is_anybody_working());
        for round in 0..rounds {
            if round > 0 {
                pause(true);
            }
            // At first the question is repeated with each look. Later that would disturb somebody who has nothing to give.
            let asks = round < SEIZE_INTERVAL || (round + 1).is_multiple_of(SEIZE_INTERVAL);
            if let Some(found) = self.sweep(asks) {
                if round > 0 {
                    self.patience.note_find();
                }
                return Some(found);
            }
            if ((round + 1).is_multiple_of(SEIZE_INTERVAL) || round == rounds - 1)
                && let Some(found) = self.seize()
            {
                return Some(found);
            }
            if self.shared.lifecycle.phase() == Phase::Stopping {
                return None;
            }
        }
        None
    }

    fn sweep(&self, asks: bool) -> Option<Found> {
        let remotes = self.shared.remotes();
        // Somebody who was woken looks here first: what he had queued before he lay down, nobody may have taken.
        let own = self.remote().own.take();
        if let Some(task) = own.or_else(|| self.next_left_over()) {
            return Some(Found::Task(task));
        }
        if let Some(task) = self.shared.inbox.take(Priority::High) {
            return Some(Found::Task(task));
        }
        if let Some(task) = self.shared.inbox.take_batch(self.tasks.shared()) {
            return Some(Found::Task(task));
        }
        if let Some(job) = self.shared.returned.take_any() {
            return Some(Found::Job(job));
        }
        let counters = self.counters();
        let start = self.next_random() as usize % remotes.len();
        for offset in 0..remotes.len() {
            let victim = (start + offset) % remotes.len();
            if victim == self.index {
                continue;
            }
            let remote = &remotes[victim];
            if !remote.jobs.is_empty() {
                counters.steal_attempts.add_owned(1);
                if let Some(job) = remote.jobs.steal() {
                    counters.steals.add_owned(1);
                    counters.stolen.add_owned(1);
                    return Some(Found::Job(job));
                }
            }
            if !remote.tasks.shared().is_empty() {
                counters.steal_attempts.add_owned(1);
                if let Some(task) = remote.tasks.shared().steal_half(self.tasks.shared()) {
                    counters.steals.add_owned(1);
                    counters.stolen.add_owned(1 + self.tasks.shared().len() as u64);
                    return Some(Found::Task(task));
                }
            }
            // Nothing that this worker shares: it may have more.
            if asks {
                remote.private.ask();
                remote.tasks.ask();
            }
        }
        self.shared.inbox.take(Priority::Low).map(Found::Task)
    }

    /// Takes something private from somebody who has not heard the question.
    fn seize(&self) -> Option<Found> {
        let workers = self.shared.remotes().len();
        let start = self.next_random() as usize % workers;
        let found = (0..workers).find_map(|offset| {
            let victim = (start + offset) % workers;
            if victim == self.index() {
                return None;
            }
            if let Some(job) = self.shared.seize_from(victim) {
                return Some(Found::Job(job));
            }
            let remote = self.shared.remote(victim);
            if remote.tasks.has_single_private() && is_busy_with_short_tasks(remote) {
                // It will run its only task itself, and sooner. To move a chain of tasks, each of which spawns the next, from
                // core to core costs more than the tasks.
                return None;
            }
            remote.tasks.seize(&self.tasks).map(Found::Task)
        })?;
        self.counters().steals.add_owned(1);
        self.counters().stolen.add_owned(1 + self.tasks.shared().len() as u64);
        Some(found)
    }

    /// The look before the sleep.
    pub(super) fn is_work_left(&self, others: Others) -> bool {
        if self.shared.lifecycle.phase() == Phase::Stopping || !self.remote().own.is_empty() {
            return true;
        }
        self.shared.ask_everybody(self.index());
        // While somebody searches, what is in other workers' deques is for that one to find: it will take it, or
        // wake somebody for it, or look here in its turn. Who has ended the search by now may have looked before the
        // question above was asked, and have missed a private job.
        let is_left_to_others = others.searching && self.shared.sleep.is_anyone_searching();
        if !self.shared.inbox.is_empty() || (!is_left_to_others && self.shared.is_work_visible()) {
            return true;
        }
        // The last one to lie down beside empty queues ends a pool that is being drained.
        let drained = others.all_asleep
            && !others.searching
            && self.shared.lifecycle.phase() == Phase::Draining
            && self.shared.registry.is_empty()
            && self.shared.remotes().iter().all(|remote| remote.own.is_drained())
            && self.shared.sleep.is_everybody_asleep();
        if drained {
            self.shared.stop();
        }
        drained
    }

    /// Marsaglia's xorshift32: cheap, and good enough to spread thieves over victims.
    fn next_random(&self) -> u32 {
        if LOOM {
            // A model explores the schedules; it does not need another dimension.
            return 0;
        }
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }
}

/// Whether the worker ends one task after the other. Looks for about a microsecond.
fn is_busy_with_short_tasks(remote: &Remote) -> bool {
    const LOOKS: u32 = if MODEL { 0 } else { 5 };
    let before = remote.counters.tasks_run.get();
    (0..LOOKS).any(|_| {
        pause(true);
        remote.counters.tasks_run.get() != before
    })
}

/// Lets time pass between two looks. A model takes no such pause: after one loom shows a thread nothing
/// that it has seen before, which hides the stale reads that a missing fence allows.
pub(crate) fn pause(spin: bool) {
    if spin {
        for _ in 0..SPINS_PER_ROUND {
            hint::spin_loop();
        }
    } else {
        thread::yield_now();
    }
}

//! A role's end.

use std::time::{Duration, Instant};

use executor_common::sync::atomic::{Ordering, fence};
use executor_common::sync::{MutexGuard, now};

use super::{RoleState, WorkerState};

/// How often a stopper asks whether the workers have settled.
const SETTLING: Duration = Duration::from_millis(1);

impl RoleState {
    /// Whether `worker`, which finds nothing to do, may leave for good. What it could take is closed and empty, and no
    /// admitted future is left that could be woken, or sent home by a lender.
    pub(crate) fn may_leave(&self, worker: usize) -> bool {
        let own = &self.workers[worker];
        self.channel.is_drained(worker)
            && own.timers.next_ns().is_none()
            && (self.is_stopping()
                || (self.registry.is_empty()
                    && own.local_alive.get() == 0
                    && self.nothing_comes_home()))
    }

    /// Whether no future that was spawned is with a lender, or back from one. The rings are drained.
    fn nothing_comes_home(&self) -> bool {
        if !self.has_lenders() {
            return true;
        }
        // Who has found the ring emptied by a lender sees that lender here (`lend`), or what it has sent home.
        self.borrowed() == 0 && !self.channel.has_woken_shared()
    }

    /// Takes nothing any more. What has been accepted is run, and then the workers leave.
    pub(crate) fn close(&self) {
        // Ordering: Relaxed; see `is_closing`.
        self.flags.closing.store(true, Ordering::Relaxed);
        self.channel.close();
    }

    /// Takes nothing any more, and tells the workers to cancel what they have not started.
    pub(crate) fn stop(&self) {
        self.close();
        // Ordering: Relaxed; see `is_stopping`.
        self.flags.stopping.store(true, Ordering::Relaxed);
        // Ordering: pairs with the fast fence in `WorkerState::decide`.
        self.fences.slow();
        self.registry.close();
        self.channel.wake_all();
    }

    /// Whether the channel takes nothing any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    /// Cancels on the calling thread what waits, for a role whose workers may all be held by running tasks.
    /// [`RoleState::stop`] comes first. Local futures are their workers' to cancel.
    pub(crate) fn cancel_waiting(&self) {
        self.channel.end().for_each(|queued| self.cancel_elsewhere(queued.task));
        self.channel.drain_rings(|queued| self.cancel_elsewhere(queued.task));
        for worker in &self.workers {
            for timed in worker.timers.end() {
                self.cancel_elsewhere(timed.task);
            }
        }
    }

    /// A lender is about to take a task of this role. False if the role is stopping, and there is nothing to take; else
    /// [`RoleState::give_back`] is to be called when the task is over, or there was none.
    pub(crate) fn lend(&self, lender: &WorkerState) -> bool {
        lender.set_lends_to(Some(self.index));
        self.borrowed.fetch_add(1, Ordering::Relaxed);
        // Ordering: as a Release it pairs with the Acquire in `Ring::is_drained`: who sees that the lender has emptied the ring, and
        // leaves, sees the lender, and so does who waits for both. Who stops the role has emptied the rings before it looks for
        // lenders, so that nothing depends on the look below; it spares one who comes too late the way. SeqCst, since it
        // pairs with the fence in `awaited.rs`, for who looks whether a lender is hope.
        fence(Ordering::SeqCst);
        if self.is_stopping() {
            self.give_back(lender);
            return false;
        }
        true
    }

    /// A lender holds nothing of this role any more.
    pub(crate) fn give_back(&self, lender: &WorkerState) {
        lender.set_lends_to(None);
        // Ordering: Release pairs with the Acquire in `borrowed`, so that who waits for the lender sees what it counted.
        self.borrowed.fetch_sub(1, Ordering::Release);
        // A worker that falls asleep sees that nothing comes home any more, or this lender that the role is closing.
        self.channel.wake_all_if(|| self.is_closing());
        // Who looks before this takes the lock, and is waiting once it has it.
        drop(self.alive.lock());
        self.left.notify_all();
    }

    /// Lenders that hold a task of this role, or are about to take one.
    pub(crate) fn borrowed(&self) -> usize {
        // Ordering: see `give_back`.
        self.borrowed.load(Ordering::Acquire)
    }

    /// A worker leaves. The last one turns the lights off: what is woken from now on is cancelled.
    pub(crate) fn leave(&self, worker: &WorkerState) {
        let mut alive = self.alive.lock();
        *alive -= 1;
        let is_last = *alive == 0;
        drop(alive);
        if is_last {
            self.cancel_waiting();
        }
        let alive = self.alive.lock();
        worker.leave();
        drop(alive);
        self.left.notify_all();
    }

    /// How many of the role's workers hold a task now.
    pub(crate) fn in_task(&self) -> usize {
        self.workers.iter().filter(|worker| worker.is_in_task()).count()
    }

    /// Waits until all workers have left and no lender holds a task, or until `deadline`. True if that is so.
    pub(crate) fn wait_until_left(&self, deadline: Option<Instant>) -> bool {
        self.wait_while(deadline, || {
            self.borrowed() > 0 || self.workers.iter().any(|worker| !worker.has_left())
        })
    }

    /// Waits until no worker is on its way out: each has left, or runs a task. The role is stopping.
    pub(crate) fn wait_until_settled(&self) {
        let is_unsettled = || self.workers.iter().any(WorkerState::is_between_tasks);
        // Who leaves tells it; who decides, once more, to run a task tells nobody.
        while !self.wait_while(Some(now() + SETTLING), is_unsettled) {}
    }

    fn wait_while(&self, deadline: Option<Instant>, keeps_waiting: impl Fn() -> bool) -> bool {
        let mut guard: MutexGuard<'_, usize> = self.alive.lock();
        while keeps_waiting() {
            match deadline {
                None => self.left.wait(&mut guard),
                Some(deadline) => {
                    if self.left.wait_until(&mut guard, deadline).timed_out() {
                        return !keeps_waiting();
                    }
                }
            }
        }
        true
    }
}

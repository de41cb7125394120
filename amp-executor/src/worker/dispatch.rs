//! A task's turn.

use std::time::{Duration, Instant};

use executor_common::{RunOutcome, Runnable, lend_to_domain};

use super::{Lending, Worker};
use crate::channel::Origin;
use crate::queued::{Queued, Route};
use crate::role::{Permission, RoleState};
use crate::timed::{LAST_STRETCH, Periodic, Timed};

/// What a worker's timed tasks want of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum TimedStep {
    /// Nothing now.
    Nothing,
    /// One has run.
    Ran,
    /// One is due within the spin window: no sleep now.
    Soon,
}

impl Worker {
    /// Runs a task that was taken from the role's channel.
    #[inline]
    pub(super) fn run_queued(&self, queued: Queued, origin: Origin) {
        let state = self.state();
        if let Some(histogram) = &state.queue_wait
            && let Some(waited) = self.role.clock.waited(&queued)
        {
            histogram.record(waited);
        }
        let permission = self.role.begin_task(state, Some(origin));
        let mut outcome = self.run_task(queued.task, permission, || ());
        state.counters.count(&outcome);
        if let RunOutcome::Yielded(again) = outcome {
            let route = Route::from_tag(again.tag());
            let again = self.role.clock.queue(again);
            let refused = match route {
                Route::Lane(lane) => self.role.channel.requeue(lane, again),
                Route::Local(worker) => self.role.channel.push_local(worker, again),
            };
            let Err(again) = refused else {
                self.end_task(permission);
                return;
            };
            // The role has been cancelled meanwhile.
            outcome = again.task.cancel();
            state.counters.count(&outcome);
        }
        self.end_task(permission);
        if !matches!(outcome, RunOutcome::Suspended) {
            self.role.task_is_over();
        }
    }

    fn end_task(&self, permission: Permission) {
        if permission == Permission::Run {
            self.state().end_task();
        }
    }

    /// Runs or cancels; shows the stall watch what runs, and measures for how long if somebody wants to know. `until` comes
    /// last of all before the task.
    #[inline]
    fn run_task(&self, task: Runnable, permission: Permission, until: impl FnOnce()) -> RunOutcome {
        let state = self.state();
        if permission == Permission::Cancel {
            return task.cancel();
        }
        state.running.begin(task.id());
        let begun = state.run_time.as_ref().map(|_| Instant::now());
        until();
        let outcome = task.run();
        if let (Some(histogram), Some(begun)) = (&state.run_time, begun) {
            histogram.record(begun.elapsed());
        }
        state.running.end();
        outcome
    }

    /// Runs the timed task that is due, if one is, or about to be.
    #[inline]
    pub(super) fn timed_step(&self) -> TimedStep {
        match self.state().timers.next_ns() {
            None => TimedStep::Nothing,
            Some(due_ns) => self.timed_step_at(due_ns),
        }
    }

    fn timed_step_at(&self, due_ns: u64) -> TimedStep {
        let timers = &self.state().timers;
        let now_ns = timers.now_ns();
        if due_ns > now_ns.saturating_add(self.spin_window_ns) {
            return TimedStep::Nothing;
        }
        let soon_ns = now_ns.saturating_add(LAST_STRETCH.as_nanos() as u64);
        if due_ns > soon_ns {
            return TimedStep::Soon;
        }
        // Somebody may have taken it, or put another one before it.
        let Some(timed) = timers.take_due(soon_ns) else { return TimedStep::Soon };
        self.run_timed(timed, now_ns);
        TimedStep::Ran
    }

    /// Runs a task that is due, or will be before long. All that can be done before that instant is done before it.
    fn run_timed(&self, timed: Timed, mut now_ns: u64) {
        let state = self.state();
        state.counters.begin_busy_at(now_ns);
        let due_ns = timed.due_ns();
        let runs = timed.periodic.as_ref().map_or(0, |periodic| periodic.runs());
        let permission = self.role.begin_task(state, None);
        let outcome = self.run_task(timed.task, permission, || {
            while now_ns < due_ns {
                now_ns = state.timers.now_ns();
            }
        });
        let lateness = Duration::from_nanos(now_ns.saturating_sub(due_ns));
        state.counters.count(&outcome);
        match timed.periodic {
            None => {
                if matches!(outcome, RunOutcome::Finished | RunOutcome::Panicked) {
                    state.lateness.record(lateness);
                }
            }
            Some(periodic) => {
                if periodic.runs() > runs {
                    state.lateness.record(lateness);
                    periodic.lateness().record(lateness);
                }
                if let RunOutcome::Yielded(again) = outcome {
                    // One that is always late would keep the worker from ever finding nothing to do.
                    let refused = if self.role.is_closing() {
                        Err(again)
                    } else {
                        state.timers.come_again(due_ns, again, &periodic)
                    };
                    if let Err(again) = refused {
                        self.end_periodic(again, &periodic);
                    }
                }
            }
        }
        self.end_task(permission);
    }

    /// A periodic task comes to its end: its next turn is the last.
    fn end_periodic(&self, task: Runnable, periodic: &Periodic) {
        periodic.stop();
        self.state().counters.count(&task.run());
    }

    /// The role takes nothing any more: periodic tasks end, and what has not become due is cancelled.
    pub(super) fn end_timed_tasks(&self) {
        let state = self.state();
        for timed in state.timers.end() {
            match timed.periodic {
                Some(periodic) => self.end_periodic(timed.task, &periodic),
                None => state.counters.count(&timed.task.cancel()),
            }
        }
    }

    /// Takes one closure of a role that this worker lends to, and runs it.
    pub(super) fn run_lent(&self) -> bool {
        self.lends.iter().any(|lending| self.run_one_of(lending))
    }

    fn run_one_of(&self, lending: &Lending) -> bool {
        let (role, state) = (&lending.role, self.state());
        if !role.channel.has_lendable_work() || self.role.is_closing() || !role.lend(state) {
            return false;
        }
        let permission = self.role.begin_task(state, None);
        let ran = match permission {
            // Who looks for somebody to hope for may have seen that the role is closing, and not that this worker lends.
            Permission::Run => !self.role.is_closing() && self.run_borrowed(role),
            Permission::Cancel => false,
        };
        self.end_task(permission);
        role.give_back(state);
        ran
    }

    fn run_borrowed(&self, role: &RoleState) -> bool {
        let Some((queued, origin)) = role.channel.take_shared() else { return false };
        role.channel.after_take(origin);
        if queued.task.is_future() {
            role.send_home(queued, origin);
            return false;
        }
        let state = self.state();
        state.counters.begin_busy();
        // Closures of its role that it waits for are part of it: the role's own workers may be waiting for this one.
        let outcome =
            lend_to_domain(role.domain(), || self.run_task(queued.task, Permission::Run, || ()));
        role.count_elsewhere(&outcome);
        state.counters.lent.add_owned(1);
        true
    }

    /// The worker leaves: cancels its local futures, which nobody else may drop. Those that wait are woken for it by the close
    /// of the registry, which has begun or is about to.
    pub(super) fn end_local_futures(&self) {
        let state = self.state();
        while state.local_alive.get() > 0 {
            match self.role.channel.take_local(self.place) {
                Some(queued) => state.counters.count(&queued.task.cancel()),
                None => executor_common::sync::thread::yield_now(),
            }
        }
        // Entries of futures that handles have run in place.
        for queued in self.role.channel.end_local(self.place) {
            state.counters.count(&queued.task.run());
        }
    }
}

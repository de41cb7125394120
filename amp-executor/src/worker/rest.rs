//! A worker without work, and where it is.

use std::time::Instant;

use super::{Lending, Worker};
use crate::pin::{Look, PinWatch};

impl Worker {
    /// Sleeps until there is something to do, or until shortly before a timed task is due.
    pub(super) async fn sleep(&self, watch: &mut PinWatch) {
        self.sleep_until(self.wakes_at(), watch).await;
    }

    /// Sleeps until there is something to do, or until `wakes_at`, unless that is not the right time any more.
    pub(super) async fn sleep_until(&self, wakes_at: Option<Instant>, watch: &mut PinWatch) {
        self.note_place(watch.now());
        let state = self.state();
        let lists = self.lends.iter().map(|lend| (lend.role.channel.lenders(), lend.place));
        let slept = self.role.channel.sleep(self.place, &self.parker, wakes_at, lists, || {
            let must_look = self.has_reason_to_stay(wakes_at);
            if !must_look {
                state.counters.parks.add_owned(1);
            }
            must_look
        });
        if slept.await {
            state.counters.wakes.add_owned(1);
        }
        self.pass_calls_on();
    }

    /// A lender may have been called for a task that it will not take next: it has work of its own by now, or leaves, or another
    /// role's task comes first. Then the next lender is called.
    fn pass_calls_on(&self) {
        let is_sought = || {
            self.role.channel.has_work(self.place)
                || self.role.is_closing()
                || self.has_timed_task_soon()
        };
        let mut is_taken = !self.lends.is_empty() && is_sought();
        for Lending { role, .. } in &self.lends {
            if is_taken {
                role.channel.pass_on();
            }
            is_taken |= role.channel.has_lendable_work();
        }
    }

    fn has_timed_task_soon(&self) -> bool {
        let timers = &self.state().timers;
        let is_soon = |due_ns| due_ns <= timers.now_ns().saturating_add(self.spin_window_ns);
        timers.next_ns().is_some_and(is_soon)
    }

    /// When the worker has to be awake for a timed task.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let timers = &self.state().timers;
        let due_ns = timers.next_ns()?;
        Some(timers.instant(due_ns.saturating_sub(self.spin_window_ns)))
    }

    /// What is not in the channel and forbids sleeping.
    fn has_reason_to_stay(&self, wakes_at: Option<Instant>) -> bool {
        // A timed task that has been added since would be slept over.
        let has_new_time = self.wakes_at() != wakes_at;
        // What is left of a role that is stopping is cancelled: to stay for it would keep the core from whoever does that.
        let may_help = || {
            !self.role.is_closing()
                && self.lends.iter().any(|Lending { role, .. }| {
                    role.channel.has_lendable_work() && !role.is_stopping()
                })
        };
        // Who has to leave has to end its timed tasks first.
        let may_leave = || self.role.is_closing() && self.state().timers.next_ns().is_some();
        has_new_time || may_leave() || self.role.may_leave(self.place) || may_help()
    }

    /// Looks now and then whether the worker is where it belongs.
    #[inline]
    pub(super) fn check_place(&self, watch: &mut PinWatch) {
        if let Some(look) = watch.tick() {
            self.note_place(look);
        }
    }

    fn note_place(&self, look: Look) {
        let state = self.state();
        let Some(loss) = state.place.saw(look) else { return };
        state.counters.pins_lost.add_owned(1);
        self.hooks.report(&loss.into_event(self.role.role, self.number, self.core));
    }
}

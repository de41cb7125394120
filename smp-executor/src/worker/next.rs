//! Which of its queues a worker serves next, and how often it looks into the inbox.

use std::time::Duration;

use executor_common::sync::{LOOM, now};
use executor_common::{Priority, Runnable};

use super::Worker;

/// Each so many tasks, those that overtake (high priority, and what is meant for this worker) let another one go first.
const FAIR_INTERVAL: u32 = 8;

/// About so often a worker takes a batch out of the inbox before it goes on with its own queue, so that a task which respawns
/// itself for ever does not starve those from outside. In time, as in tokio: a number of tasks may be a microsecond or a second.
const INBOX_PERIOD: Duration = Duration::from_micros(100);

/// But at the latest after so many tasks; and where each task takes longer than that, each second one may be from the inbox. Tasks that
/// have become longer are noticed after [`FAIR_INTERVAL`] of them.
pub(super) const MAX_INBOX_INTERVAL: u32 = 64;

/// Each so many tasks one goes first that has yielded, so that it does not wait for ever behind others.
const YIELDED_INTERVAL: u32 = 128;

/// So rarely a task of low priority goes first, so that it does not wait for ever beside a pool that is never idle.
const LOW_INTERVAL: u32 = 512;

impl Worker {
    /// The next task that this worker may take without searching: out of its own queues or out of the inbox.
    ///
    /// The inbox is everybody's. Only stealing from other workers is limited to searchers: a woken worker counts
    /// as one for the 40 us that it needs to get going, and those who run must not lie down beside a full inbox
    /// meanwhile.
    #[inline]
    pub(super) fn next_own(&self) -> Option<Runnable> {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        let from_outside = if self.is_inboxs_turn(tick) { self.next_of_inbox(tick) } else { None };
        from_outside
            .or_else(|| match tick.is_multiple_of(FAIR_INTERVAL) {
                true => self.next_neglected(tick),
                false => self.next_overtaking(tick),
            })
            .or_else(|| self.tasks.pop(&self.remote().tasks, &self.shared.sleep))
            .or_else(|| self.next_batch())
            .or_else(|| self.tasks.pop_yielded(&self.remote().tasks))
            .or_else(|| self.next_overtaking(tick))
    }

    /// What others could keep waiting for ever.
    fn next_neglected(&self, tick: u32) -> Option<Runnable> {
        if tick.is_multiple_of(LOW_INTERVAL) {
            return self.shared.inbox.take(Priority::Low);
        }
        if tick.is_multiple_of(YIELDED_INTERVAL) {
            return self.tasks.pop_yielded(&self.remote().tasks);
        }
        if self.is_inbox_overdue() {
            return self.next_of_inbox(tick);
        }
        None
    }

    /// Whether something waits in the inbox and should have been looked at, because tasks take longer than they did when the interval
    /// was set. Only where something waits is the clock worth a look.
    fn is_inbox_overdue(&self) -> bool {
        !LOOM
            && !self.shared.inbox.is_empty_at(Priority::Normal)
            && now().duration_since(self.last_inbox_look.get()) >= INBOX_PERIOD
    }

    /// Whether it is time to look into the inbox before this worker's own queue.
    #[inline(always)]
    fn is_inboxs_turn(&self, tick: u32) -> bool {
        // Signed: a stale entry takes its tick back, and the last look may be ahead by one.
        let since = tick.wrapping_sub(self.last_inbox_tick.get()).cast_signed();
        since >= self.inbox_interval.get().cast_signed()
    }

    /// A batch out of the inbox, out of turn. The next task is from elsewhere, however long each takes.
    #[cold]
    fn next_of_inbox(&self, tick: u32) -> Option<Runnable> {
        self.tune_inbox_interval(tick);
        let task = self.next_batch()?;
        self.last_inbox_tick.set(tick.wrapping_add(1));
        Some(task)
    }

    /// Sets the interval so that about [`INBOX_PERIOD`] passes between two looks into the inbox, whatever a task takes.
    fn tune_inbox_interval(&self, tick: u32) {
        if LOOM {
            return;
        }
        let now = now();
        let passed = now - self.last_inbox_look.replace(now);
        let ticks = tick.wrapping_sub(self.last_inbox_tick.replace(tick));
        let wanted = INBOX_PERIOD.as_nanos() * u128::from(ticks) / passed.as_nanos().max(1);
        self.inbox_interval.set(wanted.clamp(1, u128::from(MAX_INBOX_INTERVAL)) as u32);
    }

    /// What only this worker may run, and what is urgent; each in its turn before the others.
    #[inline]
    fn next_overtaking(&self, tick: u32) -> Option<Runnable> {
        let (own, inbox) = (&self.remote().own, &self.shared.inbox);
        if own.is_empty() && inbox.is_empty_at(Priority::High) {
            return None;
        }
        for turn in 0..3 {
            let task = match tick.wrapping_add(turn) % 3 {
                0 => own.mailbox.take(),
                1 => own.ready.take(),
                _ => inbox.take(Priority::High),
            };
            if task.is_some() {
                return task;
            }
        }
        None
    }

    /// A batch out of the inbox, by a worker that is not counted as searching. What goes into its deque is a push
    /// like any other: on its way it was in neither queue, so that a worker that lay down meanwhile has seen it in neither.
    fn next_batch(&self) -> Option<Runnable> {
        let task = self.shared.inbox.take_batch(self.tasks.shared())?;
        if self.tasks.shared().len() > 0 {
            self.shared.sleep.notify();
        }
        Some(task)
    }
}

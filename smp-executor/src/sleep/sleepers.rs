//! Who is in the pool at all, and who of them sleeps.

/// Lists under the lock of [`Sleep`](super::Sleep).
///
/// A *core worker* is in play from beginning to end. A *spare* is in play while somebody is blocked; otherwise it
/// waits in the reserve, where no push wakes it, or has no thread.
pub(super) struct Sleepers {
    core_workers: usize,
    /// Workers in play that sleep, the last one to lie down on top: its cache is the warmest.
    pub(super) stack: Vec<usize>,
    /// Workers in play, asleep or awake, those included that are blocked.
    in_play: usize,
    /// Workers in play that are blocked.
    blocked: usize,
    /// Workers in play that sleep until a forked job of theirs is done: not for any other reason.
    waiting: usize,
    /// Spares whose threads wait to be needed.
    reserve: Vec<usize>,
    /// Spares without a thread, the lowest index on top.
    threadless: Vec<usize>,
}

/// Who stands in for a worker that blocks.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Substitute {
    /// There are enough without it.
    NotNeeded,
    /// Somebody who has been put among the sleepers, for whom the caller has to look.
    Asleep,
    /// This spare, once it has a thread.
    Threadless(usize),
    /// Nobody: all spares are in play.
    None,
}

impl Sleepers {
    pub(super) fn new(core_workers: usize, workers: usize) -> Self {
        Self {
            core_workers,
            stack: Vec::with_capacity(workers),
            in_play: core_workers,
            blocked: 0,
            waiting: 0,
            reserve: Vec::new(),
            threadless: (core_workers..workers).rev().collect(),
        }
    }

    /// Whether all workers in play sleep.
    pub(super) fn all_asleep(&self) -> bool {
        self.stack.len() == self.in_play
    }

    /// How many spares are in play.
    pub(super) fn spares_in_play(&self) -> usize {
        self.in_play - self.core_workers
    }

    /// Takes a worker out of the stack. False if it was not there.
    pub(super) fn remove(&mut self, worker: usize) -> bool {
        take_out(&mut self.stack, worker)
    }

    /// Whether a spare's thread waits to be needed.
    pub(super) fn is_in_reserve(&self, spare: usize) -> bool {
        self.reserve.contains(&spare)
    }

    /// How many should be in play: as many as there are core workers, besides those who are blocked. And one more than wait
    /// for forked jobs, since what they wait for may itself wait for a queued task. (While nobody is blocked somebody runs what they
    /// wait for.)
    fn wanted(&self) -> usize {
        match self.blocked {
            0 => self.core_workers,
            blocked => blocked + self.core_workers.max(self.waiting + 1),
        }
    }

    /// How many spares in play are too many.
    pub(super) fn surplus(&self) -> usize {
        self.in_play.saturating_sub(self.wanted())
    }

    /// A worker blocks.
    pub(super) fn begin_blocking(&mut self) -> Substitute {
        self.blocked += 1;
        self.substitute()
    }

    /// It goes on.
    pub(super) fn end_blocking(&mut self) {
        self.blocked -= 1;
    }

    /// A worker sleeps until a forked job is done.
    pub(super) fn begin_waiting(&mut self) -> Substitute {
        self.waiting += 1;
        self.substitute()
    }

    /// It goes on.
    pub(super) fn end_waiting(&mut self) {
        self.waiting -= 1;
    }

    /// Brings somebody into play, if there are too few.
    fn substitute(&mut self) -> Substitute {
        if self.in_play >= self.wanted() {
            return Substitute::NotNeeded;
        }
        let substitute = if let Some(spare) = self.reserve.pop() {
            // At the bottom: a core worker is woken first.
            self.stack.insert(0, spare);
            Substitute::Asleep
        } else if let Some(spare) = self.threadless.pop() {
            Substitute::Threadless(spare)
        } else {
            return Substitute::None;
        };
        self.in_play += 1;
        substitute
    }

    /// Takes a sleeping spare out of play, if one is surplus and free to go.
    pub(super) fn withdraw(&mut self, is_free_spare: impl Fn(usize) -> bool) -> bool {
        let spare = self.stack.iter().copied().find(|sleeper| is_free_spare(*sleeper));
        spare.is_some_and(|spare| self.surplus() > 0 && self.remove(spare) && self.retire(spare))
    }

    /// A spare that is in no list goes out of play, if one is surplus.
    pub(super) fn retire(&mut self, spare: usize) -> bool {
        if self.surplus() == 0 {
            return false;
        }
        self.in_play -= 1;
        self.reserve.push(spare);
        true
    }

    /// Brings a spare back into play, awake. False if it was not in the reserve.
    pub(super) fn recall(&mut self, spare: usize) -> bool {
        let was_there = take_out(&mut self.reserve, spare);
        self.in_play += usize::from(was_there);
        was_there
    }

    /// As [`recall`](Self::recall), for anybody in the reserve.
    pub(super) fn recall_any(&mut self) -> Option<usize> {
        let spare = self.reserve.pop()?;
        self.in_play += 1;
        Some(spare)
    }

    /// A spare in the reserve ends its thread. False if it has been brought into play.
    pub(super) fn dismiss(&mut self, spare: usize) -> bool {
        take_out(&mut self.reserve, spare)
    }

    /// The thread of a spare that was dismissed has left its seat.
    pub(super) fn vacate(&mut self, spare: usize) {
        self.threadless.push(spare);
    }

    /// The thread of a spare that was brought into play could not be started.
    pub(super) fn give_back(&mut self, spare: usize) {
        self.in_play -= 1;
        self.threadless.push(spare);
    }
}

/// False if it was not in the list.
fn take_out(list: &mut Vec<usize>, worker: usize) -> bool {
    let place = list.iter().position(|other| *other == worker);
    place.map(|place| list.remove(place)).is_some()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_blocked_worker_has_a_substitute_while_there_are_spares() {
        let mut sleepers = Sleepers::new(2, 4);
        assert_eq!(sleepers.begin_blocking(), Substitute::Threadless(2));
        assert_eq!(sleepers.begin_blocking(), Substitute::Threadless(3));
        assert_eq!(sleepers.begin_blocking(), Substitute::None);
        sleepers.end_blocking();
        assert_eq!(sleepers.surplus(), 0);
        sleepers.end_blocking();
        assert_eq!(sleepers.surplus(), 1);
        // Whoever blocks now needs nobody.
        assert_eq!(sleepers.begin_blocking(), Substitute::NotNeeded);
        sleepers.end_blocking();
        assert!(sleepers.retire(2) && !sleepers.retire(3));
        assert_eq!(sleepers.begin_blocking(), Substitute::Asleep);
        assert_eq!(sleepers.stack, [2]);
    }

    #[test]
    fn those_who_wait_for_forked_jobs_do_not_stand_in_for_anybody() {
        let mut sleepers = Sleepers::new(1, 3);
        // No spare for fork-join alone.
        assert_eq!(sleepers.begin_waiting(), Substitute::NotNeeded);
        sleepers.end_waiting();
        assert_eq!(sleepers.begin_blocking(), Substitute::Threadless(1));
        // The spare waits for something that blocks.
        assert_eq!(sleepers.begin_waiting(), Substitute::Threadless(2));
        assert_eq!(sleepers.surplus(), 0);
        sleepers.end_waiting();
        assert_eq!(sleepers.surplus(), 1);
        sleepers.end_blocking();
        assert_eq!(sleepers.surplus(), 2);
    }
}

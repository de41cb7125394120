//! Who is in the pool at all, and who of them sleeps.

/// Lists under the lock of [`Sleep`](super::Sleep).
///
/// A *core worker* is in play from beginning to end. A *spare* is in play while somebody is blocked; otherwise it
/// waits in the reserve, where no push wakes it, or has no thread.
pub(super) struct Sleepers {
    /// Workers in play that sleep, the last one to lie down on top: its cache is the warmest.
    pub(super) stack: Vec<usize>,
    /// Workers in play, asleep or awake, those included that are blocked.
    in_play: usize,
    /// Spares whose threads wait to be needed.
    reserve: Vec<usize>,
    /// Spares without a thread, the lowest index on top.
    threadless: Vec<usize>,
    /// Spares in play for whom nobody is blocked any more.
    surplus: usize,
}

/// Who stands in for a worker that blocks.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Substitute {
    /// Somebody who is awake.
    Awake,
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
            stack: Vec::with_capacity(workers),
            in_play: core_workers,
            reserve: Vec::new(),
            threadless: (core_workers..workers).rev().collect(),
            surplus: 0,
        }
    }

    /// Whether all workers in play sleep.
    pub(super) fn all_asleep(&self) -> bool {
        self.stack.len() == self.in_play
    }

    pub(super) fn in_play(&self) -> usize {
        self.in_play
    }

    pub(super) fn surplus(&self) -> usize {
        self.surplus
    }

    /// Takes a worker out of the stack. False if it was not there.
    pub(super) fn remove(&mut self, worker: usize) -> bool {
        let place = self.stack.iter().position(|sleeper| *sleeper == worker);
        place.map(|place| self.stack.remove(place)).is_some()
    }

    /// Whether a spare's thread waits to be needed.
    pub(super) fn is_in_reserve(&self, spare: usize) -> bool {
        self.reserve.contains(&spare)
    }

    /// Brings somebody into play.
    pub(super) fn substitute(&mut self) -> Substitute {
        if self.surplus > 0 {
            self.surplus -= 1;
            return Substitute::Awake;
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

    /// Takes a sleeping spare out of play that is free to go. False if there is none; one of the others is surplus then.
    pub(super) fn withdraw(&mut self, is_free_spare: impl Fn(usize) -> bool) -> bool {
        let place = self.stack.iter().position(|sleeper| is_free_spare(*sleeper));
        match place {
            Some(place) => {
                let spare = self.stack.remove(place);
                self.in_play -= 1;
                self.reserve.push(spare);
                true
            }
            None => {
                self.surplus += 1;
                false
            }
        }
    }

    /// A spare that is awake goes out of play, if one is surplus.
    pub(super) fn retire(&mut self, spare: usize) -> bool {
        if self.surplus == 0 {
            return false;
        }
        self.surplus -= 1;
        self.in_play -= 1;
        self.reserve.push(spare);
        true
    }

    /// A spare in the reserve ends its thread. False if it has been brought into play.
    pub(super) fn dismiss(&mut self, spare: usize) -> bool {
        let place = self.reserve.iter().position(|other| *other == spare);
        place.map(|place| self.reserve.remove(place)).is_some()
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

    /// Brings a spare of the reserve into play, awake. The pool ends.
    pub(super) fn call_reserve(&mut self) -> Option<usize> {
        let spare = self.reserve.pop()?;
        self.in_play += 1;
        Some(spare)
    }
}

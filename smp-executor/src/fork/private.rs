//! How a worker's private jobs become others'.
//!
//! Who is idle *asks*: the owner's next fork or take-back then shares its oldest jobs. Who has asked in vain for
//! some microseconds, because the owner does something long, *seizes* the oldest job without the owner's help.

use std::mem;

use executor_common::sync::atomic::{self, AtomicBool, Ordering};
use executor_common::sync::{Mutex, MutexGuard, asymmetric};

use super::job::JobRef;
use super::stack::{self, Place, Slot, StackRef};

/// The shared side of one worker's stack.
pub(crate) struct Private {
    /// Somebody has asked, and the owner has not come by since.
    asked: AtomicBool,
    slots: Box<[Slot]>,
    reach: Mutex<Reach>,
}

/// What thieves and the owner's slow path agree on.
pub(super) struct Reach {
    /// While the owner's thread is a worker.
    stack: Option<StackRef>,
    /// The owner has been allowed quiet forks since the last heavy fence, so that one may not be seen yet.
    unfenced: bool,
    /// The oldest job that has not been shared, or the top.
    pub(super) oldest: Place,
    /// Workers that wait for something that this worker runs, and would help with it.
    pub(super) waiters: Vec<usize>,
}

// SAFETY: a place is an address, and dereferenced by those who may.
unsafe impl Send for Reach {}

impl Private {
    /// Room for `capacity` jobs; deeper forks run serially. Unused room costs address space only. None if there is no memory.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        let slots = atomic::null_pointers(capacity + 1)?;
        let oldest = Place::first(&slots);
        let reach = Reach { stack: None, unfenced: false, oldest, waiters: Vec::new() };
        Some(Self { asked: AtomicBool::new(false), slots, reach: Mutex::new(reach) })
    }

    /// The calling thread becomes the owner. `is_anyone_idle` is asked under the lock: who lies down later asks.
    pub(crate) fn attach(&self, is_anyone_idle: impl FnOnce() -> bool) {
        let mut reach = self.hear();
        reach.oldest = Place::first(&self.slots);
        reach.stack = Some(stack::set_up(&self.slots));
        reach.waiters.clear();
        self.settle(&mut reach, !is_anyone_idle());
    }

    /// The calling thread, the owner, stops being a worker.
    pub(crate) fn detach(&self) {
        let mut reach = self.reach.lock();
        reach.stack = None;
        stack::take_down();
    }

    /// Asks, unless somebody has.
    pub(crate) fn ask(&self) {
        // Ordering: Relaxed; a look that comes too early is repeated. The last one before a sleep does
        // not rely on it.
        if !self.asked.load(Ordering::Relaxed) {
            self.ask_locked(&self.reach.lock());
        }
    }

    /// Asks on behalf of `waiter`, whom the owner unparks when it has shared something.
    pub(super) fn ask_for(&self, waiter: usize) {
        let mut reach = self.reach.lock();
        reach.add_waiter(waiter);
        self.ask_locked(&reach);
    }

    /// As [`ask_for`](Self::ask_for), by a worker that is about to sleep. The result is that of
    /// [`ask_before_sleep`](Self::ask_before_sleep).
    pub(super) fn ask_for_before_sleep(&self, waiter: usize) -> bool {
        let mut reach = self.reach.lock();
        reach.add_waiter(waiter);
        self.ask_locked_before_sleep(&mut reach)
    }

    /// Asks, so that the owner shares what it forks from now on. The last look of a worker that lies down: a look at
    /// what is shared and what is seizable comes next, with a [`heavy`](asymmetric::heavy) fence before it if the
    /// result says so.
    ///
    /// The lock orders it against the owner's slow path: if that came first, this worker sees what it has shared; if
    /// it comes second, it sees that this worker lies down.
    pub(crate) fn ask_before_sleep(&self) -> bool {
        self.ask_locked_before_sleep(&mut self.reach.lock())
    }

    fn ask_locked_before_sleep(&self, reach: &mut Reach) -> bool {
        self.ask_locked(reach);
        // Somebody else who finds it unset meanwhile relies on this worker's look, which comes after the fence.
        asymmetric::is_supported() && mem::take(&mut reach.unfenced)
    }

    /// Whether there is anything to seize.
    pub(crate) fn is_seizable(&self) -> bool {
        self.is_seizable_locked(&self.reach.lock())
    }

    /// Whether the owner has a job that has not been shared, as far as is known.
    fn is_seizable_locked(&self, reach: &Reach) -> bool {
        let spare = Place::spare(&self.slots);
        asymmetric::is_supported()
            && reach.oldest < spare
            && reach.stack.is_some_and(|stack| reach.oldest < stack.top())
    }

    fn ask_locked(&self, reach: &Reach) {
        if let Some(stack) = &reach.stack {
            // Ordering: Relaxed; see `ask`.
            self.asked.store(true, Ordering::Relaxed);
            stack.ask();
        }
    }

    /// Takes the oldest job from the owner, who has not heard the question: worth an interrupt on every core
    /// of the process.
    ///
    /// `owner` is whose jobs these are.
    pub(crate) fn seize(
        &self,
        owner: usize,
        is_any_shared: impl FnOnce() -> bool,
    ) -> Option<JobRef> {
        let mut reach = self.reach.lock();
        if !self.is_seizable_locked(&reach) || is_any_shared() {
            // Younger ones must not go before older ones.
            return None;
        }
        self.ask_locked(&reach);
        // Pairs with the light fence in `stack::take_off`: see there. An owner that comes by from now on meets the
        // mark, and waits for the lock.
        asymmetric::heavy();
        reach.unfenced = false;
        if !self.is_seizable_locked(&reach) {
            return None;
        }
        // SAFETY: below the top, and the slots are alive.
        let job = unsafe { reach.oldest.job() };
        reach.oldest = reach.oldest.next();
        // SAFETY: the owner takes the job back only through the lock, and finds it shared then; so its frame
        // is alive, and nobody else has learnt of the job.
        unsafe { job.share(owner) };
        Some(job)
    }

    /// For the owner's slow path: the question has been heard.
    pub(super) fn hear(&self) -> MutexGuard<'_, Reach> {
        let reach = self.reach.lock();
        // Ordering: Relaxed; under the lock, and see `ask`.
        self.asked.store(false, Ordering::Relaxed);
        reach
    }

    /// Whether a job at `place` may stay.
    pub(super) fn has_room(&self, place: Place) -> bool {
        place < Place::spare(&self.slots)
    }

    /// Ends the owner's slow path: jobs from `oldest` on are private. `quiet` is false while more is asked for than
    /// has been shared.
    pub(super) fn settle(&self, reach: &mut Reach, quiet: bool) {
        reach.unfenced |= quiet;
        if let Some(stack) = &reach.stack {
            stack.set_floor(reach.oldest);
            stack.set_limit(quiet.then_some(Place::spare(&self.slots)));
        }
    }
}

impl Reach {
    fn add_waiter(&mut self, waiter: usize) {
        if !self.waiters.contains(&waiter) {
            self.waiters.push(waiter);
        }
    }
}

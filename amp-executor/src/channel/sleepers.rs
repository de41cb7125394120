//! Which of a role's workers sleep, and who wakes them.
//!
//! # The protocol
//!
//! | thread | events, in program order |
//! |---|---|
//! | producer | **P1** publish (a stamp in the ring, or the length of the woken queue) · **P2** SeqCst fence · **P3** read `count` · if it is above zero: **P4** take one worker out under the lock, then unpark it |
//! | worker | **W1** enter the list under the lock, which raises `count` · **W2** SeqCst fence · **W3** look at ring, woken queue and reasons to leave · **W4** park; or, having found something, leave the list |
//!
//! # No wake-up is lost
//!
//! Claim: when a published item stays unseen by a worker's W3, somebody is awake, or will be woken, that looks
//! after the publication.
//!
//! 1. P2 and W2 are SeqCst fences and have an order. If P2 comes first, W3 sees what P1 published. If W2 comes
//!    first, P3 sees the `count` that W1 raised, unless the worker has been taken out since, in which case it has
//!    been woken.
//! 2. The ring is looked at from its head. If W3 finds the slot at the head unpublished while a later one is
//!    full, the producer of the former has its P2 after W2, by 1, and wakes.
//! 3. If P3 sees a `count` above zero and P4 finds the list empty, every worker that was in it had been taken out
//!    before, under the lock. Any of them that goes to sleep again enters the list after P4, and the lock makes
//!    P1 visible to its W3.
//! 4. One wake-up may stand for two items: the woken worker takes one of them, or was awake already because its
//!    W3 had found another. Therefore a worker that takes an item, and still sees work and sleepers, wakes the
//!    next (`Channel::after_take`). It entered and left the list under the same lock as the waker, so it
//!    sees the item that it was woken for.
//!
//! # One wake-up costs one wake-up
//!
//! The waker takes the worker out of the list. A second producer finds the list empty and wakes nobody: a burst
//! of pushes to one sleeping worker costs one system call.
//!
//! A worker in the list has no token in its parker, and a worker that was taken out has one, or is about to get
//! it. A worker that wants to leave the list and is not in it any more therefore takes the token by parking,
//! so that no token survives into the next sleep.

use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicUsize, Ordering, fence};
use executor_common::{Parker, Unparker};

/// The sleeping workers of one role.
#[derive(Debug)]
pub struct Sleepers {
    /// How many are in the list: what a producer reads without the lock.
    count: AtomicUsize,
    /// Positions in `unparkers`. The last one in is woken first: its caches are the warmest.
    list: Mutex<Vec<usize>>,
    unparkers: Box<[Unparker]>,
}

impl Sleepers {
    /// Nobody sleeps. `unparkers` are those of the role's workers, in their order.
    pub fn new(unparkers: impl IntoIterator<Item = Unparker>) -> Self {
        let unparkers: Box<[_]> = unparkers.into_iter().collect();
        let list = Mutex::new(Vec::with_capacity(unparkers.len()));
        Self { count: AtomicUsize::new(0), list, unparkers }
    }

    /// Sleeps as worker number `worker` with its `parker`, unless `found` sees a reason not to. True if it slept.
    pub fn sleep(&self, worker: usize, parker: &Parker, found: impl FnOnce() -> bool) -> bool {
        self.enter(worker);
        // Ordering: W2, pairs with the fence in `wake_one`. Without it `found` and the producer's look at
        // `count` could both miss, and the worker would sleep beside work.
        fence(Ordering::SeqCst);
        if found() {
            if !self.leave(worker) {
                parker.park();
            }
            return false;
        }
        parker.park();
        true
    }

    /// Something has been published: wakes one sleeper, if there is one.
    pub fn wake_one(&self) {
        // Ordering: P2, pairs with the fence in `sleep`.
        fence(Ordering::SeqCst);
        if self.anybody() {
            self.take_one_out();
        }
    }

    #[cold]
    fn take_one_out(&self) {
        let worker = {
            let mut list = self.list.lock();
            let worker = list.pop();
            self.set_count(&list);
            worker
        };
        if let Some(worker) = worker {
            self.unparkers[worker].unpark();
        }
    }

    /// A reason to leave has come up: wakes everybody. The reason is visible to whoever enters later, by the
    /// lock.
    pub fn wake_all(&self) {
        let all = {
            let mut list = self.list.lock();
            let all = std::mem::take(&mut *list);
            self.set_count(&list);
            all
        };
        for worker in all {
            self.unparkers[worker].unpark();
        }
    }

    /// Whether somebody sleeps, as far as can be seen.
    pub fn anybody(&self) -> bool {
        // Ordering: Relaxed; P3 has a fence before it, and a worker that passes a wake-up on has the lock
        // before it (point 4).
        self.count.load(Ordering::Relaxed) > 0
    }

    fn enter(&self, worker: usize) {
        let mut list = self.list.lock();
        debug_assert!(!list.contains(&worker), "worker {worker} sleeps twice");
        list.push(worker);
        self.set_count(&list);
    }

    /// False if a waker has taken the worker out.
    fn leave(&self, worker: usize) -> bool {
        let mut list = self.list.lock();
        let place = list.iter().position(|other| *other == worker);
        if let Some(place) = place {
            list.swap_remove(place);
            self.set_count(&list);
        }
        place.is_some()
    }

    fn set_count(&self, list: &[usize]) {
        // Ordering: Relaxed; W2 orders a raise before W3, and a decrease needs no order: who reads too much
        // takes the lock for nothing.
        self.count.store(list.len(), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn two_wake_ups_of_one_sleeper_cost_one() {
        let parker = Parker::new();
        let sleepers = Sleepers::new([parker.unparker()]);
        sleepers.enter(0);
        sleepers.wake_one();
        sleepers.wake_one();
        assert!(!sleepers.anybody());
        assert!(parker.park_timeout(Duration::ZERO));
        assert!(!parker.park_timeout(Duration::ZERO));
    }

    #[test]
    fn a_worker_that_finds_work_leaves_no_token_behind() {
        let parker = Parker::new();
        let sleepers = Sleepers::new([parker.unparker()]);
        // The producer comes between the worker's entry and its look.
        let slept = sleepers.sleep(0, &parker, || {
            sleepers.wake_one();
            true
        });
        assert!(!slept && !sleepers.anybody());
        assert!(!parker.park_timeout(Duration::ZERO));
    }

    #[test]
    fn everybody_is_woken_at_once() {
        let parkers = [Parker::new(), Parker::new()];
        let sleepers = Sleepers::new(parkers.iter().map(Parker::unparker));
        sleepers.enter(0);
        sleepers.enter(1);
        sleepers.wake_all();
        assert!(parkers.iter().all(|parker| parker.park_timeout(Duration::ZERO)));
    }
}

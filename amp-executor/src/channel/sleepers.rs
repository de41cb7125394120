//! Which workers sleep, and who wakes them.
//!
//! # The protocol
//!
//! | thread | events, in program order |
//! |---|---|
//! | producer | **P1** publish (a stamp in a ring, the length of a woken queue, a due time) · **P2** fast fence · **P3** read `count` · if it is above zero: **P4** take one worker out under the lock, then unpark it |
//! | worker | **W1** enter the list under the lock, which raises `count` · **W2** slow fence · **W3** look at everything that may wait for it, and at reasons to leave · **W4** park unless something was found · **W5** leave the list |
//!
//! The fences are those of `sync::asymmetric`: the worker, which is about to sleep, pays for both, and a producer that finds
//! everybody awake has paid for a load. Where workers sleep at once, both pay: there the worker that catches up with a burst is about to
//! sleep again and again, and its fence would interrupt the producer each time.
//!
//! # No wake-up is lost
//!
//! Claim: when a published item stays unseen by a worker's W3, somebody is awake, or will be woken, that looks
//! after the publication.
//!
//! 1. P2 and W2 have an order, as two SeqCst fences have. If P2 comes first, W3 sees what P1 published. If W2 comes
//!    first, P3 sees the `count` that W1 raised, unless the worker has been taken out since, in which case it has
//!    been woken.
//! 2. A ring is looked at from its head. If W3 finds the slot at the head unpublished while a later one is
//!    full, the producer of the former has its P2 after W2, by 1, and wakes.
//! 3. If P3 sees a `count` above zero and P4 finds the list empty, every worker that was in it had been taken out
//!    before, under the lock. Any of them that goes to sleep again enters the list after P4, and the lock makes
//!    P1 visible to its W3.
//! 4. One wake-up may stand for two items: the woken worker takes one of them, or was awake already because its
//!    W3 had found another. Therefore a worker that takes an item, and still sees work and sleepers, wakes the
//!    next (`Channel::after_take`). It entered and left the list under the same lock as the waker, so it
//!    sees the item that it was woken for.
//! 5. An item that only one worker may take (its own lane, its timed tasks) wakes that worker, or finds it out of the
//!    list; then 1 and 3 hold for that worker alone.
//! 6. A lender is in the lists of several roles. It may have been taken out of one for an item that it will not take next, and then
//!    calls that role's next lender (`Worker::pass_calls_on`).
//!
//! # One wake-up costs one wake-up
//!
//! The waker takes the worker out of the list. A second producer finds the list empty and wakes nobody: a burst
//! of pushes to one sleeping worker costs one system call.
//!
//! A worker that has been taken out has a token, or is about to get it. If it comes out of its sleep without one, it takes it by
//! parking, so that no token survives into the next sleep. A worker can be in more than one list, of its own role and of those that it
//! lends to, and be taken out of two; then a second token may survive, and costs one useless look.

use std::mem::ManuallyDrop;
use std::time::Instant;

use executor_common::sync::Mutex;
use executor_common::sync::asymmetric::Fences;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::{Unparker, WorkerParker};

/// Workers that sleep, of those that a list was made for.
#[derive(Debug)]
pub struct Sleepers {
    /// How many are in the list: what a producer reads without the lock.
    count: AtomicUsize,
    /// Positions in `unparkers`. The last one in is woken first: its caches are the warmest.
    list: Mutex<Vec<usize>>,
    unparkers: Box<[Unparker]>,
}

impl Sleepers {
    /// Nobody sleeps. A worker's number is its place among `unparkers`.
    pub fn new(unparkers: impl IntoIterator<Item = Unparker>) -> Self {
        let unparkers: Box<[_]> = unparkers.into_iter().collect();
        let list = Mutex::new(Vec::with_capacity(unparkers.len()));
        Self { count: AtomicUsize::new(0), list, unparkers }
    }

    /// Whether somebody sleeps, as far as can be seen.
    #[inline]
    pub fn anybody(&self) -> bool {
        // Ordering: Relaxed; P3 has a fence before it, and a worker that passes a wake-up on has the lock
        // before it (point 4).
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Wakes one, if there is one. False if there was none. The caller has the fence P2 behind it.
    pub fn wake_one(&self) -> bool {
        self.anybody() && self.wake_by(|list| list.pop())
    }

    /// Wakes `worker` if it sleeps. The caller has the fence P2 behind it.
    pub fn wake(&self, worker: usize) {
        if self.anybody() {
            self.wake_by(|list| take_out(list, worker));
        }
    }

    #[cold]
    fn wake_by(&self, choose: impl FnOnce(&mut Vec<usize>) -> Option<usize>) -> bool {
        let worker = {
            let mut list = self.list.lock();
            let worker = choose(&mut list);
            self.set_count(&list);
            worker
        };
        if let Some(worker) = worker {
            self.unparkers[worker].unpark();
        }
        worker.is_some()
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

    fn enter(&self, worker: usize) {
        let mut list = self.list.lock();
        debug_assert!(!list.contains(&worker), "worker {worker} sleeps twice");
        list.push(worker);
        self.set_count(&list);
    }

    /// False if a waker has taken the worker out.
    fn leave(&self, worker: usize) -> bool {
        let mut list = self.list.lock();
        let was_in = take_out(&mut list, worker).is_some();
        self.set_count(&list);
        was_in
    }

    fn set_count(&self, list: &[usize]) {
        // Ordering: Relaxed; W2 orders a raise before W3, and a decrease needs no order: who reads too much
        // takes the lock for nothing.
        self.count.store(list.len(), Ordering::Relaxed);
    }
}

fn take_out(list: &mut Vec<usize>, worker: usize) -> Option<usize> {
    let place = list.iter().position(|other| *other == worker)?;
    Some(list.swap_remove(place))
}

/// A worker's sleep.
#[derive(Debug)]
pub(super) struct Sleep<'a> {
    /// The worker's own.
    pub(super) parker: &'a WorkerParker,
    /// Those of the channel.
    pub(super) fences: Fences,
    /// It sleeps no longer than until then.
    pub(super) deadline: Option<Instant>,
}

impl Sleep<'_> {
    /// Sleeps, known in each of `lists` by its number there, until it is woken, unless `found` sees a reason not to. True if
    /// it slept.
    pub(super) async fn sleep<'l>(
        &self,
        lists: impl Iterator<Item = (&'l Sleepers, usize)> + Clone,
        found: impl FnOnce() -> bool,
    ) -> bool {
        let entered = Entered::new(lists);
        // Ordering: W2, pairs with the fence of a producer. Without it `found` and the producer's look at
        // `count` could both miss, and the worker would sleep beside work.
        self.fences.slow();
        let sleeps = !found();
        let has_token = sleeps && self.parker.park_until(self.deadline).await;
        if entered.leave() && !has_token {
            self.parker.park().await;
        }
        sleeps
    }
}

/// A worker is in all of these lists, unless a waker has taken it out. It leaves them also while it unwinds out of its sleep.
struct Entered<'l, I: Iterator<Item = (&'l Sleepers, usize)> + Clone>(I);

impl<'l, I: Iterator<Item = (&'l Sleepers, usize)> + Clone> Entered<'l, I> {
    fn new(lists: I) -> Self {
        for (list, worker) in lists.clone() {
            list.enter(worker);
        }
        Self(lists)
    }

    /// True if a waker has taken the worker out of a list.
    fn leave(self) -> bool {
        ManuallyDrop::new(self).leave_all()
    }

    fn leave_all(&self) -> bool {
        self.0.clone().fold(false, |taken_out, (list, worker)| taken_out | !list.leave(worker))
    }
}

impl<'l, I: Iterator<Item = (&'l Sleepers, usize)> + Clone> Drop for Entered<'l, I> {
    fn drop(&mut self) {
        self.leave_all();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use executor_common::Parker;
    use std::time::Duration;

    #[test]
    fn two_wake_ups_of_one_sleeper_cost_one() {
        let parker = Parker::new();
        let sleepers = Sleepers::new([parker.unparker()]);
        sleepers.enter(0);
        assert!(sleepers.wake_one());
        assert!(!sleepers.wake_one());
        assert!(!sleepers.anybody());
        assert!(parker.park_timeout(Duration::ZERO));
        assert!(!parker.park_timeout(Duration::ZERO));
    }

    #[test]
    fn one_worker_is_woken_and_the_others_sleep_on() {
        let parkers = [Parker::new(), Parker::new(), Parker::new()];
        let sleepers = Sleepers::new(parkers.iter().map(Parker::unparker));
        (0..3).for_each(|worker| sleepers.enter(worker));
        sleepers.wake(1);
        let woken = |worker: usize| parkers[worker].park_timeout(Duration::ZERO);
        assert_eq!([woken(0), woken(1), woken(2)], [false, true, false]);
        sleepers.wake(1);
        assert!(!woken(1), "it does not sleep any more");
    }

    #[test]
    fn a_worker_that_finds_work_leaves_no_token_behind() {
        let parker = WorkerParker::new(None);
        let list = Sleepers::new([parker.unparker()]);
        for deadline in [None, Some(Instant::now())] {
            let sleep = Sleep { parker: &parker, fences: Fences::full(), deadline };
            // The producer comes between the worker's entry and its look.
            let slept = sleep.sleep(std::iter::once((&list, 0)), || list.wake_one());
            assert!(!parker.run(slept) && !list.anybody());
            assert!(!parker.run(parker.park_until(Some(Instant::now()))));
        }
    }

    #[test]
    fn a_sleep_that_ends_by_itself_leaves_all_lists() {
        let parker = WorkerParker::new(None);
        let lists = [(); 2].map(|()| Sleepers::new([parker.unparker()]));
        let sleep =
            Sleep { parker: &parker, fences: Fences::new(), deadline: Some(Instant::now()) };
        let lie_down = |found| sleep.sleep(lists.iter().map(|list| (list, 0)), move || found);
        assert!(parker.run(lie_down(false)));
        assert!(!lists.iter().any(Sleepers::anybody));
        assert!(!parker.run(lie_down(true)));
        assert!(!lists.iter().any(Sleepers::anybody));
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

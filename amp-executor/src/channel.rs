//! A role's channel: where its tasks wait, and where its workers and its blocked spawners sleep.
//!
//! | lane | whose tasks | who takes them |
//! |---|---|---|
//! | high | those of [`Priority::High`] | any worker of the role, before others |
//! | normal | the rest | any worker of the role |
//! | one per worker | those that were sent to that worker's core | that worker |
//!
//! | part of a lane | holds | bound |
//! |---|---|---|
//! | ring | tasks that were spawned | the role's capacity |
//! | woken queue | futures that were admitted through the ring and are ready to go on | the admitted ones |
//! | room | spawners that wait for room, threads and futures alike | |
//!
//! Futures that never leave their worker have a queue of their own per worker, since nobody else may take them out, not even
//! to drop them.
//!
//! # Fairness
//!
//! Workers take from ring and woken queue of a lane in turns. A worker serves its own lane, its local futures and the normal lane
//! in turns, and the high lane before them, except every eighth time.
//!
//! # The end
//!
//! [`Channel::close`] refuses what is spawned from then on and releases the blocked spawners; what is in stays and
//! can be taken. [`Channel::end`] says that nobody takes anything any more: it hands out the woken futures, and
//! from then on a wake-up hands the future back, which cancels it. Both happen under the woken queue's lock, so
//! that nothing is left in it.

mod lane;
mod lane_id;
mod ring;
mod sleepers;
mod turns;
mod woken;

use std::time::Instant;

use executor_common::sync::asymmetric::Fences;
use executor_common::{Unparker, WorkerParker};

pub use lane::{Lane, Source};
pub use lane_id::{LaneId, Origin};
pub use ring::{PushError, Ring};
pub use sleepers::Sleepers;
pub use turns::Turns;
pub use woken::Woken;

use sleepers::Sleep;
use turns::Choice;

/// The channel. Generic so that models can send plain numbers.
#[derive(Debug)]
pub struct Channel<T> {
    lanes: Box<[Lane<T>]>,
    local: Box<[Woken<T>]>,
    sleepers: Sleepers,
    lenders: Sleepers,
    fences: Fences,
}

impl<T> Channel<T> {
    /// An open channel with room for `capacity` spawned tasks in each lane. `workers` are those of the role, `lenders` those
    /// of other roles that help it; `fences` are those of producers and workers that lie down (`sleepers.rs`).
    ///
    /// # Panics
    ///
    /// If `capacity` is zero.
    pub fn new(
        capacity: usize,
        workers: impl IntoIterator<Item = Unparker>,
        lenders: impl IntoIterator<Item = Unparker>,
        fences: Fences,
    ) -> Self {
        let workers: Vec<_> = workers.into_iter().collect();
        let lanes = LaneId::SHARED + workers.len();
        Self {
            lanes: (0..lanes).map(|_| Lane::new(capacity)).collect(),
            local: workers.iter().map(|_| Woken::new()).collect(),
            sleepers: Sleepers::new(workers),
            lenders: Sleepers::new(lenders),
            fences,
        }
    }

    /// A lane, to ask and to wait for room in it. Whoever changes it through this reference wakes nobody.
    #[inline]
    pub fn lane(&self, lane: LaneId) -> &Lane<T> {
        &self.lanes[lane.index()]
    }

    /// Spawns.
    ///
    /// # Errors
    ///
    /// [`PushError`] hands `item` back.
    #[inline]
    pub fn push(&self, lane: LaneId, item: T) -> Result<(), PushError<T>> {
        self.lane(lane).ring().push(item)?;
        self.announce(lane);
        Ok(())
    }

    /// Spawns what `make` makes, once there is a place for it; see [`Ring::push_with`].
    ///
    /// # Errors
    ///
    /// [`PushError`] hands `source` back.
    pub fn push_with<S, R>(
        &self,
        lane: LaneId,
        source: S,
        make: impl FnOnce(S) -> (T, R),
    ) -> Result<R, PushError<S>> {
        let result = self.lane(lane).ring().push_with(source, make)?;
        self.announce(lane);
        Ok(result)
    }

    /// A future has been woken.
    ///
    /// # Errors
    ///
    /// `item` comes back where nobody would take it any more.
    pub fn push_woken(&self, lane: LaneId, item: T) -> Result<(), T> {
        self.requeue(lane, item)?;
        self.fences.fast();
        match lane.worker() {
            Some(worker) => self.sleepers.wake(worker),
            None => {
                self.sleepers.wake_one();
            }
        }
        Ok(())
    }

    /// As [`Channel::push_woken`], by a worker that is about to look for work itself.
    ///
    /// # Errors
    ///
    /// As [`Channel::push_woken`].
    pub fn requeue(&self, lane: LaneId, item: T) -> Result<(), T> {
        self.lane(lane).woken().push(item)
    }

    /// A local future of `worker` is ready.
    ///
    /// # Errors
    ///
    /// As [`Channel::push_woken`].
    pub fn push_local(&self, worker: usize, item: T) -> Result<(), T> {
        self.local[worker].push(item)?;
        self.call(worker);
        Ok(())
    }

    /// Something has been published in `lane`'s ring: wakes who can take it.
    #[inline]
    pub fn announce(&self, lane: LaneId) {
        // Ordering: P2 (`sleepers.rs`).
        self.fences.fast();
        match lane.worker() {
            Some(worker) => self.sleepers.wake(worker),
            None => self.wake_for_shared(),
        }
    }

    #[inline]
    fn wake_for_shared(&self) {
        if !self.sleepers.wake_one() {
            self.lenders.wake_one();
        }
    }

    /// Something has been published that only `worker` looks for: wakes it if it sleeps.
    pub fn call(&self, worker: usize) {
        // Ordering: P2 (`sleepers.rs`).
        self.fences.fast();
        self.sleepers.wake(worker);
    }

    /// Takes an item as `worker`, in its turns. `None` also where another worker was faster; then this one looks again.
    ///
    /// Who has taken an item calls [`Channel::after_take`].
    #[inline]
    pub fn take(&self, worker: usize, turns: &mut Turns) -> Option<(T, Origin)> {
        let choice = turns.next(|choice| match choice {
            Choice::High => self.lane(LaneId::HIGH).has_work(),
            Choice::Own => self.lane(LaneId::of_worker(worker)).has_work(),
            Choice::Normal => self.lane(LaneId::NORMAL).has_work(),
            Choice::Local => !self.local[worker].is_empty(),
        })?;
        let source = turns.source(choice);
        let taken = match choice {
            Choice::High => self.take_from(LaneId::HIGH, source),
            Choice::Own => self.take_from(LaneId::of_worker(worker), source),
            Choice::Normal => self.take_from(LaneId::NORMAL, source),
            Choice::Local => Some((self.take_local(worker)?, Origin::Local)),
        }?;
        turns.served(choice);
        Some(taken)
    }

    #[inline]
    fn take_from(&self, lane: LaneId, first: Source) -> Option<(T, Origin)> {
        let (item, source) = self.lane(lane).take(first)?;
        Some((item, Origin::Lane(lane, source)))
    }

    /// Takes a local future of `worker`. Called on that worker alone.
    pub fn take_local(&self, worker: usize) -> Option<T> {
        self.local[worker].pop()
    }

    /// Takes an item that was spawned for any worker, as somebody who lends to this role.
    pub fn take_shared(&self) -> Option<(T, Origin)> {
        [LaneId::HIGH, LaneId::NORMAL].into_iter().find_map(|id| {
            let lane = self.lane(id);
            let item = if lane.is_lendable() { lane.ring().pop()? } else { return None };
            Some((item, Origin::Lane(id, Source::Ring)))
        })
    }

    /// An item has been taken from `origin`: tells those who wait for the room, and passes a wake-up on if there
    /// is more work (`sleepers.rs`, point 4).
    #[inline]
    pub fn after_take(&self, origin: Origin) {
        if let Origin::Lane(lane, Source::Ring) = origin {
            self.lane(lane).room().notify_one();
        }
        self.pass_on();
    }

    /// Wakes the next one if there is work for all.
    #[inline]
    pub fn pass_on(&self) {
        if self.sleepers.anybody() && self.has_shared_work() {
            self.sleepers.wake_one();
        } else if self.lenders.anybody() && self.has_lendable_work() {
            self.lenders.wake_one();
        }
    }

    /// Sleeps as worker number `worker` until it is woken or `deadline` has come, unless there is work or `must_look` says
    /// that there is another reason to stay awake. True if it slept. `also` are the lists of the roles that it lends to.
    pub async fn sleep<'l>(
        &'l self,
        worker: usize,
        parker: &WorkerParker,
        deadline: Option<Instant>,
        also: impl Iterator<Item = (&'l Sleepers, usize)> + Clone,
        must_look: impl FnOnce() -> bool,
    ) -> bool {
        let sleep = Sleep { parker, fences: self.fences, deadline };
        let lists = std::iter::once((&self.sleepers, worker)).chain(also);
        sleep.sleep(lists, || self.has_work(worker) || must_look()).await
    }

    /// Where those sleep who lend to this role.
    pub fn lenders(&self) -> &Sleepers {
        &self.lenders
    }

    /// Whether there is something for any worker.
    pub fn has_shared_work(&self) -> bool {
        self.lanes[..LaneId::SHARED].iter().any(Lane::has_work)
    }

    /// Whether there is something that a lender may take.
    pub fn has_lendable_work(&self) -> bool {
        self.lanes[..LaneId::SHARED].iter().any(Lane::is_lendable)
    }

    /// Whether a future for any worker is ready to go on, or has been sent home.
    pub fn has_woken_shared(&self) -> bool {
        self.lanes[..LaneId::SHARED].iter().any(|lane| !lane.woken().is_empty())
    }

    /// Whether there is something for `worker`.
    pub fn has_work(&self, worker: usize) -> bool {
        self.has_shared_work()
            || self.lane(LaneId::of_worker(worker)).has_work()
            || !self.local[worker].is_empty()
    }

    /// Whether nothing that was spawned is left for `worker`, and nothing will come.
    pub fn is_drained(&self, worker: usize) -> bool {
        let own = self.lane(LaneId::of_worker(worker));
        self.lanes[..LaneId::SHARED].iter().chain([own]).all(|lane| lane.ring().is_drained())
    }

    /// Whether nothing that was spawned is left for anybody, and nothing will come.
    pub fn is_drained_for_all(&self) -> bool {
        self.lanes.iter().all(|lane| lane.ring().is_drained())
    }

    /// Whether [`Channel::close`] has been called.
    pub fn is_closed(&self) -> bool {
        self.lane(LaneId::NORMAL).ring().is_closed()
    }

    /// How many items wait.
    pub fn depth(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(Lane::len).sum();
        lanes + self.local.iter().map(Woken::len).sum::<usize>()
    }

    /// How many spawned items wait, woken futures left out.
    pub fn queued(&self) -> usize {
        self.lanes.iter().map(|lane| lane.ring().len()).sum()
    }

    /// How many items have been spawned.
    pub fn pushed(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.ring().pushed()).sum()
    }

    /// How many items fit into one lane.
    pub fn capacity(&self) -> usize {
        self.lane(LaneId::NORMAL).ring().capacity()
    }

    /// Takes nothing any more, and releases everybody who waits for room. True for the first call.
    pub fn close(&self) -> bool {
        let mut first = true;
        for lane in &self.lanes {
            first &= lane.close();
        }
        self.wake_all();
        first
    }

    /// Wakes all sleeping workers, because there may be a reason for them to leave.
    pub fn wake_all(&self) {
        self.sleepers.wake_all();
    }

    /// As [`Channel::wake_all`], if `is_reason` says so. It looks after what the caller has published, which a worker that
    /// falls asleep may have looked for.
    pub fn wake_all_if(&self, is_reason: impl FnOnce() -> bool) {
        // Ordering: P2 (`sleepers.rs`).
        self.fences.fast();
        if is_reason() {
            self.wake_all();
        }
    }

    /// Nobody takes anything any more: hands out the woken items, and refuses those that come later. Local futures are
    /// their worker's.
    pub fn end(&self) -> impl Iterator<Item = T> {
        self.lanes.iter().flat_map(|lane| lane.woken().end())
    }

    /// Takes what is left in the rings, after [`Channel::close`], until nothing can come any more.
    pub fn drain_rings(&self, mut take: impl FnMut(T)) {
        for lane in &self.lanes {
            loop {
                match lane.ring().pop() {
                    Some(item) => take(item),
                    None if lane.ring().is_drained() => break,
                    // A push that came before the close is not published yet.
                    None => executor_common::sync::thread::yield_now(),
                }
            }
        }
    }

    /// `worker` takes nothing any more: a local future that is woken now comes back.
    pub fn end_local(&self, worker: usize) -> impl Iterator<Item = T> {
        self.local[worker].end().into_iter()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "channel_tests.rs"]
mod tests;

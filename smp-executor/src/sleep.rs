//! Who searches, who sleeps, whom a push wakes. The protocol and its proof: `sleep/README.md`.

mod sleepers;

use std::mem;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use executor_common::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use executor_common::sync::{Counter, Mutex, now};
use executor_common::{Unparker, WorkerParker};

use crate::context::resting_worker;
use sleepers::Sleepers;
pub(crate) use sleepers::Substitute;

/// A spare's thread ends when nobody has needed it for so long.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Workers that search, in the low half of the word.
const ONE_SEARCHING: usize = 1;
const SEARCHING_BITS: u32 = 16;
const SEARCHING_MASK: usize = (1 << SEARCHING_BITS) - 1;
/// Workers that sleep, above it.
const ONE_SLEEPING: usize = 1 << SEARCHING_BITS;

/// The most workers that the two halves can count.
pub(crate) const MAX_WORKERS: usize = 1024;

/// A value of the word.
#[derive(Clone, Copy)]
struct Counts(usize);

impl Counts {
    fn searching(self) -> usize {
        self.0 & SEARCHING_MASK
    }

    fn sleeping(self) -> usize {
        self.0 >> SEARCHING_BITS
    }
}

/// Sleeping and searching, for all workers of a pool.
pub(crate) struct Sleep {
    counts: CachePadded<AtomicUsize>,
    sleepers: Mutex<Sleepers>,
    wakes_sent: Counter,
    /// As `Sleepers::surplus`, for spares to look at between two tasks.
    surplus: AtomicUsize,
    places: Box<[Place]>,
    max_searching: usize,
    /// From this index on workers are spares.
    core_workers: usize,
}

/// One worker's bed.
struct Place {
    unparker: Unparker,
    /// The waker wanted this very worker, and did not count it as searching.
    called: AtomicBool,
    /// A spare that has to stay in play.
    bound: AtomicBool,
}

/// Evidence that this worker is counted as searching. It is given back through
/// [`Sleep::stop_searching`], [`Sleep::fall_asleep`] or [`Searching::forget`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Searching(());

/// How a sleep ended.
#[derive(Debug)]
#[must_use]
pub(crate) enum Woken {
    /// A spare that nobody has needed for long: its thread ends.
    Dismissed,
    /// A push woke it and has counted it as searching, or it did not sleep because there was something to do.
    ToSearch(Searching),
    /// It was called by name, or did not sleep and may not search because others do.
    ToLook,
}

impl Sleep {
    /// For so many workers, and as many spares as there are unparkers beyond theirs.
    pub(crate) fn new(core_workers: usize, unparkers: impl Iterator<Item = Unparker>) -> Self {
        let places: Box<[Place]> = unparkers
            .map(|unparker| Place {
                unparker,
                called: AtomicBool::new(false),
                bound: AtomicBool::new(false),
            })
            .collect();
        assert!(places.len() <= MAX_WORKERS, "validated by the builder");
        Self {
            counts: CachePadded::new(AtomicUsize::new(0)),
            sleepers: Mutex::new(Sleepers::new(core_workers, places.len())),
            wakes_sent: Counter::new(),
            surplus: AtomicUsize::new(0),
            max_searching: (core_workers / 2).max(1),
            core_workers,
            places,
        }
    }

    fn counts(&self) -> Counts {
        // Ordering: Relaxed; where it matters, the caller has a SeqCst fence before it.
        Counts(self.counts.load(Ordering::Relaxed))
    }

    /// Who could use more work.
    pub(crate) fn demand(&self) -> Demand {
        let counts = self.counts();
        Demand { searching: counts.searching(), sleeping: counts.sleeping() }
    }

    /// Whether anybody neither searches nor sleeps. Counts a blocked worker, and not the spare that stands in for it.
    pub(crate) fn is_anybody_working(&self) -> bool {
        self.demand().idle() < self.core_workers
    }

    /// Whether anybody searches.
    pub(crate) fn is_anyone_searching(&self) -> bool {
        self.counts().searching() > 0
    }

    /// A worker has run out of work. At most half of the workers search at once.
    pub(crate) fn start_searching(&self) -> Option<Searching> {
        // Ordering: Relaxed. A searcher publishes nothing by becoming one.
        self.counts
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counts| {
                self.may_search(counts).then_some(counts + ONE_SEARCHING)
            })
            .ok()
            .map(|_| Searching(()))
    }

    /// A searcher has found something. If it was the last one, pushes that relied on it have woken nobody:
    /// it looks whether there is more, and wakes the next one for it (events F1 to F3).
    pub(crate) fn stop_searching(&self, searching: Searching, is_work_left: impl FnOnce() -> bool) {
        let Searching(()) = searching;
        // Ordering: Release pairs with the fence after `announce`: whoever lies down after this and is not seen here must
        // see in its turn what the search has moved to this worker's deque. Against the look below the fence orders it.
        let before = Counts(self.counts.fetch_sub(ONE_SEARCHING, Ordering::Release));
        if before.searching() > 1 || before.sleeping() == 0 {
            return;
        }
        // Ordering: pairs with the fence in `notify`. Without it this look could miss a push whose
        // pusher still saw this worker searching.
        fence(Ordering::SeqCst);
        if is_work_left() {
            self.wake_one();
        }
    }

    /// Something has been pushed: wakes one worker if some sleep and none searches (events P2, P3).
    #[inline]
    pub(crate) fn notify(&self) {
        // Ordering: pairs with the fence in `fall_asleep` and in `stop_searching`. Without it the push
        // could stay in this core's store buffer while the counts are read, and the worker that lies down
        // meanwhile sees neither the push nor gets a wake-up.
        fence(Ordering::SeqCst);
        let counts = self.counts();
        if counts.sleeping() != 0 && counts.searching() == 0 {
            self.wake_one();
        }
    }

    /// Wakes the top sleeper and counts it as searching, unless somebody searches already. On a thread where a worker rests in its reactor,
    /// that one: it is the cheapest to wake.
    #[cold]
    fn wake_one(&self) {
        let mut sleepers = self.sleepers.lock();
        let here = resting_worker(self).filter(|worker| sleepers.stack.contains(worker));
        let Some(worker) = here.or_else(|| sleepers.stack.last().copied()) else { return };
        // Ordering: Relaxed. The woken worker synchronises through its parker's token.
        let transferred =
            self.counts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counts| {
                (Counts(counts).searching() == 0).then(|| counts - ONE_SLEEPING + ONE_SEARCHING)
            });
        if transferred.is_err() {
            return;
        }
        sleepers.remove(worker);
        drop(sleepers);
        self.wakes_sent.add(1);
        self.places[worker].unparker.unpark();
    }

    /// Wakes one certain worker, if it sleeps, to look at what only it may run.
    ///
    /// Needs no fence: a worker that is not among the sleepers yet takes their lock after this call, and
    /// with it sees what came before the call.
    pub(crate) fn call(&self, worker: usize) {
        let is_asleep = {
            let mut sleepers = self.sleepers.lock();
            let is_asleep = sleepers.remove(worker);
            if is_asleep {
                self.note_called(worker);
            }
            is_asleep
        };
        if is_asleep {
            self.places[worker].unparker.unpark();
        }
    }

    /// Wakes everybody, to look at how the pool stands; otherwise as [`Sleep::call`].
    pub(crate) fn call_all(&self) {
        let called = {
            let mut sleepers = self.sleepers.lock();
            let mut called = mem::take(&mut sleepers.stack);
            called.iter().for_each(|worker| self.note_called(*worker));
            while let Some(spare) = sleepers.recall_any() {
                self.places[spare].called.store(true, Ordering::Relaxed);
                called.push(spare);
            }
            called
        };
        // A reactor's waker is foreign code, which may need the lock.
        for worker in called {
            self.places[worker].unparker.unpark();
        }
    }

    /// The sleepers are locked, and `worker` has been taken out.
    fn note_called(&self, worker: usize) {
        // Ordering: Relaxed, as in `wake_one`.
        self.counts.fetch_sub(ONE_SLEEPING, Ordering::Relaxed);
        // Ordering: Relaxed; the parker's token publishes it.
        self.places[worker].called.store(true, Ordering::Relaxed);
    }

    /// Lies down, unless there is something to do (events S1 to S4).
    ///
    /// `searching` is this worker's evidence if it searched. It `is_bound` if there is something that only this worker could
    /// be woken for, so that a spare stays in play. `is_work_left` looks at everything that a
    /// sleeper could be woken for. Sleeping and looking again repeat until a waker takes the worker out.
    pub(crate) async fn fall_asleep(
        &self,
        worker: usize,
        parker: &WorkerParker,
        searching: Option<Searching>,
        is_bound: bool,
        is_work_left: impl FnOnce(Others) -> bool,
    ) -> Woken {
        if worker >= self.core_workers {
            // Ordering: Relaxed; published by the sleepers' lock.
            self.places[worker].bound.store(is_bound, Ordering::Relaxed);
        }
        let others = self.announce(worker, searching);
        // Ordering: pairs with the fence in `notify`. Without it the look below could be
        // older than the announcement, and miss a push that did not see it.
        fence(Ordering::SeqCst);
        if is_work_left(others)
            && let Some(woken) = self.get_up(worker)
        {
            return woken;
        }
        if worker >= self.core_workers && !is_bound {
            self.retire_asleep(worker);
        }
        self.sleep_until_woken(worker, parker).await
    }

    /// Sleeps, among the sleepers or in the reserve.
    pub(crate) async fn sleep_until_woken(&self, worker: usize, parker: &WorkerParker) -> Woken {
        loop {
            if !self.park(worker, parker).await {
                return Woken::Dismissed;
            }
            let place = &self.places[worker];
            // Ordering: Relaxed; taking the parker's token has acquired it.
            if place.called.load(Ordering::Relaxed) {
                place.called.store(false, Ordering::Relaxed);
                return Woken::ToLook;
            }
            let sleepers = self.sleepers.lock();
            if !sleepers.stack.contains(&worker) && !sleepers.is_in_reserve(worker) {
                return Woken::ToSearch(Searching(()));
            }
            // A token from before this sleep: nobody has taken the worker out.
        }
    }

    /// Sleeps until there is a token. False if this is a spare that nobody has needed for long.
    async fn park(&self, worker: usize, parker: &WorkerParker) -> bool {
        if worker < self.core_workers {
            parker.park().await;
            return true;
        }
        while !parker.park_until(now().checked_add(KEEP_ALIVE)).await {
            if self.sleepers.lock().dismiss(worker) {
                return false;
            }
        }
        true
    }

    /// Puts the worker among the sleepers.
    pub(crate) fn announce(&self, worker: usize, searching: Option<Searching>) -> Others {
        let mut sleepers = self.sleepers.lock();
        sleepers.stack.push(worker);
        let all_asleep = sleepers.all_asleep();
        let change = match searching {
            Some(Searching(())) => ONE_SLEEPING - ONE_SEARCHING,
            None => ONE_SLEEPING,
        };
        // Ordering: Relaxed; the fence in `fall_asleep`, which comes next, makes it an Acquire that pairs with the Release in
        // `stop_searching`, and orders it before the look at the queues.
        let before = Counts(self.counts.fetch_add(change, Ordering::Relaxed));
        let searching_others = before.searching() - usize::from(change != ONE_SLEEPING);
        Others { searching: searching_others > 0, all_asleep }
    }

    /// Takes the worker out of the sleepers, to search if it may. None if a waker was faster, whose token comes then.
    ///
    /// It must not take one entry and leave the others alone: a pusher may have seen it searching before it lay down, and
    /// relied on it. If it may not search now, somebody else does, and will look when that ends.
    fn get_up(&self, worker: usize) -> Option<Woken> {
        let mut sleepers = self.sleepers.lock();
        if !sleepers.remove(worker) {
            // A spare that was taken out of play before it had looked. There is something to do: it sees that somebody does it,
            // and goes out of play then.
            return sleepers.recall(worker).then(|| {
                self.count_sleepers(sleepers.stack.len(), &sleepers);
                Woken::ToLook
            });
        }
        let change = |counts| {
            let up = counts - ONE_SLEEPING;
            Some(if self.may_search(counts) { up + ONE_SEARCHING } else { up })
        };
        // Ordering: Relaxed; getting up publishes nothing.
        let before = self.counts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        Some(match before {
            Ok(counts) if self.may_search(counts) => Woken::ToSearch(Searching(())),
            _ => Woken::ToLook,
        })
    }

    fn may_search(&self, counts: usize) -> bool {
        Counts(counts).searching() < self.max_searching
    }

    /// How many workers sleep at this moment.
    #[cfg(loom)]
    pub(crate) fn asleep(&self) -> usize {
        self.sleepers.lock().stack.len()
    }

    /// How many sleepers have been woken because there was something to do.
    pub(crate) fn wakes_sent(&self) -> u64 {
        self.wakes_sent.get()
    }

    /// Whether all workers sleep that are in play.
    pub(crate) fn is_everybody_asleep(&self) -> bool {
        self.sleepers.lock().all_asleep()
    }

    /// How many spares are in play.
    pub(crate) fn spares_in_play(&self) -> usize {
        self.sleepers.lock().spares_in_play()
    }
}

/// Spares stand in for workers that block.
impl Sleep {
    /// A worker is about to block: brings somebody else into play.
    pub(crate) fn begin_blocking(&self) -> Substitute {
        self.change(Sleepers::begin_blocking)
    }

    /// It goes on: somebody goes out of play, now or at the end of its task.
    pub(crate) fn end_blocking(&self) {
        self.change(Sleepers::end_blocking);
    }

    /// A worker is about to sleep until a forked job is done: may bring somebody else into play.
    pub(crate) fn begin_waiting(&self) -> Substitute {
        self.change(Sleepers::begin_waiting)
    }

    /// It goes on.
    pub(crate) fn end_waiting(&self) {
        self.change(Sleepers::end_waiting);
    }

    /// Changes who is in play.
    fn change<R>(&self, change: impl FnOnce(&mut Sleepers) -> R) -> R {
        let mut sleepers = self.sleepers.lock();
        let before = sleepers.stack.len();
        let result = change(&mut sleepers);
        // A sleeper owes nobody a look once it has looked itself; one that has not looked yet comes back (`get_up`).
        while sleepers.withdraw(|worker| self.is_free_spare(worker)) {}
        self.count_sleepers(before, &sleepers);
        result
    }

    /// Whether a spare may go out of play.
    fn is_free_spare(&self, worker: usize) -> bool {
        // Ordering: Relaxed; written before the worker took the lock to lie down.
        worker >= self.core_workers && !self.places[worker].bound.load(Ordering::Relaxed)
    }

    /// Spares have come to or gone from the stack, which had this length before.
    fn count_sleepers(&self, before: usize, sleepers: &Sleepers) {
        let now = sleepers.stack.len();
        // Ordering: Relaxed. Who has put somebody there fences and looks, as somebody does who lies down.
        if now > before {
            self.counts.fetch_add((now - before) * ONE_SLEEPING, Ordering::Relaxed);
        } else if now < before {
            self.counts.fetch_sub((before - now) * ONE_SLEEPING, Ordering::Relaxed);
        }
        // Ordering: Relaxed; see `is_surplus`.
        self.surplus.store(sleepers.surplus(), Ordering::Relaxed);
    }

    /// The thread of a spare that was dismissed has left its seat.
    pub(crate) fn vacate(&self, spare: usize) {
        self.sleepers.lock().vacate(spare);
    }

    /// The thread of a substitute could not be started.
    pub(crate) fn give_back(&self, spare: usize) {
        self.change(|sleepers| sleepers.give_back(spare));
    }

    /// Whether a spare may have to go out of play.
    #[inline]
    pub(crate) fn is_surplus(&self, worker: usize) -> bool {
        // Ordering: Relaxed, a hint; decided under the lock.
        worker >= self.core_workers && self.surplus.load(Ordering::Relaxed) > 0
    }

    /// A spare that is awake and has shared all of its tasks goes out of play, if one is surplus, and then sleeps until it is needed. False if
    /// none was surplus, or if the pool ends: whoever ends it wakes those who are in the reserve by then.
    ///
    /// `if_all_asleep` is called if all others sleep that are in play: the last one of them to lie down took this one for
    /// somebody who works.
    pub(crate) fn retire(
        &self,
        spare: usize,
        ends: impl FnOnce() -> bool,
        if_all_asleep: impl FnOnce(),
    ) -> bool {
        let mut sleepers = self.sleepers.lock();
        let before = sleepers.stack.len();
        if ends() || !sleepers.retire(spare) {
            return false;
        }
        self.count_sleepers(before, &sleepers);
        let all_asleep = sleepers.all_asleep();
        drop(sleepers);
        if all_asleep {
            if_all_asleep();
        }
        true
    }

    /// A spare among the sleepers, which has looked, goes out of play if one is surplus.
    fn retire_asleep(&self, spare: usize) {
        self.change(|sleepers| {
            if sleepers.surplus() > 0 && sleepers.remove(spare) {
                sleepers.retire(spare);
            }
        });
    }
}

/// Who could use more work at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) searching: usize,
    pub(crate) sleeping: usize,
}

impl Demand {
    /// How many workers search or sleep.
    pub(crate) fn idle(self) -> usize {
        self.searching + self.sleeping
    }

    /// How many workers would take something now: those that search, and one of those that sleep, since they are woken one
    /// after the other.
    pub(crate) fn takers(self) -> usize {
        self.searching + self.sleeping.min(1)
    }
}

/// What the others did at the moment when a worker lay down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// At least one of them searches: it will find what is in the queues, or wake somebody, or lie down and
    /// look in its turn.
    pub(crate) searching: bool,
    /// They all sleep, this worker included.
    pub(crate) all_asleep: bool,
}

//! Tasks that have a time: one heap per worker, which the worker itself looks at.
//!
//! There is no timer thread between the clock and the task: the worker that runs the task sleeps until shortly before it is
//! due, and spins the last stretch on the clock. What a sleep costs in lateness is paid within the *spin window* before the
//! due time, in which the worker takes other tasks as they come but does not sleep; and in the last microseconds it does nothing
//! but read the clock.
//!
//! Who adds a task from another thread publishes the due time and wakes the worker if it sleeps, by the protocol of
//! `channel/sleepers.rs`.

mod handle;
mod periodic;

use std::cmp::{Ordering as Order, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use executor_common::sync::atomic::{AtomicU64, Ordering};
use executor_common::sync::{Arc, Counter, Mutex, now};
use executor_common::{Runnable, TrySpawnError};

pub use handle::PeriodicHandle;
pub use periodic::MissedPeriods;
pub(crate) use periodic::{Periodic, PeriodicRun};

/// Nothing is due, ever.
const NEVER: u64 = u64::MAX;

/// In the last stretch before a due time the worker makes everything ready and then does nothing but read the clock.
pub(crate) const LAST_STRETCH: Duration = Duration::from_micros(2);

/// The timed tasks of one worker.
#[derive(Debug)]
pub(crate) struct Timers {
    epoch: Instant,
    limit: usize,
    /// When the first one is due, in nanoseconds since the epoch: what the worker reads without the lock.
    next_ns: AtomicU64,
    state: Mutex<State>,
    /// Tasks accepted. Changed under the lock.
    admitted: Counter,
    /// Periods in which a periodic task was not run. Written by the worker.
    pub(crate) missed: Counter,
}

#[derive(Debug)]
struct State {
    heap: BinaryHeap<Reverse<Timed>>,
    sequence: u64,
    ended: bool,
}

/// A task and its time.
#[derive(Debug)]
pub(crate) struct Timed {
    due_ns: u64,
    /// Who comes first of two that are due at the same time.
    sequence: u64,
    pub(crate) task: Runnable,
    /// What a task that comes again shares with its handle.
    pub(crate) periodic: Option<Arc<Periodic>>,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Order::Equal
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> Order {
        (self.due_ns, self.sequence).cmp(&(other.due_ns, other.sequence))
    }
}

impl Timers {
    /// Nothing is due. `epoch` is when the executor was built; no more than `limit` tasks are accepted at a time.
    pub(crate) fn new(epoch: Instant, limit: usize) -> Self {
        let state = State { heap: BinaryHeap::new(), sequence: 0, ended: false };
        Self {
            epoch,
            limit,
            next_ns: AtomicU64::new(NEVER),
            state: Mutex::new(state),
            admitted: Counter::new(),
            missed: Counter::new(),
        }
    }

    /// The clock that due times are measured with.
    pub(crate) fn now_ns(&self) -> u64 {
        self.ns(now())
    }

    fn ns(&self, instant: Instant) -> u64 {
        // 584 years fit, and what is due later is never due; what was due before the epoch is due at it.
        u64::try_from(instant.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(NEVER)
    }

    /// The due time that the worker has to look at next.
    #[inline]
    pub(crate) fn next_ns(&self) -> Option<u64> {
        // Ordering: Relaxed; the heap is under the lock, and before the worker sleeps on the answer there is the slow fence
        // of `sleepers.rs`.
        let next = self.next_ns.load(Ordering::Relaxed);
        (next != NEVER).then_some(next)
    }

    /// An instant of [`Timers::next_ns`] as the operating system wants it.
    pub(crate) fn instant(&self, ns: u64) -> Instant {
        self.epoch + Duration::from_nanos(ns)
    }

    /// Accepts what `make` makes of `source`, to run at `due`.
    ///
    /// # Errors
    ///
    /// `source` comes back where there is no room, and at the end.
    pub(crate) fn add<S, H>(
        &self,
        due: Instant,
        source: S,
        make: impl FnOnce(S) -> (Runnable, Option<Arc<Periodic>>, H),
    ) -> Result<H, TrySpawnError<S>> {
        let mut state = self.state.lock();
        if state.ended {
            return Err(TrySpawnError::Closed(source));
        }
        if state.heap.len() >= self.limit {
            return Err(TrySpawnError::Full(source));
        }
        let (task, periodic, handle) = make(source);
        let due_ns = self.ns(due);
        self.admitted.add_owned(1);
        self.push(&mut state, due_ns, task, periodic);
        Ok(handle)
    }

    fn push(
        &self,
        state: &mut State,
        due_ns: u64,
        task: Runnable,
        periodic: Option<Arc<Periodic>>,
    ) {
        state.sequence += 1;
        let sequence = state.sequence;
        state.heap.push(Reverse(Timed { due_ns, sequence, task, periodic }));
        self.publish(state);
    }

    fn publish(&self, state: &State) {
        let next = state.heap.peek().map_or(NEVER, |Reverse(first)| first.due_ns);
        // Ordering: Relaxed; see `next_ns`. Who adds a task fences before it looks for a sleeper.
        self.next_ns.store(next, Ordering::Relaxed);
    }

    /// Takes the first one if it is due by `now_ns`.
    pub(crate) fn take_due(&self, now_ns: u64) -> Option<Timed> {
        let mut state = self.state.lock();
        if state.heap.peek()?.0.due_ns > now_ns {
            return None;
        }
        let first = state.heap.pop();
        self.publish(&state);
        first.map(|Reverse(first)| first)
    }

    /// A periodic task has run, and comes again: counts the periods that it has missed.
    ///
    /// # Errors
    ///
    /// The task comes back at the end, and if it has been stopped.
    pub(crate) fn come_again(
        &self,
        due_ns: u64,
        task: Runnable,
        periodic: &Arc<Periodic>,
    ) -> Result<(), Runnable> {
        let (next_ns, missed) = periodic.next(due_ns, self.now_ns());
        let mut state = self.state.lock();
        // Who stops it from now on finds it here (`hurry`).
        if state.ended || periodic.is_stopped() {
            return Err(task);
        }
        periodic.count_missed(missed);
        self.missed.add_owned(missed);
        self.push(&mut state, next_ns, task, Some(Arc::clone(periodic)));
        Ok(())
    }

    /// Makes a periodic task due at once. One that runs now is not here: it has been stopped, and does not come again.
    fn hurry(&self, periodic: &Arc<Periodic>) {
        let is_it = |timed: &Timed| {
            timed.periodic.as_ref().is_some_and(|other| Arc::ptr_eq(other, periodic))
        };
        let mut state = self.state.lock();
        let mut entries = std::mem::take(&mut state.heap).into_vec();
        if let Some(Reverse(timed)) = entries.iter_mut().find(|entry| is_it(&entry.0)) {
            timed.due_ns = 0;
        }
        state.heap = BinaryHeap::from(entries);
        self.publish(&state);
    }

    /// Accepts nothing any more, and hands out what has not become due.
    pub(crate) fn end(&self) -> Vec<Timed> {
        let mut state = self.state.lock();
        state.ended = true;
        let left = std::mem::take(&mut state.heap);
        self.publish(&state);
        left.into_iter().map(|Reverse(timed)| timed).collect()
    }

    /// How many wait for their time.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().heap.len()
    }

    /// How many have been accepted.
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.get()
    }
}

impl Timed {
    /// When it was due, in nanoseconds since the epoch.
    pub(crate) fn due_ns(&self) -> u64 {
        self.due_ns
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use executor_common::{DomainId, JoinHandle, closure_task};

    fn add(
        timers: &Timers,
        due: Instant,
        name: char,
    ) -> Result<JoinHandle<char>, TrySpawnError<char>> {
        timers.add(due, name, |name| {
            let (task, handle) = closure_task(DomainId::unique(), move || name);
            (task, None, handle)
        })
    }

    #[test]
    fn what_is_due_first_comes_first_and_equals_keep_their_order() {
        let epoch = Instant::now();
        let timers = Timers::new(epoch, 10);
        assert_eq!(timers.next_ns(), None);
        let at = |ns| epoch + Duration::from_nanos(ns);
        let handles = [(30, 'd'), (10, 'a'), (20, 'b'), (20, 'c')]
            .map(|(ns, name)| add(&timers, at(ns), name));
        assert_eq!((timers.next_ns(), timers.len(), timers.admitted()), (Some(10), 4, 4));
        assert!(timers.take_due(9).is_none());
        let mut order = String::new();
        while let Some(timed) = timers.take_due(30) {
            let id = timed.task.id();
            let _ = timed.task.run();
            let name = ['d', 'a', 'b', 'c']
                [handles.iter().position(|handle| handle.as_ref().unwrap().id() == id).unwrap()];
            order.push(name);
        }
        assert_eq!(order, "abcd");
        assert_eq!(timers.next_ns(), None);
    }

    #[test]
    fn there_is_no_more_room_than_the_limit_and_none_after_the_end() {
        let timers = Timers::new(Instant::now(), 1);
        let handle = add(&timers, Instant::now(), 'a').unwrap();
        assert!(matches!(add(&timers, Instant::now(), 'b'), Err(TrySpawnError::Full('b'))));
        let left = timers.end();
        assert_eq!(left.len(), 1);
        drop(left);
        assert!(handle.join().unwrap_err().is_cancelled());
        assert!(matches!(add(&timers, Instant::now(), 'c'), Err(TrySpawnError::Closed('c'))));
        assert_eq!(timers.admitted(), 1);
    }
}

//! Tasks that are waited for together.
//!
//! Each member has a waker of its own, which writes the member's id into one queue when the task has ended.
//! Whoever waits takes the ids from there, so that an answer costs the same however many members there are.

mod ended;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::block_on::{block_on, block_on_until};
use crate::blocking::blocking;
use crate::sync::now;
use crate::task::{
    DomainId, JoinError, JoinHandle, RunOutcome, Runnable, TaskId, current_domain,
    find_running_here,
};

use ended::Ended;

/// A set of tasks, whichever executors they run on. Their results come out in the order in which the tasks end,
/// to blocked threads ([`join_next`](JoinSet::join_next)) and to futures ([`next`](JoinSet::next)) alike.
///
/// Dropping the set **aborts** its members, other than a [`JoinHandle`]'s drop: those that have not started never
/// run, and are dropped by their executor when their turn comes; futures stop at their next await point; closures
/// that run are not interrupted. It does not wait for them. [`detach_all`](JoinSet::detach_all) lets them go on
/// instead.
///
/// # Examples
///
/// ```
/// # use executor_common::{DomainId, JoinHandle, closure_task};
/// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
/// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
/// #     std::thread::spawn(|| runnable.run());
/// #     handle
/// # }
/// use executor_common::JoinSet;
///
/// let mut squares: JoinSet<u32> = (1..=3).map(|n| spawn(move || n * n)).collect();
/// let mut sum = 0;
/// while let Some(square) = squares.join_next() {
///     sum += square.unwrap();
/// }
/// assert_eq!(sum, 14);
/// ```
pub struct JoinSet<T> {
    /// Members that `claim_next` has not looked at in this round. The oldest ids come first, as in a worker's queue.
    unseen: BTreeMap<TaskId, JoinHandle<T>>,
    /// The others.
    seen: BTreeMap<TaskId, JoinHandle<T>>,
    /// Whether those that were seen may have been queued since.
    look_again: bool,
    /// The domain for which they were looked at.
    seen_from: DomainId,
    ended: Arc<Ended>,
}

/// The time was up before a member of a [`JoinSet`] had ended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::{DomainId, JoinSet, TimedOut, closure_task};
///
/// let (queued, handle) = closure_task(DomainId::unique(), || 7);
/// let mut set = JoinSet::from_iter([handle]);
/// let next = set.join_next_timeout(Duration::from_millis(1));
/// assert!(matches!(next, Err(TimedOut)));
/// # drop(queued);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no task of the set has ended in time")]
pub struct TimedOut;

impl<T> JoinSet<T> {
    /// No members.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    ///
    /// assert!(JoinSet::<u32>::new().is_empty());
    /// ```
    pub fn new() -> Self {
        Self {
            unseen: BTreeMap::new(),
            seen: BTreeMap::new(),
            look_again: false,
            seen_from: DomainId::NONE,
            ended: Arc::default(),
        }
    }

    /// Makes the task a member. It may have ended already.
    ///
    /// The id is the one that a [`JoinError`] names and that [`JoinSet::abort`] takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let mut set = JoinSet::new();
    /// let first = set.add(executor.spawn(|| 1));
    /// assert!(set.abort(first)); // by its id
    /// ```
    pub fn add(&mut self, mut handle: JoinHandle<T>) -> TaskId {
        let id = handle.id();
        let member = self.ended.waker_of(id);
        if !handle.register(&member) {
            // Nobody waits: that would borrow the set.
            self.ended.push(id);
        }
        self.unseen.insert(id, handle);
        id
    }

    /// How many members have not been taken out, those that have ended included.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let set: JoinSet<u32> = (1..=3).map(|n| executor.spawn(move || n)).collect();
    /// assert_eq!(set.len(), 3);
    /// ```
    pub fn len(&self) -> usize {
        self.unseen.len() + self.seen.len()
    }

    /// Whether all members have been taken out.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let mut set: JoinSet<u32> = (1..=3).map(|n| executor.spawn(move || n)).collect();
    /// while !set.is_empty() {
    ///     println!("{:?}", set.join_next());
    /// }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.unseen.is_empty() && self.seen.is_empty()
    }

    /// Takes out the next member that has ended, blocking the calling thread until there is one. `None` if the set is
    /// empty.
    ///
    /// On a worker that may run them, members that wait in a queue run in place, one by one, until one has ended,
    /// so that waiting for queued work does not need a free worker. Only when none of them goes on does the
    /// worker block. Between futures, await [`JoinSet::next`] instead.
    ///
    /// The inner error says that the task panicked, was cancelled, or is the one that the calling thread runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, JoinSet, closure_task};
    ///
    /// let (first, first_handle) = closure_task(DomainId::unique(), || 1);
    /// let (second, second_handle) = closure_task(DomainId::unique(), || 2);
    /// let mut set = JoinSet::from_iter([first_handle, second_handle]);
    /// second.run();
    /// assert_eq!(set.join_next().unwrap().unwrap(), 2);
    /// first.run();
    /// assert_eq!(set.join_next().unwrap().unwrap(), 1);
    /// assert!(set.join_next().is_none());
    /// ```
    pub fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.run_in_place(None).or_else(|| blocking(|| block_on(self.next())))
    }

    /// As [`JoinSet::join_next`], for at most `timeout`.
    ///
    /// A task that runs in place is not interrupted when the time is up.
    ///
    /// # Errors
    ///
    /// [`TimedOut`]: all members are still in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::TimedOut;
    /// use executor_common::JoinSet;
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// let (release, wait) = std::sync::mpsc::channel::<()>();
    /// let mut set: JoinSet<_> = [spawn(move || wait.recv())].into_iter().collect();
    /// assert!(matches!(set.join_next_timeout(Duration::from_millis(1)), Err(TimedOut)));
    /// # drop(release);
    /// ```
    pub fn join_next_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<Result<T, JoinError>>, TimedOut> {
        let Some(deadline) = now().checked_add(timeout) else {
            return Ok(self.join_next());
        };
        if let Some(result) = self.run_in_place(Some(deadline)) {
            return Ok(Some(result));
        }
        match blocking(|| block_on_until(pin!(self.next()), deadline)) {
            Poll::Ready(next) => Ok(next),
            Poll::Pending => Err(TimedOut),
        }
    }

    /// Takes out the next member that has ended, if there is one now. `None` also if the set is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// let mut set: JoinSet<u32> = (1..=3).map(|n| spawn(move || n)).collect();
    /// while let Some(result) = set.try_join_next() {
    ///     println!("{result:?} is there already");
    /// }
    /// println!("{} still run", set.len());
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        loop {
            let id = self.ended.pop()?;
            if let Some(result) = self.take_ended(id) {
                return Some(result);
            }
        }
    }

    /// As [`JoinSet::join_next`], for futures: nothing blocks, and nothing runs in place.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a member leaves the set at the moment that its result is returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, JoinSet, block_on, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 7);
    /// let mut set = JoinSet::from_iter([handle]);
    /// std::thread::spawn(|| task.run());
    /// block_on(async {
    ///     assert_eq!(set.next().await.unwrap().unwrap(), 7);
    ///     assert!(set.next().await.is_none());
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// What [`JoinSet::next`] polls. Only the last waker that was given is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use executor_common::{DomainId, JoinSet, block_on, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 7);
    /// let mut set = JoinSet::from_iter([handle]);
    /// std::thread::spawn(|| task.run());
    /// let next = block_on(poll_fn(|context| set.poll_next(context)));
    /// assert_eq!(next.unwrap().unwrap(), 7);
    /// ```
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        loop {
            if self.is_empty() {
                return Poll::Ready(None);
            }
            let Some(id) = self.ended.pop_or_register(context.waker()) else {
                // A member that waits for its own end would wait for ever.
                let own = find_running_here(|task| self.contains(task));
                let Some(own) = own else { return Poll::Pending };
                drop(self.remove(own));
                return Poll::Ready(Some(Err(JoinError::self_join(own))));
            };
            if let Some(result) = self.take_ended(id) {
                return Poll::Ready(Some(result));
            }
        }
    }

    /// Waits until all members have ended, and returns their results in the order of their ends. The thread blocks
    /// as in [`JoinSet::join_next`].
    ///
    /// After [`JoinSet::abort_all`] this is the way to an orderly end: when it returns, all closures and futures of
    /// the members have been dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let mut set: JoinSet<u32> = (1..=3).map(|n| executor.spawn(move || n)).collect();
    /// let sum: u32 = set.join_all().into_iter().map(Result::unwrap).sum();
    /// assert_eq!(sum, 6);
    /// ```
    pub fn join_all(&mut self) -> Vec<Result<T, JoinError>> {
        std::iter::from_fn(|| self.join_next()).collect()
    }

    /// Asks for the cancellation of all members. They stay in the set, and come out when they have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let mut set: JoinSet<u32> = (1..=3).map(|n| executor.spawn(move || n)).collect();
    /// set.abort_all();
    /// set.join_all(); // those that were too far come with their results
    /// assert!(set.is_empty());
    /// ```
    pub fn abort_all(&self) {
        for handle in self.unseen.values().chain(self.seen.values()) {
            handle.abort();
        }
    }

    /// Asks for the cancellation of one member. False if the task is no member.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let mut set = JoinSet::new();
    /// let first = set.add(executor.spawn(|| 1));
    /// assert!(set.abort(first));
    /// ```
    pub fn abort(&self, id: TaskId) -> bool {
        let handle = self.unseen.get(&id).or_else(|| self.seen.get(&id));
        handle.inspect(|handle| handle.abort()).is_some()
    }

    /// Empties the set without aborting anybody.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::JoinSet;
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let mut set: JoinSet<u32> = (1..=3).map(|n| executor.spawn(move || n)).collect();
    /// set.detach_all(); // they go on, and nobody waits for them
    /// assert!(set.is_empty());
    /// ```
    pub fn detach_all(&mut self) {
        self.unseen.clear();
        self.seen.clear();
    }

    fn contains(&self, id: TaskId) -> bool {
        self.unseen.contains_key(&id) || self.seen.contains_key(&id)
    }

    fn remove(&mut self, id: TaskId) -> Option<JoinHandle<T>> {
        self.unseen.remove(&id).or_else(|| self.seen.remove(&id))
    }

    /// The result of a member that has ended. `None` if it has been let go of meanwhile.
    fn take_ended(&mut self, id: TaskId) -> Option<Result<T, JoinError>> {
        self.remove(id).map(JoinHandle::into_output)
    }

    /// Runs members that wait in a queue of the thread's own domain until one has ended, or until none of them goes on.
    fn run_in_place(&mut self, deadline: Option<Instant>) -> Option<Result<T, JoinError>> {
        // Futures that have yielded wait here for their next turn, and not in the executor's queue: there each
        // turn would leave an entry behind.
        let mut yielded: BTreeMap<TaskId, Runnable> = BTreeMap::new();
        let mut time_is_up = false;
        let result = loop {
            if let Some(result) = self.try_join_next() {
                break Some(result);
            }
            if time_is_up {
                break None;
            }
            let Some((id, turn)) = self.claim_next(&mut yielded) else { break None };
            if let RunOutcome::Yielded(again) = turn.run_in_place() {
                yielded.insert(id, again);
            }
            time_is_up = deadline.is_some_and(|deadline| now() >= deadline);
        };
        for turn in yielded.into_values() {
            turn.schedule();
        }
        result
    }

    /// A turn for a member that waits in a queue of the thread's own domain, or in `yielded`.
    ///
    /// Each member is looked at once in a round, and there is another round only after one in which something
    /// ran, which may have woken others. So the looks cost no more than the turns do.
    fn claim_next(
        &mut self,
        yielded: &mut BTreeMap<TaskId, Runnable>,
    ) -> Option<(TaskId, Runnable)> {
        let here = current_domain();
        if here == DomainId::NONE {
            return None;
        }
        if mem::replace(&mut self.seen_from, here) != here {
            self.look_again = true;
        }
        loop {
            while let Some((id, handle)) = self.unseen.pop_first() {
                let turn = yielded.remove(&id).or_else(|| handle.claim());
                self.seen.insert(id, handle);
                if let Some(turn) = turn {
                    self.look_again = true;
                    return Some((id, turn));
                }
            }
            if !mem::take(&mut self.look_again) {
                return None;
            }
            mem::swap(&mut self.unseen, &mut self.seen);
        }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<JoinHandle<T>> for JoinSet<T> {
    fn extend<I: IntoIterator<Item = JoinHandle<T>>>(&mut self, handles: I) {
        for handle in handles {
            self.add(handle);
        }
    }
}

impl<T> FromIterator<JoinHandle<T>> for JoinSet<T> {
    fn from_iter<I: IntoIterator<Item = JoinHandle<T>>>(handles: I) -> Self {
        let mut set = Self::new();
        set.extend(handles);
        set
    }
}

// As the handles: a panic leaves no half-changed set behind.
impl<T> UnwindSafe for JoinSet<T> {}
impl<T> RefUnwindSafe for JoinSet<T> {}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet")
            .field("len", &self.len())
            .field("ended", &self.ended.len())
            .finish()
    }
}

//! The executor, and what is chosen for it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use super::handle::TestHandle;
use super::schedule::Shared;
use crate::role::Role;
use crate::spawn::{Spawn, SpawnError, TrySpawnError};
use crate::task::{JoinHandle, TaskPanic};

/// More steps than tests take, and fewer than anybody wants to wait for.
const MAX_STEPS: u64 = 1_000_000;

/// What is chosen for a [`TestExecutor`].
///
/// # Examples
///
/// ```
/// use executor_common::test_util::TestExecutor;
/// use executor_common::{Role, Spawn};
///
/// const DB: Role = Role::new("db");
///
/// TestExecutor::builder().capacity(DB, 1).check(0..10, |executor| {
///     let first = executor.try_spawn_in(DB, || 1).unwrap();
///     assert!(executor.try_spawn_in(DB, || 2).unwrap_err().is_full());
///     // Waits for room: the first one runs.
///     let third = executor.spawn_in(DB, || 3).unwrap();
///     assert!(first.is_finished());
///     assert_eq!(third.join().unwrap(), 3);
/// });
/// ```
#[derive(Clone, Debug)]
pub struct TestBuilder {
    pub(super) capacities: HashMap<Role, usize>,
    pub(super) max_steps: u64,
}

impl TestBuilder {
    pub(super) fn new() -> Self {
        Self { capacities: HashMap::new(), max_steps: MAX_STEPS }
    }

    /// At most so many tasks of this role wait for their first step; who spawns more waits for room. Without a capacity there is
    /// always room.
    ///
    /// # Panics
    ///
    /// If `tasks` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    /// use executor_common::{Role, Spawn};
    ///
    /// const DB: Role = Role::new("db");
    ///
    /// let executor = TestExecutor::builder().capacity(DB, 1).build(7);
    /// let first = executor.try_spawn_in(DB, || 1);
    /// assert!(executor.try_spawn_in(DB, || 2).unwrap_err().is_full());
    /// ```
    #[must_use]
    pub fn capacity(mut self, role: Role, tasks: usize) -> Self {
        assert!(tasks > 0, "a role without room takes no tasks");
        self.capacities.insert(role, tasks);
        self
    }

    /// After so many steps of tasks a run counts as one that does not end. A million, unless chosen.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use executor_common::test_util::TestExecutor;
    /// use executor_common::yield_now;
    ///
    /// TestExecutor::builder().max_steps(1_000).check(0..10, |executor| {
    ///     executor.spawn_future(async {
    ///         loop {
    ///             yield_now().await;
    ///         }
    ///     });
    ///     executor.run(); // livelock: no end after 1000 steps
    /// });
    /// ```
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.max_steps = steps;
        self
    }

    /// An executor whose order this seed decides, on the calling thread.
    ///
    /// # Panics
    ///
    /// If the calling thread is the worker of an executor already.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::builder().max_steps(1_000).build(7);
    /// assert_eq!(executor.spawn(|| 6 * 7).join().unwrap(), 42);
    /// ```
    pub fn build(&self, seed: u64) -> TestExecutor {
        let handle = TestHandle { shared: Shared::new(self, seed) };
        handle.shared.enter();
        TestExecutor { handle, seed, _here: PhantomData }
    }
}

/// Runs tasks on the calling thread, in an order that a seed decides; see the [module](super).
///
/// Dropped, it cancels what is left, as the executors do.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::test_util::TestExecutor;
///
/// let executor = TestExecutor::new(7);
/// let clock = executor.handle();
/// let slow = executor.spawn_future(async move {
///     clock.sleep(Duration::from_secs(3600)).await;
///     42
/// });
/// assert_eq!(slow.join().unwrap(), 42); // at once
/// assert_eq!(executor.now(), Duration::from_secs(3600));
/// ```
pub struct TestExecutor {
    handle: TestHandle,
    seed: u64,
    /// The thread that made it is the one that tasks run on, until it is dropped there.
    _here: PhantomData<*const ()>,
}

impl TestExecutor {
    /// An executor whose order this seed decides, on the calling thread. [`TestExecutor::check`] makes one for each of many seeds.
    ///
    /// # Panics
    ///
    /// If the calling thread is the worker of an executor already.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// fn order(seed: u64) -> Vec<u32> {
    ///     let executor = TestExecutor::new(seed);
    ///     let (done, order) = std::sync::mpsc::channel();
    ///     for n in 0..10 {
    ///         let done = done.clone();
    ///         executor.spawn(move || done.send(n));
    ///     }
    ///     executor.run();
    ///     order.try_iter().collect()
    /// }
    ///
    /// assert_eq!(order(7), order(7));
    /// assert_ne!(order(7), order(8));
    /// ```
    pub fn new(seed: u64) -> Self {
        Self::builder().build(seed)
    }

    /// An executor with bounded roles, or another limit of steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Role;
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::builder().capacity(Role::new("db"), 8).max_steps(1_000).build(7);
    /// assert_eq!(executor.seed(), 7);
    /// ```
    pub fn builder() -> TestBuilder {
        TestBuilder::new()
    }

    /// For tasks: spawns, and is the clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let handle = executor.handle();
    /// let outer = executor.spawn(move || handle.spawn(|| 6 * 7).join());
    /// assert_eq!(outer.join().unwrap().unwrap(), 42);
    /// ```
    pub fn handle(&self) -> TestHandle {
        self.handle.clone()
    }

    /// What decides the order.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// assert_eq!(TestExecutor::new(7).seed(), 7);
    /// ```
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// As [`TestHandle::now`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// assert_eq!(executor.now(), Duration::ZERO);
    /// executor.block_on(executor.handle().sleep(Duration::from_secs(60)));
    /// assert_eq!(executor.now(), Duration::from_secs(60));
    /// ```
    pub fn now(&self) -> Duration {
        self.handle.now()
    }

    /// As [`TestHandle::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// assert_eq!(executor.spawn(|| 6 * 7).join().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn(f)
    }

    /// As [`TestHandle::spawn_future`].
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let task = executor.spawn_future(async { 6 * 7 });
    /// assert_eq!(task.join().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn_future<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_future(future)
    }

    /// Drives `future` to its end, and runs tasks while it waits.
    ///
    /// # Panics
    ///
    /// If that would never end: nothing is ready, and no timer runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let task = executor.spawn(|| 6 * 7);
    /// let answer = executor.block_on(async { task.await.unwrap() });
    /// assert_eq!(answer, 42);
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        crate::block_on(future)
    }

    /// Runs all tasks to their end.
    ///
    /// # Panics
    ///
    /// If tasks wait, nothing is ready, and no timer runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let task = executor.spawn(|| 6 * 7);
    /// assert!(!task.is_finished());
    /// executor.run();
    /// assert!(task.is_finished());
    /// ```
    pub fn run(&self) {
        while self.handle.shared.go_on(None) {}
        if !self.handle.shared.tasks.lock().is_empty() {
            self.handle.shared.deadlock("there are tasks left");
        }
    }

    /// Runs tasks until none is ready. No time passes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let ready = executor.spawn(|| 6 * 7);
    /// let later = executor.spawn_future(executor.handle().sleep(Duration::from_secs(60)));
    /// executor.run_ready();
    /// assert!(ready.is_finished() && !later.is_finished());
    /// ```
    pub fn run_ready(&self) {
        while self.handle.shared.step() {}
    }

    /// The panics so far that no handle took, which the executors give to `on_panic`. What is not asked for makes
    /// [`check`](TestExecutor::check) fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// drop(executor.spawn(|| panic!("out of tea")));
    /// executor.run();
    /// assert_eq!(executor.take_panics()[0].message(), "out of tea");
    /// ```
    pub fn take_panics(&self) -> Vec<TaskPanic> {
        std::mem::take(&mut self.handle.shared.unclaimed.lock())
    }

    /// Cancels what is left. Says what has gone wrong and nobody has noticed.
    pub(super) fn end(self) -> Result<(), String> {
        let shared = crate::sync::Arc::clone(&self.handle.shared);
        drop(self);
        if let Some(failure) = shared.failure() {
            return Err(failure);
        }
        let panic = shared.unclaimed.lock().pop();
        panic.map_or(Ok(()), |panic| {
            Err(format!("a task panicked, and nobody asked: {}", panic.message()))
        })
    }
}

impl Drop for TestExecutor {
    fn drop(&mut self) {
        self.handle.shared.close();
        self.handle.shared.leave();
    }
}

impl Spawn for TestExecutor {
    #[track_caller]
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_in(role, f)
    }

    #[track_caller]
    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_future_in(role, future)
    }

    #[track_caller]
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.try_spawn_in(role, f)
    }
}

impl fmt::Debug for TestExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestExecutor")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

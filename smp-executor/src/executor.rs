//! The owner: starts the pool; `ending` ends it.

mod ending;

use std::fmt;
use std::future::Future;
use std::sync::OnceLock;

use executor_common::sync::{Arc, Mutex, thread};
use executor_common::{
    ExecutorMetrics, JoinHandle, Priority, Role, Spawn, SpawnError, TrySpawnError, blocking,
};

use crate::builder::{BuildError, SmpBuilder};
use crate::handle::SmpHandle;
use crate::shared::Shared;

/// A pool of equal workers: any task on any core, the load balanced by stealing.
///
/// Dropping the executor cancels what has not started and waits for what runs, unless a
/// [`shutdown_timeout`](SmpExecutor::shutdown_timeout) has waited for that long enough;
/// [`shutdown`](SmpExecutor::shutdown) runs what has been accepted first. Dropped on one of its own workers it
/// waits for nothing, since it would wait for itself.
///
/// # Memory
///
/// As everywhere in the standard library, the process ends where there is no memory for a task.
///
/// # Threads that are killed
///
/// A task that ends its thread by a system call takes the worker with it. Others run what is queued there, and to a shutdown
/// it is a task that does not end.
///
/// # Fork
///
/// A child process that goes on without `exec` has none of the pool's threads. A drop and a shutdown of the inherited executor return at
/// once there and change nothing; what is spawned on it is not run, so that waiting for it would not end. That holds for
/// [`global`](SmpExecutor::global) and the free functions of this crate too. The child may build an executor of its own. As for any
/// program with threads, a lock that another thread holds at the moment of the fork, in this crate, in the standard library or in
/// the allocator, stays locked in the child: it is best forked while the pool has nothing to do.
///
/// # Examples
///
/// ```
/// use smp_executor::SmpExecutor;
///
/// let executor = SmpExecutor::new()?;
/// let answer = executor.spawn(|| 6 * 7);
/// let greeting = executor.spawn_future(async { "hello" });
/// assert_eq!(answer.join()?, 42);
/// assert_eq!(executor.block_on(greeting)?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SmpExecutor {
    handle: SmpHandle,
    /// None once they have been joined or left to themselves.
    threads: Mutex<Option<Vec<thread::JoinHandle<()>>>>,
    /// The process that has the threads.
    process: u32,
}

impl SmpExecutor {
    /// A pool with one worker per core that this process may use, affinity mask and cgroup quota included.
    ///
    /// # Errors
    ///
    /// [`BuildError`], if the system does not give the threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// assert!(executor.workers() >= 1);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// A pool to measure.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::builder().workers(2).thread_name("compute").build()?;
    /// assert_eq!(executor.workers(), 2);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn builder() -> SmpBuilder {
        SmpBuilder::new()
    }

    /// The process's pool, started at the first call. It is never shut down.
    ///
    /// # Panics
    ///
    /// If the system does not give the threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let answer = SmpExecutor::global().spawn(|| 6 * 7);
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), smp_executor::JoinError>(())
    /// ```
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<SmpExecutor> = OnceLock::new();
        GLOBAL.get_or_init(|| match Self::builder().thread_name("smp-global").build() {
            Ok(executor) => executor,
            Err(error) => panic!("the global executor cannot be built: {error}"),
        })
    }

    pub(crate) fn new_running(shared: Arc<Shared>, threads: Vec<thread::JoinHandle<()>>) -> Self {
        let (threads, process) = (Mutex::new(Some(threads)), std::process::id());
        Self { handle: SmpHandle { shared }, threads, process }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// A cloneable way to spawn that does not keep the executor running.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// let square = move |n: u64| handle.spawn(move || n * n);
    /// assert_eq!(square(7).join()?, 49);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handle(&self) -> SmpHandle {
        self.handle.clone()
    }

    /// How many workers the pool has.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::builder().workers(3).build()?;
    /// assert_eq!(executor.workers(), 3);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn workers(&self) -> usize {
        self.handle.workers()
    }

    /// Queues a closure. From a worker it goes to the worker's own deque, from anywhere else to the global
    /// injector.
    ///
    /// Where the number of queued tasks is limited ([`SmpBuilder::injector_limit`]) and there is no room, a thread that is
    /// no worker of this pool waits.
    ///
    /// After the shutdown the closure is dropped, and the handle reports cancellation.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let list = vec![1, 2, 3];
    /// let sum = executor.spawn(move || list.iter().sum::<i32>());
    /// assert_eq!(sum.join()?, 6);
    ///
    /// drop(executor.spawn(|| println!("detached"))); // runs all the same
    /// executor.shutdown();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn(f)
    }

    /// Queues a future; as [`SmpExecutor::spawn`] otherwise. Whatever wakes it, it runs on a worker of this pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let six = executor.spawn(|| 6);
    /// let answer = executor.spawn_future(async move { six.await.unwrap() * 7 });
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_future<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_future(future)
    }

    /// As [`SmpExecutor::spawn`], with a priority. Tasks of high priority overtake those of normal priority, and let one of
    /// them go first now and then. Tasks of low priority run when nothing else does, and now and then.
    ///
    /// Within a priority other than normal, tasks of all threads have one queue, and start in the order of their spawns.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Priority, SmpExecutor};
    ///
    /// let executor = SmpExecutor::builder().workers(1).build()?;
    /// let report = executor.spawn_with(Priority::Low, || "when there is time");
    /// let answer = executor.spawn_with(Priority::High, || "at once");
    /// assert_eq!((answer.join()?, report.join()?), ("at once", "when there is time"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_with<F, T>(&self, priority: Priority, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_with(priority, f)
    }

    /// As [`SmpExecutor::spawn_future`], with a priority, which holds for each of its polls; see
    /// [`SmpExecutor::spawn_with`].
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Priority, SmpExecutor};
    ///
    /// let executor = SmpExecutor::new()?;
    /// let answer = executor.spawn_future_with(Priority::High, async { 42 });
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_future_with<F>(&self, priority: Priority, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_future_with(priority, future)
    }

    /// Queues a closure if there is room now: if fewer tasks are queued than [`SmpBuilder::injector_limit`] allows, or if
    /// there is no limit. A worker of this pool always has room.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back: there is no room, or the pool has been shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    /// use std::sync::mpsc;
    ///
    /// let executor = SmpExecutor::builder().workers(1).injector_limit(1).build()?;
    /// let (begun, begins) = mpsc::channel();
    /// let (end, ends) = mpsc::channel::<()>();
    /// let running = executor.spawn(move || {
    ///     begun.send(()).unwrap();
    ///     ends.recv()
    /// });
    /// begins.recv()?;
    /// // It runs, and is not queued any more.
    /// let queued = executor.spawn(|| 6);
    /// let refused = executor.try_spawn(|| 7).unwrap_err();
    /// assert!(refused.is_full());
    /// assert_eq!(refused.into_inner()(), 7);
    /// drop(end);
    /// # running.join()?.unwrap_err();
    /// # assert_eq!(queued.join()?, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.try_spawn(f)
    }

    /// Queues a closure as soon as there is room: the future is ready with the task's handle once the task has been
    /// admitted.
    ///
    /// # Errors
    ///
    /// The future's output is [`SpawnError::Closed`] if the pool has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the closure unrun.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::builder().injector_limit(100).build()?;
    /// let answer = executor.block_on(async {
    ///     let task = executor.spawn_wait(|| 6 * 7).await.expect("the pool runs");
    ///     task.await
    /// });
    /// assert_eq!(answer?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_wait<F, T>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, SpawnError>> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_wait(f)
    }

    /// Queues a closure that only this worker runs, before its other tasks.
    ///
    /// # Panics
    ///
    /// If `worker` is not less than [`SmpExecutor::workers`].
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{SmpExecutor, current_worker};
    ///
    /// let executor = SmpExecutor::builder().workers(3).build()?;
    /// assert_eq!(executor.spawn_on(2, current_worker).join()?, Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_on<F, T>(&self, worker: usize, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_on(worker, f)
    }

    /// Runs `future` to its end on the calling thread, which sleeps while the future waits.
    ///
    /// The future itself may be neither `Send` nor `'static`. On a worker it is a way to block like others
    /// ([`blocking`](crate::blocking)): between futures, `.await` instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let name = String::from("world"); // borrowed below
    /// let greeting = executor.block_on(async {
    ///     let hello = executor.spawn_future(async { "hello" }).await.unwrap();
    ///     format!("{hello}, {name}")
    /// });
    /// assert_eq!(greeting, "hello, world");
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        blocking(|| executor_common::block_on(future))
    }

    /// A snapshot of what the pool has done and has to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// executor.spawn(|| 6 * 7).join()?;
    /// let metrics = executor.metrics();
    /// assert_eq!(metrics.workers.len(), executor.workers());
    /// println!("{:.0} % busy, imbalance {:.2}", 100.0 * metrics.utilisation(), metrics.imbalance());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> ExecutorMetrics {
        self.handle.metrics()
    }
}

impl Spawn for SmpExecutor {
    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_in(role, f)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_future_in(role, future)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.try_spawn_in(role, f)
    }
}

impl fmt::Debug for SmpExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SmpExecutor").field(&self.handle).finish()
    }
}

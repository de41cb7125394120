//! What a pool should be like, checked before anything starts.

use std::fmt;
use std::io;
use std::sync::Arc;

use executor_common::cpu::{CpuControl, SystemCpus, default_parallelism};
use executor_common::sync::{LOOM, thread};
use executor_common::{Reactor, TaskId, TaskPanic};

use crate::SmpExecutor;
use crate::assemble::{Plan, assemble, fork_capacity};
use crate::shared::Settings;
use crate::sleep::MAX_WORKERS;

/// As many workers may block at once, and the pool keeps its parallelism.
const DEFAULT_MAX_SPARES: usize = if LOOM { 0 } else { 64 };

/// Builds an [`SmpExecutor`].
///
/// # Examples
///
/// ```
/// use smp_executor::SmpExecutor;
///
/// let executor = SmpExecutor::builder()
///     .workers(2)
///     .thread_name("compute")
///     .on_panic(|panic| eprintln!("{panic}"))
///     .build()?;
/// assert_eq!(executor.workers(), 2);
/// # Ok::<(), smp_executor::BuildError>(())
/// ```
#[must_use = "a builder builds nothing until `build` is called"]
pub struct SmpBuilder {
    workers: Option<usize>,
    thread_name: String,
    stack_size: Option<usize>,
    pin_workers: bool,
    reactor: Option<Arc<dyn Reactor>>,
    max_spares: usize,
    cpus: Arc<dyn CpuControl>,
    settings: Settings,
}

/// Why a pool could not be built. Nothing is left running.
///
/// # Examples
///
/// ```
/// use smp_executor::{BuildError, SmpExecutor};
///
/// let error = SmpExecutor::builder().workers(0).build().unwrap_err();
/// assert!(matches!(error, BuildError::NoWorkers));
/// assert_eq!(error.to_string(), "an executor needs at least one worker");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A pool without workers would run nothing.
    #[error("an executor needs at least one worker")]
    NoWorkers,
    /// More workers than the pool's bookkeeping has room for.
    #[error("{asked} workers are more than the maximum of {MAX_WORKERS}")]
    TooManyWorkers {
        /// The number asked for.
        asked: usize,
    },
    /// With no room for any task nothing could be spawned.
    #[error("a limit of no queued tasks admits none")]
    NoRoom,
    /// A thread's name must be a C string.
    #[error("the thread name {name:?} contains a NUL byte")]
    ThreadName {
        /// The name asked for.
        name: String,
    },
    /// The system did not give a thread. The workers that had been started have been joined.
    #[error("worker {index} could not be started: {source}")]
    Thread {
        /// The worker.
        index: usize,
        /// What the system said.
        source: io::Error,
    },
    /// There is no memory for as many forks as fit on the threads' stacks. Smaller stacks, or fewer compensating threads, need
    /// less.
    #[error("there is no memory for the forks of {threads} threads")]
    Memory {
        /// The workers, and the compensating threads that there may be.
        threads: usize,
    },
    /// The system did not tell which CPUs may be used, which pinning needs.
    #[error("the process's CPUs could not be read: {0}")]
    Affinity(#[source] io::Error),
}

/// What starting a worker's thread needs.
pub(crate) struct ThreadSpec {
    pub(crate) name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) main: Box<dyn FnOnce() + Send>,
}

impl ThreadSpec {
    pub(crate) fn start(self) -> io::Result<thread::JoinHandle<()>> {
        let mut builder = thread::Builder::new().name(self.name);
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        builder.spawn(self.main)
    }
}

impl SmpBuilder {
    pub(crate) fn new() -> Self {
        Self {
            workers: None,
            thread_name: String::from("smp"),
            stack_size: None,
            pin_workers: false,
            reactor: None,
            max_spares: DEFAULT_MAX_SPARES,
            cpus: Arc::new(SystemCpus),
            settings: Settings::default(),
        }
    }

    /// How many workers. Left out, it is the number of cores that the process may use, affinity mask and
    /// cgroup quota included.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = smp_executor::SmpExecutor::builder().workers(2).build()?;
    /// assert_eq!(executor.workers(), 2);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The threads are named `name-0`, `name-1` and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = smp_executor::SmpExecutor::builder().workers(1).thread_name("compute").build()?;
    /// let name = executor.spawn(|| std::thread::current().name().map(str::to_owned)).join()?;
    /// assert_eq!(name.as_deref(), Some("compute-0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// The size of each worker's stack, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = smp_executor::SmpExecutor::builder().stack_size(8 << 20);
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Pins each worker to a CPU of the process's mask, going round where there are more workers than CPUs.
    /// A pin that the kernel refuses leaves that worker unpinned.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = smp_executor::SmpExecutor::builder().pin_workers(true);
    /// ```
    pub fn pin_workers(mut self, pin: bool) -> Self {
        self.pin_workers = pin;
        self
    }

    /// Idle workers wait in this reactor: for sockets and timers of another library, and for tasks. Then no thread of that library stands between a
    /// socket and the worker whose task reads it. While a task blocks the worker whose turn it is to wait there, the reactor stands still, unless the
    /// library has a thread of its own for that.
    ///
    /// # Examples
    ///
    /// The features `async-io` and `tokio` have reactors. In a runtime of tokio's, its sockets and timers can be used as they are:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let pool = smp_executor::SmpExecutor::builder().workers(1).reactor(runtime).build()?;
    /// pool.spawn_future(async { tokio::time::sleep(Duration::from_millis(1)).await }).join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reactor(mut self, reactor: impl Reactor) -> Self {
        self.reactor = Some(Arc::new(reactor));
        self
    }

    /// How many tasks may be queued and not started, futures that have been polled once not counted. Threads that are no workers of the pool
    /// wait for room when they spawn, or are refused ([`SmpExecutor::try_spawn`]); the pool's own workers never wait, since
    /// they could wait for themselves. Without this call there is no limit.
    ///
    /// It costs two read-modify-writes for each task from outside.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = smp_executor::SmpExecutor::builder().injector_limit(1_000).build()?;
    /// for n in 0..10_000_u64 {
    ///     drop(executor.spawn(move || n * n)); // waits while a thousand are queued
    /// }
    /// assert_eq!(executor.shutdown().cancelled, 0);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn injector_limit(mut self, tasks: usize) -> Self {
        self.settings.limit = Some(tasks);
        self
    }

    /// How many threads may stand in for workers that block, in [`blocking`](crate::blocking) or in
    /// [`JoinHandle::join`](crate::JoinHandle::join); 64 unless said otherwise. They are started when they are needed,
    /// and end after ten seconds without need. With none left, a worker that blocks is simply missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::blocking;
    ///
    /// let executor = smp_executor::SmpExecutor::builder().workers(1).max_compensating_threads(1).build()?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// // It waits for the other, on a pool with one worker.
    /// let waiting = executor.spawn(move || blocking(|| receive.recv()));
    /// executor.spawn(move || send.send("done")).join()??;
    /// assert_eq!(waiting.join()??, "done");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_compensating_threads(mut self, threads: usize) -> Self {
        self.max_spares = threads;
        self
    }

    /// Called on each worker's thread, with the worker's index, before its first task.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// let (tell, told) = channel();
    /// let executor = smp_executor::SmpExecutor::builder()
    ///     .workers(1)
    ///     .on_thread_start(move |index| drop(tell.send(index)))
    ///     .build()?;
    /// assert_eq!(told.recv()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Called on each worker's thread, with the worker's index, after its last task.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// let (tell, told) = channel();
    /// let executor = smp_executor::SmpExecutor::builder()
    ///     .workers(1)
    ///     .on_thread_stop(move |index| drop(tell.send(index)))
    ///     .build()?;
    /// drop(executor);
    /// assert_eq!(told.recv()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_thread_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// Called on a worker's thread, with the worker's index, before it goes to sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = smp_executor::SmpExecutor::builder().on_park(|worker| println!("worker {worker}"));
    /// ```
    pub fn on_park(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_park = Some(Arc::new(hook));
        self
    }

    /// Called on a worker's thread, with the worker's index, after it has slept, or found that there is something to do
    /// after all.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = smp_executor::SmpExecutor::builder().on_unpark(|worker| println!("worker {worker}"));
    /// ```
    pub fn on_unpark(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_unpark = Some(Arc::new(hook));
        self
    }

    /// Called on a worker's thread before it runs a closure or polls a future; not for a task that a thread runs in place
    /// while it waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = smp_executor::SmpExecutor::builder().on_task_start(|task| println!("task {task}"));
    /// ```
    pub fn on_task_start(mut self, hook: impl Fn(TaskId) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_task_start = Some(Arc::new(hook));
        self
    }

    /// Called on a worker's thread after it has run a closure or polled a future.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = smp_executor::SmpExecutor::builder().on_task_end(|task| println!("task {task}"));
    /// ```
    pub fn on_task_end(mut self, hook: impl Fn(TaskId) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_task_end = Some(Arc::new(hook));
        self
    }

    /// Measures how long tasks wait between their spawn and their start, and how long the longest holds a worker
    /// ([`ExecutorMetrics::schedule_delay`](crate::ExecutorMetrics), [`WorkerMetrics::longest_task`](crate::WorkerMetrics)).
    /// It costs about three readings of the clock for each task; off unless asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = smp_executor::SmpExecutor::builder().measure_delays(true).build()?;
    /// executor.spawn(|| 6 * 7).join()?;
    /// executor.shutdown();
    /// let delay = executor.metrics().schedule_delay.expect("it was asked for");
    /// println!("half of the tasks have waited no longer than {:?}", delay.p50);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn measure_delays(mut self, measure: bool) -> Self {
        self.settings.measures_delays = measure;
        self
    }

    /// Called with the panic of a task whose handle has been dropped. A panic that the handle takes does not come
    /// here; the hook's own panics are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// let (tell, told) = channel();
    /// let executor = smp_executor::SmpExecutor::builder()
    ///     .on_panic(move |panic| drop(tell.send(panic.to_string())))
    ///     .build()?;
    /// drop(executor.spawn(|| panic!("out of tea"))); // nobody asks for its result
    /// assert!(told.recv()?.contains("out of tea"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_panic(mut self, hook: impl Fn(TaskPanic) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_panic = Some(Arc::new(hook));
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] says which setting, or which thread, was refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{BuildError, SmpExecutor};
    ///
    /// assert!(matches!(SmpExecutor::builder().workers(0).build(), Err(BuildError::NoWorkers)));
    /// ```
    pub fn build(self) -> Result<SmpExecutor, BuildError> {
        self.build_with(|_, spec| spec.start())
    }

    fn validated_workers(&self) -> Result<usize, BuildError> {
        let workers = self.workers.unwrap_or_else(|| default_parallelism().min(MAX_WORKERS));
        if workers == 0 {
            return Err(BuildError::NoWorkers);
        }
        if workers > MAX_WORKERS {
            return Err(BuildError::TooManyWorkers { asked: workers });
        }
        if self.settings.limit == Some(0) {
            return Err(BuildError::NoRoom);
        }
        if self.thread_name.contains('\0') {
            return Err(BuildError::ThreadName { name: self.thread_name.clone() });
        }
        Ok(workers)
    }

    /// The CPU of each worker, where they are to be pinned.
    fn pins(&self, workers: usize) -> Result<Vec<Option<usize>>, BuildError> {
        if !self.pin_workers {
            return Ok(vec![None; workers]);
        }
        let allowed = self.cpus.allowed().map_err(BuildError::Affinity)?;
        let cpus: Vec<usize> = allowed.iter().collect();
        Ok((0..workers).map(|index| cpus.get(index % cpus.len().max(1)).copied()).collect())
    }

    /// Starts the workers through `start`, which a test replaces to refuse one.
    pub(crate) fn build_with(
        self,
        mut start: impl FnMut(usize, ThreadSpec) -> io::Result<thread::JoinHandle<()>>,
    ) -> Result<SmpExecutor, BuildError> {
        let count = self.validated_workers()?;
        let pins = self.pins(count)?;
        let plan = Plan {
            spares: self.max_spares.min(MAX_WORKERS - count),
            forks_each: fork_capacity(self.stack_size),
            thread_name: self.thread_name.clone(),
            stack_size: self.stack_size,
            reactor: self.reactor,
            settings: self.settings,
        };
        let threads = count + plan.spares;
        let (shared, workers) = assemble(count, plan).ok_or(BuildError::Memory { threads })?;

        let mut threads = Vec::with_capacity(count);
        for (index, (worker, pin)) in workers.into_iter().zip(pins).enumerate() {
            let cpus = Arc::clone(&self.cpus);
            let spec = ThreadSpec {
                name: format!("{}-{index}", self.thread_name),
                stack_size: self.stack_size,
                main: Box::new(move || {
                    if let Some(cpu) = pin {
                        // Best effort, as documented: an unpinned worker works.
                        let _ = cpus.pin(cpu);
                    }
                    worker.run();
                }),
            };
            match start(index, spec) {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    shared.lifecycle.leave(count - index);
                    // Dropping the executor stops and joins the workers that run.
                    drop(SmpExecutor::new_running(shared, threads));
                    return Err(BuildError::Thread { index, source });
                }
            }
        }
        Ok(SmpExecutor::new_running(shared, threads))
    }
}

impl fmt::Debug for SmpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmpBuilder")
            .field("workers", &self.workers)
            .field("thread_name", &self.thread_name)
            .field("stack_size", &self.stack_size)
            .field("pin_workers", &self.pin_workers)
            .field("max_compensating_threads", &self.max_spares)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "builder_tests.rs"]
mod tests;

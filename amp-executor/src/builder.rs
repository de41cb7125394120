//! From a declaration to running workers.

mod assemble;
mod error;
mod threads;

use std::fmt;
use std::io;
use std::time::Duration;

use executor_common::cpu::{CpuControl, SystemCpus};
use executor_common::sync::{Arc, thread};
use executor_common::{Reactor, Role, TaskPanic};

pub use error::BuildError;

use crate::event::Event;
use crate::executor::{AmpExecutor, WorkerThread};
use crate::memory::lock_memory;
use crate::pin::{PinOutcome, PinPolicy};
use crate::plan::{RoleConfig, RolePlan};
use crate::shared::Shared;
use crate::stall::StallWatch;
use crate::state::StateMakers;
#[cfg(loom)]
use crate::worker::model::{ModelAmp, ModelWorker, model_of};
use crate::worker::{Hooks, StartReport, StartReports, Worker};
use assemble::assemble;

/// What a thread runs.
type ThreadMain = Box<dyn FnOnce() + Send>;

/// How a thread is made. Replaced in tests, where making one has to fail.
type MakeThread =
    Box<dyn FnMut(thread::Builder, ThreadMain) -> io::Result<thread::JoinHandle<()>> + Send>;

/// Declares an executor's roles, then starts it; see [`AmpExecutor`].
///
/// # Examples
///
/// ```
/// use amp_executor::{AmpExecutor, Role, RoleConfig};
///
/// const IO: Role = Role::new("io");
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// assert_eq!(amp.role(IO)?.spawn(|| 6 * 7)?.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is started before `build`"]
pub struct AmpBuilder {
    roles: Vec<RoleConfig>,
    pin: PinPolicy,
    hooks: Hooks,
    states: Vec<(Role, StateMakers)>,
    reactors: Vec<(Role, std::sync::Arc<dyn Reactor>)>,
    shutdown_order: Option<Vec<Role>>,
    stall_limit: Option<Duration>,
    measures_delays: bool,
    locks_memory: bool,
    stack_size: Option<usize>,
    cpus: std::sync::Arc<dyn CpuControl>,
    make_thread: MakeThread,
}

impl AmpBuilder {
    pub(crate) fn new() -> Self {
        Self {
            roles: Vec::new(),
            pin: PinPolicy::default(),
            hooks: Hooks::default(),
            states: Vec::new(),
            reactors: Vec::new(),
            shutdown_order: None,
            stall_limit: None,
            measures_delays: false,
            locks_memory: false,
            stack_size: None,
            cpus: std::sync::Arc::new(SystemCpus),
            make_thread: Box::new(|builder, main| builder.spawn(main)),
        }
    }

    /// Adds a role. A shutdown closes the roles in the order of their declaration, unless
    /// [`AmpBuilder::shutdown_order`] says otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, IdlePolicy, Role, RoleConfig};
    ///
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let io = RoleConfig::new(Role::new("io")).cores([core]).capacity(64).idle(IdlePolicy::Park);
    /// let amp = AmpExecutor::builder().role(io).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn role(mut self, role: RoleConfig) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds the roles of a plan.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, Role, RolePlan, RoleRequest};
    ///
    /// let plan = RolePlan::suggest([RoleRequest::new(Role::new("io"))])?.into_plan();
    /// let amp = AmpExecutor::builder().plan(plan).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(mut self, plan: RolePlan) -> Self {
        self.roles.extend(plan.roles().cloned());
        self
    }

    /// What becomes of workers that cannot be pinned. Best effort if this is not called.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, PinPolicy, Role, RoleConfig};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).pin(PinPolicy::Off).build()?;
    /// println!("{}", amp.placement()[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pin(mut self, policy: PinPolicy) -> Self {
        self.pin = policy;
        self
    }

    /// Each worker of `role` makes a value of type `S` before its first task, keeps it, and drops it after its last:
    /// what [`RoleHandle::with_state`](crate::RoleHandle::with_state) lends to closures. `make` is told the worker's core. The value
    /// need not be `Send`. A role can have values of several types.
    ///
    /// A panic of `make` fails the build.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, Role, RoleConfig};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core]))
    ///     .state(IO, |core| format!("made on core {core}"))
    ///     .build()?;
    /// let text = amp.role(IO)?.with_state(|text: &mut String| text.clone())?;
    /// assert_eq!(text.join()?, format!("made on core {core}"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state<S: 'static>(
        mut self,
        role: Role,
        make: impl Fn(usize) -> S + Send + Sync + 'static,
    ) -> Self {
        let place = self.states.iter().position(|(of, _)| *of == role).unwrap_or_else(|| {
            self.states.push((role, StateMakers::default()));
            self.states.len() - 1
        });
        self.states[place].1.add(make);
        self
    }

    /// The order in which a shutdown closes and drains the roles: those that give work come before those that take it. Each role
    /// is named once.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, Role, RoleConfig};
    ///
    /// const WEB: Role = Role::new("web");
    /// const DB: Role = Role::new("db");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let on = |role| RoleConfig::new(role).cores([core]).shared();
    /// let amp = AmpExecutor::builder().role(on(WEB)).role(on(DB)).shutdown_order([WEB, DB]).build()?;
    /// let db = amp.role(DB)?;
    /// let page = amp.role(WEB)?.spawn(move || db.spawn(|| "rows"))?;
    /// amp.shutdown(); // `web` first, which still finds `db`
    /// assert_eq!(page.join()??.join()?, "rows");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_order(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.shutdown_order = Some(roles.into_iter().collect());
        self
    }

    /// Told about a panic that no [`JoinHandle`](executor_common::JoinHandle) takes, on the thread that drops it.
    /// A panic of the hook itself is swallowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use amp_executor::{AmpExecutor, Role, RoleConfig};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let (tell, told) = channel();
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core]))
    ///     .on_panic(move |panic| drop(tell.send(panic.to_string())))
    ///     .build()?;
    /// drop(amp.role(IO)?.spawn(|| panic!("out of tea"))?); // nobody asks for its result
    /// assert!(told.recv()?.contains("out of tea"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_panic(mut self, hook: impl Fn(TaskPanic) + Send + Sync + 'static) -> Self {
        self.hooks.on_panic = Some(std::sync::Arc::new(hook));
        self
    }

    /// Told about lost pins, stalls and restarted workers, on a worker's thread or that of the stall watch. A panic of the hook
    /// is swallowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use amp_executor::{AmpExecutor, Event, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    ///
    /// const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let amp = AmpExecutor::builder()
    ///     .role(RoleConfig::new(IO).cores([core]))
    ///     .stall_limit(Duration::from_millis(5))
    ///     .on_event(move |event| {
    ///         let _ = tell.send(event.clone());
    ///     })
    ///     .build()?;
    /// let (release, wait) = std::sync::mpsc::channel::<()>();
    /// let slow = amp.role(IO)?.spawn(move || wait.recv())?;
    /// let Event::Stall { task, .. } = told.recv()? else { panic!("no stall") };
    /// assert_eq!(task, slow.id());
    /// drop(release);
    /// # slow.join()?.unwrap_err();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_event(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hooks.on_event = Some(std::sync::Arc::new(hook));
        self
    }

    /// Reports tasks that hold their worker for longer than `limit`, by [`Event::Stall`] and in the metrics. Costs a thread that looks
    /// four times per limit, and two stores per task. Off if this is not called.
    ///
    /// # Examples
    ///
    /// ```
    /// let limit = std::time::Duration::from_millis(50);
    /// let builder = amp_executor::AmpExecutor::builder()
    ///     .stall_limit(limit)
    ///     .on_event(|event| eprintln!("{event:?}"));
    /// ```
    pub fn stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = Some(limit);
        self
    }

    /// Measures how long tasks wait and how long they run, for the metrics: three readings of the clock per task.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, Role, RoleConfig};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).measure_delays(true).build()?;
    /// amp.role(IO)?.spawn(|| 6 * 7)?.join()?;
    /// amp.drain_role(IO)?;
    /// let io = amp.metrics().role(IO).and_then(|io| io.queue_wait.clone()).expect("it was asked for");
    /// println!("half of the tasks have waited no longer than {:?}", io.p50);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn measure_delays(mut self, measures: bool) -> Self {
        self.measures_delays = measures;
        self
    }

    /// Locks the process's memory into RAM before the workers start, so that no page of theirs has to be fetched later.
    /// [`AmpExecutor::memory_lock`] tells what came of it.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = amp_executor::AmpExecutor::builder().lock_memory(true);
    /// ```
    pub fn lock_memory(mut self, locks: bool) -> Self {
        self.locks_memory = locks;
        self
    }

    /// Another source of CPUs and pins, to test plans for machines that are not here.
    #[doc(hidden)]
    pub fn cpus(mut self, cpus: std::sync::Arc<dyn CpuControl>) -> Self {
        self.cpus = cpus;
        self
    }

    #[cfg(test)]
    fn make_thread(mut self, make_thread: MakeThread) -> Self {
        self.make_thread = make_thread;
        self
    }

    /// Checks the plan, starts one worker per core of each role, named `role-core`, and waits until each of
    /// them has reported its place.
    ///
    /// # Errors
    ///
    /// [`BuildError`]. Threads that had been started have ended when it is returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, BuildError, PlanError};
    ///
    /// let error = AmpExecutor::builder().build().unwrap_err();
    /// assert!(matches!(error, BuildError::Plan(PlanError::NoRoles)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(mut self) -> Result<AmpExecutor, BuildError> {
        let plan = RolePlan::new(std::mem::take(&mut self.roles))?;
        let (shared, workers) = assemble(&self, &plan)?;
        let memory = lock_memory(&*self.cpus, self.locks_memory);
        let reports = Arc::new(StartReports::default());
        let mut threads = Vec::with_capacity(workers.len());
        for worker in workers {
            let (role, place) = (worker.role.index, worker.place);
            match self.start(worker, &reports) {
                Ok(thread) => threads.push(WorkerThread { role, place, thread }),
                Err(error) => {
                    take_down(&shared, threads);
                    return Err(error);
                }
            }
        }
        let reports = reports.wait_for(threads.len());
        let refused = reports.iter().find_map(|report| self.refused(report));
        let stall_watch = match refused {
            Some(error) => Err(error),
            None => self.start_stall_watch(&shared),
        };
        match stall_watch {
            Ok(stall_watch) => {
                let placement = reports.into_iter().map(|report| report.placement).collect();
                Ok(AmpExecutor::new(shared, placement, memory, threads, stall_watch))
            }
            Err(error) => {
                take_down(&shared, threads);
                Err(error)
            }
        }
    }

    /// As [`AmpBuilder::build`], without the threads: models have their own.
    #[cfg(loom)]
    #[doc(hidden)]
    pub fn model(mut self) -> Result<(ModelAmp, Vec<ModelWorker>), BuildError> {
        let plan = RolePlan::new(std::mem::take(&mut self.roles))?;
        let (shared, workers) = assemble(&self, &plan)?;
        Ok(model_of(shared, workers))
    }

    fn start(
        &mut self,
        worker: Worker,
        reports: &Arc<StartReports>,
    ) -> Result<thread::JoinHandle<()>, BuildError> {
        let (number, role, core) = (worker.number, worker.role.role, worker.core);
        let mut builder = thread::Builder::new().name(format!("{role}-{core}"));
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let reports = Arc::clone(reports);
        (self.make_thread)(builder, Box::new(move || worker.run(&reports)))
            .map_err(|source| BuildError::Thread { worker: number, role, core, source })
    }

    fn start_stall_watch(&self, shared: &Shared) -> Result<Option<StallWatch>, BuildError> {
        let Some(limit) = self.stall_limit else { return Ok(None) };
        let hook = self.hooks.on_event.clone();
        StallWatch::start(limit, shared.watched(), hook).map(Some).map_err(BuildError::StallWatch)
    }

    /// What forbids to go on with this worker.
    fn refused(&self, report: &StartReport) -> Option<BuildError> {
        let StartReport { placement, state_panic } = report;
        let (role, core) = (placement.role, placement.core);
        if let Some(message) = state_panic.clone() {
            return Some(BuildError::State { role, core, message });
        }
        match &placement.pin {
            PinOutcome::Refused { reason } if self.pin == PinPolicy::Require => {
                Some(BuildError::Pin { role, core, reason: reason.clone() })
            }
            _ => None,
        }
    }
}

/// Stops the workers that have been started, and waits for them.
fn take_down(shared: &Shared, threads: Vec<WorkerThread>) {
    for role in &shared.roles {
        role.stop();
    }
    for worker in threads {
        worker.join();
    }
}

impl fmt::Debug for AmpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmpBuilder")
            .field("roles", &self.roles)
            .field("pin", &self.pin)
            .field("hooks", &self.hooks)
            .field("states", &self.states)
            .field("shutdown_order", &self.shutdown_order)
            .field("stall_limit", &self.stall_limit)
            .field("measures_delays", &self.measures_delays)
            .field("locks_memory", &self.locks_memory)
            .field("stack_size", &self.stack_size)
            .field("reactors", &self.reactors.iter().map(|(role, _)| role).collect::<Vec<_>>())
            .field("cpus", &self.cpus)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "builder_tests.rs"]
mod tests;

//! From a declaration to running workers.

use std::fmt;
use std::io;
use std::time::Instant;

use executor_common::cpu::{CpuControl, CpuSet, SystemCpus};
use executor_common::sync::{Arc, thread};
use executor_common::{DomainId, Parker, Role, TaskPanic};

use crate::deadlock::WaitGraph;
use crate::executor::{AmpExecutor, WorkerThread};
use crate::idle::IdlePolicy;
use crate::pin::{PinOutcome, PinPolicy};
use crate::placement::WorkerPlacement;
use crate::plan::{PlanError, RoleConfig, RolePlan};
use crate::role::{RoleParts, RoleState};
use crate::shared::Shared;
use crate::worker::{Hooks, StartReports, Worker};

/// What a thread runs.
type ThreadMain = Box<dyn FnOnce() + Send>;

/// How a thread is made. Replaced in tests, where making one has to fail.
type MakeThread =
    Box<dyn FnMut(thread::Builder, ThreadMain) -> io::Result<thread::JoinHandle<()>> + Send>;

/// Declares an executor's roles, then starts it; see [`AmpExecutor`].
#[must_use = "nothing is started before `build`"]
pub struct AmpBuilder {
    roles: Vec<RoleConfig>,
    pin: PinPolicy,
    hooks: Hooks,
    stack_size: Option<usize>,
    cpus: std::sync::Arc<dyn CpuControl>,
    make_thread: MakeThread,
}

/// Why no executor was built. All threads that had been started by then have ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The roles make no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The machine has no such core.
    #[error("role \"{role}\" asks for core {core}, which does not exist")]
    NoSuchCore {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
    },
    /// The core exists, but this process may not use it.
    #[error("role \"{role}\" asks for core {core}, but this process may only use {allowed}")]
    CoreNotAllowed {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// The affinity mask.
        allowed: CpuSet,
    },
    /// The operating system does not tell which cores may be used, and pins are required.
    #[error("the cores that this process may use cannot be read")]
    MaskUnknown(#[source] io::Error),
    /// A worker's thread could not be started.
    #[error("the thread of worker {worker} (role \"{role}\", core {core}) could not be started")]
    Thread {
        /// The worker's number in the executor.
        worker: usize,
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A pin is required, and the kernel did not grant it.
    #[error("role \"{role}\" could not be pinned to core {core}: {reason}")]
    Pin {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// The operating system's answer, or the mask that is in force instead.
        reason: String,
    },
}

impl AmpBuilder {
    pub(crate) fn new() -> Self {
        Self {
            roles: Vec::new(),
            pin: PinPolicy::default(),
            hooks: Hooks::default(),
            stack_size: None,
            cpus: std::sync::Arc::new(SystemCpus),
            make_thread: Box::new(|builder, main| builder.spawn(main)),
        }
    }

    /// Adds a role. A shutdown closes the roles in the order of their declaration.
    pub fn role(mut self, role: RoleConfig) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds the roles of a plan.
    pub fn plan(mut self, plan: RolePlan) -> Self {
        self.roles.extend(plan.roles().cloned());
        self
    }

    /// What becomes of workers that cannot be pinned. Best effort if this is not called.
    pub fn pin(mut self, policy: PinPolicy) -> Self {
        self.pin = policy;
        self
    }

    /// Told about a panic that no [`JoinHandle`](executor_common::JoinHandle) takes, on the thread that drops it.
    /// A panic of the hook itself is swallowed.
    pub fn on_panic(mut self, hook: impl Fn(TaskPanic) + Send + Sync + 'static) -> Self {
        self.hooks.on_panic = Some(std::sync::Arc::new(hook));
        self
    }

    /// Called on each worker's thread before its first task. A panic of the hook is swallowed.
    pub fn on_thread_start(
        mut self,
        hook: impl Fn(&WorkerPlacement) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_thread_start = Some(std::sync::Arc::new(hook));
        self
    }

    /// Called on each worker's thread after its last task. A panic of the hook is swallowed.
    pub fn on_thread_stop(
        mut self,
        hook: impl Fn(&WorkerPlacement) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_thread_stop = Some(std::sync::Arc::new(hook));
        self
    }

    /// The workers' stack size in bytes. The standard library's default if this is not called.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
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
    pub fn build(mut self) -> Result<AmpExecutor, BuildError> {
        let plan = RolePlan::new(std::mem::take(&mut self.roles))?;
        self.check_cores(&plan)?;
        let (shared, workers) = self.prepare(&plan);
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
        let placement = reports.wait_for(threads.len());
        if self.pin == PinPolicy::Require
            && let Some(error) = placement.iter().find_map(refused_pin)
        {
            take_down(&shared, threads);
            return Err(error);
        }
        Ok(AmpExecutor::new(shared, placement, threads))
    }

    fn check_cores(&self, plan: &RolePlan) -> Result<(), BuildError> {
        let allowed = match self.cpus.allowed() {
            Ok(allowed) => allowed,
            Err(error) if self.pin == PinPolicy::Require => {
                return Err(BuildError::MaskUnknown(error));
            }
            // Nothing to check against; the placement will say that the mask is unknown.
            Err(_) => return Ok(()),
        };
        for config in plan.roles() {
            let role = config.role();
            let outside = config.core_set().iter().find(|core| !allowed.contains(*core));
            if let Some(core) = outside {
                return Err(if self.cpus.exists(core) {
                    BuildError::CoreNotAllowed { role, core, allowed }
                } else {
                    BuildError::NoSuchCore { role, core }
                });
            }
        }
        Ok(())
    }

    /// Makes everything but the threads.
    fn prepare(&self, plan: &RolePlan) -> (Arc<Shared>, Vec<Worker>) {
        let executor = DomainId::unique();
        let epoch = Instant::now();
        let mut workers = Vec::new();
        let mut roles = Vec::new();
        for (index, config) in plan.roles().enumerate() {
            let parkers: Vec<_> = config.core_set().iter().map(|_| Parker::new()).collect();
            let role = Arc::new(RoleState::new(RoleParts {
                role: config.role(),
                index,
                executor,
                capacity: config.channel_capacity(),
                unparkers: parkers.iter().map(Parker::unparker).collect(),
                epoch,
                on_panic: self.hooks.on_panic.clone(),
            }));
            for (place, (core, parker)) in config.core_set().iter().zip(parkers).enumerate() {
                let is_shared = plan.is_core_shared(config.role(), core);
                workers.push(Worker {
                    role: Arc::clone(&role),
                    place,
                    number: workers.len(),
                    core,
                    pin: self.pin,
                    idle: if is_shared { IdlePolicy::Park } else { config.idle_policy() },
                    parker,
                    cpus: std::sync::Arc::clone(&self.cpus),
                    hooks: self.hooks.clone(),
                });
            }
            roles.push(role);
        }
        let waits = WaitGraph::new(roles.iter().map(|role| role.workers.len()));
        let shared = Shared { executor, roles: roles.into(), waits, epoch };
        (Arc::new(shared), workers)
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
}

fn refused_pin(placement: &WorkerPlacement) -> Option<BuildError> {
    let PinOutcome::Refused { reason } = &placement.pin else { return None };
    let (role, core, reason) = (placement.role, placement.core, reason.clone());
    Some(BuildError::Pin { role, core, reason })
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
            .field("stack_size", &self.stack_size)
            .field("cpus", &self.cpus)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use executor_common::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_thread_that_cannot_be_made_ends_those_before_it() {
        let role = Role::new("io");
        let core = SystemCpus.allowed().unwrap().iter().next().unwrap();
        let shared = |role| RoleConfig::new(role).cores([core]).shared();
        for failing in 0..3 {
            let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (count_start, count_stop) = (Arc::clone(&started), Arc::clone(&stopped));
            let mut made = 0;
            let error = AmpBuilder::new()
                .role(shared(Role::new("first")))
                .role(shared(Role::new("second")))
                .role(shared(role))
                .on_thread_start(move |_| {
                    count_start.fetch_add(1, Ordering::SeqCst);
                })
                .on_thread_stop(move |_| {
                    count_stop.fetch_add(1, Ordering::SeqCst);
                })
                .make_thread(Box::new(move |builder, main| {
                    made += 1;
                    if made > failing {
                        return Err(io::Error::other("no more threads"));
                    }
                    builder.spawn(main)
                }))
                .build()
                .unwrap_err();
            let BuildError::Thread { worker, core: at, ref source, .. } = error else {
                panic!("{error}")
            };
            assert_eq!((worker, at), (failing, core));
            assert_eq!(source.to_string(), "no more threads");
            assert!(error.to_string().contains(&format!("worker {failing}")));
            assert_eq!(started.load(Ordering::SeqCst), failing);
            assert_eq!(stopped.load(Ordering::SeqCst), failing, "started threads have ended");
        }
    }
}

//! A worker thread: takes its role's tasks and runs them.

use std::fmt;

use executor_common::cpu::CpuControl;
use executor_common::panic::contained;
use executor_common::sync::{Arc, Condvar, Mutex};
use executor_common::{DomainId, PanicHook, Parker, RunOutcome, Runnable, enter_domain};

use crate::channel::{Pop, Source};
use crate::current::{CurrentWorker, become_worker};
use crate::idle::{Idle, IdlePolicy, IdleStep};
use crate::pin::{PinPolicy, pin_this_thread};
use crate::placement::WorkerPlacement;
use crate::role::{Permission, RoleState, WorkerState};

/// A hook that is told about a worker. The standard library's `Arc`, as for `PanicHook`: loom's cannot hold a `dyn`,
/// and nothing is published through its count.
pub(crate) type ThreadHook = std::sync::Arc<dyn Fn(&WorkerPlacement) + Send + Sync>;

/// What the user wants to be told.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_panic: Option<PanicHook>,
    pub(crate) on_thread_start: Option<ThreadHook>,
    pub(crate) on_thread_stop: Option<ThreadHook>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_panic", &self.on_panic.is_some())
            .field("on_thread_start", &self.on_thread_start.is_some())
            .field("on_thread_stop", &self.on_thread_stop.is_some())
            .finish()
    }
}

/// What a new worker's thread is given.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) role: Arc<RoleState>,
    /// Its place among the role's workers.
    pub(crate) place: usize,
    /// Its number in the executor.
    pub(crate) number: usize,
    pub(crate) core: usize,
    pub(crate) pin: PinPolicy,
    /// The policy in force.
    pub(crate) idle: IdlePolicy,
    pub(crate) parker: Parker,
    pub(crate) cpus: std::sync::Arc<dyn CpuControl>,
    pub(crate) hooks: Hooks,
}

/// Where new workers report their place, and the builder waits for it.
#[derive(Debug, Default)]
pub(crate) struct StartReports {
    reports: Mutex<Vec<WorkerPlacement>>,
    reported: Condvar,
}

impl StartReports {
    fn report(&self, placement: WorkerPlacement) {
        self.reports.lock().push(placement);
        self.reported.notify_all();
    }

    /// Waits for `workers` reports; returns them in the workers' order.
    pub(crate) fn wait_for(&self, workers: usize) -> Vec<WorkerPlacement> {
        let mut reports = self.reports.lock();
        while reports.len() < workers {
            self.reported.wait(&mut reports);
        }
        let mut reports = std::mem::take(&mut *reports);
        reports.sort_by_key(|placement| placement.worker);
        reports
    }
}

impl Worker {
    /// The thread's life.
    pub(crate) fn run(mut self, reports: &StartReports) {
        let pinned = pin_this_thread(&*self.cpus, self.pin, self.core);
        let placement = WorkerPlacement {
            role: self.role.role,
            worker: self.number,
            core: self.core,
            pin: pinned.outcome,
            mask: pinned.mask,
            idle: self.idle,
            last_cpu: pinned.cpu,
        };
        self.note_cpu(pinned.cpu);
        enter_domain(self.role.domain, self.hooks.on_panic.clone());
        become_worker(CurrentWorker { executor: self.role.executor, role: self.role.index });
        tell(self.hooks.on_thread_start.as_ref(), &placement);
        reports.report(placement.clone());
        self.work();
        tell(self.hooks.on_thread_stop.as_ref(), &placement);
        // What the thread's own destructors join they must not run in place: the role may be gone by then.
        enter_domain(DomainId::NONE, None);
        self.role.leave(self.state());
    }

    fn state(&self) -> &WorkerState {
        &self.role.workers[self.place]
    }

    fn note_cpu(&self, cpu: Option<usize>) {
        self.state().last_cpu.set(cpu.map_or(0, |cpu| cpu as u64 + 1));
    }

    fn work(&mut self) {
        let mut idle = Idle::new(self.idle);
        let mut first = Source::Ring;
        loop {
            let is_closed = match self.role.channel.take(first) {
                Pop::Item((task, source)) => {
                    self.state().counters.begin_busy();
                    self.run_task(task, source);
                    first = source.other();
                    idle.reset();
                    continue;
                }
                Pop::Closed => true,
                Pop::Empty => false,
            };
            self.state().counters.end_busy();
            if is_closed && self.role.may_leave() {
                return;
            }
            if idle.step() == IdleStep::Sleep {
                self.sleep();
            }
        }
    }

    fn run_task(&self, task: Runnable, source: Source) {
        let state = self.state();
        let permission = self.role.begin_task(state, source);
        let outcome = match permission {
            Permission::Run => task.run(),
            Permission::Cancel => task.cancel(),
        };
        state.counters.count(&outcome);
        let is_over = match outcome {
            RunOutcome::Suspended => false,
            RunOutcome::Yielded(again) => match self.role.channel.requeue(again) {
                Ok(()) => false,
                // The role has been cancelled meanwhile.
                Err(again) => {
                    state.counters.count(&again.cancel());
                    true
                }
            },
            // A stale entry's task was run by a handle that waited for it.
            RunOutcome::Cancelled
            | RunOutcome::Expired
            | RunOutcome::Finished
            | RunOutcome::Panicked
            | RunOutcome::Stale => true,
        };
        if permission == Permission::Run {
            state.end_task();
        }
        if is_over {
            self.role.task_is_over();
        }
    }

    fn sleep(&self) {
        let counters = &self.state().counters;
        self.note_cpu(self.cpus.current_cpu());
        let slept = self.role.channel.sleep(self.place, &self.parker, || {
            let must_look = self.role.may_leave();
            if !must_look {
                counters.parks.add_owned(1);
            }
            must_look
        });
        if slept {
            counters.wakes.add_owned(1);
        }
    }
}

/// Calls a hook. It is foreign code: its panic ends here.
fn tell(hook: Option<&ThreadHook>, placement: &WorkerPlacement) {
    if let Some(hook) = hook {
        contained(|| hook(placement));
    }
}

//! A worker thread: takes its role's tasks and runs them.

mod dispatch;
mod hooks;
#[cfg(loom)]
pub(crate) mod model;
mod rest;

use std::any::Any;
use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::time::Duration;

use executor_common::cpu::CpuControl;
use executor_common::panic::{caught, contained, discard, payload_text};
use executor_common::sync::{Arc, Condvar, Mutex};
use executor_common::{
    DomainId, WorkerParker, enter_domain, enter_own_domain, set_in_place_counter,
};

pub(crate) use hooks::Hooks;

use crate::channel::Turns;
use crate::current::{self, CurrentWorker, become_worker};
use crate::event::Event;
use crate::idle::{Idle, IdlePolicy, IdleStep};
use crate::pin::{PinPolicy, PinWatch, pin_this_thread, set_class_of_this_thread};
use crate::placement::WorkerPlacement;
use crate::role::{RoleState, WorkerState};
use crate::sched::SchedClass;
use crate::state::{self, StateMakers};
use dispatch::TimedStep;

/// How much later than asked for the kernel may end a worker's sleep, to save wake-ups. The usual 50 us would come on top of
/// what a sleep costs anyway.
const TIMER_SLACK: Duration = Duration::from_nanos(1);

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
    pub(crate) sched: SchedClass,
    /// The policy in force.
    pub(crate) idle: IdlePolicy,
    /// How long it spins before it sleeps, if it backs off.
    pub(crate) spin_for: Duration,
    /// How long before a timed task is due it stops sleeping, in nanoseconds.
    pub(crate) spin_window_ns: u64,
    /// The roles that it helps while it has nothing to do.
    pub(crate) lends: Vec<Lending>,
    pub(crate) states: StateMakers,
    pub(crate) parker: WorkerParker,
    pub(crate) cpus: std::sync::Arc<dyn CpuControl>,
    pub(crate) hooks: Hooks,
}

/// A role that a worker of another one lends to.
#[derive(Debug)]
pub(crate) struct Lending {
    pub(crate) role: Arc<RoleState>,
    /// The worker's place among those who lend to it.
    pub(crate) place: usize,
}

/// Where new workers report their place, and the builder waits for it.
#[derive(Debug, Default)]
pub(crate) struct StartReports {
    reports: Mutex<Vec<StartReport>>,
    reported: Condvar,
}

/// What a new worker says.
#[derive(Debug)]
pub(crate) struct StartReport {
    pub(crate) placement: WorkerPlacement,
    /// The message of a panic of a maker of states.
    pub(crate) state_panic: Option<String>,
}

impl StartReports {
    fn report(&self, report: StartReport) {
        self.reports.lock().push(report);
        self.reported.notify_all();
    }

    /// Waits for `workers` reports; returns them in the workers' order.
    pub(crate) fn wait_for(&self, workers: usize) -> Vec<StartReport> {
        let mut reports = self.reports.lock();
        while reports.len() < workers {
            self.reported.wait(&mut reports);
        }
        let mut reports = std::mem::take(&mut *reports);
        reports.sort_by_key(|report| report.placement.worker);
        reports
    }
}

impl Worker {
    /// The thread's life.
    pub(crate) fn run(self, reports: &StartReports) {
        let (placement, mut watch) = self.take_place();
        self.as_worker(|| {
            let state_panic = caught(|| state::make(&self.states, self.core)).err().map(message_of);
            self.hooks.thread_starts(&placement);
            reports.report(StartReport { placement: placement.clone(), state_panic });
        });
        while let Err(payload) = caught(|| self.work_for_life(&mut watch)) {
            self.as_worker(|| self.note_restart(message_of(payload)));
        }
        self.as_worker(|| {
            self.end_local_futures();
            self.hooks.thread_stops(&placement);
            state::drop_all();
            // As a worker: a destructor of what is cancelled there may end the executor, which must not wait for this thread.
            self.role.leave(self.state());
        });
        // What the hook for panics owns goes with the role, which may be here.
        contained(|| drop(self));
    }

    /// Makes the calling thread this worker while `f` runs.
    pub(crate) fn as_worker<R>(&self, f: impl FnOnce() -> R) -> R {
        /// Also while unwinding.
        struct Leave;

        impl Drop for Leave {
            fn drop(&mut self) {
                // What the thread's own destructors join they must not run in place: the role may be gone by then.
                set_in_place_counter(None);
                enter_domain(DomainId::NONE, None);
                enter_own_domain(DomainId::NONE);
                become_worker(None);
            }
        }

        enter_domain(self.role.domain(), self.hooks.on_panic.clone());
        enter_own_domain(self.state().domain);
        set_in_place_counter(Some(current::count_in_place));
        become_worker(Some(CurrentWorker {
            role: Arc::clone(&self.role),
            place: self.place,
            number: self.number,
        }));
        let _leave = Leave;
        f()
    }

    fn work_for_life(&self, watch: &mut PinWatch) {
        let mut work = pin!(self.work(watch));
        // Between two polls the thread is a reactor's, and whatever runs on it then is none of the role's.
        self.parker.run(poll_fn(|context| {
            let polled = self.as_worker(|| work.as_mut().poll(context));
            current::rest(polled.is_pending().then_some((self.role.executor, self.number)));
            polled
        }));
    }

    /// Pins the thread, and reads back what came of it.
    fn take_place(&self) -> (WorkerPlacement, PinWatch) {
        let pinned = pin_this_thread(&*self.cpus, self.pin, self.core);
        let sched_granted = set_class_of_this_thread(&*self.cpus, self.sched);
        // Where it is refused, sleeps before timed tasks end later, within the spin window as a rule.
        let _ = self.cpus.set_timer_slack(TIMER_SLACK);
        self.state().place.start(&pinned);
        let cpus = std::sync::Arc::clone(&self.cpus);
        let watch = PinWatch::new(cpus, self.pin, self.core, &pinned);
        let placement = WorkerPlacement {
            role: self.role.role,
            worker: self.number,
            core: self.core,
            pin: pinned.outcome,
            mask: pinned.mask,
            pins_lost: 0,
            sched: self.sched,
            sched_granted,
            idle: self.idle,
            last_cpu: pinned.cpu,
        };
        (placement, watch)
    }

    fn state(&self) -> &WorkerState {
        &self.role.workers[self.place]
    }

    /// The loop has panicked. No task can bring that about; the system's interface or a defect of this crate can. What was
    /// queued is where it was.
    fn note_restart(&self, message: String) {
        let state = self.state();
        state.running.end();
        state.end_task();
        state.counters.end_busy();
        let (role, worker, core) = (self.role.role, self.number, self.core);
        self.hooks.report(&Event::WorkerRestarted { role, worker, core, message });
    }

    async fn work(&self, watch: &mut PinWatch) {
        let counters = &self.state().counters;
        let mut idle = Idle::new(self.idle, self.spin_for);
        let mut turns = Turns::new();
        let mut timed_ended = false;
        loop {
            idle.begin(counters.now_ns());
            match self.run_turns(watch, &mut idle, &mut turns, &mut timed_ended) {
                Pause::End => return,
                Pause::Reactor => self.parker.turn_reactor().await,
                Pause::Sleep => self.sleep(watch).await,
            }
        }
    }

    /// Runs tasks, and looks for them, for as long as that needs no pause.
    fn run_turns(
        &self,
        watch: &mut PinWatch,
        idle: &mut Idle,
        turns: &mut Turns,
        timed_ended: &mut bool,
    ) -> Pause {
        let counters = &self.state().counters;
        loop {
            self.check_place(watch);
            let timed = self.timed_step();
            let mut found = timed == TimedStep::Ran;
            if let Some((queued, origin)) = self.role.channel.take(self.place, turns) {
                // When it became busy: no reading of the clock stands between the spawner and its task.
                counters.begin_busy_at(idle.seen_ns());
                self.run_queued(queued, origin);
                found = true;
            }
            // A foreign task now would make its own one late.
            let found = found || (timed != TimedStep::Soon && self.run_lent());
            if !found {
                if let Some(now_ns) = counters.end_busy() {
                    idle.begin(now_ns);
                }
                if self.role.is_closing() {
                    if !mem::replace(timed_ended, true) {
                        self.end_timed_tasks();
                    }
                    if self.role.may_leave(self.place) {
                        return Pause::End;
                    }
                }
                let step = idle.step(|| counters.now_ns());
                if step == IdleStep::Sleep && timed != TimedStep::Soon {
                    return Pause::Sleep;
                }
            }
            // Just before a timed task is due it would make that late.
            if timed != TimedStep::Soon && self.parker.is_reactor_due() {
                return Pause::Reactor;
            }
        }
    }
}

/// Why a worker neither runs tasks nor looks for them for a while.
enum Pause {
    /// Its role has ended.
    End,
    /// The reactor is to look for events.
    Reactor,
    /// There is nothing to do.
    Sleep,
}

/// What a panic said. Its payload is foreign code's, and goes here.
fn message_of(payload: Box<dyn Any + Send>) -> String {
    let message = payload_text(&*payload).to_owned();
    discard(payload);
    message
}

//! A way in for the models: roles whose workers are driven one step at a time, by the model's own threads.
//!
//! A model of a whole executor with two workers has more executions than can be explored. With these handles it
//! has the threads that matter, and of those the steps that matter. Nothing here decides anything; what it calls is what
//! ships.

use std::cell::RefCell;
use std::fmt;

use executor_common::sync::{Arc, now};
use executor_common::{Role, ShutdownReport};

use super::dispatch::TimedStep;
use super::{StartReports, Worker};
use crate::channel::Turns;
use crate::handle::AmpHandle;
use crate::role::RoleState;
use crate::shared::Shared;

/// An executor whose threads are the model's.
pub struct ModelAmp {
    shared: Arc<Shared>,
}

/// One of its workers, for one of the model's threads.
pub struct ModelWorker {
    worker: Worker,
    turns: RefCell<Turns>,
}

/// The workers in the order of their numbers. Nobody runs them yet.
pub(crate) fn model_of(shared: Arc<Shared>, workers: Vec<Worker>) -> (ModelAmp, Vec<ModelWorker>) {
    let workers = workers
        .into_iter()
        .map(|worker| ModelWorker { worker, turns: RefCell::new(Turns::new()) })
        .collect();
    (ModelAmp { shared }, workers)
}

impl ModelAmp {
    /// The way to spawn.
    pub fn handle(&self) -> AmpHandle {
        AmpHandle::new(Arc::clone(&self.shared))
    }

    fn role(&self, role: Role) -> &Arc<RoleState> {
        self.shared.find(role).expect("the model has declared the role")
    }

    /// As `AmpExecutor::drain_role`.
    pub fn drain(&self, role: Role) -> ShutdownReport {
        self.shared.drain(self.role(role))
    }

    /// As a drop begins: all that does not run is cancelled.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// The first half of that for one role: tells its workers, and leaves to them what waits.
    pub fn stop(&self, role: Role) {
        self.role(role).stop();
    }

    /// The second half: cancels what waits.
    pub fn cancel_waiting(&self, role: Role) {
        self.role(role).cancel_waiting();
    }

    /// As a shutdown of the role whose time is up: cancels what waits, and says how many of its workers hold a task then.
    pub fn cut_short(&self, role: Role) -> usize {
        let role = self.role(role);
        role.stop();
        role.cancel_waiting();
        role.wait_until_settled();
        role.in_task()
    }

    /// How many of the role's workers hold a task now.
    pub fn in_task(&self, role: Role) -> usize {
        self.role(role).in_task()
    }

    /// How many lenders hold a task of the role now, or are about to take one.
    pub fn borrowed(&self, role: Role) -> usize {
        self.role(role).borrowed()
    }

    /// Takes nothing more, and waits for nobody.
    pub fn close(&self, role: Role) {
        self.role(role).close();
    }
}

impl ModelWorker {
    /// Makes the calling thread this worker while `f` runs.
    pub fn enter(&self, f: impl FnOnce()) {
        self.worker.as_worker(f);
    }

    /// The whole life of a worker's thread: works until the role ends, cancels what is left, leaves.
    pub fn run(self) {
        self.worker.run(&StartReports::default());
    }

    /// Takes a task from the channel, if there is one, and runs it. Call it inside of `enter`, as all that follows.
    pub fn run_next(&self) -> bool {
        let worker = &self.worker;
        match worker.role.channel.take(worker.place, &mut self.turns.borrow_mut()) {
            Some((queued, origin)) => {
                worker.run_queued(queued, origin);
                true
            }
            None => false,
        }
    }

    /// Runs the timed task that is due, if one is.
    pub fn run_timed(&self) -> bool {
        self.worker.timed_step() == TimedStep::Ran
    }

    /// Runs a closure of a role that the worker lends to, if there is one.
    pub fn run_lent(&self) -> bool {
        self.worker.run_lent()
    }

    /// Sleeps, unless there is a reason not to.
    pub fn sleep(&self) {
        let wakes_at = self.worker.wakes_at();
        // There is no time in a model, and a sleep until then would have no end.
        if wakes_at.is_none_or(|wakes_at| wakes_at > now()) {
            let (_, mut watch) = self.worker.take_place();
            self.worker.parker.run(self.worker.sleep_until(wakes_at, &mut watch));
        }
    }

    /// Runs and sleeps until `done`, which something that the worker runs brings about.
    pub fn work_until(&self, done: impl Fn() -> bool) {
        while !done() {
            if !(self.run_timed() || self.run_next() || self.run_lent()) {
                self.sleep();
            }
        }
    }
}

impl fmt::Debug for ModelAmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelAmp").finish_non_exhaustive()
    }
}

impl fmt::Debug for ModelWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelWorker").field("number", &self.worker.number).finish()
    }
}

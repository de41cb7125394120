//! A worker's side of fork-join: its deque of jobs, and how it waits.

use executor_common::Parker;
use executor_common::sync::LOOM;

use super::job::{JobRef, StackJob};
use crate::queue::{Local, Stealer};
use crate::worker::{Worker, pause};

/// How often a waiting worker looks at the latch and at its thief's deque before it sleeps. A stolen job is
/// the oldest one and usually large, but its thief forks all the time; about 20 us of looking cost less than a
/// sleep and a wake-up.
///
/// None in a model, for the reason given at `worker::pause`.
const WAIT_ROUNDS: u32 = if LOOM { 0 } else { 64 };
const SPIN_ROUNDS: u32 = 32;

/// A worker's forked jobs.
pub(crate) struct Forks {
    jobs: Local<JobRef>,
    /// For the waits of this worker's `join`s alone, so that no other protocol's token ends them.
    parker: Parker,
}

/// How a wait for a stolen job ended.
#[must_use]
pub(super) enum Waited {
    /// A thief has run it.
    Done,
    /// It came back unrun.
    TakenBack,
}

impl Forks {
    pub(crate) fn new(jobs: Local<JobRef>) -> Self {
        Self { jobs, parker: Parker::new() }
    }

    pub(crate) fn stealer(&self) -> Stealer<JobRef> {
        self.jobs.stealer()
    }

    pub(crate) fn unparker(&self) -> executor_common::Unparker {
        self.parker.unparker()
    }

    /// Offers a job to thieves.
    #[inline]
    pub(super) fn push(&self, worker: &Worker, job: JobRef) {
        self.jobs.push(job);
        // Without a fence: the owner runs the job itself if nobody sees it.
        worker.shared().sleep.notify_unfenced();
    }

    /// Takes the youngest job back. By the rules of `fork.rs` that is `job`, or it has been stolen.
    #[inline]
    pub(super) fn take_back(&self, job: JobRef) -> bool {
        match self.jobs.pop() {
            Some(youngest) => {
                debug_assert!(youngest == job, "jobs are taken back in reverse order");
                true
            }
            None => false,
        }
    }

    /// Runs a job that this worker has stolen.
    pub(crate) fn execute_stolen(&self, worker: &Worker, job: JobRef) {
        // SAFETY: the reference came out of a queue, and goes nowhere else.
        unsafe { job.execute(worker.index(), worker.shared()) }
    }

    /// Waits until a thief has run `job`. Runs only descendants of it meanwhile.
    #[cold]
    pub(super) fn wait<F, R>(
        &self,
        worker: &Worker,
        job: &StackJob<F, R>,
        reference: JobRef,
    ) -> Waited
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        let shared = worker.shared();
        let mut round = 0;
        while !job.latch().is_set() {
            if shared.returned.take_this(reference) {
                return Waited::TakenBack;
            }
            let victim = job.thief().map(|thief| &shared.remotes[thief].jobs);
            if let Some(loot) = victim.and_then(Stealer::steal) {
                if job.latch().is_set() {
                    give_back(worker, loot);
                    break;
                }
                worker.counters().steals.add_owned(1);
                self.execute_stolen(worker, loot);
                round = 0;
            } else if round == WAIT_ROUNDS {
                job.latch().sleep(&self.parker);
                round = 0;
            } else {
                round += 1;
                pause(round <= SPIN_ROUNDS);
            }
        }
        Waited::Done
    }
}

/// Returns a job that may not run on this stack: its owner takes it back, or somebody idle takes it.
fn give_back(worker: &Worker, job: JobRef) {
    let shared = worker.shared();
    // SAFETY: the job is in this worker's hands, unrun.
    let owner = unsafe { job.owner() };
    shared.returned.put(job);
    shared.remotes[owner].fork_unparker.unpark();
    shared.sleep.notify();
}

//! A worker's side of fork-join: the slow path of a fork and of a take-back.

use std::mem;

use executor_common::sync::MutexGuard;
use executor_common::{Parker, Unparker};

use super::job::JobRef;
use super::private::Reach;
use super::stack::{self, Place};
use crate::queue::{Local, Stealer};
use crate::worker::Worker;

/// A worker's shared jobs, and where it sleeps when it waits for one of them.
pub(crate) struct Forks {
    /// Taken from the private stack, the oldest first: everything here is older than everything there.
    jobs: Local<JobRef>,
    /// For the waits of this worker's `join`s alone, so that no other protocol's token ends them.
    pub(super) parker: Parker,
}

/// How many would take a job of this worker now. Read under the lock: who lies down or waits later than that takes the lock
/// later, and asks.
fn takers(worker: &Worker, reach: &Reach) -> usize {
    worker.shared().sleep.demand().takers() + reach.waiters.len()
}

impl Forks {
    pub(crate) fn new(jobs: Local<JobRef>) -> Self {
        Self { jobs, parker: Parker::new() }
    }

    pub(crate) fn stealer(&self) -> Stealer<JobRef> {
        self.jobs.stealer()
    }

    pub(crate) fn unparker(&self) -> Unparker {
        self.parker.unparker()
    }

    /// After a job has been put at `place`, and somebody asks, or there is no room. False if it did not stay.
    pub(super) fn after_put(&self, worker: &Worker, place: Place) -> bool {
        let private = &worker.remote().private;
        let reach = private.hear();
        let stays = private.has_room(place);
        if !stays {
            // Nobody takes a job from there.
            stack::take_off(place);
        }
        self.share(worker, reach, if stays { place.next() } else { place });
        stays
    }

    /// Takes the youngest job, at `place`, which the fast path found to be shared, or asked for. False if somebody else
    /// has it. The caller sees to it that a panic ends the process.
    pub(super) fn reclaim(&self, worker: &Worker, place: Place, job: JobRef) -> bool {
        let private = &worker.remote().private;
        let mut reach = private.hear();
        if reach.oldest <= place {
            // Others have asked, and may have older ones.
            self.share(worker, reach, place);
            return true;
        }
        reach.oldest = place;
        // If somebody takes jobs, the next fork replaces the one that is taken back here.
        let quiet = takers(worker, &reach) == 0;
        private.settle(&mut reach, quiet);
        drop(reach);
        match self.jobs.pop() {
            Some(youngest) => {
                assert!(youngest == job, "jobs are taken back in reverse order");
                true
            }
            // All that is shared is older than what is private, so nothing is left of either.
            None => false,
        }
    }

    /// Ends the slow path: shares as many private jobs as others wait for, the oldest first, and wakes them.
    fn share(&self, worker: &Worker, mut reach: MutexGuard<'_, Reach>, top: Place) {
        let wanted = takers(worker, &reach);
        let mut available = self.jobs.len();
        while available < wanted && reach.oldest < top {
            // SAFETY: below the top; the slots are alive.
            let job = unsafe { reach.oldest.job() };
            reach.oldest = reach.oldest.next();
            // SAFETY: forked by this thread in a frame below this one, and not shared before, since `oldest` has
            // just gone past it.
            unsafe { job.share(worker.index()) };
            self.jobs.push(job);
            available += 1;
        }
        worker.remote().private.settle(&mut reach, available >= wanted);
        let waiters = if available > 0 { mem::take(&mut reach.waiters) } else { Vec::new() };
        drop(reach);

        let shared = worker.shared();
        for waiter in waiters {
            shared.remote(waiter).fork_unparker.unpark();
        }
        if self.jobs.len() > 0 {
            shared.sleep.notify();
        }
    }

    /// Runs a job that this worker has stolen.
    pub(crate) fn execute_stolen(&self, worker: &Worker, job: JobRef) {
        // SAFETY: shared, since it came out of a queue or was seized; and the reference goes nowhere else.
        unsafe { job.execute(worker.index(), worker.shared()) }
    }
}

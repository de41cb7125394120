//! How a worker waits for a job that somebody else runs.

use executor_common::sync::{MODEL, asymmetric};

use super::job::{JobRef, StackJob};
use crate::worker::{Worker, pause};

/// How often a waiting worker looks at the latch and at its thief's jobs before it sleeps. A stolen job is the oldest
/// one and usually large, but its thief forks all the time; about 20 us of looking cost less than a sleep and a wake-up.
///
/// None in a model, for the reason given at `worker::pause`.
const WAIT_ROUNDS: u32 = if MODEL { 0 } else { 160 };

/// Of those, how many only pause in between.
const SPIN_ROUNDS: u32 = 128;

/// After so many it asks its thief for jobs. Not at once: a thief that is about to finish is better left alone.
const ASK_ROUND: u32 = if MODEL { u32::MAX } else { 8 };

/// How a wait for a stolen job ended.
#[must_use]
pub(super) enum Waited {
    /// A thief has run it.
    Done,
    /// It came back unrun.
    TakenBack,
}

/// Waits until a thief has run `job`. Runs only descendants of it meanwhile.
///
/// # Safety
///
/// The calling worker has forked the job, and the job has been shared.
pub(super) unsafe fn for_stolen<F, R>(
    worker: &Worker,
    job: &StackJob<F, R>,
    reference: JobRef,
) -> Waited
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    let shared = worker.shared();
    // SAFETY: the caller's promise.
    let latch = unsafe { job.latch() };
    let mut round = 0;
    while !latch.is_set() {
        if shared.returned.take_this(reference) {
            return Waited::TakenBack;
        }
        // SAFETY: the caller's promise.
        let Some(thief) = (unsafe { job.thief() }) else {
            // Somebody has it and is about to run it. Too early to sleep: there is nobody to ask for a wake-up yet.
            pause(round < SPIN_ROUNDS);
            round = (round + 1).min(SPIN_ROUNDS);
            continue;
        };
        if let Some(loot) = loot_of(worker, thief, round) {
            if latch.is_set() {
                give_back(worker, loot);
                break;
            }
            worker.counters().steals.add_owned(1);
            worker.counters().stolen.add_owned(1);
            worker.forks.execute_stolen(worker, loot);
            round = 0;
        } else if round >= WAIT_ROUNDS {
            worker.waiting(|| latch.sleep(&worker.forks.parker));
            round = 0;
        } else {
            round += 1;
            pause(round <= SPIN_ROUNDS);
        }
    }
    Waited::Done
}

/// A job that the thief of the awaited one has forked. More insistent from round to round; in the last one it is the look
/// before the sleep, as `Worker::is_work_left` is for an idle worker.
fn loot_of(worker: &Worker, thief: usize, round: u32) -> Option<JobRef> {
    let remote = &worker.shared().remote(thief);
    let is_last = round >= WAIT_ROUNDS;
    if round == ASK_ROUND {
        remote.private.ask_for(worker.index());
    } else if is_last && remote.private.ask_for_before_sleep(worker.index()) {
        asymmetric::heavy();
    }
    if let Some(job) = remote.jobs.steal() {
        return Some(job);
    }
    if round == SPIN_ROUNDS || is_last {
        return worker.shared().seize_from(thief);
    }
    None
}

/// Waits until a thief has run `job`, and runs nothing meanwhile: for a worker whose stack unwinds.
///
/// # Safety
///
/// As for [`for_stolen`].
pub(super) unsafe fn idly<F, R>(worker: &Worker, job: &StackJob<F, R>, reference: JobRef) -> Waited
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    // SAFETY: the caller's promise.
    let latch = unsafe { job.latch() };
    while !latch.is_set() {
        if worker.shared().returned.take_this(reference) {
            return Waited::TakenBack;
        }
        worker.waiting(|| latch.sleep(&worker.forks.parker));
    }
    Waited::Done
}

/// Returns a job that may not run on this stack: its owner takes it back, or somebody idle takes it.
fn give_back(worker: &Worker, job: JobRef) {
    let shared = worker.shared();
    // SAFETY: shared, and in this worker's hands unrun.
    let owner = unsafe { job.owner() };
    shared.returned.put(job);
    shared.remote(owner).fork_unparker.unpark();
    shared.sleep.notify();
}

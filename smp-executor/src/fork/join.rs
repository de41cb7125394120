//! Two branches, perhaps at once.

use std::panic::resume_unwind;

use executor_common::panic::{caught, contained, discard};

use super::job::StackJob;
use super::worker::Waited;
use crate::SmpExecutor;
use crate::context;
use crate::worker::Worker;

/// Runs both closures, perhaps at the same time, and returns both results.
///
/// On a worker of a pool the pool's idle workers may take the second closure; if none does, both run on the
/// calling thread, one after the other. Elsewhere the [global executor](SmpExecutor::global) runs both while
/// the calling thread waits. The closures may borrow, and forks may nest to any depth that a recursion of the
/// same depth could have.
///
/// While it waits for a second closure that was taken, the worker runs what that closure forks, and nothing
/// else: a lock held across `join` is never asked for by unrelated work on the same thread.
///
/// # Panics
///
/// With the first closure's panic, or else with the second's, after both have ended. A second closure that
/// nobody has begun when the first panics is not run.
///
/// # Examples
///
/// ```
/// fn sum(list: &[u64]) -> u64 {
///     match list {
///         [] => 0,
///         [only] => *only,
///         _ => {
///             let (left, right) = list.split_at(list.len() / 2);
///             let (left, right) = smp_executor::join(|| sum(left), || sum(right));
///             left + right
///         }
///     }
/// }
///
/// let list: Vec<u64> = (1..=1000).collect();
/// assert_eq!(sum(&list), 500_500);
/// ```
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    context::with_worker(|worker| match worker {
        Some(worker) => join_on(worker, a, b),
        None => SmpExecutor::global().join(a, b),
    })
}

/// [`join`] on the calling thread's worker.
#[inline]
pub(crate) fn join_on<A, B, RA, RB>(worker: &Worker, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    let job = StackJob::new(worker.index(), b);
    // SAFETY: this frame is left only below, after the job has been taken back or its latch is set; a panic
    // of `a` is held until then.
    let reference = unsafe { job.as_ref() };
    worker.forks.push(worker, reference);
    let first = caught(a);
    let second = if worker.forks.take_back(reference) {
        None
    } else {
        match worker.forks.wait(worker, &job, reference) {
            Waited::TakenBack => None,
            Waited::Done => Some(job.take_result()),
        }
    };
    match (first, second) {
        (Ok(first), None) => (first, job.take_work()()),
        (Ok(first), Some(Ok(second))) => (first, second),
        // One panic goes on; what else is thrown on the way would end the process.
        (Ok(first), Some(Err(payload))) => {
            contained(|| drop(first));
            resume_unwind(payload)
        }
        (Err(payload), second) => {
            match second {
                None => contained(|| drop(job.take_work())),
                Some(Ok(result)) => contained(|| drop(result)),
                Some(Err(other)) => discard(other),
            }
            resume_unwind(payload)
        }
    }
}

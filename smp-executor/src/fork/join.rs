//! Two branches, perhaps at once.

use std::panic::resume_unwind;

use executor_common::panic::{AbortOnUnwind, contained, discard};
use executor_common::sync;

use super::job::{JobRef, StackJob};
use super::stack::{self, Place};
use super::wait::{self, Waited};
use crate::SmpExecutor;
use crate::context;

/// Runs both closures, perhaps at the same time, and returns both results.
///
/// On a worker of a pool the pool's idle workers may take the second closure; if none does, both run on the
/// calling thread, one after the other, at a cost near that of two calls. Elsewhere the
/// [global executor](SmpExecutor::global) runs both while the calling thread waits. The closures may borrow, and forks
/// may nest to any depth that a recursion of the same depth could have.
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
#[inline(always)]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    join_or(a, b, |a, b| SmpExecutor::global().join(a, b))
}

/// [`join`], with what to do on a thread that is no worker.
#[inline(always)]
pub(crate) fn join_or<A, B, RA, RB>(
    a: A,
    b: B,
    elsewhere: impl FnOnce(A, B) -> (RA, RB),
) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    if const { size_of::<A>() <= size_of::<usize>() && size_of::<B>() <= size_of::<usize>() } {
        fork_apart(a, b, elsewhere)
    } else {
        fork(a, b, elsewhere)
    }
}

/// [`fork`] as a function of its own, for branches that capture a word at most.
///
/// The compiler inlines them there: of a recursive function that forks, the calls that do not fork need no frame then, and half
/// of the others become jumps. That is a third of the time of `fib` with a fork at every level. Branches that capture
/// more are better off inlined into the function that forks: what they capture stays in its registers, and would be
/// read back from memory here that has just been written.
#[inline(never)]
fn fork_apart<A, B, RA, RB>(a: A, b: B, elsewhere: impl FnOnce(A, B) -> (RA, RB)) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    fork(a, b, elsewhere)
}

/// Puts the job on the stack, runs `a`, and takes the job back and runs it; or waits for who has it.
#[inline(always)]
fn fork<A, B, RA, RB>(a: A, b: B, elsewhere: impl FnOnce(A, B) -> (RA, RB)) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    let job = StackJob::new(b);
    // SAFETY: this frame is left only after the job has been taken back or its latch is set: below, or in
    // `take_back_unwinding` if `a` panics.
    let reference = unsafe { job.as_ref() };
    // SAFETY: each `put` is followed by this look, and by `after_put` where there may be no room, which takes the job off
    // if there is none.
    let place = unsafe { stack::put(reference) };
    if !stack::is_quiet(place) && !after_put(place) {
        // SAFETY: the job did not stay, so that nobody has learnt of it.
        return without_job(a, unsafe { job.take_work() }, elsewhere);
    }
    let first = sync::guarded(TakeBack { job: &job, place }, a);
    if !stack::take_off(place) && !take_off_slowly(place, reference) {
        // SAFETY: put above, and others had it.
        if let Some(second) = unsafe { result_of_stolen(&job, reference) } {
            return (first, second);
        }
    }
    // SAFETY: taken back, and the work not taken before.
    let b = unsafe { job.take_work() };
    let second = b();
    (first, second)
}

/// Takes the job back while the first branch's panic passes.
struct TakeBack<'a, B: FnOnce() -> RB + Send, RB: Send> {
    job: &'a StackJob<B, RB>,
    place: Place,
}

impl<B: FnOnce() -> RB + Send, RB: Send> Drop for TakeBack<'_, B, RB> {
    // By value from here on, so that the guard itself need not be in memory on the way that does not unwind.
    #[inline(always)]
    fn drop(&mut self) {
        take_back_unwinding(self.job, self.place);
    }
}

#[cold]
#[inline(never)]
fn take_back_unwinding<B, RB>(job: &StackJob<B, RB>, place: Place)
where
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    // SAFETY: the job stays where it is until this function returns.
    let reference = unsafe { job.as_ref() };
    if !stack::take_off(place) && !take_off_slowly(place, reference) {
        let waited = on_worker(|worker| {
            // SAFETY: forked by the frame that unwinds, and others had it.
            unsafe { wait::idly(worker, job, reference) }
        });
        if let Waited::Done = waited {
            // SAFETY: the latch is set, and this is the one who takes the result.
            match unsafe { job.take_result() } {
                Ok(result) => contained(|| drop(result)),
                Err(other) => discard(other),
            }
            return;
        }
    }
    // SAFETY: taken back, and never run.
    let work = unsafe { job.take_work() };
    contained(|| drop(work));
}

/// No worker, or no room: as the program would run without forks.
#[cold]
#[inline(never)]
fn without_job<A, B, RA, RB>(a: A, b: B, elsewhere: impl FnOnce(A, B) -> (RA, RB)) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB,
{
    if context::with_worker(|worker| worker.is_none()) {
        return elsewhere(a, b);
    }
    let first = a();
    (first, b())
}

/// The fork's slow path: somebody asks, or there is no room, or this is no worker. True if the job stays.
#[cold]
#[inline(never)]
fn after_put(place: Place) -> bool {
    // The job's frame is the caller's, and others may have learnt of it.
    let frame = AbortOnUnwind::new();
    let stays = context::with_worker(|worker| match worker {
        Some(worker) => worker.forks.after_put(worker, place),
        None => {
            stack::take_off(place);
            false
        }
    });
    frame.disarm();
    stays
}

/// The take-back's slow path. False if somebody else has the job.
#[cold]
#[inline(never)]
fn take_off_slowly(place: Place, job: JobRef) -> bool {
    // As in `after_put`. Besides, another one's frame would be run twice if `reclaim` found its jobs out of order.
    let frame = AbortOnUnwind::new();
    let is_mine = on_worker(|worker| worker.forks.reclaim(worker, place, job));
    frame.disarm();
    is_mine
}

/// Waits for a job that was stolen; goes on with its panic. `None` if it came back unrun.
///
/// # Safety
///
/// The calling worker has forked the job, it has been shared, and its result has not been taken.
#[cold]
#[inline(never)]
unsafe fn result_of_stolen<B, RB>(job: &StackJob<B, RB>, reference: JobRef) -> Option<RB>
where
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    let frame = AbortOnUnwind::new();
    // SAFETY: the caller's promise.
    let waited = on_worker(|worker| unsafe { wait::for_stolen(worker, job, reference) });
    frame.disarm();
    match waited {
        Waited::TakenBack => None,
        Waited::Done => {
            // SAFETY: the latch is set, and this is the one who takes the result.
            match unsafe { job.take_result() } {
                Ok(result) => Some(result),
                Err(payload) => resume_unwind(payload),
            }
        }
    }
}

/// The calling thread's worker. A job was put on its stack, so that it is one.
fn on_worker<R>(f: impl FnOnce(&crate::worker::Worker) -> R) -> R {
    context::with_worker(|worker| match worker {
        Some(worker) => f(worker),
        None => unreachable!("only workers have a stack of jobs"),
    })
}

//! A branch that somebody else may run: in the forking frame, nothing allocated.

use std::any::Any;
use std::mem;
use std::ptr::NonNull;

use executor_common::panic::caught;
use executor_common::sync::UnsafeCell;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

use super::latch::Latch;
use crate::queue::Entry;
use crate::shared::Shared;

/// What a queue of jobs holds: the address of a [`JobHeader`] in a frame that waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobRef(NonNull<JobHeader>);

// SAFETY: the closure and the result behind the pointer are `Send` (bounds of `StackJob::new`), the header's
// own fields may be used from any thread.
unsafe impl Send for JobRef {}

impl Entry for JobRef {
    fn into_raw(self) -> NonNull<()> {
        self.0.cast()
    }

    unsafe fn from_raw(pointer: NonNull<()>) -> Self {
        Self(pointer.cast())
    }
}

/// Nobody has stolen the job.
const NO_THIEF: usize = usize::MAX;

/// The part of a job that does not depend on its types.
pub(super) struct JobHeader {
    execute: unsafe fn(NonNull<JobHeader>, &Shared),
    /// Who stole it. A hint for the owner, where to look for the job's descendants.
    thief: AtomicUsize,
    /// Set when a thief is done with it.
    pub(super) latch: Latch,
    owner: usize,
}

impl JobRef {
    /// The worker that waits for the job.
    ///
    /// # Safety
    ///
    /// The job has not been run: its owner's frame is alive.
    pub(super) unsafe fn owner(self) -> usize {
        // SAFETY: the frame is alive by the caller's promise; the field is never written.
        unsafe { (*self.0.as_ptr()).owner }
    }

    /// Runs a stolen job.
    ///
    /// # Safety
    ///
    /// The caller has taken this reference out of a queue, so that it is the only one to run the job.
    pub(super) unsafe fn execute(self, thief: usize, shared: &Shared) {
        // SAFETY: the owner does not leave its frame before the latch is set, which `execute` does last.
        let header = unsafe { self.0.as_ref() };
        // Ordering: Relaxed; a hint.
        header.thief.store(thief, Ordering::Relaxed);
        // SAFETY: by the caller's promise this is the one run, and the function belongs to the job's type.
        unsafe { (header.execute)(self.0, shared) }
    }
}

/// Whose place the stage of a job is: work, result, or neither.
enum Stage<F, R> {
    Work(F),
    Result(Result<R, Box<dyn Any + Send>>),
    Gone,
}

/// A branch with its types.
#[repr(C)]
pub(super) struct StackJob<F, R> {
    header: JobHeader,
    /// Belongs to whoever took the job out of the queue; to the owner again once the latch is set.
    stage: UnsafeCell<Stage<F, R>>,
}

impl<F, R> StackJob<F, R>
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    pub(super) fn new(owner: usize, work: F) -> Self {
        let header = JobHeader {
            execute: execute::<F, R>,
            thief: AtomicUsize::new(NO_THIEF),
            latch: Latch::new(owner),
            owner,
        };
        Self { header, stage: UnsafeCell::new(Stage::Work(work)) }
    }

    /// The reference for a queue.
    ///
    /// # Safety
    ///
    /// The job stays where it is until the reference has been taken back out of the queue or the latch is
    /// set.
    pub(super) unsafe fn as_ref(&self) -> JobRef {
        JobRef(NonNull::from(self).cast())
    }

    pub(super) fn latch(&self) -> &Latch {
        &self.header.latch
    }

    /// Who runs it, where a thief has begun.
    pub(super) fn thief(&self) -> Option<usize> {
        // Ordering: Relaxed; a hint.
        let thief = self.header.thief.load(Ordering::Relaxed);
        (thief != NO_THIEF).then_some(thief)
    }

    fn take_stage(&self) -> Stage<F, R> {
        self.stage.with_mut(|stage| {
            // SAFETY: called by whoever the stage belongs to, see the field; always initialised.
            mem::replace(unsafe { &mut *stage }, Stage::Gone)
        })
    }

    /// The work, for an owner that has taken the job back out of the queue.
    pub(super) fn take_work(&self) -> F {
        match self.take_stage() {
            Stage::Work(work) => work,
            Stage::Result(_) | Stage::Gone => unreachable!("nobody else had the job"),
        }
    }

    /// The result, for an owner that has seen the latch set.
    pub(super) fn take_result(&self) -> Result<R, Box<dyn Any + Send>> {
        match self.take_stage() {
            Stage::Result(result) => result,
            Stage::Work(_) | Stage::Gone => {
                unreachable!("the latch is set after the result is stored")
            }
        }
    }
}

/// # Safety
///
/// `header` is that of a live `StackJob<F, R>`, and the caller alone runs it.
unsafe fn execute<F, R>(header: NonNull<JobHeader>, shared: &Shared)
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    let job = header.cast::<StackJob<F, R>>();
    {
        // SAFETY: the header is the first field (`repr(C)`) of a live job; the borrow ends before the
        // latch is set.
        let job = unsafe { job.as_ref() };
        let Stage::Work(work) = job.take_stage() else { unreachable!("a job runs once") };
        let result = caught(work);
        job.stage.with_mut(|stage| {
            // SAFETY: the stage is this thread's until the latch is set; `take_stage` left `Gone`, which
            // has no destructor to run.
            unsafe { stage.write(Stage::Result(result)) }
        });
    }
    // SAFETY: the header is valid until the latch is set.
    let latch = unsafe { &raw const (*header.as_ptr()).latch };
    // SAFETY: valid until its swap, as above; the result has been stored.
    unsafe { Latch::set(latch, shared) }
}

//! A branch that somebody else may run: in the forking frame, nothing allocated.

use std::any::Any;
use std::mem::{ManuallyDrop, MaybeUninit};
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

/// The part of a job that does not depend on its types.
///
/// A fork writes `execute` and nothing else: most jobs are taken back by the worker that forked them, and never need
/// the rest.
pub(super) struct JobHeader {
    execute: unsafe fn(NonNull<JobHeader>, &Shared),
    /// Initialised by [`JobRef::share`], which comes before anybody but the owner learns of the job, and
    /// only read from then on.
    shared: UnsafeCell<MaybeUninit<SharedPart>>,
}

/// What a job needs once others may take it.
struct SharedPart {
    /// Who runs it, written when that begins and not earlier: the owner takes from this worker what the job forks, and
    /// somebody who only holds the job may do anything else first.
    thief: AtomicUsize,
    /// Set when a thief is done with it.
    latch: Latch,
    owner: usize,
}

/// Nobody has stolen the job.
const NO_THIEF: usize = usize::MAX;

impl JobHeader {
    /// # Safety
    ///
    /// The job has been shared, and its owner's frame is alive while the result is used.
    unsafe fn shared<'a>(this: NonNull<Self>) -> &'a SharedPart {
        // SAFETY: the frame is alive by the caller's promise; `execute` is never written again and `shared`
        // only read, so that a shared borrow is right.
        let header = unsafe { this.as_ref() };
        header.shared.with(|shared| {
            // SAFETY: see the field: written before, only read since.
            let shared = unsafe { &*shared };
            // SAFETY: initialised, by the caller's promise.
            unsafe { shared.assume_init_ref() }
        })
    }
}

impl JobRef {
    /// The address, for a slot of a [`ForkStack`](super::stack::ForkStack).
    #[inline(always)]
    pub(super) fn as_ptr(self) -> *mut JobHeader {
        self.0.as_ptr()
    }

    /// # Safety
    ///
    /// `job` comes from [`JobRef::as_ptr`].
    pub(super) unsafe fn from_ptr(job: *mut JobHeader) -> Self {
        // SAFETY: never null, by the caller's promise.
        Self(unsafe { NonNull::new_unchecked(job) })
    }

    /// Prepares the job for others.
    ///
    /// # Safety
    ///
    /// The owner's frame is alive. Nobody but the caller uses the job meanwhile, and none but the owner has
    /// learnt of it before.
    pub(super) unsafe fn share(self, owner: usize) {
        let part =
            SharedPart { thief: AtomicUsize::new(NO_THIEF), latch: Latch::new(owner), owner };
        // SAFETY: the frame is alive; a shared borrow next to the owner's.
        let header = unsafe { self.0.as_ref() };
        header.shared.with_mut(|shared| {
            // SAFETY: valid as above; the owner does not read the field before it knows that the job has been
            // shared, nobody else knows the job.
            let shared = unsafe { &mut *shared };
            shared.write(part);
        });
    }

    /// The worker that waits for the job.
    ///
    /// # Safety
    ///
    /// The job has been shared and not been run: its owner's frame is alive.
    pub(super) unsafe fn owner(self) -> usize {
        // SAFETY: the caller's promise.
        unsafe { JobHeader::shared(self.0) }.owner
    }

    /// Runs a stolen job.
    ///
    /// # Safety
    ///
    /// The job has been shared, and the caller has taken this reference out of a queue or a stack, so that it is the
    /// only one to run the job.
    pub(super) unsafe fn execute(self, thief: usize, shared: &Shared) {
        // SAFETY: the owner does not leave its frame before the latch is set, which `execute` does last.
        let part = unsafe { JobHeader::shared(self.0) };
        // Ordering: Relaxed. What the owner finds there is ordered by the deque or the lock that it comes from.
        part.thief.store(thief, Ordering::Relaxed);
        // SAFETY: as above; the field is never written.
        let execute = unsafe { (*self.0.as_ptr()).execute };
        // SAFETY: by the caller's promise this is the one run, and the function belongs to the job's type.
        unsafe { execute(self.0, shared) }
    }
}

/// The place of the work, and of its result once a thief has run it.
union Stage<F, R> {
    work: ManuallyDrop<F>,
    result: ManuallyDrop<Result<R, Box<dyn Any + Send>>>,
}

/// A branch with its types.
///
/// It has no destructor: whoever forked it takes the work or the result out, exactly one of them, once.
#[repr(C)]
pub(super) struct StackJob<F, R> {
    header: JobHeader,
    /// Holds the work until it is taken by the one who runs it, and the result when the latch is set.
    ///
    /// Belongs to whoever took the job out of the stack or queue; to the owner again once the latch is set.
    stage: UnsafeCell<Stage<F, R>>,
}

impl<F, R> StackJob<F, R>
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    #[inline(always)]
    pub(super) fn new(work: F) -> Self {
        let header =
            JobHeader { execute: execute::<F, R>, shared: UnsafeCell::new(MaybeUninit::uninit()) };
        Self { header, stage: UnsafeCell::new(Stage { work: ManuallyDrop::new(work) }) }
    }

    /// The reference for a stack or queue.
    ///
    /// # Safety
    ///
    /// The job stays where it is until the reference has been taken back or the latch is set.
    #[inline(always)]
    pub(super) unsafe fn as_ref(&self) -> JobRef {
        JobRef(NonNull::from(self).cast())
    }

    /// # Safety
    ///
    /// The job has been shared.
    pub(super) unsafe fn latch(&self) -> &Latch {
        // SAFETY: `self` is borrowed, hence alive; shared by the caller's promise.
        &unsafe { JobHeader::shared(NonNull::from(&self.header)) }.latch
    }

    /// Who runs it, if somebody has begun.
    ///
    /// # Safety
    ///
    /// The job has been shared.
    pub(super) unsafe fn thief(&self) -> Option<usize> {
        // SAFETY: as in `latch`.
        let part = unsafe { JobHeader::shared(NonNull::from(&self.header)) };
        // Ordering: Relaxed, as where it is written.
        let thief = part.thief.load(Ordering::Relaxed);
        (thief != NO_THIEF).then_some(thief)
    }

    /// The work.
    ///
    /// # Safety
    ///
    /// The job is in the caller's hands (it forked it and has taken it back, or has stolen it), and the work has
    /// not been taken.
    #[inline(always)]
    pub(super) unsafe fn take_work(&self) -> F {
        self.stage.with_mut(|stage| {
            // SAFETY: valid, and nobody else's by the caller's promise.
            let stage = unsafe { &mut *stage };
            // SAFETY: the work is there until it is taken, by the caller's promise.
            let work = unsafe { &mut stage.work };
            // SAFETY: not taken again, by the caller's promise.
            unsafe { ManuallyDrop::take(work) }
        })
    }

    /// The result.
    ///
    /// # Safety
    ///
    /// The caller owns the job and has seen its latch set, and the result has not been taken.
    pub(super) unsafe fn take_result(&self) -> Result<R, Box<dyn Any + Send>> {
        self.stage.with_mut(|stage| {
            // SAFETY: valid, and the owner's alone once the latch is set.
            let stage = unsafe { &mut *stage };
            // SAFETY: the thief has stored the result before it set the latch.
            let result = unsafe { &mut stage.result };
            // SAFETY: not taken again, by the caller's promise.
            unsafe { ManuallyDrop::take(result) }
        })
    }
}

/// # Safety
///
/// `header` is that of a live, shared `StackJob<F, R>`, and the caller alone runs it.
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
        // SAFETY: the caller has taken the job, and takes the work here and nowhere else.
        let work = unsafe { job.take_work() };
        let result = ManuallyDrop::new(caught(work));
        job.stage.with_mut(|stage| {
            // SAFETY: the stage is this thread's until the latch is set; the work is gone, and the union has no
            // destructor to run.
            unsafe { stage.write(Stage { result }) }
        });
    }
    // SAFETY: shared, and alive until the latch is set.
    let latch = &raw const unsafe { JobHeader::shared(header) }.latch;
    // SAFETY: valid until its swap, as above; the result has been stored.
    unsafe { Latch::set(latch, shared) }
}

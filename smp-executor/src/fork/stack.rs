//! The fast path of a fork: a worker's private stack of jobs, in its thread-local storage.
//!
//! A fork that nobody asks for is a handful of loads and stores to memory that this thread alone touches: no
//! allocation, no read-modify-write, no fence. One comparison on the way in tells whether the fork may take this path, one
//! on the way out whether the job is still here. [`Private`](super::private::Private) is how others change the answers.

use std::ptr::{self, NonNull};

use executor_common::sync::asymmetric;
use executor_common::sync::atomic::{AtomicPtr, Ordering};

use super::job::{JobHeader, JobRef};

executor_common::sync::thread_local! {
    static STACK: ForkStack = const {
        ForkStack {
            top: AtomicPtr::new(ptr::from_ref::<Slot>(&NOWHERE).cast_mut()),
            limit: AtomicPtr::new(ptr::null_mut()),
            floor: AtomicPtr::new(ptr::null_mut()),
        }
    };
}

executor_common::sync::shared_static! {
    /// Where threads that are no workers put their jobs, for nobody to find: their limit sends them into the slow
    /// path next, which knows better. So the fast path need not ask whether it is on a worker.
    static NOWHERE: Slot = AtomicPtr::new(ptr::null_mut());
}

/// Holds the address of a job in a frame above those of the slots before it.
pub(super) type Slot = AtomicPtr<JobHeader>;

/// The position of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(*mut Slot);

/// What the fast path reads and writes. On cache lines of its own: thieves write here when they ask.
#[repr(align(128))]
pub(super) struct ForkStack {
    /// Where the next job goes: in the worker's slots or at their spare end, or [`NOWHERE`]. Written by this thread
    /// alone.
    top: AtomicPtr<Slot>,
    /// A fork at or above it takes the slow path: the spare end of the slots, or null while somebody asks.
    limit: AtomicPtr<Slot>,
    /// A job below it may have been shared: the oldest slot that has not been, or [`EVERY_PLACE`] while
    /// somebody asks. Null on a thread that is no worker.
    floor: AtomicPtr<Slot>,
}

/// Above all slots.
const EVERY_PLACE: *mut Slot = ptr::without_provenance_mut(usize::MAX);

impl Place {
    /// The first of `slots`.
    pub(super) fn first(slots: &[Slot]) -> Self {
        Self(slots.as_ptr().cast_mut())
    }

    /// The last of `slots`, which is spare: a job that is put there does not stay.
    pub(super) fn spare(slots: &[Slot]) -> Self {
        Self(slots.last().map_or(ptr::null_mut(), |slot| ptr::from_ref(slot).cast_mut()))
    }

    /// The next slot.
    #[inline(always)]
    pub(super) fn next(self) -> Self {
        // Not `add`, which would be one more promise to keep: nobody follows the pointer past the last slot.
        Self(self.0.wrapping_add(1))
    }

    /// The job that was put here last.
    ///
    /// # Safety
    ///
    /// The slots are alive, and a job has been put here.
    pub(super) unsafe fn job(self) -> JobRef {
        // SAFETY: by the caller's promise.
        let slot = unsafe { &*self.0 };
        // Ordering: Relaxed; whoever is not the owner has read `top` with Acquire.
        let job = slot.load(Ordering::Relaxed);
        // SAFETY: slots below `top` hold what `put` stored.
        unsafe { JobRef::from_ptr(job) }
    }
}

/// Puts a job on the calling thread's stack. Its place is only good if [`is_quiet`] says so next.
///
/// # Safety
///
/// The top is a slot: the calling thread's last `put` was below the spare one, or has been taken off.
#[inline(always)]
pub(super) unsafe fn put(job: JobRef) -> Place {
    STACK.with(|stack| {
        // Ordering: Relaxed; this thread's own.
        let place = Place(stack.top.load(Ordering::Relaxed));
        // SAFETY: a slot, by the caller's promise.
        let slot = unsafe { &*place.0 };
        // Ordering: Relaxed; published by the store of `top`.
        slot.store(job.as_ptr(), Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `StackRef::top`: who seizes the job finds the slot, and the
        // frame that it points to, written.
        stack.top.store(place.next().0, Ordering::Release);
        place
    })
}

/// Whether the job that was put at `place` is nobody else's business, and may stay.
#[inline(always)]
pub(super) fn is_quiet(place: Place) -> bool {
    STACK.with(|stack| {
        // Ordering: the light fence, between the store of `top` and this load, pairs with the heavy one before a
        // sleep (`Worker::is_work_left`, and `loot_of` in `wait.rs`): either who lies down sees the job, or this sees the mark. Without it the load could
        // come first, and the job would wait beside a sleeper.
        asymmetric::light();
        place.0 < stack.limit.load(Ordering::Relaxed)
    })
}

/// Takes the job at `place`, the youngest, off the calling thread's stack. False if others may have it.
#[inline(always)]
pub(super) fn take_off(place: Place) -> bool {
    STACK.with(|stack| {
        // Ordering: Release pairs with the Acquire in `StackRef::top`, as in `put`: a thief that reads this value seizes
        // older jobs, whose slots and frames were written before. Then the light fence, which pairs with the
        // heavy one in `Private::seize`: either the thief sees this store and leaves the job alone, or the load below
        // sees its mark. Without the fence the load could come first, and both would have the job. (No model sees the
        // Release: the light fence after the `put` of an older job is more there than it is in the language, and publishes it.)
        stack.top.store(place.0, Ordering::Release);
        asymmetric::light();
        place.0 >= stack.floor.load(Ordering::Relaxed)
    })
}

/// Whether the calling thread is a worker that is asked for jobs, or has no room for more.
#[inline(always)]
pub(crate) fn is_asked() -> bool {
    // Ordering: Relaxed; who asks is noticed a little later otherwise.
    STACK.with(|stack| {
        stack.top.load(Ordering::Relaxed) >= stack.limit.load(Ordering::Relaxed)
            && !stack.floor.load(Ordering::Relaxed).is_null()
    })
}

/// Makes the calling thread a worker with these slots.
pub(super) fn set_up(slots: &[Slot]) -> StackRef {
    let first = Place::first(slots).0;
    write_all(first, first)
}

/// The calling thread stops being a worker.
pub(super) fn take_down() {
    write_all(ptr::from_ref::<Slot>(&NOWHERE).cast_mut(), ptr::null_mut());
}

fn write_all(top: *mut Slot, floor: *mut Slot) -> StackRef {
    STACK.with(|stack| {
        // Ordering: Relaxed; others learn of the stack through a lock.
        stack.top.store(top, Ordering::Relaxed);
        stack.floor.store(floor, Ordering::Relaxed);
        stack.limit.store(ptr::null_mut(), Ordering::Relaxed);
        StackRef(NonNull::from(stack))
    })
}

/// A worker's stack as others reach it.
///
/// Invariant: only kept while the thread is a worker, under the lock of [`Private`](super::private::Private), so that
/// the thread-local storage behind it lives.
#[derive(Clone, Copy)]
pub(super) struct StackRef(NonNull<ForkStack>);

// SAFETY: all fields are atomics.
unsafe impl Send for StackRef {}

impl StackRef {
    fn get(&self) -> &ForkStack {
        // SAFETY: alive by the invariant; only ever borrowed shared.
        unsafe { self.0.as_ref() }
    }

    /// Sends the owner's next fork and its next take-back through the slow path.
    pub(super) fn ask(&self) {
        // Ordering: Relaxed. The owner's slow path synchronises through the lock of `Private`. Where the mark must
        // not be missed, the heavy fence comes after.
        self.get().limit.store(ptr::null_mut(), Ordering::Relaxed);
        self.get().floor.store(EVERY_PLACE, Ordering::Relaxed);
    }

    /// The end of what the owner has put on it.
    pub(super) fn top(&self) -> Place {
        // Ordering: Acquire pairs with the Release in `put` and `take_off`.
        Place(self.get().top.load(Ordering::Acquire))
    }

    /// The oldest job that has not been shared is at `oldest`.
    pub(super) fn set_floor(&self, oldest: Place) {
        // Ordering: Relaxed; called by the owner, under the lock.
        self.get().floor.store(oldest.0, Ordering::Relaxed);
    }

    /// The owner's forks take the fast path below `limit`, or none does.
    pub(super) fn set_limit(&self, limit: Option<Place>) {
        let limit = limit.map_or(ptr::null_mut(), |limit| limit.0);
        // Ordering: Relaxed; called by the owner, under the lock.
        self.get().limit.store(limit, Ordering::Relaxed);
    }
}

//! A `Waker` is a reference to the cell, and needs no allocation of its own.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::Header;
use super::raw::RawTask;
use super::span::WakerOp;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that borrows its runner's reference, for the length of one poll.
pub(super) struct BorrowedWaker<'a> {
    waker: ManuallyDrop<Waker>,
    _runner: PhantomData<&'a Header>,
}

impl BorrowedWaker<'_> {
    /// # Safety
    ///
    /// The cell stays alive as long as the result: the runner keeps its reference during the poll.
    pub(super) unsafe fn new(task: NonNull<Header>) -> Self {
        let raw = RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE);
        // SAFETY: the functions of `VTABLE` keep the contract of `RawWaker` for the address of a live
        // cell; `ManuallyDrop` keeps the waker from giving up a reference that it does not own.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        Self { waker, _runner: PhantomData }
    }
}

impl Deref for BorrowedWaker<'_> {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.waker
    }
}

/// # Safety
///
/// `data` is the pointer of a live waker of [`VTABLE`].
unsafe fn task(data: *const ()) -> RawTask {
    // SAFETY: `BorrowedWaker::new` made the pointer from a `NonNull`.
    let header = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) };
    // SAFETY: a live waker has, or borrows, a reference of the cell.
    unsafe { RawTask::new(header) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: called by a live waker of this vtable.
    let task = unsafe { task(data) };
    task.header().span.waker(WakerOp::Clone);
    task.header().state.add_reference();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: called by a waker of this vtable, which ends here and hands its reference over.
    let task = unsafe { task(data) };
    task.header().span.waker(WakerOp::Wake);
    task.wake_by_value();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: called by a live waker of this vtable.
    let task = unsafe { task(data) };
    task.header().span.waker(WakerOp::WakeByRef);
    task.wake_by_ref();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: called by a waker of this vtable, which ends here and hands its reference over.
    let task = unsafe { task(data) };
    task.header().span.waker(WakerOp::Drop);
    task.release();
}

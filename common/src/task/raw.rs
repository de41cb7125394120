//! The address of a cell, and what can be done with it whatever its type.

use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::task::Waker;

use super::header::{FutureHeader, Header, Stepped};
use super::hook::TaskPanic;
use super::runnable::{RunOutcome, Runnable};
use super::running::within_task;
use super::state::{ToComplete, ToIdle, ToNotified, ToRunning};
use crate::panic::contained;

/// The address of a live cell.
///
/// Invariant: whoever holds a `RawTask` holds a reference of the cell, or borrows from somebody who does,
/// for as long as it uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawTask(NonNull<Header>);

impl RawTask {
    /// # Safety
    ///
    /// `header` is the address of a live cell, with provenance over all of it.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    pub(crate) fn as_ptr(self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn header<'a>(self) -> &'a Header {
        // SAFETY: the cell is live (invariant of `RawTask`); its header is only ever borrowed shared,
        // and what changes in it is in cells.
        unsafe { self.0.as_ref() }
    }

    /// The longer header of a future's cell. `None` for a closure's.
    pub(super) fn future_header<'a>(self) -> Option<&'a FutureHeader> {
        self.header().vtable.future?;
        // SAFETY: a cell whose vtable has a future part starts with a `FutureHeader` (`cell.rs`), of
        // which `Header` is the first field; shared borrow as in `header`.
        Some(unsafe { self.0.cast::<FutureHeader>().as_ref() })
    }

    /// Gives up one reference.
    pub(crate) fn release(self) {
        if self.header().state.release_reference() {
            self.free();
        }
    }

    fn free(self) {
        // SAFETY: the last reference is gone, so that nobody else can reach the cell.
        unsafe { (self.header().vtable.free)(self.0) }
    }

    /// A queue entry's turn: runs, cancels or ignores the task. Takes over one reference.
    pub(crate) fn run(self) -> RunOutcome {
        let header = self.header();
        if let Some(run_alone) = header.vtable.run_alone
            && header.state.is_queued_alone()
        {
            // SAFETY: a live cell of the vtable's type; this reference is the only one, and the task is queued.
            return unsafe { run_alone(self.0) };
        }
        match self.header().state.to_running() {
            ToRunning::Run => self.step(),
            ToRunning::Cancel => self.cancel_running(),
            ToRunning::Stale => self.release_stale(),
        }
    }

    /// A queue entry is dropped: the task must not wait for a run that never comes. Takes over one
    /// reference.
    pub(super) fn cancel_queued(self) -> RunOutcome {
        match self.header().state.to_running() {
            ToRunning::Run | ToRunning::Cancel => self.cancel_running(),
            ToRunning::Stale => self.release_stale(),
        }
    }

    fn release_stale(self) -> RunOutcome {
        let is_future = self.header().vtable.future.is_some();
        self.release();
        if is_future { RunOutcome::StaleFuture } else { RunOutcome::Stale }
    }

    fn step(self) -> RunOutcome {
        let stepped = within_task(self.header().id, || {
            // SAFETY: RUNNING was set by the caller, so that the stage is this thread's.
            unsafe { (self.header().vtable.step)(self.0) }
        });
        match stepped {
            Stepped::Finished => self.complete(RunOutcome::Finished),
            Stepped::Panicked => self.complete(RunOutcome::Panicked),
            Stepped::Expired => self.complete(RunOutcome::Expired),
            Stepped::Pending => self.suspend(),
        }
    }

    /// Runs a closure that its handle has claimed.
    pub(super) fn step_claimed(self) {
        let header = self.header();
        within_task(header.id, || {
            // SAFETY: `claim` has set RUNNING, so that the stage is this thread's.
            let stepped = unsafe { (header.vtable.step)(self.0) };
            debug_assert!(!matches!(stepped, Stepped::Pending), "only closures are claimed");
        });
    }

    /// The handle has taken the output of what it claimed, and goes.
    pub(super) fn leave_claimed(self) {
        if self.header().state.leave_claimed() {
            self.free();
        }
    }

    /// A poll returned pending.
    fn suspend(self) -> RunOutcome {
        let state = &self.header().state;
        // Who has woken or aborted the task meanwhile has left a mark that only its next run takes away: it will not be
        // suspended now.
        let seen = state.load();
        if !seen.is_notified() && !seen.is_cancelled() && !self.register() {
            return self.cancel_running();
        }
        match state.to_idle() {
            ToIdle::Suspended => {
                self.release();
                RunOutcome::Suspended
            }
            ToIdle::Reschedule => {
                // SAFETY: the runner's reference goes into the new entry; NOTIFIED is set.
                RunOutcome::Yielded(unsafe { Runnable::from_raw_task(self) })
            }
            ToIdle::Cancel => self.cancel_running(),
        }
    }

    /// Sees to it that a future that is run by the caller is registered. False if it cannot be any more.
    fn register(self) -> bool {
        let (Some(head), Some(future)) = (self.future_header(), self.header().vtable.future) else {
            unreachable!("a closure is never pending");
        };
        // SAFETY: RUNNING was set by the caller.
        if unsafe { head.is_registered() } {
            return true;
        }
        // SAFETY: a live cell of the vtable's type, not registered; the caller runs the task.
        unsafe { (future.register)(self.0) }
    }

    /// Takes a future that is run by the caller out of the registry, if it was ever in.
    fn unregister(self) {
        let (Some(head), Some(future)) = (self.future_header(), self.header().vtable.future) else {
            return;
        };
        // SAFETY: RUNNING was set by the caller.
        if !unsafe { head.is_registered() } {
            return;
        }
        // SAFETY: a live cell of the vtable's type, registered.
        if unsafe { (future.unregister)(self.0) } {
            // Not the last: the runner has its own.
            self.release();
        }
    }

    fn cancel_running(self) -> RunOutcome {
        within_task(self.header().id, || {
            // SAFETY: RUNNING was set by the caller, so that the stage is this thread's.
            unsafe { (self.header().vtable.cancel)(self.0) };
        });
        self.complete(RunOutcome::Cancelled)
    }

    /// The stage holds the output: hands it on and gives up the runner's reference.
    fn complete(self, outcome: RunOutcome) -> RunOutcome {
        let header = self.header();
        self.unregister();
        match header.state.to_complete() {
            // The cell may be gone from here on.
            ToComplete::Handed => outcome,
            ToComplete::WakeJoiner => {
                self.wake_joiner();
                self.release();
                outcome
            }
            ToComplete::Unwanted => {
                let id = header.id;
                let thrown = self.drop_output();
                self.release();
                match thrown {
                    None => outcome,
                    Some(payload) => {
                        TaskPanic::catch(id, payload).report();
                        RunOutcome::Panicked
                    }
                }
            }
        }
    }

    fn wake_joiner(self) {
        let header = self.header();
        header.join_waker.with(|waker| {
            // SAFETY: JOIN_WAKER was set together with COMPLETE, so that nobody writes the field until
            // it is given back below, and the handle published it before.
            let waker = unsafe { &*waker };
            if let Some(waker) = waker {
                // A waker is foreign code; its panic must not end a worker.
                contained(|| waker.wake_by_ref());
            }
        });
        if header.state.return_join_waker() {
            self.drop_join_waker();
        }
    }

    /// Drops the join waker. The caller owns the field.
    pub(super) fn drop_join_waker(self) {
        self.replace_join_waker(None);
    }

    /// Writes the join waker. The caller owns the field.
    pub(super) fn replace_join_waker(self, waker: Option<Waker>) {
        let old = self.header().join_waker.with_mut(|slot| {
            // SAFETY: the caller owns the field (field rules of `crate::task`), which is always
            // initialised; the borrow ends with the replacement.
            std::mem::replace(unsafe { &mut *slot }, waker)
        });
        if let Some(old) = old {
            // A waker is foreign code.
            contained(|| drop(old));
        }
    }

    /// Asks for cancellation.
    pub(crate) fn abort(self) {
        self.notified(self.header().state.to_cancelled());
    }

    pub(super) fn wake_by_value(self) {
        self.notified(self.header().state.to_notified_by_value());
    }

    pub(super) fn wake_by_ref(self) {
        self.notified(self.header().state.to_notified_by_ref());
    }

    fn notified(self, verdict: ToNotified) {
        match verdict {
            ToNotified::Nothing => {}
            ToNotified::Free => self.free(),
            ToNotified::Submit => {
                // SAFETY: the transition made a reference for the entry and set NOTIFIED.
                let runnable = unsafe { Runnable::from_raw_task(self) };
                runnable.schedule();
            }
        }
    }

    /// Drops the output; the panic of a task goes to its executor's hook. Returns what the output's own
    /// destructor threw. The caller owns the stage.
    pub(super) fn drop_output(self) -> Option<Box<dyn Any + Send>> {
        // SAFETY: a live cell of the vtable's type; the caller owns the stage.
        unsafe { (self.header().vtable.drop_output)(self.0) }
    }
}

impl fmt::Debug for RawTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.header().id.as_u64())
            .field("state", &self.header().state)
            .finish()
    }
}

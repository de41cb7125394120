//! The state word and all of its transitions.
//!
//! Each transition is a method that returns what the caller has to do now. The field rules that the
//! transitions keep are in the module documentation of [`crate::task`].

use std::fmt;

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Somebody runs, polls or cancels the task, and owns its stage.
///
/// Set by a `Runnable`, or by a handle that claims the task. Cleared with COMPLETE, or when a poll
/// returned pending.
const RUNNING: usize = 1 << 0;

/// The output is there, or has been dropped. Final.
const COMPLETE: usize = 1 << 1;

/// The task wants to run: a queue holds it, or its runner will queue it again.
const NOTIFIED: usize = 1 << 2;

/// Somebody asked for cancellation. Never cleared. A running closure ignores it.
const CANCELLED: usize = 1 << 3;

/// The `JoinHandle` exists. Cleared once, by its drop.
const JOIN_INTEREST: usize = 1 << 4;

/// The join waker is published; see the field rules.
const JOIN_WAKER: usize = 1 << 5;

/// One reference.
const REF_ONE: usize = 1 << 6;

/// A queued task with a handle: `Runnable` and `JoinHandle` hold one reference each.
const QUEUED_WITH_HANDLE: usize = NOTIFIED | JOIN_INTEREST | (2 * REF_ONE);

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(usize);

/// The state word.
pub(crate) struct State(AtomicUsize);

/// What a `Runnable` found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToRunning {
    /// The caller owns the stage and runs it.
    Run,
    /// The caller owns the stage and cancels it.
    Cancel,
    /// Somebody else ran it; the entry is void.
    Stale,
}

/// What remains after a poll returned pending.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToIdle {
    /// Suspended. The runner's reference is still the runner's to drop.
    Suspended,
    /// Woken during the poll: the runner's reference goes back into a queue.
    Reschedule,
    /// Aborted during the poll: the caller still owns the stage and cancels it.
    Cancel,
}

/// Who cares about the output. COMPLETE is set now, unless nobody is left who could see it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToComplete {
    /// The handle takes the output when it looks. The runner's reference has been given up.
    Handed,
    /// The handle waits: the runner wakes it, and still has its reference.
    WakeJoiner,
    /// Nobody: the runner drops the output, and still has its reference.
    Unwanted,
}

/// What a wake-up or an abort has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum ToNotified {
    /// Put the task into a queue; the `Runnable` for it has its reference.
    Submit,
    /// Nothing: it is queued, running or done.
    Nothing,
    /// It is done, and the reference just given up was the last: free the cell.
    Free,
}

/// What the dropped handle has to clean up.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct HandleDropped {
    /// The output is the handle's to drop.
    pub(crate) drop_output: bool,
    /// The join waker is the handle's to drop.
    pub(crate) drop_waker: bool,
}

/// The task completed before the join waker could be changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyComplete;

impl Snapshot {
    pub(crate) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(crate) fn is_notified(self) -> bool {
        self.0 & NOTIFIED != 0
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }

    pub(crate) fn has_join_interest(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }

    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    pub(crate) fn references(self) -> usize {
        self.0 / REF_ONE
    }

    /// Whether a queue entry for this task is still good.
    pub(crate) fn is_runnable(self) -> bool {
        self.is_notified() && !self.is_running() && !self.is_complete()
    }

    /// Whether the holder of one reference is alone with the task: no other reference exists, so
    /// nobody can change the word any more.
    fn is_exclusive(self) -> bool {
        self.references() == 1
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("running", &self.is_running())
            .field("complete", &self.is_complete())
            .field("notified", &self.is_notified())
            .field("cancelled", &self.is_cancelled())
            .field("join_interest", &self.has_join_interest())
            .field("join_waker", &self.has_join_waker())
            .field("references", &self.references())
            .finish()
    }
}

impl State {
    /// A queued task: its first `Runnable` and its handle hold one reference each.
    pub(crate) fn queued_with_handle() -> Self {
        Self(AtomicUsize::new(QUEUED_WITH_HANDLE))
    }

    /// The value now, with everything visible that was written before it came about.
    pub(crate) fn load(&self) -> Snapshot {
        // Ordering: Acquire pairs with the Release of `to_complete`: a handle that sees COMPLETE reads
        // the output next.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Applies `next` until it sticks or declines. Returns its verdict.
    ///
    /// Ordering: AcqRel on success and Acquire on failure for all transitions made with it. Each of
    /// them takes over or gives up a field (stage, output or waker), so that each must see the previous
    /// owner's writes and publish its own. Weakened to Acquire alone, the output of `to_complete` is
    /// read before it was written; weakened to Release alone, a runner polls a future whose last poll on
    /// another thread it cannot see.
    fn transition<R>(&self, mut next: impl FnMut(Snapshot) -> (Option<usize>, R)) -> R {
        let mut current = self.0.load(Ordering::Acquire);
        loop {
            let (new, verdict) = next(Snapshot(current));
            let Some(new) = new else { return verdict };
            match self.0.compare_exchange_weak(current, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return verdict,
                Err(actual) => current = actual,
            }
        }
    }

    /// Whether the caller's reference is the only one of a queued task that nobody has aborted.
    pub(crate) fn is_queued_alone(&self) -> bool {
        let current = self.load();
        current.is_exclusive() && current.is_runnable() && !current.is_cancelled()
    }

    /// A queue entry, or a handle that claims the task, wants to run it.
    pub(crate) fn to_running(&self) -> ToRunning {
        let current = self.load();
        if current.is_exclusive() && current.is_runnable() {
            // Ordering: Relaxed. Only this reference is left, nobody else can read the word; the load
            // above has acquired what the others released when they gave theirs up.
            self.0.store((current.0 | RUNNING) & !NOTIFIED, Ordering::Relaxed);
            return if current.is_cancelled() { ToRunning::Cancel } else { ToRunning::Run };
        }
        self.transition(|current| {
            if !current.is_runnable() {
                return (None, ToRunning::Stale);
            }
            let verdict = if current.is_cancelled() { ToRunning::Cancel } else { ToRunning::Run };
            (Some((current.0 | RUNNING) & !NOTIFIED), verdict)
        })
    }

    /// The handle wants to run the task for itself. It needs no reference besides its own: it waits for nothing meanwhile,
    /// and nobody waits for it. False if the task does not wait in a queue, has been aborted, or has a join waker.
    pub(crate) fn claim(&self) -> bool {
        self.transition(|current| {
            debug_assert!(current.has_join_interest(), "{current:?}");
            if !current.is_runnable() || current.is_cancelled() || current.has_join_waker() {
                return (None, false);
            }
            (Some((current.0 | RUNNING) & !NOTIFIED), true)
        })
    }

    /// The handle has run what it claimed, has taken the output, and goes. True if its reference was the last.
    pub(crate) fn leave_claimed(&self) -> bool {
        self.transition(|current| {
            debug_assert!(current.is_running() && current.has_join_interest(), "{current:?}");
            let done = (current.0 & !(RUNNING | JOIN_INTEREST)) | COMPLETE;
            (Some(done - REF_ONE), current.is_exclusive())
        })
    }

    /// A poll returned pending.
    pub(crate) fn to_idle(&self) -> ToIdle {
        self.transition(|current| {
            debug_assert!(current.is_running() && !current.is_complete(), "{current:?}");
            if current.is_cancelled() {
                return (None, ToIdle::Cancel);
            }
            let verdict =
                if current.is_notified() { ToIdle::Reschedule } else { ToIdle::Suspended };
            (Some(current.0 & !RUNNING), verdict)
        })
    }

    /// The stage holds the output; says who gets it.
    pub(crate) fn to_complete(&self) -> ToComplete {
        self.transition(|current| {
            debug_assert!(current.is_running() && !current.is_complete(), "{current:?}");
            let done = (current.0 & !RUNNING) | COMPLETE;
            if !current.has_join_interest() {
                if current.is_exclusive() {
                    // Nobody is left to look at the word; the exchange would be for nothing.
                    return (None, ToComplete::Unwanted);
                }
                (Some(done), ToComplete::Unwanted)
            } else if current.has_join_waker() {
                (Some(done), ToComplete::WakeJoiner)
            } else {
                debug_assert!(current.references() >= 2, "runner and handle: {current:?}");
                (Some(done - REF_ONE), ToComplete::Handed)
            }
        })
    }

    /// The runner has woken the joiner and gives the waker field back. True if the handle has gone
    /// meanwhile and left the waker to the runner.
    pub(crate) fn return_join_waker(&self) -> bool {
        // Ordering: AcqRel. Release: the runner's reading of the waker stays before the handle's next
        // write to it. Acquire: if the handle has gone, its last writes stay before the runner's drop.
        let previous = Snapshot(self.0.fetch_and(!JOIN_WAKER, Ordering::AcqRel));
        debug_assert!(previous.is_complete() && previous.has_join_waker(), "{previous:?}");
        !previous.has_join_interest()
    }

    /// A waker that gives up its own reference wakes the task.
    pub(crate) fn to_notified_by_value(&self) -> ToNotified {
        self.transition(|current| {
            if !current.is_running() && !current.is_complete() && !current.is_notified() {
                return (Some(current.0 | NOTIFIED), ToNotified::Submit);
            }
            let verdict =
                if current.is_exclusive() { ToNotified::Free } else { ToNotified::Nothing };
            let notified = if current.is_running() { NOTIFIED } else { 0 };
            (Some((current.0 | notified) - REF_ONE), verdict)
        })
    }

    /// A waker that keeps its reference wakes the task.
    pub(crate) fn to_notified_by_ref(&self) -> ToNotified {
        self.transition(|current| {
            if current.is_complete() {
                return (None, ToNotified::Nothing);
            }
            if current.is_running() || current.is_notified() {
                // Also where NOTIFIED is set already: the word is written again, so that the next poll
                // sees what this thread did before it woke. A load alone may see a NOTIFIED that a poll
                // has cleared since, and that poll may have missed what the wake-up was for.
                return (Some(current.0 | NOTIFIED), ToNotified::Nothing);
            }
            (Some((current.0 | NOTIFIED) + REF_ONE), ToNotified::Submit)
        })
    }

    /// Asks for cancellation. A suspended future has to be queued to learn of it.
    pub(crate) fn to_cancelled(&self) -> ToNotified {
        self.transition(|current| {
            if current.is_complete() || current.is_cancelled() {
                return (None, ToNotified::Nothing);
            }
            let cancelled = current.0 | CANCELLED;
            if current.is_running() || current.is_notified() {
                return (Some(cancelled), ToNotified::Nothing);
            }
            (Some((cancelled | NOTIFIED) + REF_ONE), ToNotified::Submit)
        })
    }

    /// The handle has written the join waker and publishes it.
    pub(crate) fn publish_join_waker(&self) -> Result<(), AlreadyComplete> {
        self.transition(|current| {
            debug_assert!(current.has_join_interest() && !current.has_join_waker(), "{current:?}");
            if current.is_complete() {
                return (None, Err(AlreadyComplete));
            }
            (Some(current.0 | JOIN_WAKER), Ok(()))
        })
    }

    /// The handle wants to write the join waker again.
    pub(crate) fn take_back_join_waker(&self) -> Result<(), AlreadyComplete> {
        self.transition(|current| {
            debug_assert!(current.has_join_interest(), "{current:?}");
            if current.is_complete() {
                return (None, Err(AlreadyComplete));
            }
            debug_assert!(current.has_join_waker(), "{current:?}");
            (Some(current.0 & !JOIN_WAKER), Ok(()))
        })
    }

    /// A handle that was never waited on leaves a task that has not started: one exchange, no look at
    /// any field. False if the state is another one.
    pub(crate) fn detach_unstarted(&self) -> bool {
        // Ordering: the load is Relaxed, it only spares an exchange that would fail. Release on success,
        // so that what this thread did with the handle stays before the cell's end; nothing is read after
        // it. (No model misses it: what it orders are reads of plain fields, which loom does not track.)
        self.0.load(Ordering::Relaxed) == QUEUED_WITH_HANDLE
            && self
                .0
                .compare_exchange(
                    QUEUED_WITH_HANDLE,
                    NOTIFIED | REF_ONE,
                    Ordering::Release,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// The handle goes. It keeps its reference until it has cleaned up.
    pub(crate) fn drop_join_interest(&self) -> HandleDropped {
        let current = self.load();
        if current.is_complete() && current.is_exclusive() {
            // The runner and everybody else have gone, and the load has acquired what they did: all
            // that is left is the handle's, and nobody looks at the word any more.
            debug_assert!(!current.has_join_waker(), "the runner gives it back first: {current:?}");
            return HandleDropped { drop_output: true, drop_waker: true };
        }
        self.transition(|current| {
            debug_assert!(current.has_join_interest(), "{current:?}");
            if current.is_complete() {
                // With JOIN_WAKER still set the runner is about to wake, and drops the waker after it.
                let verdict =
                    HandleDropped { drop_output: true, drop_waker: !current.has_join_waker() };
                (Some(current.0 & !JOIN_INTEREST), verdict)
            } else {
                let verdict = HandleDropped { drop_output: false, drop_waker: true };
                (Some(current.0 & !(JOIN_INTEREST | JOIN_WAKER)), verdict)
            }
        })
    }

    /// One more reference, made from an existing one.
    pub(crate) fn add_reference(&self) {
        // Ordering: Relaxed. The existing reference keeps the cell alive, and passing the new one to
        // another thread is an edge of its own.
        let previous = self.0.fetch_add(REF_ONE, Ordering::Relaxed);
        if previous > isize::MAX as usize {
            // As in `Arc`: leaked wakers must not wrap the count around.
            std::process::abort();
        }
    }

    /// One reference less. True if it was the last, which makes the caller free the cell.
    pub(crate) fn release_reference(&self) -> bool {
        let current = self.load();
        if current.is_exclusive() {
            // The load has acquired what the others did before they gave their references up.
            return true;
        }
        // Ordering: AcqRel. Release: this thread's use of the cell stays before its end. Acquire: if
        // this was the last reference, all others' use is over. Without either the cell is freed under
        // somebody's feet.
        let previous = Snapshot(self.0.fetch_sub(REF_ONE, Ordering::AcqRel));
        debug_assert!(previous.references() >= 1, "{previous:?}");
        previous.is_exclusive()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ordering: for people to read; nothing is derived from it.
        fmt::Debug::fmt(&Snapshot(self.0.load(Ordering::Relaxed)), f)
    }
}

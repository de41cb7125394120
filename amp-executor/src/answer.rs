//! Waiting for the answer of a blocking call.

use std::mem;
use std::time::Duration;

use executor_common::sync::LOOM;
use executor_common::{JoinHandle, Role, SpawnError};

use crate::awaited::Awaited;
use crate::channel::LaneId;
use crate::current;
use crate::role::RoleState;
use crate::role_handle::CallError;
use crate::shared::Shared;

/// An answer that comes sooner than this is waited for before anything is written into the graph of waits.
const PROMPT: Duration = Duration::from_micros(200);

/// How often a worker that waits asks whether its wait has become hopeless.
const RECHECK: Duration = Duration::from_millis(20);

/// A worker's wait in the graph, taken out in any case.
struct Entered<'a> {
    shared: &'a Shared,
    waiter: usize,
}

impl Entered<'_> {
    /// The roles along the cycle that makes the wait hopeless, which has been left then.
    fn leave_cycle(self) -> Result<Vec<Role>, Self> {
        let mut waits = self.shared.waits.lock();
        let Some(cycle) = self.shared.cycle(&waits, self.waiter) else {
            drop(waits);
            return Err(self);
        };
        // Under the same lock, or the next one to ask would be told of a cycle that is about to end.
        waits.leave(self.waiter);
        drop(waits);
        let cycle = self.shared.role_names(&cycle);
        mem::forget(self);
        Ok(cycle)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.shared.waits.lock().leave(self.waiter);
    }
}

/// Blocks until the task, which waits in `lane` of `role` or runs already, is done.
pub(crate) fn wait_for<T>(
    shared: &Shared,
    role: &RoleState,
    lane: LaneId,
    handle: JoinHandle<T>,
) -> Result<T, CallError> {
    let Some(waiter) = current::number_on(shared.executor) else {
        return handle.join().map_err(CallError::Join);
    };
    // There is no time in a model, and a wait until then would have no end.
    let prompt = if LOOM { Err(handle) } else { handle.join_timeout(PROMPT) };
    let mut handle = match prompt {
        Ok(answer) => return answer.map_err(CallError::Join),
        Err(handle) => handle,
    };
    let awaited = Awaited::answer(role, lane, handle.abort_handle());
    shared.waits.lock().enter(waiter, awaited);
    let mut entered = Entered { shared, waiter };
    loop {
        entered = match entered.leave_cycle() {
            Ok(cycle) => {
                handle.abort();
                role.refusals.hopeless_calls.add(1);
                return Err(SpawnError::WouldDeadlock(cycle).into());
            }
            Err(entered) => entered,
        };
        handle = match handle.join_timeout(RECHECK) {
            Ok(answer) => return answer.map_err(CallError::Join),
            Err(handle) => handle,
        };
    }
}

//! What a blocked worker waits for, and who could bring it.

use executor_common::sync::atomic::{Ordering, fence};
use executor_common::{AbortHandle, TaskId};

use crate::channel::LaneId;
use crate::deadlock::{Target, Waits};
use crate::role::RoleState;
use crate::shared::Shared;

/// What a worker waits for.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// Room in a lane of the role with this index.
    Room(usize, LaneId),
    /// The end of a task that was spawned into a lane of the role with this index.
    Answer(usize, LaneId, AbortHandle),
}

impl Awaited {
    /// A wait for room in a lane of `role`.
    pub(crate) fn room(role: &RoleState, lane: LaneId) -> Target<Self> {
        Target::new(Self::Room(role.index, lane), servers(role, lane))
    }

    /// A wait for the end of a task that was spawned into a lane of `role`.
    pub(crate) fn answer(role: &RoleState, lane: LaneId, task: AbortHandle) -> Target<Self> {
        Target::new(Self::Answer(role.index, lane, task), servers(role, lane))
    }
}

/// The numbers of the workers that take from a lane: of the role, and of those that lend to it.
fn servers(role: &RoleState, lane: LaneId) -> Vec<usize> {
    let own = role.first_worker..role.first_worker + role.workers.len();
    match lane.worker() {
        Some(place) => vec![role.first_worker + place],
        None => own.chain(role.lender_numbers.iter().copied()).collect(),
    }
}

/// Whether the worker at `place` in `lender` might take from a lane of `borrower`, or has done so.
fn may_lend(lender: &RoleState, place: usize, borrower: &RoleState, lane: LaneId) -> bool {
    if !lender.is_closing() && borrower.channel.lane(lane).may_be_lent() {
        return true;
    }
    // Ordering: pairs with the fence in `RoleState::lend`. Either this sees that the worker has begun to lend, or it begins later,
    // sees what has been seen here, and takes nothing.
    fence(Ordering::SeqCst);
    lender.workers[place].lends_to(borrower.index)
}

impl Shared {
    /// The cycle that the wait of `waiter` is part of, if it can never end.
    pub(crate) fn cycle(&self, waits: &Waits<Awaited>, waiter: usize) -> Option<Vec<usize>> {
        waits.cycle(
            waiter,
            |target| self.is_there(target),
            |target, worker| self.can_help(target, worker),
        )
    }

    /// Whether a worker could bring what is waited for, as things are. Those of the role can.
    fn can_help(&self, target: &Target<Awaited>, worker: usize) -> bool {
        let (role, place) = self.owner(worker);
        match &target.lane {
            Awaited::Room(of, _) if *of == role.index => true,
            Awaited::Room(of, lane) => may_lend(role, place, &self.roles[*of], *lane),
            // It runs the task, or may do so.
            Awaited::Answer(of, lane, task) => match self.runner(task.id()) {
                Some(runner) => worker == runner,
                None if *of == role.index => !role.workers[place].has_left(),
                None => may_lend(role, place, &self.roles[*of], *lane),
            },
        }
    }

    /// The worker that runs a task, where that is seen. Of a worker that waits it is what its wait is part of: it has entered the graph
    /// since it began that, under the lock that the caller holds. What runs in place of its own joiner need not be seen: nobody else
    /// has its handle to wait for it.
    fn runner(&self, task: TaskId) -> Option<usize> {
        self.roles
            .iter()
            .flat_map(|role| role.workers.iter())
            .position(|worker| worker.running.is(task))
    }

    /// The role of a worker, and its place there.
    fn owner(&self, worker: usize) -> (&RoleState, usize) {
        let last = self.roles.partition_point(|role| role.first_worker <= worker) - 1;
        let role = &*self.roles[last];
        (role, worker - role.first_worker)
    }

    /// Whether what a worker waits for is there.
    fn is_there(&self, target: &Target<Awaited>) -> bool {
        match &target.lane {
            Awaited::Room(role, lane) => !self.roles[*role].channel.lane(*lane).is_full(),
            Awaited::Answer(_, _, task) => task.is_finished(),
        }
    }
}

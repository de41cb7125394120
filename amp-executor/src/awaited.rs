//! What a blocked worker waits for, and who could bring it.

use executor_common::AbortHandle;

use crate::channel::LaneId;
use crate::deadlock::Target;
use crate::role::RoleState;
use crate::shared::Shared;

/// What a worker waits for.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// Room in a lane of the role with this index.
    Room(usize, LaneId),
    /// The end of a task.
    Answer(AbortHandle),
}

impl Awaited {
    /// A wait for room in a lane of `role`.
    pub(crate) fn room(role: &RoleState, lane: LaneId) -> Target<Self> {
        Target::new(Self::Room(role.index, lane), servers(role, lane))
    }

    /// A wait for the end of a task that was spawned into a lane of `role`.
    pub(crate) fn answer(role: &RoleState, lane: LaneId, task: AbortHandle) -> Target<Self> {
        Target::new(Self::Answer(task), servers(role, lane))
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

impl Shared {
    /// Whether what a worker waits for is there.
    pub(crate) fn is_there(&self, target: &Target<Awaited>) -> bool {
        match &target.lane {
            Awaited::Room(role, lane) => !self.roles[*role].channel.lane(*lane).is_full(),
            Awaited::Answer(task) => task.is_finished(),
        }
    }
}

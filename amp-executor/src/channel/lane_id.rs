//! Names of lanes, and of the places in them.

use executor_common::Priority;

use super::lane::Source;

/// Which lane of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneId(usize);

impl LaneId {
    pub(super) const HIGH: Self = Self(0);
    pub(super) const NORMAL: Self = Self(1);
    /// The lanes before those of the workers.
    pub(super) const SHARED: usize = 2;

    /// The lane of all workers for tasks of this priority.
    pub const fn shared(priority: Priority) -> Self {
        match priority {
            Priority::High => Self::HIGH,
            Priority::Normal | Priority::Low => Self::NORMAL,
        }
    }

    /// The lane of one worker, by its place in the role.
    pub const fn of_worker(worker: usize) -> Self {
        Self(Self::SHARED + worker)
    }

    /// The priority of what waits in the lane.
    pub fn priority(self) -> Priority {
        if self == Self::HIGH { Priority::High } else { Priority::Normal }
    }

    /// The worker that alone takes from the lane.
    pub fn worker(self) -> Option<usize> {
        self.0.checked_sub(Self::SHARED)
    }

    /// The place among the lanes.
    pub fn index(self) -> usize {
        self.0
    }

    /// Back from [`LaneId::index`].
    pub fn from_index(index: usize) -> Self {
        Self(index)
    }
}

/// Where a taken item had waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a lane.
    Lane(LaneId, Source),
    /// Among the worker's local futures.
    Local,
}

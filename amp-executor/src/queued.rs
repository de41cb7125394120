//! What a channel holds.

use std::time::{Duration, Instant};

use executor_common::Runnable;

use crate::channel::LaneId;

/// A task that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) task: Runnable,
    /// Since when, in nanoseconds since the executor's epoch; zero if nobody wants to know.
    since_ns: u64,
}

/// The clock that waiting times are measured with, if they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitClock {
    epoch: Option<Instant>,
}

impl WaitClock {
    pub(crate) fn new(epoch: Instant, is_on: bool) -> Self {
        Self { epoch: is_on.then_some(epoch) }
    }

    fn now_ns(self) -> u64 {
        // 584 years fit.
        self.epoch.map_or(0, |epoch| epoch.elapsed().as_nanos() as u64)
    }

    /// A task that begins to wait now.
    #[inline]
    pub(crate) fn queue(self, task: Runnable) -> Queued {
        Queued { task, since_ns: self.now_ns() }
    }

    /// How long the task has waited by now, if that is measured.
    #[inline]
    pub(crate) fn waited(self, queued: &Queued) -> Option<Duration> {
        self.epoch?;
        Some(Duration::from_nanos(self.now_ns().saturating_sub(queued.since_ns)))
    }
}

/// Where a future goes when it is woken: what its task has as its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Back to its lane.
    Lane(LaneId),
    /// To the worker that it never leaves.
    Local(usize),
}

/// The bit of a tag that says local.
const LOCAL: u32 = 1 << 31;

impl Route {
    pub(crate) fn tag(self) -> u32 {
        // There are at most `MAX_WORKERS` workers, and hardly more lanes.
        match self {
            Self::Lane(lane) => lane.index() as u32,
            Self::Local(worker) => LOCAL | worker as u32,
        }
    }

    pub(crate) fn from_tag(tag: u32) -> Self {
        if tag & LOCAL == 0 {
            Self::Lane(LaneId::from_index(tag as usize))
        } else {
            Self::Local((tag & !LOCAL) as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_survive_the_tag() {
        for route in [
            Route::Lane(LaneId::of_worker(0)),
            Route::Lane(LaneId::of_worker(1023)),
            Route::Local(0),
            Route::Local(1023),
        ] {
            assert_eq!(Route::from_tag(route.tag()), route);
        }
    }
}

//! Who takes part.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::places::Places;
use crate::rounds::Kind;

/// Who runs the task that comes at fixed instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// A role of its own: sleeps, then spins the last stretch
    Amp,
    /// The same, under SCHED_FIFO
    AmpFifo,
    /// A role of its own that spins all the time
    AmpSpin,
    /// A thread by hand, pinned: sleeps, then spins the last stretch
    Thread,
    /// The same, under SCHED_FIFO
    ThreadFifo,
    /// A thread by hand, pinned, that spins all the time
    ThreadSpin,
    /// This workspace's symmetric executor, shared with the load; a feeder spawns the task
    Smp,
    /// rayon, shared with a load of parallel loops; a feeder spawns the task
    Rayon,
    /// rayon, shared with a load of tasks that spawn the next one; a feeder spawns the task
    RayonTasks,
    /// tokio, shared with the load; the task waits for tokio's interval
    Tokio,
    /// tokio, shared with the load; a feeder spawns the task
    TokioFeeder,
}

impl Contestant {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::Amp,
        Self::AmpFifo,
        Self::AmpSpin,
        Self::Thread,
        Self::ThreadFifo,
        Self::ThreadSpin,
        Self::Smp,
        Self::Rayon,
        Self::RayonTasks,
        Self::Tokio,
        Self::TokioFeeder,
    ];

    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amp => "amp",
            Self::AmpFifo => "amp-fifo",
            Self::AmpSpin => "amp-spin",
            Self::Thread => "thread",
            Self::ThreadFifo => "thread-fifo",
            Self::ThreadSpin => "thread-spin",
            Self::Smp => "smp",
            Self::Rayon => "rayon",
            Self::RayonTasks => "rayon-tasks",
            Self::Tokio => "tokio",
            Self::TokioFeeder => "tokio-feeder",
        }
    }

    /// Of a role of ours, the thread by hand that waits in the same way.
    pub(super) const fn by_hand(self) -> Option<Self> {
        match self {
            Self::Amp => Some(Self::Thread),
            Self::AmpFifo => Some(Self::ThreadFifo),
            Self::AmpSpin => Some(Self::ThreadSpin),
            _ => None,
        }
    }

    /// Whether it runs the task on the workers that the load keeps busy.
    pub(super) const fn shares_its_pool(self) -> bool {
        matches!(self, Self::Smp | Self::Rayon | Self::RayonTasks | Self::Tokio | Self::TokioFeeder)
    }

    /// How one with a core of its own waits.
    pub(super) const fn waits(self) -> Option<Waits> {
        match self {
            Self::Amp | Self::Thread => Some(Waits { fifo: false, spins: false }),
            Self::AmpFifo | Self::ThreadFifo => Some(Waits { fifo: true, spins: false }),
            Self::AmpSpin | Self::ThreadSpin => Some(Waits { fifo: false, spins: true }),
            _ => None,
        }
    }

    /// Whether it can take part: one that spins all the time cannot share its core with the load.
    pub(super) fn suits(self, places: &Places) -> bool {
        !(places.oversubscribed && self.waits().is_some_and(|waits| waits.spins))
    }
}

/// How one with a core of its own waits for the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// Under `SCHED_FIFO`.
    pub(super) fifo: bool,
    /// All the time, not only the last stretch.
    pub(super) spins: bool,
}

impl Waits {
    /// How long before the due time it stops sleeping.
    pub(super) fn window(self, window: Duration) -> Duration {
        if self.spins { Duration::MAX } else { window }
    }
}

impl Kind for Contestant {
    const OURS: Self = Self::AmpFifo;
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

//! Whether the workers are bound to their cores.

use std::fmt;

use amp_executor::{PinOutcome, PinPolicy, WorkerPlacement};
use anyhow::ensure;
use clap::ValueEnum;
use serde::Serialize;

use crate::rounds::Kind;

/// The executor's pin policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Nobody is pinned
    Off,
    /// Each worker is pinned to its core, or nothing starts
    Require,
    /// Each worker is pinned to its core where the kernel lets it
    BestEffort,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Require, Self::BestEffort];

    /// As the executor knows it.
    pub(super) const fn of_executor(self) -> PinPolicy {
        match self {
            Self::Off => PinPolicy::Off,
            Self::Require => PinPolicy::Require,
            Self::BestEffort => PinPolicy::BestEffort,
        }
    }

    /// How many workers are pinned, as read back.
    ///
    /// # Errors
    ///
    /// That contradicts the policy.
    pub(super) fn pinned(self, workers: &[WorkerPlacement]) -> anyhow::Result<usize> {
        let pinned = workers.iter().filter(|worker| worker.pin == PinOutcome::Pinned).count();
        let is_kept = match self {
            Self::Off => pinned == 0,
            Self::Require => pinned == workers.len(),
            Self::BestEffort => true,
        };
        ensure!(is_kept, "{self}: {pinned} of {} workers are pinned", workers.len());
        Ok(pinned)
    }
}

impl Kind for Policy {
    const OURS: Self = Self::Require;
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Require => "require",
            Self::BestEffort => "best-effort",
        })
    }
}

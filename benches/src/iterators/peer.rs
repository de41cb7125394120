//! Who takes part.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use crate::rounds::Kind;

/// The contenders, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// The standard library's iterator
    Serial,
    /// paralight's iterator on this workspace's symmetric executor
    Smp,
    /// The executor's own loop
    MapReduce,
    /// rayon's iterator
    Rayon,
}

impl PeerKind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Serial, Self::Smp, Self::MapReduce, Self::Rayon];

    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Smp => "smp",
            Self::MapReduce => "map-reduce",
            Self::Rayon => "rayon",
        }
    }
}

impl Kind for PeerKind {
    const OURS: Self = Self::Smp;
}

impl fmt::Display for PeerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

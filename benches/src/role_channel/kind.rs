//! Who takes part.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::amp::Amp;
use super::consumer::{Consumer, Measurement};
use super::queues::{
    Crossbeam, Crossfire, DisruptorMulti, DisruptorSingle, Flume, Kanal, QueueThread, Ring, Rtrb,
    Std, Tokio,
};
use crate::rounds::Kind;

/// Ways to get something run on another core, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// A role of this workspace's asymmetric executor
    Amp,
    /// One word in one cache line: the floor
    Flag,
    /// The same, with an allocation that the receiver frees
    FlagBox,
    /// One word and the kernel's futex: the floor of whoever sleeps
    Futex,
    /// The standard library's park and unpark
    Park,
    /// rtrb, for one producer
    Rtrb,
    /// The crate disruptor, for one producer
    Disruptor,
    /// The crate disruptor, for many producers
    DisruptorMp,
    /// crossbeam's ArrayQueue
    ArrayQueue,
    /// crossbeam-channel
    Crossbeam,
    /// The standard library's sync_channel
    Std,
    /// tokio's mpsc, with a runtime of one thread
    Tokio,
    /// flume
    Flume,
    /// kanal
    Kanal,
    /// crossfire's mpsc
    Crossfire,
}

impl ChannelKind {
    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amp => "amp",
            Self::Flag => "flag",
            Self::FlagBox => "flag-box",
            Self::Futex => "futex",
            Self::Park => "park",
            Self::Rtrb => "rtrb",
            Self::Disruptor => "disruptor",
            Self::DisruptorMp => "disruptor-mp",
            Self::ArrayQueue => "array-queue",
            Self::Crossbeam => "crossbeam",
            Self::Std => "std",
            Self::Tokio => "tokio",
            Self::Flume => "flume",
            Self::Kanal => "kanal",
            Self::Crossfire => "crossfire",
        }
    }

    /// Whether several threads may send.
    pub const fn has_many_producers(self) -> bool {
        !matches!(self, Self::Rtrb | Self::Disruptor)
    }

    /// Measures the consumer of this name. `None` for those that carry no closures.
    pub fn measure<M: Measurement>(self, measurement: M) -> Option<M::Output> {
        fn of<C: Consumer, M: Measurement>(measurement: M) -> Option<M::Output> {
            Some(measurement.of::<C>())
        }
        match self {
            Self::Flag | Self::FlagBox | Self::Futex | Self::Park => None,
            Self::Amp => of::<Amp, M>(measurement),
            Self::Rtrb => of::<QueueThread<Rtrb>, M>(measurement),
            Self::Disruptor => of::<QueueThread<DisruptorSingle>, M>(measurement),
            Self::DisruptorMp => of::<QueueThread<DisruptorMulti>, M>(measurement),
            Self::ArrayQueue => of::<QueueThread<Ring>, M>(measurement),
            Self::Crossbeam => of::<QueueThread<Crossbeam>, M>(measurement),
            Self::Std => of::<QueueThread<Std>, M>(measurement),
            Self::Tokio => of::<QueueThread<Tokio>, M>(measurement),
            Self::Flume => of::<QueueThread<Flume>, M>(measurement),
            Self::Kanal => of::<QueueThread<Kanal>, M>(measurement),
            Self::Crossfire => of::<QueueThread<Crossfire>, M>(measurement),
        }
    }
}

impl Kind for ChannelKind {
    const OURS: Self = Self::Amp;
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

//! The one place that names atomics, locks, cells and threads.
//!
//! Everything that synchronises in this workspace imports from here, so that `--cfg loom` replaces all
//! of it at once and the models run the executors' own code. The switch is `cfg(loom)` alone: `test` is
//! not set in a library that another crate's tests link, so `cfg(all(test, loom))` would leave the
//! models on ordinary atomics, where they pass without checking anything.
//!
//! Two kinds of state stay outside the models on purpose, because no other state is published through
//! them: [`Counter`] (statistics) and [`UniqueIds`] (identity).

#[cfg(loom)]
#[path = "sync/loom.rs"]
mod imp;
#[cfg(not(loom))]
#[path = "sync/std.rs"]
mod imp;

pub mod asymmetric;
mod counter;

pub use counter::{Counter, IdBlock, UniqueIds};
pub use imp::*;

/// True when the models' stand-ins are in place.
pub const LOOM: bool = cfg!(loom);

//! The one place that names atomics, locks, cells and threads.
//!
//! Everything that synchronises in this workspace imports from here, so that a cfg replaces all of it at once and the
//! checks run the executors' own code:
//!
//! | cfg | what is here | for |
//! |---|---|---|
//! | | the standard library and `parking_lot` | use |
//! | `loom` | loom's stand-ins | models: all interleavings and all outcomes of the memory model, of small programs |
//! | `shuttle` | shuttle's stand-ins | random schedules of whole executors, replayable by seed |
//!
//! The switch is the cfg alone: `test` is not set in a library that another crate's tests link, so
//! `cfg(all(test, loom))` would leave the models on ordinary atomics, where they pass without checking anything.
//!
//! Two kinds of state stay outside the models on purpose, because no other state is published through
//! them: [`Counter`] (statistics) and [`UniqueIds`] (identity).

#[cfg(all(loom, shuttle))]
compile_error!("loom and shuttle exclude each other");

#[cfg(loom)]
#[path = "sync/loom.rs"]
mod imp;
#[cfg(all(shuttle, not(loom)))]
#[path = "sync/shuttle.rs"]
mod imp;
#[cfg(not(any(loom, shuttle)))]
#[path = "sync/std.rs"]
mod imp;

pub mod asymmetric;
mod counter;
#[cfg(any(loom, shuttle))]
mod guarded;
#[cfg(any(loom, shuttle))]
pub mod parking;

pub use counter::{Counter, IdBlock, UniqueIds};
#[cfg(any(loom, shuttle))]
pub use guarded::guarded;
pub use imp::*;

/// True when loom's stand-ins are in place.
///
/// # Examples
///
/// ```
/// use executor_common::sync::LOOM;
///
/// // A model has few threads.
/// let threads = if LOOM { 2 } else { 16 };
/// assert_eq!(threads, 16);
/// ```
pub const LOOM: bool = cfg!(loom);

/// True when shuttle's stand-ins are in place.
///
/// # Examples
///
/// ```
/// use executor_common::sync::SHUTTLE;
///
/// // All threads of a random schedule share one.
/// let rounds = if SHUTTLE { 10 } else { 10_000 };
/// assert_eq!(rounds, 10_000);
/// ```
pub const SHUTTLE: bool = cfg!(shuttle);

/// True when a thread is none of the operating system's: nothing is gained by waiting for what others are about to do.
///
/// # Examples
///
/// ```
/// use executor_common::sync::MODEL;
///
/// let spins = if MODEL { 0 } else { 100 };
/// assert_eq!(spins, 100);
/// ```
pub const MODEL: bool = LOOM || SHUTTLE;

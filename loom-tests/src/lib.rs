//! Models of the executors' own code.
//!
//! `cargo loom` builds the workspace with `--cfg loom`, which replaces what is in `executor_common::sync`, and
//! runs each model under all interleavings and all outcomes of the memory model, up to two preemptions per
//! execution. Without that cfg there are the wiring test's look at it, and `cargo weaken`.
//!
//! | module | what it is |
//! |---|---|
//! | `model` | `check`: runs a model, and fails unless it was explored to its end; `aside`: what is not its subject |
//! | `pause` | a future that waits for one wake-up |
//! | `queue` | the smallest scheduler for futures |
//! | `role` | roles without their threads, and a channel's worker |
//! | `witness` | values that show when they were written and dropped |
//! | `weaken` | not in a model: ordering mutants, and the search for a model that kills each one |

#[cfg(loom)]
pub mod model;
#[cfg(loom)]
pub mod pause;
#[cfg(loom)]
pub mod queue;
#[cfg(loom)]
pub mod role;
#[cfg(not(loom))]
pub mod weaken;
#[cfg(loom)]
pub mod witness;

#[cfg(loom)]
pub use model::{aside, check};
#[cfg(loom)]
pub use pause::Pause;
#[cfg(loom)]
pub use queue::{Entries, Queue};
#[cfg(loom)]
pub use witness::{Done, Plain, Witness};

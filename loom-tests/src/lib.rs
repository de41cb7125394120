//! Checks of the executors' own code under schedulers that decide who goes on.
//!
//! `cargo loom` builds the workspace with `--cfg loom`, which replaces what is in `executor_common::sync`, and
//! runs each model under all interleavings and all outcomes of the memory model, up to two preemptions per
//! execution. `cargo shuttle` does the same with `--cfg shuttle`, and runs programs of random tasks on whole executors under
//! random schedules, each replayable by its seed. Without a cfg there are the wiring test's look at it, and `cargo weaken`.
//!
//! | module | cfg | what it is |
//! |---|---|---|
//! | `model` | `loom` | `check`: runs a model, and fails unless it was explored to its end; `aside`: what is not its subject |
//! | `pause` | `loom` | a future that waits for one wake-up |
//! | `queue` | `loom` | the smallest scheduler for futures |
//! | `role` | both | roles without their machine, without their threads, and a channel's worker |
//! | `witness` | `loom` | values that show when they were written and dropped |
//! | `random` | `shuttle` | `check`: runs a program under random schedules; where it fails, the seed |
//! | `channel` | `shuttle` | a channel between futures |
//! | `child` | `shuttle` | tasks that somebody looks after |
//! | `ledger` | `shuttle` | what became of each task |
//! | `weaken` | neither | ordering mutants, and the search for a model that kills each one |

#[cfg(shuttle)]
pub mod channel;
#[cfg(shuttle)]
pub mod child;
#[cfg(shuttle)]
pub mod ledger;
#[cfg(loom)]
pub mod model;
#[cfg(loom)]
pub mod pause;
#[cfg(loom)]
pub mod queue;
#[cfg(shuttle)]
pub mod random;
#[cfg(any(loom, shuttle))]
pub mod role;
#[cfg(not(any(loom, shuttle)))]
pub mod weaken;
#[cfg(loom)]
pub mod witness;

#[cfg(loom)]
pub use model::{aside, check, check_with_full_fences};
#[cfg(loom)]
pub use pause::Pause;
#[cfg(loom)]
pub use queue::{Entries, Queue};
#[cfg(loom)]
pub use witness::{Done, Plain, Witness};

//! `benches wake`: how long a closure waits for a sleeping worker, and what its caller pays for waking it.
//!
//! What a submitter did before and does after decides where the kernel runs the worker that it wakes, so there are four
//! cases:
//!
//! | case | before | after |
//! |---|---|---|
//! | `pin` | computes for 1 ms, pinned to a CPU; the only worker is pinned to another one | computes |
//! | `spin` | computes for 1 ms | computes |
//! | `block` | sleeps for 1 ms | blocks until the closure has started |
//! | `sleep` | sleeps for 1 ms | computes |
//!
//! The kernel likes to wake a worker on the CPU of a submitter that has just slept. If the submitter goes on computing
//! there, the worker waits, whatever other CPUs do.
//!
//! | file | what it is |
//! |---|---|
//! | `case` | the cases, and a turn of one peer |
//! | `summary` | percentiles of a round, medians over the rounds, what is wanted |
//! | `burst` | what many submits in a row cost their caller |
//! | `command` | the options, the rounds, the tables |

mod burst;
mod case;
mod command;
mod summary;

pub use case::Case;
pub use command::{PEERS, WakeArgs, run};

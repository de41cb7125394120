//! `benches realtime`: how late a task is that comes at fixed instants, beside a load that keeps all other cores busy.
//!
//! The task comes every millisecond and computes for 20 us. How late a run is counts from the instant at which it was due, which
//! is the first one and a multiple of the period: nothing that happens moves it. A run that is skipped is missed, and is as late
//! as the next one that began.
//!
//! | contestant | where the task runs | where the load runs |
//! |---|---|---|
//! | `amp`, `amp-fifo`, `amp-spin` | a role of its own on one core | a role that has the other cores |
//! | `thread`, `thread-fifo`, `thread-spin` | a pinned thread by hand | pinned threads by hand on the other cores |
//! | `smp`, `rayon`, `rayon-tasks`, `tokio`, `tokio-feeder` | a pool with a worker for each core | the same pool |
//!
//! Pools without timers get each run from a feeder, a thread beside them that hands it over when it is due. To give them their best it
//! has `SCHED_FIFO` where that is granted, sleeps until shortly before, and spins the last stretch.
//!
//! The load is chains of tasks of which each queues the next one, two chains for each worker. tokio gets futures that yield
//! instead, and `rayon` parallel loops one after the other, since both serve the task better then; `rayon-tasks` has the chains.
//! tokio's interval is due at whole milliseconds of its own clock, which counts in those.
//!
//! | file | what it is |
//! |---|---|
//! | `contestant` | who takes part |
//! | `load` | a load that computes, so much in each task |
//! | `ticks` | when runs were due, when they began, and how late they were |
//! | `places` | who gets which CPUs |
//! | `turn` | one turn, and what it gives |
//! | `own_role`, `by_hand`, `shared_pool` | the contestants |
//! | `percentiles`, `judge` | the figures, and what is wanted of them |
//! | `command` | the options, the rounds, the tables |

mod by_hand;
mod command;
mod contestant;
mod judge;
pub(crate) mod load;
pub(crate) mod own_role;
pub(crate) mod places;
mod shared_pool;
pub(crate) mod ticks;
pub(crate) mod turn;

#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "../tests/support/watchdog.rs"]
pub(crate) mod watchdog;

pub use command::{RealtimeArgs, run};
pub use contestant::Contestant;

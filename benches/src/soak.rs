//! `benches soak`: both executors at once for a long time, everything that they can do mixed, every task accounted for.
//!
//! Actors are threads that do one thing again and again, with random stalls, each with a generator of its own: they spawn, wait,
//! abort, let go, panic. Executors live for some seconds of random length, one of each kind at a time, and are then ended in the middle of the
//! load, in one way or another; new ones take their places.
//!
//! Each task has a slot in which it is written down that it began, returned, and was dropped. When its handle speaks, or when it was
//! dropped with nobody waiting, a judge compares: a task ends in exactly one of `ran`, `panicked`, `cancelled`, `expired` and `refused`, was
//! dropped exactly once, and its handle says the same. When an executor has ended, its metrics and the report of its shutdown are
//! compared with the sums. The first difference ends the program.
//!
//! | file | what it is |
//! |---|---|
//! | `slot` | what is written down of one task; the token that the task carries |
//! | `judge` | whether a task's end adds up |
//! | `account` | the sums, of an actor or of an executor |
//! | `task` | what a task does, and what its submitter keeps |
//! | `actor` | a thread that works with an executor, in shifts; where it is |
//! | `state` | what all actors share: faults, slots, where everybody is |
//! | `smp`, `amp` | the generations of executors, their actors, their audits |
//! | `watch` | who has not moved for too long |
//! | `resources` | memory, threads, descriptors, CPU time |
//! | `command`, `report` | the options, the course of a run, the tables |

mod account;
mod actor;
mod amp;
mod audit;
mod command;
mod judge;
mod report;
mod resources;
mod slot;
mod smp;
mod state;
mod task;
mod watch;

#[cfg(test)]
mod tests;

pub use command::{SoakArgs, run};

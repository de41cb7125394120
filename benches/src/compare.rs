//! SMP or AMP? One program text on both executors, and on rayon and tokio, and what follows.
//!
//! A workload is a file ([`Workload`]); a layout is an executor with the roles that it is given ([`Layout`]). Every layout runs every
//! workload, in rounds in which all take turns. What the turns gave is an [`outcome`]; the tables, the verdicts, the report for the
//! browser and the trace are made from that alone.
//!
//! | file | what it is |
//! |---|---|
//! | `command` | the options, and what happens in which order |
//! | `workload` | what is to be run: classes of tasks, and the layouts to try |
//! | `arrival`, `service` | when requests come, and what a task does |
//! | `prepared` | a workload with its services made and calibrated, and its rates known |
//! | `rounds`, `sweep` | who takes turns in which order, at one load and at several |
//! | `turn` | one turn: builds the executor, lets requests come, ends it |
//! | `program` | the one program text: runs requests on whichever executor it is given |
//! | `guest` | rayon and tokio as executors that the program can run on |
//! | `feed` | threads that hand requests over at their instants |
//! | `record`, `summary` | who ran what when, and what is said of that |
//! | `memory` | what a turn adds to the process's memory |
//! | `crossover` | where one layout begins to be better than another |
//! | `outcome`, `report` | what one workload gave, and everything that a run of the command has found |
//! | `verdict` | what follows from figures, in words |
//! | `table`, `html`, `trace` | the same for the terminal, for the browser, for Perfetto |
//! | `interrupt`, `progress` | Ctrl-C, and how far a run is |

pub mod arrival;
mod command;
mod crossover;
mod feed;
mod guest;
pub mod html;
pub(crate) mod interrupt;
mod memory;
pub mod outcome;
mod prepared;
mod program;
mod progress;
mod record;
pub mod report;
mod rounds;
pub mod service;
mod summary;
mod sweep;
pub mod table;
pub mod trace;
mod turn;
pub mod verdict;
pub mod workload;

#[cfg(test)]
mod tests;

pub use command::{CompareArgs, RunArgs, SweepArgs, compare, sweep};
pub use workload::{Layout, Workload, WorkloadError};

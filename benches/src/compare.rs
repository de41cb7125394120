//! SMP or AMP? One program text on both executors, and on rayon and tokio, and what follows.
//!
//! A workload is a file ([`Workload`]); a layout is an executor with the roles that it is given ([`Layout`]). Every layout runs every
//! workload, in rounds in which all take turns. What the turns gave is an [`Outcome`](outcome); the table, the verdicts, the report and the
//! trace are made from that alone.
//!
//! | file | what it is |
//! |---|---|
//! | `workload` | what is to be run: classes of tasks, and the layouts to try |
//! | `arrival` | when requests come |
//! | `service` | what a task does |
//! | `outcome` | what running it gave |
//! | `report` | everything that a run of the command has found |
//! | `table` | the terminal's tables |
//! | `verdict` | what follows from figures, in words |

pub mod arrival;
pub mod outcome;
pub mod report;
pub mod service;
pub mod table;
pub mod verdict;
pub mod workload;

pub use workload::{Layout, Workload};

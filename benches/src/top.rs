//! `benches top`: what running executors do at this moment, in bars.
//!
//! A program shows its executor with `MetricsServer` (the feature `serve-metrics` of either executor): a file with its newest snapshot, in a
//! directory where this command looks. A bar is about the time between the two newest snapshots.
//!
//! | file | what it is |
//! |---|---|
//! | `program` | the files: which programs run, and what they show |
//! | `rates` | two snapshots, and what happened in between |
//! | `view` | a frame |
//! | `command` | the options, the keys, one frame as text |

mod command;
mod program;
mod rates;
mod view;

#[cfg(test)]
mod tests;

pub use command::{TopArgs, run};

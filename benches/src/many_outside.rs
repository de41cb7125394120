//! `benches many-outside`: many outside threads that spawn at once onto a few workers.
//!
//! | program | what each thread does | throughput | how far behind the slowest thread is |
//! |---|---|---|---|
//! | `count` | spawns so many tasks, and waits for them | all tasks by the time of the last | the longest time of a thread by the mean |
//! | `time` | spawns 64 tasks, waits for them, and again until the time is over | all tasks by the time | the mean number of tasks by the smallest of a thread |
//!
//! The threads begin together. A thread whose tasks wait long is behind by much: 1 is perfectly fair, and 10 is the limit.
//!
//! | file | what it is |
//! |---|---|
//! | `turn` | the threads, and what they count |
//! | `command` | the options, the rounds, the table |

mod command;
mod turn;

pub use command::{ManyOutsideArgs, PEERS, run};

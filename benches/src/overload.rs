//! `benches overload`: a role that is offered more tasks than it can run.
//!
//! What the role can run is measured first. Then 1.5 times as many tasks are offered, each due at an instant of its own: an offer that
//! comes late moves none of those after it, and a task's wait counts from its instant. When the load stops, the time until nothing
//! waits is the recovery.
//!
//! | variant | tasks that are too many |
//! |---|---|
//! | `refuse` | the full channel hands them back |
//! | `expire` | they have a time to live: the worker drops what has waited longer, and the channel is rarely full |
//! | `cancel` | the full channel hands them back; in the end the executor is shut down, which cancels what waits |
//!
//! Nothing may be lost: `admitted = ran + expired + cancelled`, exactly, by the executor's metrics as by what the tasks count
//! themselves. If that does not add up the program fails, whatever it was asked for.
//!
//! | file | what it is |
//! |---|---|
//! | `account` | what became of every task |
//! | `turn` | the load, and what a turn gives |
//! | `command` | the options, the rounds, the tables |

mod account;
mod command;
mod turn;

#[cfg(test)]
mod tests;

pub use command::{OverloadArgs, run};
pub use turn::Variant;

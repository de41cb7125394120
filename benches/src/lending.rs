//! `benches lending`: what a busy role gains when an idle one helps it, and what that costs the one that helps.
//!
//! The busy role has more tasks queued than its cores can run. The other role has one core, and nothing to do, or a task each
//! millisecond, whose lateness counts from the instant at which it was due. A worker that has taken somebody else's task finishes it
//! before it serves its own role again: that is the price.
//!
//! | file | what it is |
//! |---|---|
//! | `turn` | the two roles, and what a turn gives |
//! | `command` | the options, the rounds, the table |

mod command;
mod turn;

#[cfg(test)]
mod tests;

pub use command::{LendingArgs, run};
pub use turn::Lending;

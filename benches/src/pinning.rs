//! `benches pinning`: one program with its workers pinned, not pinned, and pinned where the kernel lets them.
//!
//! | program | what it does | figure |
//! |---|---|---|
//! | `request` | a future of one role calls another one, again and again, and waits for each answer | time of a request |
//! | `stream` | a task of one role spawns tasks onto the other one, as fast as there is room | time of a task |
//! | `…-beside-stranger` | the same, while somebody else computes all the time on the first role's core | the same |
//!
//! A stranger on a core is what pinning cannot get out of the way of, so that is where it is expected to lose; the report says
//! where it does. What differs by less than the rounds do among themselves is a draw.
//!
//! | file | what it is |
//! |---|---|
//! | `policy` | the policies, and whether they are kept |
//! | `program` | the programs, and a turn of one |
//! | `verdict` | who wins, in words |
//! | `command` | the options, the rounds, the table |

mod command;
mod policy;
mod program;
mod verdict;

#[cfg(test)]
mod tests;

pub use command::{PinningArgs, run};
pub use policy::Policy;

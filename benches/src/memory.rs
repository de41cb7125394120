//! What a queued task costs in memory: the measuring side of the program `memory`.
//!
//! That program is one of its own because it counts in the global allocator, which would slow all other measurements
//! down.
//!
//! All workers of a pool are held by tasks that wait at a barrier. Then so many tasks are queued, from outside: bytes in use after less
//! bytes in use before, divided by their number, are what a queued task costs, its place in the queue included. When
//! the workers have been let go and all tasks have run, what is still in use is what the pool retains for later.
//!
//! | file | what it is |
//! |---|---|
//! | `bytes` | the allocator that counts |
//! | `queued` | one measurement |
//! | `command` | the options, the peers, the table |

mod bytes;
mod command;
mod queued;

pub use bytes::CountingAllocator;
pub use command::{MemoryArgs, run};

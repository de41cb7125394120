//! What the `benches` program and the criterion suites share.
//!
//! | to | see |
//! |---|---|
//! | run one program on both executors | [`checksum`] |
//! | measure what an idle pool costs | [`idle`] |
//! | measure what forking costs | [`fork_join`] |
//! | measure what spawning closures costs | [`spawn`] |
//! | measure what futures cost | [`futures`] |
//! | measure how long a closure waits for a sleeping worker | [`wake`] |
//! | measure the CPU time of a job that comes now and then | [`noop`] |
//! | let many threads spawn at once | [`many_outside`] |
//! | count the bytes of queued tasks | [`memory`] |
//! | let peers take turns, and compare their times | [`rounds`] |
//! | say on what a figure was measured | [`Hardware`] |
//! | measure somebody else's pool beside ours | [`peers`] |

mod callgrind;
pub mod checksum;
pub mod fork_join;
pub mod futures;
mod hardware;
pub mod idle;
pub mod many_outside;
pub mod memory;
pub mod noop;
pub mod peers;
pub mod rounds;
pub mod spawn;
pub mod wake;

pub use hardware::{Hardware, cpu_quota};

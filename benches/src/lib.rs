//! What the `benches` program and the criterion suites share.
//!
//! | to | see |
//! |---|---|
//! | find out which executor suits a workload | [`compare`] |
//! | run one program on both executors | [`checksum`] |
//! | measure what an idle pool costs | [`idle`] |
//! | measure what forking costs | [`fork_join`] |
//! | measure what parallel iterators cost | [`iterators`] |
//! | measure what spawning closures costs | [`spawn`] |
//! | measure what futures cost | [`futures`] |
//! | measure how long a closure waits for a sleeping worker | [`wake`] |
//! | measure the CPU time of a job that comes now and then | [`noop`] |
//! | let many threads spawn at once | [`many_outside`] |
//! | get a message to another core, and many of them | [`role_channel`] |
//! | measure how late a task is that comes at fixed instants | [`realtime`] |
//! | measure what lending a core brings and costs | [`lending`] |
//! | measure what pinning brings and costs | [`pinning`] |
//! | offer a role more than it can run | [`overload`] |
//! | mix everything for an hour, and account for every task | [`soak`] |
//! | see what running executors do | [`top`] |
//! | count the bytes of queued tasks | [`memory`] |
//! | let peers take turns, and compare their times | [`rounds`] |
//! | compute for so long | [`work`] |
//! | say on what a figure was measured | [`Hardware`] |
//! | measure somebody else's pool beside ours | [`peers`] |

mod callgrind;
pub mod checksum;
pub mod compare;
pub mod fork_join;
pub mod futures;
pub mod hardware;
pub mod idle;
pub mod iterators;
pub mod lending;
pub mod many_outside;
pub mod memory;
pub mod noise;
pub mod noop;
pub mod overload;
pub mod peers;
pub mod pinning;
pub mod realtime;
mod resident;
pub mod role_channel;
pub mod rounds;
pub mod soak;
pub mod spawn;
pub mod top;
pub mod wake;
pub mod work;

pub use hardware::{Hardware, cpu_quota};

/// The programs in `docs/` run as tests. They are here because a package that is published cannot have texts from outside of its own
/// folder, and because the migration guides' *before* needs the others.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/guide.md")]
    struct Guide;

    #[doc = include_str!("../../docs/ecosystem.md")]
    struct Ecosystem;

    #[doc = include_str!("../../docs/from-rayon.md")]
    struct FromRayon;

    #[doc = include_str!("../../docs/from-tokio.md")]
    struct FromTokio;
}

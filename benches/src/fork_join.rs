//! `benches fork-join`: what forking costs, and how fast work is shared, beside rayon and chili.
//!
//! | file | what it is |
//! |---|---|
//! | `peer` | whom the programs run on: one trait, inlined calls |
//! | `program` | what a program is, and how it gets to a peer |
//! | `fib`, `tree_sum`, `integrate` | a fork at every call, and next to nothing between |
//! | `matmul`, `sorting` | forks with much below them |
//! | `flat_loop`, `library_sort` | the libraries' own loops and sorts |
//! | `programs` | which of them, and how large |
//! | [`first_steal`] | `benches first-steal`: from a fork to its start on another worker |
//! | [`instructions`] | `benches instructions`: instructions per join, by callgrind |
//! | `command` | the options; all else about measuring is in [`rounds`](crate::rounds) |
//!
//! # Who takes part
//!
//! Serial code, this workspace's executor, rayon and chili. chili's calling thread is one of its workers, and it has a
//! heartbeat thread besides; the pools of the others have exactly as many threads as workers. forte does not
//! take part: its betas need Rust 1.96, and its last version that builds with the Rust 1.95 of this workspace,
//! 1.0.0-alpha.4, is another scheduler than the betas.
//!
//! # Instructions per join
//!
//! `benches instructions` prints the table where valgrind is installed. By hand, for one peer:
//!
//! ```text
//! cargo build --profile bench -p benches
//! for n in 22 27; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/benches \
//!         fork-join --once --filter fib --fib $n --peer smp --workers 1 2>&1 | grep Collected
//! done
//! ```
//!
//! `fib(27)` forks 317,810 times and `fib(22)` 28,656 times. The difference of the two counts by 289,154 is what one call
//! with its fork costs, without what is paid once for the process and the pool; less the same of `--peer serial`, it is the
//! cost of the fork.

mod command;
mod fib;
pub mod first_steal;
mod flat_loop;
pub mod instructions;
mod integrate;
mod library_sort;
mod matmul;
mod peer;
mod program;
pub mod programs;
mod random;
mod sorting;
mod tree_sum;

pub use command::{ForkJoinArgs, run};
pub use fib::Fib;
pub use flat_loop::{Cost, Element, ForEach, MapReduce};
pub use integrate::Integrate;
pub use library_sort::LibrarySort;
pub use matmul::{Matmul, Matrices};
pub use peer::{Chili, GRAIN, Peer, PeerKind, Rayon, Serial, Smp};
pub use program::Program;
pub use sorting::{MergeSort, Numbers, Quicksort};
pub use tree_sum::{Node, TreeSum};

/// What is wanted in comparison with these peers.
pub type Target = crate::rounds::Target<PeerKind>;

impl Target {
    /// At no number of workers behind the better one of the others, within what can be measured.
    pub const NEVER_BEHIND: [Self; 2] =
        [Self::at_most(1.05, PeerKind::Rayon), Self::at_most(1.05, PeerKind::Chili)];
}

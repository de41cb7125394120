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
//! | `measure`, `figures` | rounds in which all peers take turns; medians and paired ratios |
//! | [`first_steal`] | `benches first-steal`: from a fork to its start on another worker |
//! | [`instructions`] | `benches instructions`: instructions per join, by callgrind |
//! | `target`, `report`, `command` | what is wanted, the table, the options |
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
mod depth;
mod fib;
mod figures;
pub mod first_steal;
mod flat_loop;
pub mod instructions;
mod integrate;
mod library_sort;
mod matmul;
mod measure;
mod peer;
mod program;
pub mod programs;
mod random;
mod report;
mod sorting;
mod target;
mod tree_sum;
mod workers;

pub use command::{ForkJoinArgs, run};
pub use depth::DEPTHS;
pub use fib::Fib;
pub use figures::{Figures, Spread, Times};
pub use flat_loop::{Cost, Element, ForEach, MapReduce};
pub use integrate::Integrate;
pub use library_sort::LibrarySort;
pub use matmul::{Matmul, Matrices};
pub use measure::{MAX_REPETITIONS, Plan, measure};
pub use peer::{Chili, GRAIN, Peer, PeerKind, Rayon, Serial, Smp};
pub use program::{AnyProgram, Contender, Prepared, Program};
pub use sorting::{MergeSort, Numbers, Quicksort};
pub use target::{Judged, Target};
pub use tree_sum::{Node, TreeSum};
pub use workers::Workers;

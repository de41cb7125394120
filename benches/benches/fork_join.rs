//! What forking costs, and how fast work is shared: the programs of [`benches::fork_join`], each on every peer that can
//! express it.
//!
//! One group for each program and number of workers. An iteration is one run of the program, timed on a worker of
//! the pool; neither the way into the pool nor setting up the input is in the figure. chili's heartbeat thread comes on top of its
//! workers. Peers of one group run one after the other here; `benches fork-join` lets them take turns, and its ratios are
//! the ones to quote.

mod support;

use benches::fork_join::{PeerKind, programs};

fn main() {
    support::bench_all("", &programs::all(None), &PeerKind::ALL, 10);
}

//! What it costs to spawn closures, and to run them: the programs of [`benches::spawn`], each on every peer.
//!
//! One group for each program and number of workers. An iteration is one run: 10,000 tasks. Peers of one group run one
//! after the other here; `benches spawn` lets them take turns, and its ratios are the ones to quote.

mod support;

use benches::spawn::{PEERS, TASKS, programs};

fn main() {
    support::bench_all("spawn_", &programs(TASKS), &PEERS, 20);
}

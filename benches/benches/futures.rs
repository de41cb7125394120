//! What futures cost: the shapes of [`benches::futures`], each on every peer that runs futures.
//!
//! One group for each shape and number of workers. Peers of one group run one after the other here; `benches futures`
//! lets them take turns, and its ratios are the ones to quote.

mod support;

use benches::futures::{PEERS, Size, programs};

fn main() {
    support::bench_all("futures_", &programs(Size::Full), &PEERS, 20);
}

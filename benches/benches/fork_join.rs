//! What forking costs, and how fast work is shared: the programs of [`benches::fork_join`], each on every peer that can
//! express it.
//!
//! One group for each program and number of workers. An iteration is one run of the program, timed on a worker of
//! the pool; neither the way into the pool nor setting up the input is in the figure. Peers of one group run one after the
//! other here; `benches fork-join` lets them take turns, and its ratios are the ones to quote.

use std::time::Duration;

use benches::Hardware;
use benches::fork_join::{AnyProgram, PeerKind, programs};
use criterion::{Criterion, SamplingMode};

fn main() {
    println!("{}", Hardware::read());
    println!("workers        as in the group's name; chili's heartbeat thread comes on top\n");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        // The default of 100,000 takes longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    for program in programs::all(None) {
        for workers in [1, 2] {
            bench(&mut criterion, &*program, workers);
        }
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, program: &dyn AnyProgram, workers: usize) {
    let plural = if workers == 1 { "" } else { "s" };
    let name = format!("{}_{workers}_worker{plural}", program.name());
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    // Made for the first peer that no filter leaves out.
    let mut prepared = None;
    for peer in PeerKind::ALL.into_iter().filter(|peer| program.suits(*peer)) {
        group.bench_function(peer.name(), |bencher| {
            let prepared = prepared.get_or_insert_with(|| program.prepare());
            let mut contender = prepared.on(peer, workers).unwrap();
            bencher.iter_custom(|runs| contender.time(runs));
            contender.check().unwrap();
        });
    }
    group.finish();
}

//! What forking costs, and how fast work is shared: the programs of [`benches::fork_join`], each on every peer that can
//! express it.
//!
//! One group for each program and number of workers. An iteration is one run of the program, timed on a worker of
//! the pool; neither the way into the pool nor setting up the input is in the figure. Peers of one group run one after the
//! other here; `benches fork-join` lets them take turns, and its ratios are the ones to quote.

use std::time::Duration;

use benches::Hardware;
use benches::fork_join::{AnyProgram, DEPTHS, PeerKind, Prepared, Workers, programs};
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
        let mut prepared = program.prepare();
        for workers in [1, 2] {
            bench(&mut criterion, &*program, &mut *prepared, workers);
        }
    }
    criterion.final_summary();
}

fn bench(
    criterion: &mut Criterion,
    program: &dyn AnyProgram,
    prepared: &mut dyn Prepared,
    workers: usize,
) {
    let plural = if workers == 1 { "" } else { "s" };
    let name = format!("{}_{workers}_worker{plural}", program.name());
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    for peer in PeerKind::ALL.into_iter().filter(|peer| program.suits(*peer)) {
        // criterion calls this closure for every sample, and not at all where a filter leaves it out: the pool is
        // built by the first call, and ends before the next peer's.
        let mut prepared = Some(&mut *prepared);
        let mut contender = None;
        let mut samples = 0;
        group.bench_function(peer.name(), |bencher| {
            let contender = contender.get_or_insert_with(|| {
                let prepared = prepared.take().unwrap();
                prepared.on(peer, Workers::unpinned(workers)).unwrap()
            });
            bencher.iter_custom(|runs| {
                samples += 1;
                contender.time(runs, samples % DEPTHS)
            });
            contender.check().unwrap();
        });
    }
    group.finish();
}

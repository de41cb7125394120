//! What the suites share: programs that the subcommands measure too.

use std::time::Duration;

use benches::Hardware;
use benches::peers::Workers;
use benches::rounds::{AnyProgram, DEPTHS, Kind, Prepared};
use criterion::{Criterion, SamplingMode, Throughput};

/// Measures all programs with 1 and with 2 workers. A group's name begins with `prefix`.
pub(crate) fn bench_all<K: Kind>(
    prefix: &str,
    programs: &[Box<dyn AnyProgram<K>>],
    peers: &[K],
    samples: usize,
) {
    println!("{}", Hardware::read());
    println!("workers        as in the group's name\n");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(samples)
        // The default of 100,000 takes longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    for program in programs {
        let mut prepared = program.prepare();
        for workers in [1, 2] {
            let plural = if workers == 1 { "" } else { "s" };
            let name = format!("{prefix}{}_{workers}_worker{plural}", program.name());
            let suited = |peer: &K| program.suits(*peer) && peer.can_have(workers);
            let peers: Vec<_> = peers.iter().copied().filter(suited).collect();
            bench(&mut criterion, &name, program.operations(), &mut *prepared, &peers, workers);
        }
    }
    criterion.final_summary();
}

fn bench<K: Kind>(
    criterion: &mut Criterion,
    name: &str,
    operations: u64,
    prepared: &mut dyn Prepared<K>,
    peers: &[K],
    workers: usize,
) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    if operations > 1 {
        group.throughput(Throughput::Elements(operations));
    }
    for peer in peers {
        // criterion calls this closure for every sample, and not at all where a filter leaves it out: the pool is
        // built by the first call, and ends before the next peer's.
        let mut prepared = Some(&mut *prepared);
        let mut contender = None;
        let mut samples = 0;
        group.bench_function(peer.to_string(), |bencher| {
            let contender = contender.get_or_insert_with(|| {
                let prepared = prepared.take().unwrap();
                prepared.on(*peer, Workers::unpinned(workers)).unwrap()
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

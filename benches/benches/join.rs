//! `join` at every level of `fib(30)`: 1,346,268 forks that do next to nothing, so that the time is what forking
//! costs. The serial function is the floor.

use std::hint::black_box;
use std::time::Duration;

use benches::Hardware;
use benches::peers::rayon_pool;
use criterion::{Criterion, SamplingMode, Throughput};
use smp_executor::SmpExecutor;

const N: u64 = 30;
/// `fib_serial(N + 1) - 1`: every call above the leaves forks once.
const FORKS: u64 = 1_346_268;

fn main() {
    println!("{}", Hardware::read());
    println!("forks          {FORKS} in each iteration; workers as in the group's name\n");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        // The default of 100,000 takes longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    for workers in [1, 2] {
        let plural = if workers == 1 { "" } else { "s" };
        let mut group = criterion.benchmark_group(format!("join_fib30_{workers}_worker{plural}"));
        group.throughput(Throughput::Elements(FORKS)).sampling_mode(SamplingMode::Flat);

        let smp = SmpExecutor::builder().workers(workers).build().unwrap();
        group.bench_function("smp", |bencher| {
            bencher.iter(|| smp.spawn(|| fib_smp(black_box(N))).join().unwrap());
        });
        drop(smp);

        let pool = rayon_pool(workers).unwrap();
        group.bench_function("rayon", |bencher| {
            bencher.iter(|| pool.install(|| fib_rayon(black_box(N))));
        });
        drop(pool);

        group.bench_function("serial", |bencher| bencher.iter(|| fib_serial(black_box(N))));
        group.finish();
    }
    criterion.final_summary();
}

fn fib_smp(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = smp_executor::join(|| fib_smp(n - 1), || fib_smp(n - 2));
    a + b
}

fn fib_rayon(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = rayon::join(|| fib_rayon(n - 1), || fib_rayon(n - 2));
    a + b
}

fn fib_serial(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    fib_serial(n - 1) + fib_serial(n - 2)
}

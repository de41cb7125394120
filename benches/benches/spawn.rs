//! What it costs to spawn empty closures, and to run them.
//!
//! `spawn_outside_*` spawns from a thread that is none of the pool's, so that two workers make three threads;
//! `spawn_inside_*` from one task of the pool. A peer spawns, and waits until the last task has reported to a
//! counter that all peers share. `*_joined` keeps a handle for each task besides, and joins all of them.

use std::hint::black_box;
use std::time::Duration;

use amp_executor::{AmpExecutor, PinPolicy, RoleConfig, RoleHandle};
use benches::Hardware;
use benches::peers::{AsyncExecutorPool, ChannelPool, Countdown, rayon_pool, tokio_runtime};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use executor_common::cpu::{CpuControl, SystemCpus};
use executor_common::sync::Arc;
use executor_common::{JoinHandle, Role};
use smp_executor::{SmpExecutor, SmpHandle};

/// Tasks in one measured iteration.
const TASKS: usize = 10_000;
const WORK: Role = Role::new("work");

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() {
    println!("{}", Hardware::read());
    println!("tasks          {TASKS} in each iteration; workers as in the group's name\n");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        // The default of 100,000 takes longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    let left = Countdown::leak();
    for workers in [1, 2] {
        let name = |place| {
            format!("spawn_{place}_{workers}_worker{}", if workers == 1 { "" } else { "s" })
        };
        let mut group = criterion.benchmark_group(name("outside"));
        group.throughput(Throughput::Elements(TASKS as u64)).sampling_mode(SamplingMode::Flat);
        outside(&mut group, workers, left);
        group.finish();
        let mut group = criterion.benchmark_group(name("inside"));
        group.throughput(Throughput::Elements(TASKS as u64)).sampling_mode(SamplingMode::Flat);
        inside(&mut group, workers, left);
        group.finish();
    }
    criterion.final_summary();
}

fn outside(group: &mut Group<'_>, workers: usize, left: &'static Countdown) {
    let smp = SmpExecutor::builder().workers(workers).build().unwrap();
    measure(group, "smp", left, || spawn_all(|| drop(smp.spawn(|| left.done()))));
    measure(group, "smp_joined", left, || join_all(|| smp.spawn(|| left.done())));
    drop(smp);

    if let Some(amp) = amp(workers) {
        let role = amp.role(WORK).unwrap();
        measure(group, "amp", left, || spawn_all(|| drop(role.spawn(|| left.done()).unwrap())));
        measure(group, "amp_joined", left, || join_all(|| role.spawn(|| left.done()).unwrap()));
    }

    let pool = rayon_pool(workers).unwrap();
    measure(group, "rayon", left, || spawn_all(|| pool.spawn(|| left.done())));
    drop(pool);

    let runtime = tokio_runtime(workers).unwrap();
    measure(group, "tokio", left, || {
        spawn_all(|| drop(runtime.spawn(async { left.done() })));
    });
    drop(runtime);

    let pool = AsyncExecutorPool::new(workers);
    measure(group, "async_executor", left, || {
        spawn_all(|| pool.executor().spawn(async { left.done() }).detach());
    });
    drop(pool);

    let pool = ChannelPool::new(workers);
    measure(group, "channel", left, || spawn_all(|| pool.spawn(|| left.done())));
}

fn inside(group: &mut Group<'_>, workers: usize, left: &'static Countdown) {
    let smp = SmpExecutor::builder().workers(workers).build().unwrap();
    let handle: &'static SmpHandle = Box::leak(Box::new(smp.handle()));
    measure(group, "smp", left, || {
        drop(smp.spawn(|| spawn_all(|| drop(handle.spawn(|| left.done())))));
    });
    measure(group, "smp_joined", left, || {
        let root = smp.spawn(|| join_all(|| handle.spawn(|| left.done())));
        root.join().unwrap();
    });
    drop(smp);

    if let Some(amp) = amp(workers) {
        let role: &'static RoleHandle = Box::leak(Box::new(amp.role(WORK).unwrap()));
        measure(group, "amp", left, || {
            let spawn_one = || drop(role.spawn(|| left.done()).unwrap());
            drop(role.spawn(move || spawn_all(spawn_one)).unwrap());
        });
        measure(group, "amp_joined", left, || {
            let root = role.spawn(|| join_all(|| role.spawn(|| left.done()).unwrap()));
            root.unwrap().join().unwrap();
        });
    }

    let pool = rayon_pool(workers).unwrap();
    measure(group, "rayon", left, || {
        pool.spawn(|| spawn_all(|| rayon::spawn(|| left.done())));
    });
    drop(pool);

    let runtime = tokio_runtime(workers).unwrap();
    measure(group, "tokio", left, || {
        drop(runtime.spawn(async { spawn_all(|| drop(tokio::spawn(async { left.done() }))) }));
    });
    drop(runtime);

    let pool = AsyncExecutorPool::new(workers);
    measure(group, "async_executor", left, || {
        let executor = Arc::clone(pool.executor());
        let root = async move { spawn_all(|| executor.spawn(async { left.done() }).detach()) };
        pool.executor().spawn(root).detach();
    });
    drop(pool);

    let pool = ChannelPool::new(workers);
    measure(group, "channel", left, || {
        let jobs = pool.sender().clone();
        pool.spawn(move || spawn_all(|| ChannelPool::push(&jobs, || left.done())));
    });
}

/// An asymmetric executor with one role on so many cores; `None` where there are not so many. The role's channel has
/// room for all tasks, as the unbounded queues of the others have.
fn amp(workers: usize) -> Option<AmpExecutor> {
    let allowed = SystemCpus.allowed().ok()?;
    if allowed.len() < workers {
        println!("amp is left out: {workers} workers, {} cores allowed", allowed.len());
        return None;
    }
    let role = RoleConfig::new(WORK).cores(allowed.iter().take(workers)).capacity(2 * TASKS);
    Some(AmpExecutor::builder().role(role).pin(PinPolicy::BestEffort).build().unwrap())
}

/// One peer: `round` has [`TASKS`] tasks spawned, and the last one ends the iteration.
fn measure(group: &mut Group<'_>, peer: &str, left: &Countdown, round: impl Fn()) {
    group.bench_function(peer, |bencher| {
        bencher.iter(|| {
            left.set(TASKS);
            round();
            left.wait();
        });
    });
}

fn spawn_all(spawn_one: impl Fn()) {
    for _ in 0..TASKS {
        spawn_one();
    }
}

fn join_all(spawn_one: impl Fn() -> JoinHandle<()>) {
    let handles: Vec<_> = (0..TASKS).map(|_| spawn_one()).collect();
    for handle in black_box(handles) {
        handle.join().unwrap();
    }
}

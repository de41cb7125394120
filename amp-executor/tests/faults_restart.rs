//! A worker whose loop dies again and again: nothing of what it has is lost, on its way in, at work, and on its way out.

mod faults_support;
mod support;

use std::io;
use std::panic::panic_any;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use amp_executor::cpu::{CpuControl, CpuSet};
use amp_executor::{
    AmpBuilder, AmpExecutor, CancellationToken, Event, IdlePolicy, JoinHandle, Priority,
    RoleConfig, block_on, with_state, yield_now,
};
use faults_support::{Drops, Shrapnel};
use support::{A, B, FakeCpus, Pins, assert_accounted, fake_core, hold, until, watchdog};

/// A system that panics in one of so many questions where a worker is. What it throws cannot even be dropped.
#[derive(Debug)]
struct Failing {
    cpus: FakeCpus,
    /// Zero: never.
    one_in: AtomicU32,
    asked: AtomicU32,
    failed: AtomicU64,
}

impl CpuControl for Failing {
    fn allowed(&self) -> io::Result<CpuSet> {
        self.cpus.allowed()
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        self.cpus.pin(cpu)
    }

    fn current_cpu(&self) -> Option<usize> {
        let one_in = self.one_in.load(Ordering::SeqCst);
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if one_in > 0 && asked.is_multiple_of(one_in) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            panic_any(Shrapnel);
        }
        self.cpus.current_cpu()
    }

    fn exists(&self, cpu: usize) -> bool {
        self.cpus.exists(cpu)
    }
}

/// Role A on CPUs 0 and 1, role B on CPU 2, which lends to it; and how many restarts were reported.
fn failing(idle: IdlePolicy) -> (AmpBuilder, Arc<Failing>, Arc<AtomicU64>) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        // Thousands of panics are expected here.
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Shrapnel>() {
                report(info);
            }
        }));
    });
    let [asked, one_in] = [(); 2].map(|()| AtomicU32::new(0));
    let cpus = FakeCpus { pins: Pins::Granted };
    let cpus = Arc::new(Failing { cpus, one_in, asked, failed: AtomicU64::new(0) });
    let restarts = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&restarts);
    let builder = AmpExecutor::builder()
        .role(RoleConfig::new(A).cores([0, 1]).capacity(512).idle(idle))
        .role(RoleConfig::new(B).cores([2]).capacity(512).idle(idle).lend_to(A))
        .state(A, |_| 7_u32)
        .cpus(Arc::<Failing>::clone(&cpus))
        .on_event(move |event| {
            let Event::WorkerRestarted { message, .. } = event else { panic!("{event}") };
            assert_eq!(message, "(a panic payload that is not text)");
            told.fetch_add(1, Ordering::SeqCst);
        });
    (builder, cpus, restarts)
}

/// Something of everything that a worker can have, and how much of it there is to drop.
fn everything(
    amp: &AmpExecutor,
    drops: &Drops,
    token: &CancellationToken,
) -> (Vec<JoinHandle<Option<usize>>>, usize) {
    let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
    let mut tasks = Vec::new();
    for number in 0..40 {
        let core = number % 2;
        let own = a.on_core(core).unwrap();
        let [first, second, third, fourth, fifth, sixth, seventh] =
            [(); 7].map(|()| drops.counted());
        let [waits, waits_there] = [(); 2].map(|()| token.child_token());
        // In its lane, for all, and before all.
        tasks.push(own.spawn(move || (drop(first), fake_core()).1).unwrap());
        tasks.push(a.spawn(move || (drop(second), fake_core()).1).unwrap());
        let high = a.with_priority(Priority::High);
        tasks.push(high.spawn(move || (drop(third), fake_core()).1).unwrap());
        // Futures: of the role, and of the worker.
        let future = async move {
            let _fourth = fourth;
            waits.cancelled().await;
            yield_now().await;
            fake_core()
        };
        tasks.push(a.spawn_future(future).unwrap());
        let local = move || async move {
            let fifth = std::rc::Rc::new(fifth);
            waits_there.cancelled().await;
            yield_now().await;
            assert_eq!(with_state(|n: &mut u32| *n), Ok(7));
            drop(fifth);
            fake_core()
        };
        tasks.push(own.spawn_local(local).unwrap());
        // At a time, and in the role that lends.
        let due = Instant::now() + Duration::from_micros(number as u64 * 20);
        tasks.push(own.spawn_at(due, move || (drop(sixth), fake_core()).1).unwrap());
        tasks.push(b.spawn(move || (drop(seventh), fake_core()).1).unwrap());
    }
    (tasks, 280)
}

/// All that was accepted has run, on its role's cores or on those of the lender.
#[test]
fn everything_runs_though_workers_die_all_the_time() {
    watchdog(|| {
        for round in 0..18 {
            let idle = [IdlePolicy::Park, IdlePolicy::Backoff, IdlePolicy::Spin][round % 3];
            let (builder, cpus, restarts) = failing(idle);
            let amp = builder.build().unwrap();
            // Always, every other time, and now and then.
            cpus.one_in.store([1, 2, 7][round / 3 % 3], Ordering::SeqCst);
            let (drops, token) = (Drops::default(), CancellationToken::new());
            let (tasks, all) = everything(&amp, &drops, &token);
            let (a, counted) = (amp.role(A).unwrap(), drops.counted());
            let ticks = Arc::new(AtomicU32::new(0));
            let tick = Arc::clone(&ticks);
            let periodic = a.spawn_every(Duration::from_micros(100), move || {
                let _ = &counted;
                tick.fetch_add(1, Ordering::SeqCst);
            });
            let periodic = periodic.unwrap();
            token.cancel();
            for (number, task) in tasks.into_iter().enumerate() {
                let core = task.join().unwrap().unwrap();
                match number % 7 {
                    0 | 4 | 5 => assert_eq!(core, number / 7 % 2),
                    6 => assert_eq!(core, 2),
                    3 => assert!(core < 2),
                    _ => {}
                }
            }
            until(|| ticks.load(Ordering::SeqCst) > 3);
            periodic.stop();
            periodic.join().unwrap();
            let values = a.with_state(|n: &mut u32| *n).unwrap();
            assert_eq!(values.join().unwrap(), 7);
            assert!(amp.shutdown().is_clean());
            assert_eq!(drops.count(), all + 1);
            let metrics = amp.metrics();
            assert_accounted(&metrics);
            assert!(metrics.workers.iter().all(|worker| worker.panics == 0));
            drop(amp);
            let failed = cpus.failed.load(Ordering::SeqCst);
            assert_eq!(restarts.load(Ordering::SeqCst), failed);
            assert!(failed > 0);
        }
    });
}

/// Each way to end, while workers die: what was accepted is run or cancelled, and the end comes.
#[test]
fn the_end_comes_though_workers_die_all_the_time() {
    watchdog(|| {
        for round in 0..32 {
            let idle = [IdlePolicy::Park, IdlePolicy::Backoff][round % 2];
            let (builder, cpus, restarts) = failing(idle);
            let amp = builder.build().unwrap();
            cpus.one_in.store([1, 3][round / 8 % 2], Ordering::SeqCst);
            let (drops, token) = (Drops::default(), CancellationToken::new());
            let held = hold(&amp.role(A).unwrap());
            let (tasks, all) = everything(&amp, &drops, &token);
            let handle = amp.handle();
            let runs_all = match round / 2 % 4 {
                0 => {
                    held.let_go();
                    token.cancel();
                    let _ = amp.shutdown();
                    true
                }
                1 => {
                    held.let_go();
                    token.cancel();
                    let _ = amp.drain_role(A).unwrap();
                    let _ = amp.drain_role(B).unwrap();
                    true
                }
                2 => {
                    let report = amp.shutdown_timeout(Duration::from_micros(500));
                    assert!(report.still_running >= 1, "{report:?}");
                    held.release();
                    false
                }
                _ => {
                    held.let_go();
                    drop(amp);
                    false
                }
            };
            let mut ran = 0;
            for (number, task) in tasks.into_iter().enumerate() {
                match task.join() {
                    Ok(_) => ran += 1,
                    // What is not due is cancelled in any case.
                    Err(error) => {
                        assert!(error.is_cancelled(), "{error}");
                        assert!(!runs_all || number % 7 == 5);
                    }
                }
            }
            assert_eq!(drops.count(), all);
            until(|| {
                let metrics = handle.metrics();
                let over = |role: &amp_executor::RoleMetrics| {
                    role.admitted == role.completed + role.claimed + role.cancelled
                };
                metrics.roles.iter().all(over)
            });
            let completed: u64 = handle.metrics().roles.iter().map(|role| role.completed).sum();
            assert_eq!(completed, ran + 1, "the hold is one");
            assert!(restarts.load(Ordering::SeqCst) <= cpus.failed.load(Ordering::SeqCst));
        }
    });
}

/// It dies on its way to sleep for ever: who wakes it is served all the same.
#[test]
fn a_worker_that_can_never_sleep_works() {
    watchdog(|| {
        let (builder, cpus, _) = failing(IdlePolicy::Park);
        let amp = builder.build().unwrap();
        cpus.one_in.store(1, Ordering::SeqCst);
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for number in 0..300_u64 {
            assert_eq!(a.spawn(move || number).unwrap().join().unwrap(), number);
            assert_eq!(block_on(b.call(move || number)).unwrap(), number);
        }
        cpus.one_in.store(0, Ordering::SeqCst);
        support::until_asleep(&amp);
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

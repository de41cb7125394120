//! How long a task takes from one core to another: from just before it is handed over to its first instruction.
//!
//! The sending thread is pinned to one core, the receiver to another. The receiver writes down when it starts, by the
//! same clock that the sender reads; a clock reading, some 25 ns, is in every figure. The way back is in none, though the
//! sender waits for it, and then pauses:
//!
//! | group | pause | the receiver meanwhile |
//! |---|---|---|
//! | `hand_off_awake` | 2 us | spins, or is on its way to sleep |
//! | `hand_off_parked` | 200 us | sleeps in the kernel |

use std::hint::spin_loop;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, IdlePolicy, PinPolicy, RoleConfig};
use benches::Hardware;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use executor_common::Role;
use executor_common::cpu::{CpuControl, SystemCpus};
use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicU64, Ordering};

const TARGET: Role = Role::new("target");
const CAPACITY: usize = 64;

type Group<'a> = BenchmarkGroup<'a, WallTime>;
type Job = Box<dyn FnOnce() + Send>;

/// Sender's core and receiver's core.
#[derive(Clone, Copy)]
struct Cores {
    from: usize,
    to: usize,
}

fn main() {
    let hardware = Hardware::read();
    println!("{hardware}");
    let mut allowed = hardware.allowed.iter();
    let (Some(from), Some(to)) = (allowed.next(), allowed.next()) else {
        println!("skipped: a hand-off needs two cores, and {} is allowed", hardware.allowed.len());
        return;
    };
    println!("workers        1, on core {to}; the sender is on core {from}\n");
    let cores = Cores { from, to };
    // Criterion plans by the time that is reported, a small part of the time that passes.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(100))
        .sample_size(20)
        // The default of 100,000 takes longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    let mut group = criterion.benchmark_group("hand_off_awake");
    let pause = Duration::from_micros(2);
    amp(&mut group, "amp_spin", cores, pause, IdlePolicy::Spin);
    flag(&mut group, cores, pause);
    crossbeam_spin(&mut group, cores, pause);
    crossbeam_block(&mut group, cores, pause);
    std_block(&mut group, cores, pause);
    tokio_current_thread(&mut group, cores, pause);
    group.finish();

    let mut group = criterion.benchmark_group("hand_off_parked");
    let pause = Duration::from_micros(200);
    amp(&mut group, "amp_park", cores, pause, IdlePolicy::Park);
    crossbeam_block(&mut group, cores, pause);
    std_block(&mut group, cores, pause);
    tokio_current_thread(&mut group, cores, pause);
    group.finish();
    criterion.final_summary();
}

/// When the receiver started, in nanoseconds since a beginning; 0 while it has not.
struct Stamp {
    beginning: Instant,
    started_ns: AtomicU64,
}

impl Stamp {
    fn new() -> Arc<Self> {
        Arc::new(Self { beginning: Instant::now(), started_ns: AtomicU64::new(0) })
    }

    fn now_ns(&self) -> u64 {
        self.beginning.elapsed().as_nanos() as u64 + 1
    }

    /// The receiver's first instruction.
    fn start(&self) {
        // Ordering: Relaxed, here and in `take`; the number is all that is handed over.
        self.started_ns.store(self.now_ns(), Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        loop {
            let started = self.started_ns.swap(0, Ordering::Relaxed);
            if started != 0 {
                return started;
            }
            while self.started_ns.load(Ordering::Relaxed) == 0 {
                spin_loop();
            }
        }
    }
}

fn pin(cpu: usize) {
    if let Err(error) = SystemCpus.pin(cpu) {
        println!("not pinned to core {cpu}: {error}");
    }
}

/// One peer. `send` hands over a task that starts `stamp`.
fn measure(
    group: &mut Group<'_>,
    peer: &str,
    cores: Cores,
    pause: Duration,
    stamp: &Stamp,
    mut send: impl FnMut() + Send,
) {
    group.bench_function(peer, |bencher| {
        bencher.iter_custom(|iterations| {
            // A thread of its own: pinning the main thread would pin every thread it starts later.
            let send = &mut send;
            thread::scope(|scope| {
                let measured = scope.spawn(move || {
                    pin(cores.from);
                    let mut total_ns = 0;
                    for _ in 0..iterations {
                        let sent = stamp.now_ns();
                        send();
                        total_ns += stamp.take().saturating_sub(sent);
                        let resumed = Instant::now();
                        while resumed.elapsed() < pause {
                            spin_loop();
                        }
                    }
                    Duration::from_nanos(total_ns)
                });
                measured.join().unwrap()
            })
        });
    });
}

fn amp(group: &mut Group<'_>, peer: &str, cores: Cores, pause: Duration, idle: IdlePolicy) {
    let role = RoleConfig::new(TARGET).cores([cores.to]).capacity(CAPACITY).idle(idle);
    let amp = AmpExecutor::builder().role(role).pin(PinPolicy::BestEffort).build().unwrap();
    let role = amp.role(TARGET).unwrap();
    let stamp = Stamp::new();
    measure(group, peer, cores, pause, &stamp, || {
        let stamp = Arc::clone(&stamp);
        drop(role.try_spawn(move || stamp.start()).unwrap());
    });
}

/// The floor: a thread that spins on one word.
fn flag(group: &mut Group<'_>, cores: Cores, pause: Duration) {
    const EMPTY: u64 = 0;
    const GO: u64 = 1;
    const END: u64 = 2;
    let stamp = Stamp::new();
    let word = Arc::new(AtomicU64::new(EMPTY));
    let receiver = {
        let (stamp, word) = (Arc::clone(&stamp), Arc::clone(&word));
        thread::spawn(move || {
            pin(cores.to);
            loop {
                // Ordering: Relaxed, here and below; the word is all that is handed over.
                match word.load(Ordering::Relaxed) {
                    EMPTY => spin_loop(),
                    GO => {
                        word.store(EMPTY, Ordering::Relaxed);
                        stamp.start();
                    }
                    _ => break,
                }
            }
        })
    };
    measure(group, "flag", cores, pause, &stamp, || word.store(GO, Ordering::Relaxed));
    word.store(END, Ordering::Relaxed);
    receiver.join().unwrap();
}

/// A pinned thread that runs `receive` until all senders are gone, and a way to hand a job to it.
fn channel_peer(
    group: &mut Group<'_>,
    peer: &str,
    cores: Cores,
    pause: Duration,
    receive: impl FnOnce() + Send + 'static,
    send: impl Fn(Job) + Send + Sync,
) {
    let receiver = thread::spawn(move || {
        pin(cores.to);
        receive();
    });
    let stamp = Stamp::new();
    measure(group, peer, cores, pause, &stamp, || {
        let stamp = Arc::clone(&stamp);
        send(Box::new(move || stamp.start()));
    });
    drop(send);
    receiver.join().unwrap();
}

fn crossbeam_spin(group: &mut Group<'_>, cores: Cores, pause: Duration) {
    use crossbeam_channel::TryRecvError;
    let (jobs, queue) = crossbeam_channel::bounded::<Job>(CAPACITY);
    let receive = move || {
        loop {
            match queue.try_recv() {
                Ok(job) => job(),
                Err(TryRecvError::Empty) => spin_loop(),
                Err(TryRecvError::Disconnected) => break,
            }
        }
    };
    channel_peer(group, "crossbeam_spin", cores, pause, receive, move |job| {
        jobs.try_send(job).unwrap();
    });
}

fn crossbeam_block(group: &mut Group<'_>, cores: Cores, pause: Duration) {
    let (jobs, queue) = crossbeam_channel::bounded::<Job>(CAPACITY);
    let receive = move || queue.iter().for_each(|job| job());
    channel_peer(group, "crossbeam_block", cores, pause, receive, move |job| {
        jobs.try_send(job).unwrap();
    });
}

fn std_block(group: &mut Group<'_>, cores: Cores, pause: Duration) {
    let (jobs, queue) = mpsc::sync_channel::<Job>(CAPACITY);
    let receive = move || queue.iter().for_each(|job| job());
    channel_peer(group, "std_block", cores, pause, receive, move |job| {
        jobs.try_send(job).unwrap();
    });
}

fn tokio_current_thread(group: &mut Group<'_>, cores: Cores, pause: Duration) {
    let (jobs, mut queue) = tokio::sync::mpsc::channel::<Job>(CAPACITY);
    let receive = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            while let Some(job) = queue.recv().await {
                job();
            }
        });
    };
    channel_peer(group, "tokio_current_thread", cores, pause, receive, move |job| {
        jobs.try_send(job).unwrap();
    });
}

//! A worker whose loop dies goes on where it was.

mod support;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use amp_executor::cpu::{CpuControl, CpuSet};
use amp_executor::{
    AmpBuilder, AmpExecutor, CancellationToken, Event, IdlePolicy, RoleConfig, with_state,
    yield_now,
};
use support::{
    A, B, FakeCpus, Log, Pins, assert_accounted, fake_core, hold, is_asleep, until, until_asleep,
    watchdog,
};

/// A system whose answer is a panic, so many times: the one thing in a worker's loop that is not this crate's own.
#[derive(Debug)]
struct FailingCpus {
    cpus: FakeCpus,
    failures: AtomicU32,
}

impl FailingCpus {
    fn new() -> Arc<Self> {
        Arc::new(Self { cpus: FakeCpus { pins: Pins::Granted }, failures: AtomicU32::new(0) })
    }

    fn fail(&self, times: u32) {
        self.failures.store(times, Ordering::SeqCst);
    }

    fn failures_left(&self) -> u32 {
        self.failures.load(Ordering::SeqCst)
    }
}

impl CpuControl for FailingCpus {
    fn allowed(&self) -> io::Result<CpuSet> {
        self.cpus.allowed()
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        self.cpus.pin(cpu)
    }

    fn current_cpu(&self) -> Option<usize> {
        let fails = |left: u32| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            panic!("no such CPU");
        }
        self.cpus.current_cpu()
    }

    fn exists(&self, cpu: usize) -> bool {
        self.cpus.exists(cpu)
    }
}

/// Role A on CPU 0 and role B on CPU 1, and what is reported of them.
fn failing(idle: IdlePolicy) -> (AmpBuilder, Arc<FailingCpus>, mpsc::Receiver<Event>) {
    let (tell, told) = mpsc::channel();
    let cpus = FailingCpus::new();
    let builder = AmpExecutor::builder()
        .role(RoleConfig::new(A).cores([0]).capacity(512).idle(idle))
        .role(RoleConfig::new(B).cores([1]).idle(idle))
        .cpus(Arc::<FailingCpus>::clone(&cpus))
        .on_event(move |event| tell.send(event.clone()).unwrap());
    (builder, cpus, told)
}

fn assert_restarted(event: &Event) {
    let Event::WorkerRestarted { role, worker, core, message, .. } = event else {
        panic!("{event}")
    };
    assert_eq!((*role, *worker, *core, &**message), (A, 0, 0, "no such CPU"));
}

/// In the middle of a full queue: all that was in it is run, in its order, on the same thread.
#[test]
fn the_queue_is_intact() {
    watchdog(|| {
        for _ in 0..50 {
            let (builder, cpus, told) = failing(IdlePolicy::Park);
            let amp = builder.build().unwrap();
            let a = amp.role(A).unwrap();
            let thread = a.spawn(|| std::thread::current().id()).unwrap().join().unwrap();
            until_asleep(&amp);
            let held = hold(&a);
            let order = Arc::new(Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..300)
                .map(|number| {
                    let order = Arc::clone(&order);
                    let task = a.spawn(move || {
                        order.lock().unwrap().push(number);
                        std::thread::current().id()
                    });
                    task.unwrap()
                })
                .collect();
            // It looks where it is every 64 tasks.
            cpus.fail(2);
            held.release();
            for task in tasks {
                assert_eq!(task.join().unwrap(), thread);
            }
            assert!(order.lock().unwrap().iter().copied().eq(0..300));
            let events: Vec<_> = told.try_iter().collect();
            assert_eq!(events.len(), 2);
            events.iter().for_each(assert_restarted);
            assert!(events[0].to_string().ends_with("started again after a panic: no such CPU"));
            assert!(amp.shutdown().is_clean());
            assert_accounted(&amp.metrics());
            let metrics = amp.metrics();
            assert_eq!(metrics.workers[0].panics, 0, "no task has panicked");
            assert_eq!(metrics.role(A).unwrap().completed, 302);
        }
    });
}

/// Just before it falls asleep, and again, and again.
#[test]
fn it_dies_on_its_way_to_sleep() {
    watchdog(|| {
        for idle in [IdlePolicy::Park, IdlePolicy::Backoff] {
            let (builder, cpus, told) = failing(idle);
            let amp = builder.build().unwrap();
            let a = amp.role(A).unwrap();
            until_asleep(&amp);
            for times in 1..=50 {
                // The other role's worker sleeps on, and looks at nothing.
                cpus.fail(times);
                assert_eq!(a.spawn(fake_core).unwrap().join().unwrap(), Some(0));
                for _ in 0..times {
                    assert_restarted(&told.recv().unwrap());
                }
                until_asleep(&amp);
            }
            assert_eq!(cpus.failures_left(), 0);
            assert!(told.try_recv().is_err());
            let busy = amp.metrics().workers[0].busy;
            assert_eq!(amp.metrics().workers[0].busy, busy, "it is idle");
        }
    });
}

/// What a worker has beside its queue: suspended futures, local ones, timed ones, its values.
#[test]
fn nothing_of_its_own_is_lost() {
    watchdog(|| {
        for _ in 0..50 {
            let (builder, cpus, told) = failing(IdlePolicy::Park);
            let amp = builder.state(A, |_| 7_u32).build().unwrap();
            let a = amp.role(A).unwrap();
            let token = CancellationToken::new();
            let (wait, wait_there) = (token.child_token(), token.child_token());
            let (begin, begun) = mpsc::channel();
            let in_local = begin.clone();
            let future = a
                .spawn_future(async move {
                    begin.send(()).unwrap();
                    wait.cancelled().await;
                    yield_now().await;
                    fake_core()
                })
                .unwrap();
            let local = a
                .spawn_local(move || async move {
                    let value = std::rc::Rc::new(with_state(|n: &mut u32| *n).unwrap());
                    in_local.send(()).unwrap();
                    wait_there.cancelled().await;
                    *value + with_state(|n: &mut u32| *n).unwrap()
                })
                .unwrap();
            let due = Instant::now() + Duration::from_millis(1);
            let timed = a.spawn_at(due, Instant::now).unwrap();
            let (tick, ticks) = mpsc::channel();
            let ticking = a.spawn_every(Duration::from_micros(300), move || {
                let _ = tick.send(());
            });
            let ticking = ticking.unwrap();
            begun.iter().take(2).for_each(drop);
            until(|| is_asleep(&amp.metrics().workers[1]));
            cpus.fail(1);
            assert_restarted(&told.recv().unwrap());
            token.cancel();
            assert_eq!(future.join().unwrap(), Some(0));
            assert_eq!(local.join().unwrap(), 14);
            assert!(timed.join().unwrap() >= due);
            ticks.iter().take(3).for_each(drop);
            ticking.stop();
            ticking.join().unwrap();
            assert!(amp.shutdown().is_clean());
            assert_accounted(&amp.metrics());
        }
    });
}

/// The end comes all the same: of a role that is drained, and of an executor that is dropped.
#[test]
fn it_dies_on_its_way_out() {
    watchdog(|| {
        for round in 0..100 {
            let (builder, cpus, told) = failing(IdlePolicy::Park);
            let amp = builder.build().unwrap();
            let a = amp.role(A).unwrap();
            let log = Log::default();
            let held = hold(&a);
            for letter in "abc".chars() {
                a.spawn(log.note(letter)).unwrap();
            }
            let handle = amp.handle();
            cpus.fail(1);
            if round % 2 == 0 {
                held.let_go();
                assert!(amp.drain_role(A).unwrap().is_clean());
                assert_eq!(log.text(), "abc");
                until(|| !amp.role(B).unwrap().is_closed());
                drop(amp);
            } else {
                held.let_go();
                drop(amp);
            }
            assert!(told.try_iter().count() <= 1);
            assert_accounted(&handle.metrics());
        }
    });
}

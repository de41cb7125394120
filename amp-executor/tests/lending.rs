//! Workers that help another role while they have nothing to do.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use amp_executor::{
    AmpBuilder, AmpExecutor, IdlePolicy, Priority, RoleConfig, RoleHandle, TaskPanic, yield_now,
};
use support::{
    A, B, C, FakeCpus, Hold, Log, Pins, assert_accounted, fake_core, hold, is_asleep, until,
    until_asleep, watchdog,
};

/// Role A on CPU 0, and role B on CPU 1, which lends to A.
fn lending(capacity: usize, idle: IdlePolicy) -> AmpBuilder {
    let on = |role, core| RoleConfig::new(role).cores([core]).capacity(capacity).idle(idle);
    AmpExecutor::builder()
        .role(on(A, 0))
        .role(on(B, 1).lend_to(A))
        .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
}

/// Holds the role's worker, which has the task to itself.
fn hold_core(role: &RoleHandle, core: usize) -> Hold {
    hold(&role.on_core(core).unwrap())
}

const IDLE: [IdlePolicy; 2] = [IdlePolicy::Park, IdlePolicy::Backoff];

#[test]
fn nobody_lends_unless_told_to() {
    watchdog(|| {
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([0]))
            .role(RoleConfig::new(B).cores([1]))
            .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..50 {
            let held = hold(&a);
            let tasks: Vec<_> = (0..20).map(|_| a.spawn(fake_core).unwrap()).collect();
            for _ in 0..20 {
                assert_eq!(b.spawn(fake_core).unwrap().join().unwrap(), Some(1));
            }
            held.release();
            for task in tasks {
                assert_eq!(task.join().unwrap(), Some(0));
            }
        }
        let metrics = amp.metrics();
        assert!(metrics.roles.iter().all(|role| role.lent == 0 && role.borrowed == 0));
    });
}

#[test]
fn an_idle_worker_helps() {
    watchdog(|| {
        for idle in IDLE {
            let amp = lending(64, idle).build().unwrap();
            let a = amp.role(A).unwrap();
            for _ in 0..50 {
                let held = hold_core(&a, 0);
                let tasks: Vec<_> = (0..20)
                    .map(|number| {
                        let terms = [Priority::High, Priority::Normal][number % 2];
                        a.with_priority(terms).spawn(fake_core).unwrap()
                    })
                    .collect();
                // While their own worker is held.
                for task in tasks {
                    assert_eq!(task.join().unwrap(), Some(1));
                }
                held.release();
            }
            assert!(amp.shutdown().is_clean());
            let metrics = amp.metrics();
            let (of_a, of_b) = (metrics.role(A).unwrap(), metrics.role(B).unwrap());
            assert_eq!((of_a.borrowed, of_a.lent, of_a.completed), (1_000, 0, 1_050));
            assert_eq!((of_b.lent, of_b.borrowed, of_b.completed), (1_000, 0, 0));
            assert_eq!((metrics.workers[0].lent, metrics.workers[1].lent), (0, 1_000));
            assert!(!metrics.workers[1].busy.is_zero());
            assert_accounted(&metrics);
        }
    });
}

/// The borrower's backlog wakes it.
#[test]
fn a_parked_worker_is_woken() {
    watchdog(|| {
        let amp = lending(64, IdlePolicy::Park).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold_core(&a, 0);
        for _ in 0..300 {
            until(|| is_asleep(&amp.metrics().workers[1]));
            assert_eq!(a.spawn(fake_core).unwrap().join().unwrap(), Some(1));
        }
        held.release();
        // With its own role's worker asleep it is that one which is woken.
        for _ in 0..100 {
            until_asleep(&amp);
            let wakes = amp.metrics().workers[1].wakes;
            assert_eq!(a.spawn(fake_core).unwrap().join().unwrap(), Some(0));
            until_asleep(&amp);
            assert_eq!(amp.metrics().workers[1].wakes, wakes);
        }
    });
}

#[test]
fn its_own_work_comes_first() {
    watchdog(|| {
        let amp = lending(64, IdlePolicy::Backoff).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..200 {
            let log = Log::default();
            let (held_a, held_b) = (hold_core(&a, 0), hold_core(&b, 1));
            for letter in "aaa".chars() {
                a.spawn(log.note(letter)).unwrap();
            }
            for letter in "bbbbb".chars() {
                b.spawn(log.note(letter)).unwrap();
            }
            held_b.release();
            assert_eq!(log.text_of(8), "bbbbbaaa");
            held_a.release();
        }
    });
}

/// One task at a time: what comes for the lender meanwhile is next.
#[test]
fn one_task_and_then_its_own() {
    watchdog(|| {
        let amp = lending(64, IdlePolicy::Backoff).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..100 {
            let log = Log::default();
            let held_a = hold_core(&a, 0);
            let lent = hold(&a);
            for letter in "aaa".chars() {
                a.spawn(log.note(letter)).unwrap();
            }
            for letter in "bb".chars() {
                b.spawn(log.note(letter)).unwrap();
            }
            lent.release();
            assert_eq!(log.text_of(5), "bbaaa");
            held_a.release();
        }
    });
}

#[test]
fn it_goes_one_way() {
    watchdog(|| {
        let amp = lending(64, IdlePolicy::Backoff).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..50 {
            let held = hold_core(&b, 1);
            let tasks: Vec<_> = (0..20).map(|_| b.spawn(fake_core).unwrap()).collect();
            for _ in 0..20 {
                assert_eq!(a.spawn(fake_core).unwrap().join().unwrap(), Some(0));
            }
            held.release();
            for task in tasks {
                assert_eq!(task.join().unwrap(), Some(1));
            }
        }
        let metrics = amp.metrics();
        assert_eq!((metrics.role(B).unwrap().borrowed, metrics.role(A).unwrap().lent), (0, 0));
    });
}

/// Nor does a lender pass on what others lend to it.
#[test]
fn it_goes_one_step() {
    watchdog(|| {
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([0]))
            .role(RoleConfig::new(B).cores([1]).lend_to(A))
            .role(RoleConfig::new(C).cores([2]).lend_to(B))
            .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
            .build()
            .unwrap();
        let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
        for _ in 0..50 {
            let (held_a, held_b) = (hold_core(&a, 0), hold_core(&b, 1));
            let of_a: Vec<_> = (0..5).map(|_| a.spawn(fake_core).unwrap()).collect();
            let of_b: Vec<_> = (0..5).map(|_| b.spawn(fake_core).unwrap()).collect();
            for task in of_b {
                assert_eq!(task.join().unwrap(), Some(2));
            }
            assert_eq!(c.spawn(fake_core).unwrap().join().unwrap(), Some(2));
            assert!(!of_a.iter().any(amp_executor::JoinHandle::is_finished));
            held_b.release();
            for task in of_a {
                assert_eq!(task.join().unwrap(), Some(1));
            }
            held_a.release();
        }
    });
}

/// Two borrowers are served in the order in which they were named.
#[test]
fn the_first_named_comes_first() {
    watchdog(|| {
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([0]))
            .role(RoleConfig::new(B).cores([1]))
            .role(RoleConfig::new(C).cores([2]).lend_to(B).lend_to(A))
            .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
            .build()
            .unwrap();
        let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
        for _ in 0..100 {
            let held = [hold_core(&a, 0), hold_core(&b, 1)];
            let lender = hold_core(&c, 2);
            let log = Log::default();
            for _ in 0..3 {
                a.spawn(log.note('a')).unwrap();
                b.spawn(log.note('b')).unwrap();
            }
            lender.release();
            assert_eq!(log.text_of(6), "bbbaaa");
            held.into_iter().for_each(Hold::release);
        }
    });
}

/// Futures, tasks for a core, and timed tasks are not lent.
#[test]
fn what_belongs_to_a_worker_stays_at_home() {
    watchdog(|| {
        for idle in IDLE {
            let amp = lending(64, idle).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            for _ in 0..50 {
                let held = hold_core(&a, 0);
                let futures: Vec<_> = (0..10)
                    .map(|_| {
                        a.spawn_future(async {
                            let first = fake_core();
                            yield_now().await;
                            [first, fake_core()]
                        })
                        .unwrap()
                    })
                    .collect();
                let own: Vec<_> = (0..10).map(|_| a.spawn_on_core(0, fake_core).unwrap()).collect();
                let timed = a.spawn_at(std::time::Instant::now(), fake_core).unwrap();
                let local = a.spawn_local(|| async { fake_core() }).unwrap();
                // Behind the futures: the lender has been through them.
                let lent = a.spawn(fake_core).unwrap();
                assert_eq!(lent.join().unwrap(), Some(1));
                assert_eq!(b.spawn(fake_core).unwrap().join().unwrap(), Some(1));
                held.release();
                for future in futures {
                    assert_eq!(future.join().unwrap(), [Some(0); 2]);
                }
                for task in own.into_iter().chain([timed, local]) {
                    assert_eq!(task.join().unwrap(), Some(0));
                }
            }
            assert!(amp.shutdown().is_clean());
            assert_eq!(amp.metrics().role(A).unwrap().borrowed, 50);
            assert_accounted(&amp.metrics());
        }
    });
}

#[test]
fn a_panic_stays_with_its_task() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let amp = lending(64, IdlePolicy::Backoff)
            .on_panic(move |panic: TaskPanic| tell.send(panic.message().to_owned()).unwrap())
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let held = hold_core(&a, 0);
        for _ in 0..50 {
            let error: amp_executor::JoinError =
                a.spawn(|| panic!("lent")).map(|task| task.join()).unwrap().unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("lent"));
            drop(a.spawn(|| panic!("detached")).map(drop));
            assert_eq!(told.recv().unwrap(), "detached");
            assert_eq!(b.spawn(fake_core).unwrap().join().unwrap(), Some(1));
        }
        held.release();
    });
}

/// Expired and aborted tasks are dropped by a lender as by their own worker.
#[test]
fn it_runs_nothing_that_is_not_to_run() {
    watchdog(|| {
        let amp = lending(64, IdlePolicy::Backoff).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..50 {
            let (held_a, held_b) = (hold_core(&a, 0), hold_core(&b, 1));
            let stale = a.with_time_to_live(Duration::ZERO).spawn(|| {}).unwrap();
            let aborted = a.spawn(|| {}).unwrap();
            aborted.abort();
            held_b.release();
            assert!(stale.join().unwrap_err().is_expired());
            assert!(aborted.join().unwrap_err().is_cancelled());
            held_a.release();
        }
        let _ = amp.shutdown();
        let metrics = amp.metrics();
        let of_a = metrics.role(A).unwrap();
        assert_eq!((of_a.expired, of_a.cancelled), (50, 50));
        assert_accounted(&metrics);
    });
}

/// A task of A that runs on B's worker, until it is released.
struct Lent {
    release: mpsc::Sender<()>,
    over: Arc<AtomicBool>,
    task: amp_executor::JoinHandle<Option<usize>>,
}

impl Lent {
    fn new(a: &RoleHandle) -> Self {
        let held = hold_core(a, 0);
        let over = Arc::new(AtomicBool::new(false));
        let (release, released) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let set = Arc::clone(&over);
        let task = a.spawn(move || {
            begin.send(()).unwrap();
            let _ = released.recv();
            set.store(true, Ordering::SeqCst);
            fake_core()
        });
        begun.recv().unwrap();
        held.release();
        Self { release, over, task: task.unwrap() }
    }

    /// It has run where it should.
    fn end(self) {
        drop(self.release);
        assert_eq!(self.task.join().unwrap(), Some(1));
    }
}

#[test]
fn a_drained_role_waits_for_what_it_has_lent_out() {
    watchdog(|| {
        for round in 0..100 {
            let amp = Arc::new(lending(8, IdlePolicy::Backoff).build().unwrap());
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let lent = Lent::new(&a);
            let closing = {
                let (amp, over) = (Arc::clone(&amp), Arc::clone(&lent.over));
                std::thread::spawn(move || {
                    let report =
                        if round % 2 == 0 { amp.drain_role(A).unwrap() } else { amp.shutdown() };
                    (report, over.load(Ordering::SeqCst))
                })
            };
            until(|| a.is_closed());
            lent.end();
            let (report, was_over) = closing.join().unwrap();
            assert!(was_over, "it returned while its task ran");
            assert!(report.is_clean(), "{report}");
            if round % 2 == 0 {
                assert_eq!(b.spawn(fake_core).unwrap().join().unwrap(), Some(1));
                assert!(amp.shutdown().is_clean());
            }
            assert_accounted(&amp.metrics());
        }
    });
}

#[test]
fn a_drop_waits_for_a_lent_task() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = lending(8, IdlePolicy::Backoff).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let lent = Lent::new(&a);
            let (handle, over) = (amp.handle(), Arc::clone(&lent.over));
            let dropper = std::thread::spawn(move || {
                drop(amp);
                assert!(over.load(Ordering::SeqCst), "the drop has waited");
            });
            until(|| a.is_closed() && b.is_closed());
            lent.end();
            dropper.join().unwrap();
            assert_accounted(&handle.metrics());
        }
    });
}

#[test]
fn a_timeout_leaves_a_lent_task_running() {
    watchdog(|| {
        for _ in 0..20 {
            let amp = lending(8, IdlePolicy::Backoff).build().unwrap();
            let a = amp.role(A).unwrap();
            let lent = Lent::new(&a);
            let report = amp.shutdown_timeout(Duration::from_millis(5));
            assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
            lent.end();
        }
    });
}

/// A lender that has ended helps nobody, and its borrower goes on alone.
#[test]
fn a_borrower_outlives_its_lender() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = lending(8, IdlePolicy::Park).build().unwrap();
            let a = amp.role(A).unwrap();
            let held = hold_core(&a, 0);
            assert!(amp.drain_role(B).unwrap().is_clean());
            let tasks: Vec<_> = (0..5).map(|_| a.spawn(fake_core).unwrap()).collect();
            held.release();
            for task in tasks {
                assert_eq!(task.join().unwrap(), Some(0));
            }
            assert!(amp.shutdown().is_clean());
        }
    });
}

/// Spawners against a role that is drained, with a lender that helps: what was accepted was run.
#[test]
fn nothing_is_lost_in_a_drain() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = lending(4, IdlePolicy::Backoff).build().unwrap();
            let a = amp.role(A).unwrap();
            let spawners: Vec<_> = (0..2)
                .map(|_| {
                    let a = a.clone();
                    std::thread::spawn(move || {
                        let mut tasks = Vec::new();
                        while let Ok(task) = a.spawn(|| ()) {
                            tasks.push(task);
                        }
                        tasks
                    })
                })
                .collect();
            until(|| amp.metrics().role(A).unwrap().tasks_run > 20);
            assert!(amp.drain_role(A).unwrap().is_clean());
            let metrics = amp.metrics();
            let mut admitted = 0;
            for task in spawners.into_iter().flat_map(|spawner| spawner.join().unwrap()) {
                task.join().unwrap();
                admitted += 1;
            }
            assert_eq!(metrics.role(A).unwrap().admitted, admitted);
            assert_accounted(&metrics);
        }
    });
}

/// A worker that waits for room in its own channel, which a lender makes: no deadlock.
#[test]
fn a_lender_makes_room() {
    watchdog(|| {
        let amp = lending(2, IdlePolicy::Backoff).build().unwrap();
        let a = amp.role(A).unwrap();
        for _ in 0..100 {
            let own = a.clone();
            let tasks = a.spawn_on_core(0, move || {
                (0..20).map(|_| own.spawn(fake_core).unwrap()).collect::<Vec<_>>()
            });
            for task in tasks.unwrap().join().unwrap() {
                let _ = task.join().unwrap();
            }
        }
        assert_eq!(amp.metrics().role(A).unwrap().would_deadlock, 0);
    });
}

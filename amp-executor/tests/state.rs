//! Values that are made on a worker, stay there, and are lent to its tasks.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use amp_executor::{BuildError, RoleConfig, SpawnError, StateError, with_state, yield_now};
use support::{A, B, C, TellsDrop, fake_core, fake_workers, hold, one_role, two_roles, watchdog};

/// Counts, and must not leave its thread.
type Count = Rc<Cell<u64>>;

#[test]
fn a_value_outlives_the_tasks_that_change_it() {
    watchdog(|| {
        let amp = one_role(64).state(A, |_| Count::default()).build().unwrap();
        let role = amp.role(A).unwrap();
        let add = |count: &mut Count| count.replace(count.get() + 1);
        let before: Vec<_> = (0..2_000).map(|_| role.with_state(add).unwrap()).collect();
        for (expected, before) in before.into_iter().enumerate() {
            assert_eq!(before.join().unwrap(), expected as u64);
        }
        // By all the ways to a worker.
        let free = || with_state(|count: &mut Count| count.replace(count.get() + 1)).unwrap();
        assert_eq!(role.spawn(free).unwrap().join().unwrap(), 2_000);
        let future = role.spawn_future(async move {
            let first = free();
            yield_now().await;
            (first, free())
        });
        assert_eq!(future.unwrap().join().unwrap(), (2_001, 2_002));
        assert_eq!(role.spawn_at(Instant::now(), free).unwrap().join().unwrap(), 2_003);
        let (tell, told) = mpsc::channel();
        let ticking = role.spawn_every(Duration::from_micros(200), move || {
            let _ = tell.send(free());
        });
        assert!(told.iter().take(5).eq(2_004..2_009));
        ticking.unwrap().stop();
    });
}

struct Made {
    core: usize,
    on: ThreadId,
}

#[test]
fn each_core_makes_its_own_once() {
    watchdog(|| {
        for _ in 0..50 {
            let made = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&made);
            let amp = fake_workers(4, 64)
                .state(A, move |core| {
                    assert_eq!(fake_core(), Some(core), "the worker is in its place");
                    log.lock().unwrap().push(core);
                    Made { core, on: thread::current().id() }
                })
                .build()
                .unwrap();
            let role = amp.role(A).unwrap();
            for number in 0..100 {
                let core = number % 4;
                let there = role.on_core(core).unwrap();
                let is_there = |made: &mut Made| (made.core, made.on == thread::current().id());
                assert_eq!(there.with_state(is_there).unwrap().join().unwrap(), (core, true));
                let is_here = |made: &mut Made| {
                    Some(made.core) == fake_core() && made.on == thread::current().id()
                };
                assert!(role.with_state(is_here).unwrap().join().unwrap());
                assert!(role.keyed(&number).with_state(is_here).unwrap().join().unwrap());
            }
            let mut made = made.lock().unwrap().clone();
            made.sort_unstable();
            assert_eq!(made, [0, 1, 2, 3]);
        }
    });
}

#[test]
fn each_type_and_each_role_has_its_own() {
    watchdog(|| {
        let amp = two_roles(8)
            .state(A, |_| 1_u32)
            .state(A, |_| String::from("of a"))
            .state(B, |_| 2_u32)
            // The later one counts.
            .state(A, |_| 3_u32)
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        assert_eq!(a.with_state(|n: &mut u32| *n).unwrap().join().unwrap(), 3);
        assert_eq!(b.with_state(|n: &mut u32| *n).unwrap().join().unwrap(), 2);
        let text = a.with_state(|text: &mut String| text.clone());
        assert_eq!(text.unwrap().join().unwrap(), "of a");
        let error = b.with_state(|_: &mut String| ()).unwrap_err();
        let type_name = std::any::type_name::<String>();
        assert_eq!(error, SpawnError::NoState { role: B, type_name });
        let error = a.with_state(|_: &mut u8| ()).unwrap_err();
        assert_eq!(error.to_string(), "role \"a\" has no state of type u8");
        let on_b = b.spawn(|| with_state(|_: &mut String| ())).unwrap().join().unwrap();
        assert_eq!(on_b, Err(StateError::NoState { type_name }));
        assert!(matches!(with_state(|_: &mut u32| ()), Err(StateError::NoState { .. })));
    });
}

/// Tells its thread and what it has seen when it is dropped.
struct Witness {
    seen: u64,
    tell: mpsc::Sender<(ThreadId, ThreadId, u64)>,
    made_on: ThreadId,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.tell.send((self.made_on, thread::current().id(), self.seen));
    }
}

#[test]
fn values_are_dropped_on_their_thread_after_the_last_task() {
    watchdog(|| {
        for round in 0..200 {
            let (tell, told) = mpsc::channel();
            let amp = fake_workers(3, 64)
                .state(A, move |_| Witness {
                    seen: 0,
                    tell: tell.clone(),
                    made_on: thread::current().id(),
                })
                .build()
                .unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            for _ in 0..30 {
                drop(role.with_state(|witness: &mut Witness| witness.seen += 1).unwrap());
            }
            // A shutdown runs them, a drop may cancel some.
            let seen_at_least = if round % 2 == 0 {
                held.let_go();
                assert!(amp.shutdown().is_clean());
                30
            } else {
                held.let_go();
                0
            };
            let metrics = amp.handle();
            drop(amp);
            let dropped: Vec<_> = told.try_iter().collect();
            assert_eq!(dropped.len(), 3, "before the executor's end has returned");
            assert!(dropped.iter().all(|(made_on, dropped_on, _)| made_on == dropped_on));
            let seen: u64 = dropped.iter().map(|(.., seen)| seen).sum();
            assert!(seen >= seen_at_least);
            assert_eq!(seen + 1, metrics.metrics().role(A).unwrap().completed);
        }
    });
}

/// It is there for local futures that are cancelled at the end.
#[test]
fn values_outlive_local_futures() {
    watchdog(|| {
        struct AsksInDrop(mpsc::Sender<Result<u32, StateError>>);
        impl Drop for AsksInDrop {
            fn drop(&mut self) {
                let _ = self.0.send(with_state(|n: &mut u32| *n));
            }
        }
        for _ in 0..200 {
            let amp = one_role(8).state(A, |_| 5_u32).build().unwrap();
            let role = amp.role(A).unwrap();
            let (tell, told) = mpsc::channel();
            let (begin, begun) = mpsc::channel();
            let asks = AsksInDrop(tell);
            drop(role.spawn_local(move || async move {
                let _asks = asks;
                begin.send(()).unwrap();
                std::future::pending::<()>().await;
            }));
            begun.recv().unwrap();
            drop(amp);
            assert_eq!(told.recv().unwrap(), Ok(5));
        }
    });
}

#[test]
fn a_panic_in_a_task_leaves_the_value() {
    watchdog(|| {
        let amp = one_role(8).state(A, |_| RefCell::new(vec![1_u32])).build().unwrap();
        let role = amp.role(A).unwrap();
        for round in 1..100 {
            let panicking = role.with_state(|rows: &mut RefCell<Vec<u32>>| {
                rows.get_mut().push(2);
                panic!("on purpose");
            });
            let error: amp_executor::JoinError =
                panicking.map(|task| task.join()).unwrap().unwrap_err();
            assert!(error.is_panic());
            let len = role.with_state(|rows: &mut RefCell<Vec<u32>>| rows.borrow().len()).unwrap();
            assert_eq!(len.join().unwrap(), round + 1);
        }
    });
}

#[test]
fn a_maker_that_panics_fails_the_build() {
    watchdog(|| {
        for _ in 0..50 {
            let (tell, told) = mpsc::channel();
            let (stop, stopped) = mpsc::channel();
            let error = fake_workers(3, 8)
                .on_thread_stop(move |worker| stop.send(worker.core).unwrap())
                .state(A, move |core| {
                    assert!(core != 1, "no disk for core {core}");
                    TellsDrop(tell.clone())
                })
                .build()
                .unwrap_err();
            let BuildError::State { role, core, message } = &error else { panic!("{error}") };
            assert_eq!((*role, *core, &**message), (A, 1, "no disk for core 1"));
            assert_eq!(
                error.to_string(),
                "making the state of role \"a\" on core 1 panicked: no disk for core 1"
            );
            // All threads have ended, and have dropped what the others had made.
            assert_eq!(stopped.try_iter().count(), 3);
            assert!(stopped.recv().is_err(), "the hook is gone, and its threads with it");
            assert_eq!(told.try_iter().count(), 2);
            assert!(told.recv().is_err());
        }
    });
}

#[test]
fn a_value_for_a_role_that_is_not_declared() {
    let error = one_role(8).state(C, |_| 1_u32).build().unwrap_err();
    assert!(matches!(error, BuildError::NoSuchRole { role: C, .. }));
    assert_eq!(error.to_string(), "there is no role \"c\" for a state");
}

/// The inner task runs in place, within the outer one, which has the value.
#[test]
fn a_value_is_not_lent_twice() {
    watchdog(|| {
        let amp =
            one_role(8).state(A, |_| 1_u32).state(A, |_| String::from("free")).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let own = role.clone();
            let outer = role.with_state(move |n: &mut u32| {
                let other = own.with_state(|text: &mut String| text.clone()).unwrap();
                assert_eq!(other.join().unwrap(), "free");
                let same = own.with_state(|n: &mut u32| *n += 1).unwrap();
                let error = same.join().unwrap_err();
                assert!(error.is_panic() && error.to_string().contains("in use"), "{error}");
                let in_use = with_state(|_: &mut u32| ()).unwrap_err();
                assert!(matches!(in_use, StateError::InUse { .. }));
                *n
            });
            assert_eq!(outer.unwrap().join().unwrap(), 1);
        }
        // What is not waited for has its turn later.
        let own = role.clone();
        let outer = role.with_state(move |n: &mut u32| {
            *n = 10;
            own.with_state(|n: &mut u32| *n).unwrap()
        });
        assert_eq!(outer.unwrap().join().unwrap().join().unwrap(), 10);
    });
}

/// A worker of a role that lends has no such value, or one of its own.
#[test]
fn tasks_with_state_are_not_lent() {
    watchdog(|| {
        let amp = amp_executor::AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([0]).capacity(64))
            .role(RoleConfig::new(B).cores([1]).lend_to(A))
            .cpus(Arc::new(support::FakeCpus { pins: support::Pins::Granted }))
            .state(A, |_| 0_u32)
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..50 {
            let held = hold(&a.on_core(0).unwrap());
            let tasks: Vec<_> =
                (0..20).map(|_| a.with_state(|n: &mut u32| *n += 1).unwrap()).collect();
            let behind = a.spawn(fake_core).unwrap();
            // The lender has been through all of them.
            assert_eq!(behind.join().unwrap(), Some(1));
            b.spawn(|| {}).unwrap().join().unwrap();
            held.release();
            for task in tasks {
                task.join().unwrap();
            }
        }
        assert_eq!(a.with_state(|n: &mut u32| *n).unwrap().join().unwrap(), 1_000);
    });
}

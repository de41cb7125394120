//! Panics in all that a task is made of, and work that is begun while a thread unwinds.

mod faults_support;
mod support;

use std::future::pending;
use std::panic::{panic_any, resume_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_executor::{
    AmpExecutor, JoinError, JoinHandle, RoleConfig, RoleHandle, SpawnError, spawn_local,
    with_state, yield_now,
};
use faults_support::{Bomb, Drops, Shrapnel};
use support::{A, B, assert_accounted, fake_workers, hold, one_role, two_roles, until, watchdog};

fn works(role: &RoleHandle) {
    assert_eq!(role.spawn(|| 7).unwrap().join().unwrap(), 7);
}

/// Does something with both roles when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        (self.0)();
    }
}

/// What a destructor does while its thread unwinds: on a worker of `own`, beside a worker of `other`.
fn work_while_unwinding(own: &RoleHandle, other: &RoleHandle, drops: &Drops) {
    // In another role: spawned and joined, called, aborted, due, in a batch.
    let (first, second, third) = (drops.counted(), drops.counted(), drops.counted());
    let joined = other.spawn(move || drop(first)).unwrap();
    joined.join().unwrap();
    other.call_blocking(move || drop(second)).unwrap();
    let aborted = other.spawn_future(async move {
        let _third = third;
        pending::<()>().await;
    });
    let aborted = aborted.unwrap();
    aborted.abort();
    assert!(aborted.join().unwrap_err().is_cancelled());
    assert_eq!(other.spawn_at(Instant::now(), || 7).unwrap().join().unwrap(), 7);
    let batch = other.try_spawn_batch((0..3).map(|_| {
        let counted = drops.counted();
        move || drop(counted)
    }));
    batch.handles.into_iter().for_each(|task| task.join().unwrap());
    // In its own: run in place, one with a panic of its own.
    let (fourth, fifth) = (drops.counted(), drops.counted());
    own.spawn(move || drop(fourth)).unwrap().join().unwrap();
    let task = own.spawn(move || {
        let _fifth = fifth;
        panic!("another one");
    });
    let error: JoinError = task.map(JoinHandle::<()>::join).unwrap().unwrap_err();
    assert!(error.is_panic());
    let sixth = drops.counted();
    let local = spawn_local(async move {
        yield_now().await;
        drop(sixth);
    });
    local.join().unwrap();
    let detached = drops.counted();
    drop(own.spawn(move || drop(detached)).unwrap());
}

/// What the above drops.
const DROPS: usize = 10;

#[test]
fn a_destructor_works_while_its_task_unwinds() {
    watchdog(|| {
        for round in 0..30 {
            let amp = two_roles(16).state(A, |_| 7_u32).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let drops = Drops::default();
            let (own, other, inside) = (a.clone(), b.clone(), drops.clone());
            let on_drop = OnDrop(move || work_while_unwinding(&own, &other, &inside));
            let panics = move || {
                let _on_drop = on_drop;
                panic!("round {round}");
            };
            let panicked: Result<(), JoinError> = match round % 5 {
                0 => a.spawn(panics).unwrap().join(),
                1 => a.spawn_future(async move { panics() }).unwrap().join(),
                2 => a.spawn_local(move || async move { panics() }).unwrap().join(),
                3 => a.spawn_at(Instant::now(), panics).unwrap().join(),
                _ => a.with_state(move |_: &mut u32| panics()).unwrap().join(),
            };
            let error = panicked.unwrap_err();
            assert!(error.to_string().contains(&format!("round {round}")), "{error}");
            works(&a);
            assert_eq!(a.with_state(|n: &mut u32| *n).unwrap().join().unwrap(), 7);
            assert_eq!(amp.shutdown().still_running, 0);
            assert_eq!(drops.count(), DROPS);
            assert_accounted(&amp.metrics());
        }
    });
}

/// Blocked for room while it unwinds: admitted, told of the deadlock, and released by the end.
#[test]
fn a_destructor_waits_for_room_while_its_task_unwinds() {
    watchdog(|| {
        for round in 0..30 {
            let amp = two_roles(1).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let ((tell, told), (begin, begun)) = (mpsc::channel(), mpsc::channel());
            let held = hold(&b);
            let full = b.spawn(|| {}).unwrap();
            let to = if round % 3 == 1 { a.clone() } else { b.clone() };
            let on_drop = OnDrop(move || {
                let answers: Vec<_> = (0..2).map(|_| to.spawn(|| {}).map(drop)).collect();
                tell.send(answers).unwrap();
            });
            let panics = a.spawn(move || {
                let _on_drop = on_drop;
                begin.send(()).unwrap();
                panic!("round {round}");
            });
            let panics: JoinHandle<()> = panics.unwrap();
            begun.recv().unwrap();
            match round % 3 {
                0 => {
                    held.release();
                    assert!(told.recv().unwrap().iter().all(Result::is_ok));
                }
                1 => {
                    let answers = told.recv().unwrap();
                    assert!(answers[0].is_ok());
                    assert!(
                        matches!(&answers[1], Err(SpawnError::WouldDeadlock(cycle)) if !cycle.is_empty())
                    );
                    held.release();
                }
                _ => {
                    let report = amp.shutdown_timeout(Duration::ZERO);
                    assert!(report.still_running >= 1);
                    assert!(
                        told.recv()
                            .unwrap()
                            .iter()
                            .all(|answer| matches!(answer, Err(SpawnError::Closed)))
                    );
                    held.release();
                }
            }
            assert!(panics.join().unwrap_err().is_panic());
            let _ = full.join();
            let handle = amp.handle();
            drop((amp, a, b));
            until(|| {
                let metrics = handle.metrics();
                metrics.roles.iter().all(|r| r.admitted == r.completed + r.claimed + r.cancelled)
            });
        }
    });
}

/// How a task with a bomb in it comes about.
const KINDS: [&str; 7] = ["closure", "future", "local", "timed", "state", "high", "expiring"];

/// Spawns `f` in some way.
fn spawn<T: Send + 'static>(
    kind: &str,
    role: &RoleHandle,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    match kind {
        "closure" => role.spawn(f),
        "future" => role.spawn_future(async move { f() }),
        "local" => role.spawn_local(move || async move { f() }),
        "timed" => role.spawn_at(Instant::now(), f).map_err(|_| SpawnError::Closed),
        "state" => role.with_state(move |_: &mut u32| f()),
        "high" => role.with_priority(amp_executor::Priority::High).spawn(f),
        _ => role.with_time_to_live(Duration::from_secs(3600)).spawn(f),
    }
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Payloads, captured values and results whose destructors panic, of each kind of task, joined and detached, told to a hook.
#[test]
fn all_that_a_task_drops_panics() {
    watchdog(|| {
        for round in 0..10 {
            let (tell, told) = mpsc::channel();
            let amp = one_role(64)
                .state(A, |_| 7_u32)
                .on_panic(move |panic| tell.send(panic.message().to_owned()).unwrap())
                .build()
                .unwrap();
            let a = amp.role(A).unwrap();
            let drops = Drops::default();
            let mut reported = 0;
            for (number, kind) in KINDS.into_iter().enumerate() {
                let before = drops.count();
                // The payload.
                let counted = drops.counted();
                let throws = move || {
                    let _counted = counted;
                    panic_any(Shrapnel);
                };
                let task: JoinHandle<()> = spawn(kind, &a, throws);
                if (round + number) % 2 == 0 {
                    let payload = task.join().unwrap_err().into_panic();
                    assert!(payload.is::<Shrapnel>());
                    std::mem::forget(payload);
                } else {
                    drop(task);
                    reported += 1;
                    assert_eq!(told.recv().unwrap(), "(a panic payload that is not text)");
                }
                // What was captured, dropped by the task.
                let bomb = drops.bomb();
                let task = spawn(kind, &a, move || drop(bomb));
                let error = task.join().unwrap_err();
                assert!(error.is_panic());
                std::mem::forget(error.into_panic());
                // The result, that nobody takes.
                let bomb = drops.bomb();
                let held = hold(&a);
                drop(spawn(kind, &a, move || bomb));
                held.let_go();
                reported += 1;
                assert_eq!(told.recv().unwrap(), "(a panic payload that is not text)");
                assert_eq!(drops.count(), before + 3);
                works(&a);
            }
            assert!(amp.shutdown().is_clean());
            let metrics = amp.metrics();
            assert_accounted(&metrics);
            assert_eq!(metrics.workers[0].panics, KINDS.len() as u64 * 3);
            drop(amp);
            assert_eq!(told.try_iter().count(), 0, "{reported} were reported");
        }
    });
}

/// Each way in which a task with a bomb in it can end unrun.
#[test]
fn what_never_runs_panics_when_it_is_dropped() {
    watchdog(|| {
        for round in 0..30 {
            let amp = two_roles(64).state(A, |_| 7_u32).build().unwrap();
            let a = amp.role(A).unwrap();
            let drops = Drops::default();
            let held = hold(&a);
            let run = |bomb: Bomb| move || drop(bomb);
            let mut tasks: Vec<JoinHandle<()>> = Vec::new();
            for kind in KINDS {
                let due_later = kind == "timed";
                let bomb = drops.bomb();
                tasks.push(if due_later {
                    let due = Instant::now() + Duration::from_secs(3600);
                    a.spawn_at(due, run(bomb)).unwrap()
                } else {
                    spawn(kind, &a, run(bomb))
                });
            }
            let expired = a.with_time_to_live(Duration::ZERO).spawn(run(drops.bomb())).unwrap();
            let aborted = a.spawn(run(drops.bomb())).unwrap();
            aborted.abort();
            let bomb = drops.bomb();
            let periodic = a.spawn_every(Duration::from_secs(3600), move || {
                let _ = &bomb;
            });
            let periodic = periodic.unwrap();
            let handle = amp.handle();
            let all = tasks.len() + 3;
            match round % 3 {
                0 => {
                    let report = amp.shutdown_timeout(Duration::ZERO);
                    assert_eq!(report.still_running, 1);
                    held.release();
                    drop(amp);
                }
                1 => {
                    held.let_go();
                    drop(amp);
                }
                _ => {
                    tasks.iter().for_each(JoinHandle::abort);
                    held.release();
                    assert_eq!(amp.shutdown().still_running, 0);
                }
            }
            let errors: Vec<_> = tasks
                .into_iter()
                .chain([expired, aborted])
                .map(JoinHandle::join)
                .chain([periodic.join()])
                .map(|ended| ended.unwrap_err())
                .collect();
            assert_eq!((errors.len(), drops.count()), (all, all));
            for error in errors {
                // The panic of the destructor is what the handle gets.
                assert!(error.is_panic(), "{error}");
                std::mem::forget(error.into_panic());
            }
            until(|| {
                let role = handle.metrics().role(A).unwrap().clone();
                role.admitted == role.completed + role.claimed + role.cancelled + role.expired
            });
        }
    });
}

/// What was refused comes back, and is the caller's to drop.
#[test]
fn an_iterator_of_a_batch_panics_and_its_closures_do() {
    watchdog(|| {
        for good in 0..40_usize {
            let amp = one_role(128).build().unwrap();
            let a = amp.role(A).unwrap();
            let drops = Drops::default();
            let closures = || {
                (0..100).map(|number| {
                    let counted = drops.counted();
                    if number == good {
                        resume_unwind(Box::new("the iterator"));
                    }
                    move || {
                        let _counted = counted;
                        panic_any(Shrapnel);
                    }
                })
            };
            let is_try = good % 2 == 0;
            let thrown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if is_try {
                    drop(a.try_spawn_batch::<_, ()>(closures()));
                } else {
                    drop(a.spawn_batch::<_, ()>(closures()));
                }
            }));
            assert_eq!(*thrown.unwrap_err().downcast::<&str>().unwrap(), "the iterator");
            assert!(amp.shutdown().is_clean());
            assert_eq!(drops.count(), good + 1);
            let metrics = amp.metrics();
            assert_accounted(&metrics);
            assert_eq!(metrics.role(A).unwrap().completed, good as u64);
            let batch = a.try_spawn_batch::<_, ()>(
                (0..2).map(|_| drops.counted()).map(|one| move || drop(one)),
            );
            assert_eq!((batch.handles.len(), batch.refused.len()), (0, 2));
            drop(batch);
            assert_eq!(drops.count(), good + 3);
        }
    });
}

/// Answers of calls that panic, that nobody waits for, and that cannot be dropped.
#[test]
fn answers_of_calls() {
    watchdog(|| {
        for _ in 0..30 {
            let amp = two_roles(16).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let drops = Drops::default();
            let (from, bomb) = (b.clone(), drops.bomb());
            let called = a.spawn(move || {
                let error = from.call_blocking::<_, ()>(|| panic_any(Shrapnel)).unwrap_err();
                let amp_executor::CallError::Join(error) = error else { panic!("{error}") };
                std::mem::forget(error.into_panic());
                // Taken by nobody: the destructor's panic is that of the task that drops it.
                drop(from.call_blocking(move || bomb).unwrap());
            });
            let error = called.unwrap().join().unwrap_err();
            assert!(error.is_panic());
            std::mem::forget(error.into_panic());
            // A caller that is gone when the answer comes.
            let held = hold(&b);
            let (to, bomb) = (b.clone(), drops.bomb());
            let caller = a.spawn_future(async move { drop(to.call(move || bomb).await) }).unwrap();
            until(|| b.depth() == 1);
            caller.abort();
            assert!(caller.join().unwrap_err().is_cancelled());
            held.release();
            works(&a);
            works(&b);
            assert!(amp.shutdown().still_running == 0);
            assert_eq!(drops.count(), 2);
            assert_accounted(&amp.metrics());
        }
    });
}

/// Tasks that are run by a worker of another role.
#[test]
fn lent_tasks_panic_in_every_way() {
    watchdog(|| {
        for _ in 0..20 {
            let cores = [0, 1];
            let amp = AmpExecutor::builder()
                .role(RoleConfig::new(A).cores([cores[0]]).capacity(64))
                .role(RoleConfig::new(B).cores([cores[1]]).capacity(64).lend_to(A))
                .cpus(std::sync::Arc::new(support::FakeCpus { pins: support::Pins::Granted }))
                .build()
                .unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let held = hold(&a.on_core(0).unwrap());
            let drops = Drops::default();
            let mut tasks: Vec<JoinHandle<()>> = Vec::new();
            for number in 0..24 {
                let (counted, to) = (drops.counted(), b.clone());
                let task = match number % 4 {
                    0 => {
                        let bomb = drops.bomb();
                        a.spawn(move || drop((counted, bomb)))
                    }
                    1 => a.spawn(move || {
                        let _counted = counted;
                        panic_any(Shrapnel)
                    }),
                    2 => a.spawn(move || {
                        let mut counted = Some(counted);
                        let _on_drop = OnDrop(move || {
                            // Into the role of the worker that runs it.
                            let counted = counted.take();
                            to.spawn(move || drop(counted)).unwrap().join().unwrap();
                        });
                        panic_any(Shrapnel)
                    }),
                    _ => {
                        let bomb = drops.bomb();
                        drop((a.spawn(move || bomb), counted));
                        continue;
                    }
                };
                tasks.push(task.unwrap());
            }
            for task in tasks {
                std::mem::forget(task.join().unwrap_err().into_panic());
            }
            held.release();
            assert_eq!(amp.shutdown().still_running, 0);
            assert_eq!(drops.count(), 36);
            assert_accounted(&amp.metrics());
            assert!(amp.metrics().role(B).unwrap().lent >= 18);
        }
    });
}

/// Values of a worker, in the hands of tasks that unwind.
#[test]
fn a_value_comes_back_whatever_its_borrower_does() {
    watchdog(|| {
        let amp = fake_workers(2, 64).state(A, |_| Vec::<usize>::new()).build().unwrap();
        let a = amp.role(A).unwrap();
        for number in 0..200 {
            let own = a.on_core(number % 2).unwrap();
            let inner = own.clone();
            let task = own.with_state(move |values: &mut Vec<usize>| {
                values.push(number);
                let _on_drop = OnDrop(|| {
                    // It is lent out still.
                    assert!(with_state(|_: &mut Vec<usize>| ()).is_err());
                    let nested = inner.with_state(|_: &mut Vec<usize>| ()).unwrap();
                    assert!(nested.join().unwrap_err().is_panic());
                });
                panic_any(Shrapnel)
            });
            let task: JoinHandle<()> = task.unwrap();
            std::mem::forget(task.join().unwrap_err().into_panic());
        }
        for core in [0, 1] {
            let len = a.on_core(core).unwrap().with_state(|values: &mut Vec<usize>| values.len());
            assert_eq!(len.unwrap().join().unwrap(), 100);
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

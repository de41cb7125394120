//! What users get wrong, and what goes wrong in their tasks.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use smp_executor::{BuildError, Role, SmpExecutor, Spawn, SpawnError, TrySpawnError};
use support::{pool, watched};

const ROLE: Role = Role::new("role");

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

#[test]
fn zero_workers_are_refused() {
    let error = SmpExecutor::builder().workers(0).build().unwrap_err();
    assert!(matches!(error, BuildError::NoWorkers), "{error}");
}

#[test]
fn too_many_workers_are_refused_with_the_maximum() {
    let error = SmpExecutor::builder().workers(usize::MAX).build().unwrap_err();
    assert!(matches!(error, BuildError::TooManyWorkers { asked: usize::MAX }));
    assert!(error.to_string().contains("1024"), "{error}");
}

#[test]
fn a_name_with_a_nul_byte_is_refused() {
    let error = SmpExecutor::builder().thread_name("a\0b").build().unwrap_err();
    assert!(matches!(error, BuildError::ThreadName { .. }), "{error}");
}

#[test]
fn a_thread_that_the_system_refuses_is_an_error_with_its_index() {
    watched(|| {
        // More address space than there is.
        let error = SmpExecutor::builder().workers(2).stack_size(1 << 60).build().unwrap_err();
        assert!(matches!(error, BuildError::Thread { index: 0, .. }), "{error}");
    });
}

#[test]
fn after_the_shutdown_a_spawn_is_cancelled_or_handed_back() {
    watched(|| {
        let executor = pool(2);
        assert!(executor.shutdown().is_clean());
        assert!(executor.spawn(|| ()).join().unwrap_err().is_cancelled());
        assert!(executor.spawn_future(async {}).join().unwrap_err().is_cancelled());
        assert_eq!(executor.spawn_in(ROLE, || ()).unwrap_err(), SpawnError::Closed);
        assert_eq!(executor.spawn_future_in(ROLE, async {}).unwrap_err(), SpawnError::Closed);
        match executor.try_spawn_in(ROLE, || 7) {
            Err(TrySpawnError::Closed(closure)) => assert_eq!(closure(), 7),
            other => panic!("{other:?}"),
        }
        // Fork-join goes on without help.
        assert_eq!(executor.join(|| 1, || 2), (1, 2));
        assert!(executor.broadcast(|index| index).is_empty());
    });
}

#[test]
fn a_panic_stays_with_its_task() {
    watched(|| {
        let executor = pool(1);
        let error = executor.spawn(|| panic!("lost {}", "it")).join().unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("lost it"), "{error}");
        assert_eq!(executor.spawn(|| 1).join().unwrap(), 1, "the worker goes on");
        assert_eq!(executor.metrics().workers[0].panics, 1);
    });
}

#[test]
fn a_panic_in_a_futures_destructor_is_the_tasks_panic() {
    watched(|| {
        let executor = pool(1);
        let bomb = Bomb;
        let error = executor
            .spawn_future(async move {
                let _bomb = &bomb;
                std::future::ready(()).await;
            })
            .join()
            .unwrap_err();
        assert!(error.is_panic(), "{error}");
        assert_eq!(executor.spawn(|| 1).join().unwrap(), 1);
    });
}

/// A pool of one whose hook sends on what the panics said, and then panics itself if it is `faulty`.
fn with_hook(faulty: bool) -> (SmpExecutor, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let executor = SmpExecutor::builder()
        .workers(1)
        .on_panic(move |panic| {
            let _ = tell.send(panic.message().to_owned());
            assert!(!faulty, "the hook too");
        })
        .build()
        .unwrap();
    (executor, told)
}

#[test]
fn a_detached_panic_goes_to_the_hook_and_a_panic_in_the_hook_nowhere() {
    watched(|| {
        let (executor, told) = with_hook(true);
        drop(executor.spawn(|| panic!("first")));
        drop(executor.spawn(|| panic!("second")));
        assert_eq!(told.recv().unwrap(), "first");
        assert_eq!(told.recv().unwrap(), "second");
        assert_eq!(executor.spawn(|| 1).join().unwrap(), 1);
    });
}

#[test]
fn a_destructor_that_panics_during_the_drop_reaches_the_hook() {
    watched(|| {
        let (executor, told) = with_hook(false);
        let bomb = Bomb;
        drop(executor.spawn_future(async move {
            let _bomb = bomb;
            std::future::pending::<()>().await;
        }));
        drop(executor);
        assert_eq!(told.recv().unwrap(), "in the destructor");
    });
}

#[test]
fn panics_in_thread_hooks_do_not_end_the_worker() {
    watched(|| {
        let executor = SmpExecutor::builder()
            .workers(1)
            .on_thread_start(|_| panic!("start"))
            .on_thread_stop(|_| panic!("stop"))
            .build()
            .unwrap();
        assert_eq!(executor.spawn(|| 1).join().unwrap(), 1);
        assert!(executor.shutdown().is_clean());
    });
}

#[test]
fn thread_hooks_run_on_each_worker() {
    watched(|| {
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let (started, stopped) = (Arc::clone(&counts), Arc::clone(&counts));
        let executor = SmpExecutor::builder()
            .workers(3)
            .thread_name("hooked")
            .on_thread_start(move |index| {
                let name = std::thread::current().name().unwrap().to_owned();
                assert_eq!(name, format!("hooked-{index}"));
                started[0].fetch_add(1, Ordering::Relaxed);
            })
            .on_thread_stop(move |_| {
                stopped[1].fetch_add(1, Ordering::Relaxed);
            })
            .build()
            .unwrap();
        drop(executor);
        assert_eq!(counts.each_ref().map(|count| count.load(Ordering::Relaxed)), [3, 3]);
    });
}

#[test]
fn a_task_that_joins_itself_gets_an_error() {
    watched(|| {
        let executor = pool(1);
        let (give, take) = mpsc::channel::<smp_executor::JoinHandle<bool>>();
        let (tell, told) = mpsc::channel();
        let handle = executor.spawn(move || {
            let own = take.recv().unwrap();
            tell.send(own.join().unwrap_err().is_self_join()).unwrap();
            true
        });
        give.send(handle).unwrap();
        assert!(told.recv().unwrap());
    });
}

#[test]
fn an_executor_may_be_dropped_on_its_own_worker() {
    watched(|| {
        let executor = pool(2);
        let (ended, end) = mpsc::channel();
        let handle = executor.handle();
        handle.spawn(move || {
            drop(executor);
            ended.send(()).unwrap();
        });
        end.recv().unwrap();
        assert!(handle.spawn(|| ()).join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_broadcast_from_an_own_worker_is_refused() {
    watched(|| {
        let executor = Arc::new(pool(1));
        let inner = Arc::clone(&executor);
        let error = executor.spawn(move || inner.broadcast(|_| ())).join().unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("own workers"), "{error}");
    });
}

//! The spawners of `futures-task` and of hyper.

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use futures_util::task::{LocalSpawnExt, Spawn, SpawnExt};
use hyper::rt::Executor;
use smp_executor::{LocalSpawner, SmpExecutor, current_worker, yield_now};
use support::{pool, watched};

/// What a library does that knows the trait alone.
async fn sum(spawner: &impl Spawn, count: u64) -> u64 {
    let spawned = (0..count).map(|n| async move {
        yield_now().await;
        assert!(current_worker().is_some(), "it runs on the pool");
        n
    });
    let handles: Vec<_> =
        spawned.map(|task| spawner.spawn_with_handle(task).expect("it takes tasks")).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    sum
}

#[test]
fn a_library_spawns_through_futures_task() {
    watched(|| {
        let executor = pool(2);
        assert_eq!(executor.block_on(sum(&executor, 1_000)), 499_500);
        let handle = executor.handle();
        assert_eq!(executor.block_on(sum(&handle, 1_000)), 499_500);
        let nested = executor.spawn_future(async move { sum(&handle, 1_000).await });
        assert_eq!(nested.join().unwrap(), 499_500);
    });
}

#[test]
fn after_the_shutdown_futures_task_is_told() {
    watched(|| {
        let executor = pool(1);
        let handle = executor.handle();
        assert!(handle.status().is_ok() && Spawn::status(&executor).is_ok());
        assert!(executor.shutdown().is_clean());
        assert!(handle.status().unwrap_err().is_shutdown());
        let refused = Spawn::spawn_obj(&handle, Box::new(async { panic!("it runs") }).into());
        assert!(refused.unwrap_err().is_shutdown());
        handle.execute(async { panic!("it runs") });
    });
}

#[test]
fn a_panic_goes_to_the_hook() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let executor = SmpExecutor::builder()
            .workers(1)
            .on_panic(move |panic| tell.send(panic.message().to_owned()).unwrap())
            .build()
            .unwrap();
        let as_trait: &dyn Spawn = &executor.handle();
        as_trait.spawn(async { panic!("of futures-task") }).unwrap();
        assert_eq!(told.recv().unwrap(), "of futures-task");
        executor.handle().execute(async { panic!("of hyper") });
        assert_eq!(told.recv().unwrap(), "of hyper");
    });
}

/// Spawns futures that are not `Send`, through both traits, and returns how many have run.
async fn count_here(spawner: &LocalSpawner) -> u32 {
    let here = thread::current().id();
    let count = Rc::new(Cell::new(0));
    let counted = |_| {
        let count = Rc::clone(&count);
        async move {
            yield_now().await;
            assert_eq!(thread::current().id(), here);
            count.set(count.get() + 1);
        }
    };
    (0..100).map(counted).for_each(|task| spawner.execute(task));
    for task in (0..100).map(counted) {
        spawner.spawn_local_with_handle(task).expect("the worker is here").await;
    }
    count.get()
}

#[test]
fn local_futures_stay_where_they_are() {
    watched(|| {
        let executor = pool(2);
        assert!(LocalSpawner::current().is_none(), "this thread is no worker");
        let tasks: Vec<_> = (0..2)
            .map(|worker| {
                executor.spawn_on(worker, || {
                    let spawner = LocalSpawner::current().expect("this is a worker");
                    smp_executor::spawn_local(async move { count_here(&spawner).await })
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap().join().unwrap(), 200);
        }
    });
}

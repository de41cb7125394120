//! The spawners of `futures-task` and of hyper.

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};

use amp_executor::{LocalSpawner, RoleHandle, block_on, yield_now};
use futures_util::task::{LocalSpawnExt, Spawn, SpawnExt};
use hyper::rt::Executor;
use support::{A, B, one_role, two_roles, watchdog};

fn thread_of(role: &RoleHandle) -> ThreadId {
    role.spawn(|| thread::current().id()).unwrap().join().unwrap()
}

/// What a library does that knows the trait alone.
async fn sum(spawner: &impl Spawn, count: u64, on: ThreadId) -> u64 {
    let spawned = (0..count).map(|n| async move {
        yield_now().await;
        assert_eq!(thread::current().id(), on, "it stays in its role");
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
    watchdog(|| {
        let amp = two_roles(16).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let on_b = thread_of(&b);
        assert_eq!(block_on(sum(&b, 1_000, on_b)), 499_500);
        let nested = a.spawn_future(async move { sum(&b, 1_000, on_b).await }).unwrap();
        assert_eq!(nested.join().unwrap(), 499_500);
    });
}

#[test]
fn after_the_shutdown_futures_task_is_told() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        assert!(role.status().is_ok());
        assert!(amp.shutdown().is_clean());
        assert!(role.status().unwrap_err().is_shutdown());
        let refused = Spawn::spawn_obj(&role, Box::new(async { panic!("it runs") }).into());
        assert!(refused.unwrap_err().is_shutdown());
        role.execute(async { panic!("it runs") });
    });
}

#[test]
fn a_full_role_does_not_lose_a_future_of_hyper_silently() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let hook = move |panic: amp_executor::TaskPanic| {
            tell.send(panic.message().to_owned()).unwrap();
        };
        let amp = one_role(1).on_panic(hook).build().unwrap();
        let role = amp.role(A).unwrap();
        let spawner = role.clone();
        role.execute(async move {
            spawner.execute(async {});
            // There is room for one. Nobody else could make room for another.
            let refused = Spawn::spawn_obj(&spawner, Box::new(async {}).into());
            assert!(refused.is_err());
            spawner.execute(async {});
        });
        assert!(told.recv().unwrap().contains("a -> a"));
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
    watchdog(|| {
        let amp = two_roles(16).build().unwrap();
        assert!(LocalSpawner::current().is_none(), "this thread is no worker");
        for role in [A, B] {
            let count = amp.role(role).unwrap().spawn_local(|| async {
                count_here(&LocalSpawner::current().expect("this is a worker")).await
            });
            assert_eq!(count.unwrap().join().unwrap(), 200);
        }
    });
}

//! Sets of tasks: the end of a member against its entry and against a wait.

#![cfg(loom)]

use executor_common::sync::thread;
use executor_common::{DomainId, JoinHandle, JoinSet, Runnable, closure_task};
use loom_tests::{Plain, check};

fn task<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> (Runnable, JoinHandle<T>) {
    closure_task(DomainId::unique(), f)
}

#[test]
fn the_end_of_a_member_against_its_entry() {
    check("join set: add", || {
        let (runnable, handle) = task(|| 7);
        let running = thread::spawn(move || drop(runnable.run()));
        let mut set = JoinSet::new();
        set.add(handle);
        assert_eq!(set.join_next().unwrap().unwrap(), 7);
        assert!(set.join_next().is_none());
        running.join().unwrap();
    });
}

#[test]
fn two_ends_against_a_wait() {
    check("join set: two ends", || {
        let (here, here_handle) = task(Plain::new);
        let (there, there_handle) = task(|| {
            let written = Plain::new();
            written.increment();
            written
        });
        let mut set = JoinSet::from_iter([here_handle, there_handle]);
        let running = [here, there].map(|task| thread::spawn(move || drop(task.run())));
        let results = set.join_all();
        let sum: usize = results.into_iter().map(|result| result.unwrap().get()).sum();
        assert_eq!(sum, 1, "what a member wrote is seen with its end");
        for running in running {
            running.join().unwrap();
        }
    });
}

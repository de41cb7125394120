//! The registry: futures that come, go and complete while it is closed.

#![cfg(loom)]

use std::future::{Future, pending, poll_fn};
use std::sync::{Arc as Untracked, Mutex as UntrackedMutex};
use std::task::{Poll, Waker};

use executor_common::sync::{Arc, thread};
use executor_common::{DomainId, JoinHandle, Runnable, future_task};
use loom_tests::{Plain, Queue, Witness, check};

fn holding(witness: Witness, inner: impl Future<Output = ()> + Send) -> impl Future + Send {
    async move {
        let _witness = witness;
        inner.await;
    }
}

/// A task of `queue` whose end shows.
struct Task {
    runnable: Runnable,
    handle: JoinHandle<()>,
    dropped: Plain,
}

fn task(queue: &Arc<Queue>, inner: impl Future<Output = ()> + Send + 'static) -> Task {
    let (witness, dropped) = Witness::new();
    let future = holding(witness, inner);
    let future = async move { drop(future.await) };
    // SAFETY: the models keep the queue until nobody runs its tasks any more.
    let (runnable, handle) = unsafe { future_task(DomainId::unique(), future, queue) };
    Task { runnable, handle, dropped }
}

/// A task that has been suspended, and woken; its next poll is its last. It is in the registry.
fn woken(queue: &Arc<Queue>) -> Task {
    let left: Untracked<UntrackedMutex<Option<Waker>>> = Untracked::default();
    let slot = Untracked::clone(&left);
    let mut first = true;
    let inner = poll_fn(move |context| {
        if std::mem::take(&mut first) {
            *slot.lock().unwrap() = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    });
    let task = task(queue, inner);
    queue.entries.run(task.runnable);
    let waker = left.lock().unwrap().take();
    waker.expect("the first poll is over").wake();
    Task { runnable: queue.entries.pop().expect("it has been woken"), ..task }
}

/// Nobody is left, and nobody waits for ever.
fn all_ended(queue: &Queue, tasks: impl IntoIterator<Item = (JoinHandle<()>, Plain)>) {
    assert!(queue.registry.is_empty());
    assert!(queue.registry.is_closed());
    for (handle, dropped) in tasks {
        assert!(handle.is_finished(), "a future was lost");
        assert_eq!(dropped.get(), 1);
        if let Err(error) = handle.join() {
            assert!(error.is_cancelled());
        }
    }
}

#[test]
fn the_first_suspension_against_close() {
    check("registry: first suspension, close", || {
        let queue = Queue::new();
        let spawner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let task = task(&queue, pending());
                queue.entries.run(task.runnable);
                (task.handle, task.dropped)
            })
        };
        queue.registry.close();
        let task = spawner.join().unwrap();
        queue.entries.run_all();
        all_ended(&queue, [task]);
    });
}

#[test]
fn completion_against_close() {
    check("registry: completion, close", || {
        let queue = Queue::new();
        let task = woken(&queue);
        let runner = {
            let (queue, runnable) = (Arc::clone(&queue), task.runnable);
            thread::spawn(move || queue.entries.run(runnable))
        };
        queue.registry.close();
        runner.join().unwrap();
        queue.entries.run_all();
        all_ended(&queue, [(task.handle, task.dropped)]);
    });
}

#[test]
fn completion_of_a_detached_future_against_close() {
    check("registry: detached, completion, close", || {
        let queue = Queue::new();
        let task = woken(&queue);
        drop(task.handle);
        // The runner and the list have the only references.
        let runner = {
            let (queue, runnable) = (Arc::clone(&queue), task.runnable);
            thread::spawn(move || queue.entries.run(runnable))
        };
        queue.registry.close();
        runner.join().unwrap();
        assert_eq!(task.dropped.get(), 1);
        all_ended(&queue, []);
    });
}

#[test]
fn a_suspended_future_is_cancelled_by_close_or_by_abort() {
    check("registry: suspended, close, abort", || {
        let queue = Queue::new();
        let task = task(&queue, pending());
        queue.entries.run(task.runnable);
        let aborter = task.handle.abort_handle();
        let aborting = thread::spawn(move || aborter.abort());
        let aborted = queue.registry.close();
        aborting.join().unwrap();
        assert_eq!(aborted, 1);
        queue.entries.run_all();
        all_ended(&queue, [(task.handle, task.dropped)]);
    });
}

#[test]
fn neighbours_complete_while_the_list_is_closed() {
    check("registry: two completions, close", || {
        let queue = Queue::new();
        let tasks = [woken(&queue), woken(&queue), woken(&queue)];
        assert_eq!(queue.registry.len(), 3);
        let [first, second, third] = tasks.map(|task| (task.runnable, (task.handle, task.dropped)));
        let runners = [first.0, second.0].map(|runnable| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.entries.run(runnable))
        });
        queue.entries.push(third.0);
        queue.registry.close();
        for runner in runners {
            runner.join().unwrap();
        }
        queue.entries.run_all();
        all_ended(&queue, [first.1, second.1, third.1]);
    });
}

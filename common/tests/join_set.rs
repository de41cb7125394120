//! Sets of tasks: order, errors, cancellation, and who is woken.

#![cfg(not(loom))]

mod support;

use std::cell::Cell;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use executor_common::sync::{Arc, Counter};
use executor_common::{
    DomainId, JoinHandle, JoinSet, RunOutcome, Runnable, Schedule, TimedOut, block_on,
    closure_task, current_task, yield_now,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use support::{Bomb, CountsDrop, Queue, future_on, on_worker, watched};

assert_impl_all!(JoinSet<Cell<u8>>: Send, Sync, Unpin, Default, std::fmt::Debug);
assert_not_impl_any!(JoinSet<std::rc::Rc<u8>>: Send, Sync);
assert_not_impl_any!(JoinSet<u8>: Clone);

/// Tasks with their numbers as output, and the set of their handles.
fn numbered(count: usize) -> (Vec<Option<Runnable>>, JoinSet<usize>) {
    let (tasks, handles): (Vec<_>, Vec<_>) =
        (0..count).map(|number| closure_task(DomainId::unique(), move || number)).unzip();
    (tasks.into_iter().map(Some).collect(), handles.into_iter().collect())
}

fn run(tasks: &mut [Option<Runnable>], index: usize) {
    let _ = tasks[index].take().expect("each runs once").run();
}

fn task<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> (Runnable, JoinHandle<T>) {
    closure_task(DomainId::unique(), f)
}

#[test]
fn results_come_in_the_order_of_the_ends() {
    let (mut tasks, mut set) = numbered(5);
    for index in [3, 0, 4] {
        run(&mut tasks, index);
    }
    assert_eq!(set.join_next().unwrap().unwrap(), 3);
    run(&mut tasks, 2);
    assert_eq!(block_on(set.next()).unwrap().unwrap(), 0);
    assert_eq!(set.len(), 3);
    assert_eq!(set.try_join_next().unwrap().unwrap(), 4);
    assert_eq!(set.join_next_timeout(Duration::MAX).unwrap().unwrap().unwrap(), 2);
    assert!(set.try_join_next().is_none());
    run(&mut tasks, 1);
    assert_eq!(set.join_next().unwrap().unwrap(), 1);
    assert!(set.is_empty() && set.join_next().is_none() && block_on(set.next()).is_none());
}

#[test]
fn a_task_that_ended_before_it_was_added_counts_from_then() {
    let (first, first_handle) = task(|| 1);
    let (second, second_handle) = task(|| 2);
    let _ = first.run();
    let mut set = JoinSet::new();
    set.add(second_handle);
    let _ = second.run();
    let id = first_handle.id();
    assert_eq!(set.add(first_handle), id);
    let results: Vec<_> = set.join_all().into_iter().map(Result::unwrap).collect();
    assert_eq!(results, [2, 1]);
}

#[test]
fn errors_name_their_task() {
    let (panicking, panicking_handle) = task(|| panic!("no disk"));
    let (dropped, dropped_handle) = task(|| ());
    let (aborted, aborted_handle) = task(|| ());
    let mut set = JoinSet::new();
    let panicking_id = set.add(panicking_handle);
    let dropped_id = set.add(dropped_handle);
    let aborted_id = set.add(aborted_handle);
    assert!(set.abort(aborted_id));
    let _ = panicking.run();
    drop(dropped);
    let _ = aborted.run();
    let errors: Vec<_> = set.join_all().into_iter().map(Result::unwrap_err).collect();
    let ids: Vec<_> = errors.iter().map(|error| error.task_id()).collect();
    assert_eq!(ids, [panicking_id, dropped_id, aborted_id]);
    let kinds: Vec<_> =
        errors.iter().map(|error| (error.is_panic(), error.is_cancelled())).collect();
    assert_eq!(kinds, [(true, false), (false, true), (false, true)]);
    assert!(errors[0].to_string().contains("no disk"));
    assert!(!set.abort(aborted_id), "it is no member any more");
}

#[test]
fn a_timeout_leaves_the_members_in() {
    watched(|| {
        let (mut tasks, mut set) = numbered(2);
        assert_eq!(set.join_next_timeout(Duration::from_millis(1)).unwrap_err(), TimedOut);
        assert_eq!(set.len(), 2);
        run(&mut tasks, 1);
        assert_eq!(set.join_next_timeout(Duration::ZERO).unwrap().unwrap().unwrap(), 1);
        run(&mut tasks, 0);
        assert_eq!(set.join_next_timeout(Duration::ZERO).unwrap().unwrap().unwrap(), 0);
        assert!(set.join_next_timeout(Duration::ZERO).unwrap().is_none());
    });
}

#[test]
fn a_drop_aborts_and_a_detach_does_not() {
    let (witness, drops) = CountsDrop::new();
    let (queued, handle) = task(move || drop(witness));
    let abort = handle.abort_handle();
    drop(JoinSet::from_iter([handle]));
    assert_eq!(drops.get(), 0, "its turn has not come");
    assert!(matches!(queued.run(), RunOutcome::Cancelled));
    assert!(abort.is_finished());
    assert_eq!(drops.get(), 1);

    let ran = Arc::new(Counter::new());
    let counted = Arc::clone(&ran);
    let (queued, handle) = task(move || counted.add(1));
    let mut set = JoinSet::from_iter([handle]);
    set.detach_all();
    assert!(set.is_empty() && set.join_next().is_none());
    drop(set);
    let _ = queued.run();
    assert_eq!(ran.get(), 1);
}

#[test]
fn a_detached_end_is_not_a_member_s_end() {
    let (mut tasks, mut set) = numbered(1);
    run(&mut tasks, 0);
    set.detach_all();
    let (next, handle) = task(|| 7);
    set.add(handle);
    assert!(set.try_join_next().is_none());
    let _ = next.run();
    assert_eq!(set.join_next().unwrap().unwrap(), 7);
}

#[test]
fn a_suspended_future_is_aborted_by_the_drop() {
    let (queue, tasks) = Queue::new();
    let (witness, drops) = CountsDrop::new();
    let future = async move {
        let _witness = witness;
        std::future::pending::<()>().await;
    };
    let (runnable, handle) = future_on(&queue, DomainId::unique(), future);
    let set = JoinSet::from_iter([handle]);
    let _ = runnable.run();
    drop(set);
    let _ = tasks.try_recv().expect("an abort schedules the future").run();
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_panicking_output_does_not_keep_the_others() {
    let (witness, drops) = CountsDrop::new();
    let (first, first_handle) = task(|| Some(Bomb("first")));
    let (second, second_handle) = task(|| Some(Bomb("second")));
    let (third, third_handle) = task(move || {
        drop(witness);
        None::<Bomb>
    });
    let mut set = JoinSet::from_iter([first_handle, second_handle]);
    set.add(third_handle);
    let _ = (first.run(), second.run());
    let thrown = std::panic::catch_unwind(|| drop(set)).unwrap_err();
    assert_eq!(*thrown.downcast::<&str>().unwrap(), "first");
    let _ = third.run();
    assert_eq!(drops.get(), 1, "it was aborted, and dropped unrun");
}

struct CountsWakes(Counter);

impl Wake for CountsWakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.add(1);
    }
}

#[test]
fn a_dropped_wait_loses_nothing() {
    let (mut tasks, mut set) = numbered(2);
    let wakes = std::sync::Arc::new(CountsWakes(Counter::new()));
    let waker = Waker::from(std::sync::Arc::clone(&wakes));
    let poll_with = |set: &mut JoinSet<usize>, waker| {
        pin!(set.next()).poll(&mut Context::from_waker(waker)).map(|next| next.unwrap().unwrap())
    };
    let poll = |set: &mut JoinSet<usize>| poll_with(set, &waker);
    assert_eq!(poll_with(&mut set, Waker::noop()), Poll::Pending);
    assert_eq!(poll(&mut set), Poll::Pending);
    run(&mut tasks, 1);
    run(&mut tasks, 0);
    assert_eq!(wakes.0.get(), 1, "the second end found nobody waiting");
    assert_eq!(poll(&mut set), Poll::Ready(1));
    assert_eq!(poll(&mut set), Poll::Ready(0));
}

#[test]
fn other_threads_wake_who_waits() {
    watched(|| {
        for round in 0..1_000 {
            let (tasks, mut set) = numbered(3);
            let threads: Vec<_> = tasks
                .into_iter()
                .flatten()
                .map(|task| std::thread::spawn(move || drop(task.run())))
                .collect();
            let mut sum = 0;
            while let Some(number) =
                if round % 2 == 0 { set.join_next() } else { block_on(set.next()) }
            {
                sum += number.unwrap();
            }
            assert_eq!(sum, 3);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn a_task_that_waits_for_itself_is_told() {
    watched(|| {
        let (handles, own) = mpsc::channel::<JoinHandle<()>>();
        let (answers, answer) = mpsc::channel();
        let (runnable, handle) = task(move || {
            let mut set = JoinSet::from_iter([own.recv().unwrap()]);
            let error = set.join_next().unwrap().unwrap_err();
            let is_own = Some(error.task_id()) == current_task();
            answers.send(error.is_self_join() && is_own && set.is_empty()).unwrap();
        });
        handles.send(handle).unwrap();
        assert!(matches!(runnable.run(), RunOutcome::Finished));
        assert!(answer.recv().unwrap());
    });
}

#[test]
fn members_of_the_thread_s_own_domain_run_in_place() {
    watched(|| {
        let (here, elsewhere) = (DomainId::unique(), DomainId::unique());
        let (_first, first_handle) = closure_task(here, || 1);
        let (_second, second_handle) = closure_task(here, || 2);
        let (foreign, foreign_handle) = closure_task(elsewhere, || 3);
        let mut set = JoinSet::from_iter([foreign_handle, first_handle, second_handle]);
        // A look from outside finds nothing to run, and takes no chance from the worker.
        assert!(set.join_next_timeout(Duration::ZERO).is_err());
        on_worker(here, None, || {
            assert_eq!(set.join_next().unwrap().unwrap(), 1);
            assert_eq!(set.join_next().unwrap().unwrap(), 2);
            assert!(set.join_next_timeout(Duration::ZERO).is_err());
        });
        on_worker(elsewhere, None, || assert_eq!(set.join_next().unwrap().unwrap(), 3));
        let _ = foreign.run();
    });
}

/// Futures that wait for each other get their turns, whichever of them the set runs first.
#[test]
fn members_that_wait_for_each_other_run_in_place() {
    watched(|| {
        let here = DomainId::unique();
        let (queue, _tasks) = Queue::new();
        for yielding in [false, true] {
            let (end, mut ended) = closure_task(here, || ());
            let is_over = ended.abort_handle();
            let waiting = async move {
                while yielding && !is_over.is_finished() {
                    yield_now().await;
                }
                if !yielding {
                    (&mut ended).await.unwrap();
                }
            };
            let (first, first_handle) = future_on(&queue, here, waiting);
            let ending = async move { drop(end.run()) };
            let (second, second_handle) = future_on(&queue, here, ending);
            let mut set = JoinSet::from_iter([first_handle, second_handle]);
            on_worker(here, None, || assert!(set.join_all().iter().all(Result::is_ok)));
            // The queue's own entries come late, and are void.
            let _ = (first.run(), second.run());
        }
    });
}

/// A future that yields goes back to its executor when the set has what it wanted.
#[test]
fn a_yielded_future_is_queued_again() {
    watched(|| {
        let here = DomainId::unique();
        let (queue, tasks) = Queue::new();
        let stop = Arc::new(Counter::new());
        let stopped = Arc::clone(&stop);
        let yielding = async move {
            while stopped.get() == 0 {
                yield_now().await;
            }
        };
        let (first, first_handle) = future_on(&queue, here, yielding);
        queue.schedule(first);
        let (second, second_handle) = closure_task(here, || ());
        let mut set = JoinSet::from_iter([first_handle, second_handle]);
        on_worker(here, None, || {
            assert!(set.join_next().unwrap().is_ok());
            assert!(set.join_next_timeout(Duration::from_millis(1)).is_err());
        });
        let entries: Vec<_> = tasks.try_iter().collect();
        assert_eq!(entries.len(), 3, "the first entry, and one for each call that was left");
        stop.add(1);
        for entry in entries {
            let _ = entry.run();
        }
        assert!(set.join_next().unwrap().is_ok());
        let _ = second.run();
    });
}

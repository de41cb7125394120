//! What a handle sees when it reports completion: the output, and that the work is gone.

#![cfg(loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc as Untracked;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use executor_common::panic::{caught, discard};
use executor_common::sync::thread;
use executor_common::{
    DomainId, JoinHandle, PanicHook, Parker, Runnable, TaskPanic, block_on, closure_task,
    enter_domain, future_task,
};
use loom_tests::model::{expected_panic, is_expected};
use loom_tests::{Plain, Queue, Witness, check};

/// A closure's task that writes what it captured, then what it returns.
fn task() -> (Runnable, JoinHandle<Plain>, Plain) {
    let (captured, dropped) = Witness::new();
    let output = Plain::new();
    let (runnable, handle) = closure_task(DomainId::unique(), move || {
        let _captured = captured;
        output.increment();
        output
    });
    (runnable, handle, dropped)
}

/// Requires the output and the end of the work to be visible.
fn complete(output: &Plain, dropped: &Plain) {
    assert_eq!(output.get(), 1);
    assert_eq!(dropped.get(), 1, "completion was reported before the work was dropped");
}

fn run(runnable: Runnable) -> thread::JoinHandle<()> {
    thread::spawn(move || drop(runnable.run()))
}

fn poll<T>(handle: &mut JoinHandle<T>, waker: &Waker) -> Poll<T> {
    Pin::new(handle).poll(&mut Context::from_waker(waker)).map(Result::unwrap)
}

#[test]
fn join_sees_the_output_and_the_end_of_the_closure() {
    check("completion: join of a closure", || {
        let (runnable, handle, dropped) = task();
        let runner = run(runnable);
        complete(&handle.join().unwrap(), &dropped);
        runner.join().unwrap();
    });
}

#[test]
fn join_sees_the_output_and_the_end_of_the_future() {
    check("completion: join of a future", || {
        let queue = Queue::new();
        let (held, dropped) = Witness::new();
        let output = Plain::new();
        let written = output.clone();
        let future = async move {
            let _held = held;
            written.increment();
        };
        // SAFETY: the queue lives until the runner has ended.
        let (runnable, handle) = unsafe { future_task(DomainId::unique(), future, &queue) };
        let runner = run(runnable);
        handle.join().unwrap();
        complete(&output, &dropped);
        assert_eq!(queue.registry.len(), 0);
        runner.join().unwrap();
    });
}

#[test]
fn finished_means_that_the_work_is_gone() {
    check("completion: is_finished", || {
        let (runnable, handle, dropped) = task();
        let runner = run(runnable);
        if handle.is_finished() {
            assert_eq!(dropped.get(), 1);
        }
        drop(handle);
        runner.join().unwrap();
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn another_waker_takes_the_place_of_the_first() {
    check("completion: waker replaced", || {
        let (runnable, mut handle, dropped) = task();
        let (first, second) = (Parker::new(), Parker::new());
        let (first_waker, second_waker) =
            (Waker::from(first.unparker()), Waker::from(second.unparker()));
        let runner = run(runnable);
        let output = match poll(&mut handle, &first_waker) {
            Poll::Ready(output) => output,
            Poll::Pending => loop {
                match poll(&mut handle, &second_waker) {
                    Poll::Ready(output) => break output,
                    Poll::Pending => second.park(),
                }
            },
        };
        complete(&output, &dropped);
        drop(handle);
        runner.join().unwrap();
    });
}

#[test]
fn a_handle_that_goes_while_it_is_woken() {
    check("completion: waker against handle drop", || {
        let (runnable, mut handle, dropped) = task();
        let parker = Parker::new();
        let waker = Waker::from(parker.unparker());
        let runner = run(runnable);
        if let Poll::Ready(output) = poll(&mut handle, &waker) {
            complete(&output, &dropped);
        }
        drop(handle);
        runner.join().unwrap();
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn a_waker_that_is_taken_back_is_not_woken_any_more() {
    check("completion: waker taken back, then dropped", || {
        let (runnable, mut handle, dropped) = task();
        let (first, second) = (Parker::new(), Parker::new());
        let (first_waker, second_waker) =
            (Waker::from(first.unparker()), Waker::from(second.unparker()));
        assert!(poll(&mut handle, &first_waker).is_pending());
        let runner = run(runnable);
        if let Poll::Ready(output) = poll(&mut handle, &second_waker) {
            complete(&output, &dropped);
        }
        drop(handle);
        runner.join().unwrap();
        assert_eq!(dropped.get(), 1);
    });
}

/// Shows by its count whether somebody still has the waker.
struct Idle;

impl Wake for Idle {
    fn wake(self: Untracked<Self>) {}
}

#[test]
fn the_waker_goes_with_the_handle_and_not_with_the_cell() {
    check("completion: who drops the waker", || {
        let (runnable, mut handle, _) = task();
        // Keeps the cell.
        let aborter = handle.abort_handle();
        let idle = Untracked::new(Idle);
        let waker = Waker::from(Untracked::clone(&idle));
        let polled = poll(&mut handle, &waker).is_pending();
        drop(waker);
        assert!(polled);
        let runner = run(runnable);
        drop(handle);
        runner.join().unwrap();
        assert_eq!(Untracked::strong_count(&idle), 1, "the waker outlives the handle");
        drop(aborter);
    });
}

#[test]
fn a_task_awaits_another() {
    check("completion: await across tasks", || {
        let (runnable, handle, dropped) = task();
        let queue = Queue::new();
        let outer = async move { complete(&handle.await.unwrap(), &dropped) };
        // SAFETY: the queue lives longer than this thread, which runs the task.
        let (outer, outer_handle) = unsafe { future_task(DomainId::unique(), outer, &queue) };
        let runner = run(runnable);
        queue.entries.run(outer);
        queue.entries.run_all();
        runner.join().unwrap();
        queue.entries.run_all();
        assert!(outer_handle.is_finished(), "the wake-up of the awaiting task was lost");
        block_on(outer_handle).unwrap();
    });
}

/// Counts what reaches it, outside the model.
fn counting_hook() -> (PanicHook, Untracked<AtomicUsize>) {
    let reports = Untracked::new(AtomicUsize::new(0));
    let counted = Untracked::clone(&reports);
    let hook: PanicHook = Untracked::new(move |panic: TaskPanic| {
        assert!(is_expected(&*panic.into_payload()));
        counted.fetch_add(1, Ordering::Relaxed);
    });
    (hook, reports)
}

#[test]
fn a_panic_reaches_the_hook_once_whenever_the_handle_goes() {
    check("completion: panic against handle drop", || {
        let domain = DomainId::unique();
        let (runnable, handle) = closure_task::<_, ()>(domain, || expected_panic());
        let (hook, reports) = counting_hook();
        let runner = thread::spawn(move || {
            enter_domain(domain, Some(hook));
            drop(runnable.run());
        });
        drop(handle);
        runner.join().unwrap();
        assert_eq!(reports.load(Ordering::Relaxed), 1);
    });
}

/// An output whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        expected_panic();
    }
}

#[test]
fn a_panic_of_the_output_goes_to_the_hook_or_to_the_dropping_thread() {
    check("completion: panic of the output", || {
        let domain = DomainId::unique();
        let (runnable, handle) = closure_task(domain, || Bomb);
        let (hook, reports) = counting_hook();
        let runner = thread::spawn(move || {
            enter_domain(domain, Some(hook));
            drop(runnable.run());
        });
        let thrown = caught(|| drop(handle)).map_err(discard).is_err();
        runner.join().unwrap();
        assert_eq!(reports.load(Ordering::Relaxed) + usize::from(thrown), 1);
    });
}

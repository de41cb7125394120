//! The handle and its error.

#![cfg(not(loom))]

mod support;

use std::error::Error;
use std::io;
use std::time::Duration;

use executor_common::panic::payload_text;
use executor_common::{
    AbortHandle, CancellationToken, DomainId, JoinError, JoinHandle, RunOutcome, Runnable, TaskId,
    closure_task,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use support::{on_worker, watched};

assert_impl_all!(JoinHandle<Vec<u8>>: Send, Sync, Unpin, std::fmt::Debug);
// `Send` is all that an output needs.
assert_impl_all!(JoinHandle<std::cell::Cell<u8>>: Send, Sync);
assert_not_impl_any!(JoinHandle<std::rc::Rc<u8>>: Send, Sync);
assert_impl_all!(AbortHandle: Send, Sync, Clone, std::fmt::Debug);
assert_impl_all!(JoinError: Send, Sync, Error);
assert_impl_all!(CancellationToken: Send, Sync, Clone, Default, std::fmt::Debug);
assert_impl_all!(Runnable: Send);
assert_not_impl_any!(Runnable: Clone);
assert_impl_all!(TaskId: Send, Sync, Copy, std::hash::Hash, std::fmt::Display);

fn failed(f: impl FnOnce() + Send + 'static) -> (TaskId, JoinError) {
    let (runnable, handle) = closure_task(DomainId::unique(), f);
    assert!(matches!(runnable.run(), RunOutcome::Panicked));
    (handle.id(), handle.join().unwrap_err())
}

fn cancelled() -> JoinError {
    let (runnable, handle) = closure_task(DomainId::unique(), || ());
    assert!(matches!(runnable.cancel(), RunOutcome::Cancelled));
    handle.join().unwrap_err()
}

#[test]
fn a_panic_keeps_its_message_and_its_payload() {
    let (id, error) = failed(|| panic!("no disk {}", 7));
    assert!(error.is_panic() && !error.is_cancelled() && !error.is_self_join());
    assert_eq!(error.task_id(), id);
    assert_eq!(error.to_string(), format!("task {id} panicked: no disk 7"));
    assert!(format!("{error:?}").contains("no disk 7"));
    assert_eq!(payload_text(&*error.into_panic()), "no disk 7");

    let (_, error) = failed(|| std::panic::panic_any(7_u64));
    assert!(error.to_string().contains("not text"), "{error}");
    assert_eq!(*error.try_into_panic().unwrap().downcast::<u64>().unwrap(), 7);
}

#[test]
fn a_cancellation_has_no_payload() {
    let error = cancelled();
    assert!(error.is_cancelled() && !error.is_panic());
    assert!(error.to_string().ends_with("was cancelled"));
    let error = error.try_into_panic().unwrap_err();
    assert!(error.is_cancelled(), "the error comes back whole");
}

#[test]
#[should_panic(expected = "into_panic on a JoinError that is no panic")]
fn into_panic_of_a_cancellation_panics() {
    drop(cancelled().into_panic());
}

#[test]
fn an_error_becomes_an_io_error_with_itself_inside() {
    let (id, error) = failed(|| panic!("no disk"));
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::Other);
    let inside = error.into_inner().unwrap().downcast::<JoinError>().unwrap();
    assert_eq!(inside.task_id(), id);
}

#[test]
fn a_timeout_hands_the_handle_back() {
    watched(|| {
        let (runnable, handle) = closure_task(DomainId::unique(), || 7);
        let handle = handle.join_timeout(Duration::ZERO).unwrap_err();
        let handle = handle.join_timeout(Duration::from_millis(1)).unwrap_err();
        let runner = std::thread::spawn(|| drop(runnable.run()));
        assert_eq!(handle.join().unwrap(), 7);
        runner.join().unwrap();
    });
}

#[test]
fn a_timeout_that_is_long_enough_gives_the_output() {
    watched(|| {
        for timeout in [Duration::from_secs(3600), Duration::MAX] {
            let (runnable, handle) = closure_task(DomainId::unique(), || 7);
            let runner = std::thread::spawn(|| drop(runnable.run()));
            assert_eq!(handle.join_timeout(timeout).unwrap().unwrap(), 7);
            runner.join().unwrap();
        }
    });
}

#[test]
fn a_task_joined_in_its_own_domain_runs_in_place() {
    watched(|| {
        let domain = DomainId::unique();
        let (runnable, handle) = closure_task(domain, std::thread::current);
        let (here, there) =
            on_worker(domain, None, || (std::thread::current().id(), handle.join().unwrap().id()));
        assert_eq!(here, there);
        assert!(matches!(runnable.run(), RunOutcome::Stale));
    });
}

#[test]
fn a_closure_joined_from_within_itself_is_an_error() {
    watched(|| {
        let domain = DomainId::unique();
        let (send, receive) = std::sync::mpsc::channel::<JoinHandle<()>>();
        let (verdict, heard) = std::sync::mpsc::channel();
        let (runnable, handle) = closure_task(domain, move || {
            let own = receive.recv().unwrap();
            verdict.send(own.join().unwrap_err().is_self_join()).unwrap();
        });
        send.send(handle).unwrap();
        on_worker(domain, None, || drop(runnable.run()));
        assert!(heard.recv().unwrap());
    });
}

#[test]
fn a_task_that_runs_inside_another_may_not_wait_for_it() {
    watched(|| {
        let domain = DomainId::unique();
        let (send, receive) = std::sync::mpsc::channel::<JoinHandle<()>>();
        let (verdict, heard) = std::sync::mpsc::channel();
        let (_inner_entry, inner) = closure_task(domain, move || {
            let outer = receive.recv().unwrap();
            verdict.send(outer.join().unwrap_err().is_self_join()).unwrap();
        });
        // Runs the inner one in place, on top of itself.
        let (outer_entry, outer) = closure_task(domain, move || inner.join().unwrap());
        send.send(outer).unwrap();
        on_worker(domain, None, || drop(outer_entry.run()));
        assert!(heard.recv().unwrap());
    });
}

#[test]
fn aborting_a_running_closure_changes_nothing() {
    watched(|| {
        let (send, receive) = std::sync::mpsc::channel::<AbortHandle>();
        let (runnable, handle) = closure_task(DomainId::unique(), move || {
            let own = receive.recv().unwrap();
            own.abort();
            assert!(!own.is_finished());
            7
        });
        let aborter = handle.abort_handle();
        assert_eq!(aborter.id(), handle.id());
        send.send(aborter.clone()).unwrap();
        assert!(matches!(runnable.run(), RunOutcome::Finished));
        assert!(aborter.is_finished());
        aborter.abort();
        assert_eq!(handle.join().unwrap(), 7);
    });
}

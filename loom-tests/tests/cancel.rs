//! Cancellation tokens: cancel against wait, against the making of children, and against another cancel.

#![cfg(loom)]

use executor_common::sync::thread;
use executor_common::{CancellationToken, block_on};
use loom_tests::{Plain, check};

#[test]
fn cancel_against_wait() {
    check("cancel: wait", || {
        let token = CancellationToken::new();
        let (cancelling, reason) = (token.clone(), Plain::new());
        let written = reason.clone();
        let thread = thread::spawn(move || {
            written.increment();
            cancelling.cancel();
        });
        block_on(token.cancelled());
        assert!(token.is_cancelled());
        assert_eq!(reason.get(), 1, "who stops sees what was written before");
        thread.join().unwrap();
    });
}

#[test]
fn cancel_against_a_waiter_that_leaves() {
    check("cancel: two waiters, one leaves", || {
        let token = CancellationToken::new();
        let (cancelling, leaving) = (token.clone(), token.cancelled());
        let cancelling = thread::spawn(move || cancelling.cancel());
        let leaving = thread::spawn(move || drop(leaving));
        block_on(token.cancelled());
        cancelling.join().unwrap();
        leaving.join().unwrap();
    });
}

#[test]
fn cancel_against_the_making_of_a_child() {
    check("cancel: child", || {
        let token = CancellationToken::new();
        let cancelling = token.clone();
        let thread = thread::spawn(move || cancelling.cancel());
        let child = token.child_token();
        drop(token);
        block_on(child.cancelled());
        assert!(child.is_cancelled());
        thread.join().unwrap();
    });
}

#[test]
fn a_child_is_cancelled_when_its_parent_s_cancel_has_returned() {
    check("cancel: twice, child", || {
        let token = CancellationToken::new();
        let child = token.child_token();
        let cancelling = token.clone();
        let thread = thread::spawn(move || cancelling.cancel());
        token.cancel();
        assert!(child.is_cancelled());
        thread.join().unwrap();
    });
}

#[test]
fn cancel_against_the_making_of_a_grandchild() {
    check("cancel: grandchild", || {
        let token = CancellationToken::new();
        let child = token.child_token();
        let thread = thread::spawn(move || token.cancel());
        let grandchild = child.child_token();
        // The child goes on only as the grandchild's way to the root.
        drop(child);
        block_on(grandchild.cancelled());
        assert!(grandchild.is_cancelled());
        thread.join().unwrap();
    });
}

/// The two cancels share the way down: what the one has taken from a node, the other does not find.
#[test]
fn cancel_of_the_root_against_cancel_of_a_child() {
    check("cancel: root and child, waiting grandchild", || {
        let token = CancellationToken::new();
        let child = token.child_token();
        let grandchild = child.child_token();
        let root = thread::spawn(move || token.cancel());
        let middle = thread::spawn(move || child.cancel());
        block_on(grandchild.cancelled());
        assert!(grandchild.is_cancelled());
        root.join().unwrap();
        middle.join().unwrap();
    });
}

#[test]
fn cancel_against_a_future_that_runs_until_then() {
    check("cancel: run until cancelled", || {
        let token = CancellationToken::new();
        let (cancelling, reason) = (token.child_token(), Plain::new());
        let (written, child) = (reason.clone(), cancelling.clone());
        let thread = thread::spawn(move || {
            written.increment();
            drop(cancelling.drop_guard());
        });
        let never = std::future::pending::<()>();
        assert_eq!(block_on(child.run_until_cancelled(never)), None);
        assert_eq!(reason.get(), 1, "who stops sees what was written before");
        assert!(!token.is_cancelled());
        thread.join().unwrap();
    });
}

//! Cancellation tokens: cancel against wait and against the making of children.

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

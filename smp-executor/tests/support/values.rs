//! Values that are counted, and panics that are told apart.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smp_executor::{JoinError, SmpExecutor, spawn_local};

/// Counts values that live, and panics when one is dropped that is a bomb.
#[derive(Clone, Default)]
pub(crate) struct Live(pub(crate) Arc<AtomicUsize>);

pub(crate) struct Value {
    live: Live,
    is_bomb: bool,
}

impl Live {
    pub(crate) fn value(&self) -> Value {
        self.0.fetch_add(1, Ordering::Relaxed);
        Value { live: self.clone(), is_bomb: false }
    }

    pub(crate) fn bomb(&self) -> Value {
        let mut value = self.value();
        value.is_bomb = true;
        value
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        if self.is_bomb { self.live.bomb() } else { self.live.value() }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.live.0.fetch_sub(1, Ordering::Relaxed);
        if self.is_bomb {
            panic_any("a destructor");
        }
    }
}

/// A panic's payload whose destructor panics with another one of its kind.
pub(crate) struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic_any(Grenade);
    }
}

pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(f))
}

/// What the panic said. Payloads whose destructors panic are left alone.
pub(crate) fn text(payload: Box<dyn Any + Send>) -> &'static str {
    match payload.downcast::<&'static str>() {
        Ok(text) => *text,
        Err(other) => {
            std::mem::forget(other);
            "something else"
        }
    }
}

pub(crate) fn text_of<T>(result: Result<T, JoinError>) -> &'static str {
    match result {
        Ok(_) => panic!("it has not panicked"),
        Err(error) => text(error.into_panic()),
    }
}

/// All kinds of work still work, on all workers.
pub(crate) fn is_sound(executor: &SmpExecutor) {
    let workers = executor.workers();
    assert_eq!(executor.broadcast(|index| index), (0..workers).collect::<Vec<_>>());
    assert_eq!(executor.spawn(|| 1).join().unwrap(), 1);
    assert_eq!(executor.spawn_future(async { 2 }).join().unwrap(), 2);
    assert_eq!(executor.join(|| 3, || 4), (3, 4));
    assert_eq!(executor.map_reduce(0..100_u32, || 0, |n| n, |a, b| a + b), 4_950);
    let local = executor.spawn(|| spawn_local(async { Rc::new(5) }).join().map(|five| *five));
    assert_eq!(local.join().unwrap().unwrap(), 5);
}

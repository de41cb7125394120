//! Scopes that are cancelled.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use smp_executor::{CancellationToken, Scope, block_on, scope, scope_with_token};
use support::{pool, watched};

/// The text of the panic that `f` ends with.
fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => executor_common::panic::payload_text(&*payload).to_owned(),
    }
}

/// Counts what became of a task: it ran, and its closure was dropped.
#[derive(Default)]
struct Fate {
    ran: AtomicUsize,
    dropped: AtomicUsize,
}

struct CountsDrop<'a>(&'a AtomicUsize);

impl Drop for CountsDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Fate {
    /// Spawns `count` tasks that have this fate.
    fn spawn<'scope>(&'scope self, s: &Scope<'scope>, count: usize) {
        for _ in 0..count {
            let witness = CountsDrop(&self.dropped);
            s.spawn(move |_| {
                let _witness = witness;
                self.ran.fetch_add(1, Ordering::Relaxed);
            });
        }
    }

    fn ran_and_dropped(&self) -> (usize, usize) {
        (self.ran.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed))
    }
}

/// A task that holds a worker until it is let go.
struct Held {
    begun: mpsc::Receiver<()>,
    go: mpsc::Sender<()>,
}

impl Held {
    fn spawn(s: &Scope<'_>) -> Self {
        let ((begin, begun), (go, wait)) = (mpsc::channel(), mpsc::channel());
        s.spawn(move |_| {
            begin.send(()).unwrap();
            wait.recv().unwrap();
        });
        Self { begun, go }
    }

    fn wait_until_begun(&self) {
        self.begun.recv().unwrap();
    }

    fn let_go(self) {
        self.go.send(()).unwrap();
    }
}

#[test]
fn a_cancelled_scope_drops_what_has_not_begun() {
    watched(|| {
        let executor = pool(1);
        let fate = Fate::default();
        let result = executor.scope(|s| {
            let held = Held::spawn(s);
            held.wait_until_begun();
            fate.spawn(s, 100);
            assert!(!s.is_cancelled());
            s.cancel();
            assert!(s.is_cancelled());
            assert_eq!(fate.ran_and_dropped(), (0, 0), "their turn has not come");
            fate.spawn(s, 1);
            assert_eq!(fate.ran_and_dropped(), (0, 1), "one that comes later is dropped at once");
            held.let_go();
            7
        });
        assert_eq!((result, fate.ran_and_dropped()), (7, (0, 101)));
    });
}

#[test]
fn a_task_cancels_its_own_scope_and_not_the_one_around_it() {
    watched(|| {
        let executor = pool(1);
        let (inner, outer) = (Fate::default(), Fate::default());
        executor.scope(|s| {
            s.spawn(|_| {
                scope(|s| {
                    // The waiting worker takes the youngest first.
                    inner.spawn(s, 100);
                    s.spawn(|s| s.cancel());
                });
            });
            outer.spawn(s, 100);
        });
        assert_eq!(inner.ran_and_dropped(), (0, 100));
        assert_eq!(outer.ran_and_dropped(), (100, 100));
    });
}

#[test]
fn the_first_panic_cancels_if_asked() {
    watched(|| {
        let executor = pool(1);
        for asked in [true, false] {
            let fate = Fate::default();
            let text = panic_text(|| {
                executor.scope(|s| {
                    if asked {
                        s.cancel_on_panic();
                    }
                    let held = Held::spawn(s);
                    held.wait_until_begun();
                    // The only worker takes the oldest first.
                    s.spawn(|_| panic!("task"));
                    fate.spawn(s, 100);
                    held.let_go();
                });
            });
            assert_eq!(text, "task");
            let ran = if asked { 0 } else { 100 };
            assert_eq!(fate.ran_and_dropped(), (ran, 100));
        }
    });
}

#[test]
fn a_panic_of_the_scope_s_own_closure_cancels_if_asked() {
    watched(|| {
        let executor = pool(1);
        let fate = Fate::default();
        let text = panic_text(|| {
            executor.scope(|s| {
                s.cancel_on_panic();
                let held = Held::spawn(s);
                held.wait_until_begun();
                fate.spawn(s, 100);
                let token = s.token();
                s.spawn(|_| ());
                // Lets the worker go after the panic.
                std::thread::spawn(move || {
                    block_on(token.cancelled());
                    held.let_go();
                });
                panic!("body");
            });
        });
        assert_eq!((text.as_str(), fate.ran_and_dropped()), ("body", (0, 100)));
    });
}

#[test]
fn the_panic_that_came_first_is_rethrown() {
    watched(|| {
        let executor = pool(2);
        for _ in 0..100 {
            let text = panic_text(|| {
                executor.scope(|s| {
                    s.cancel_on_panic();
                    let (begin, begun) = mpsc::channel();
                    s.spawn(move |_| {
                        begun.recv().unwrap();
                        panic!("first");
                    });
                    // The owner asks for this one's result first.
                    s.spawn(move |s| {
                        begin.send(()).unwrap();
                        block_on(s.token().cancelled());
                        panic!("second");
                    });
                });
            });
            assert_eq!(text, "first");
        }
    });
}

#[test]
fn a_parent_cancels_its_scopes() {
    watched(|| {
        let executor = pool(1);
        let parent = CancellationToken::new();
        let fate = Fate::default();
        executor.scope_with_token(&parent, |s| {
            let held = Held::spawn(s);
            held.wait_until_begun();
            fate.spawn(s, 100);
            parent.cancel();
            assert!(s.is_cancelled() && s.token().is_cancelled());
            held.let_go();
        });
        assert_eq!(fate.ran_and_dropped(), (0, 100));

        let fate = Fate::default();
        executor.install(|| scope_with_token(&parent, |s| fate.spawn(s, 3)));
        assert_eq!(fate.ran_and_dropped(), (0, 3), "cancelled before it began");
    });
}

#[test]
fn a_scope_does_not_cancel_its_parent() {
    watched(|| {
        let executor = pool(1);
        let parent = CancellationToken::new();
        executor.scope_with_token(&parent, |s| {
            s.cancel();
            assert!(s.is_cancelled());
        });
        assert!(!parent.is_cancelled());
        let fate = Fate::default();
        scope_with_token(&parent, |s| fate.spawn(s, 3));
        assert_eq!(fate.ran_and_dropped(), (3, 3));
    });
}

#[test]
fn tasks_that_run_learn_of_it() {
    watched(|| {
        let executor = pool(2);
        executor.scope(|s| {
            let token = s.token();
            // Blocks until the other one has cancelled the token, and the scope with it.
            s.spawn(|s| {
                block_on(s.token().cancelled());
                assert!(s.is_cancelled());
            });
            s.spawn(move |_| token.cancel());
        });
    });
}

#[test]
fn a_destructor_of_what_was_dropped_unrun_may_panic() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any("bomb");
        }
    }

    watched(|| {
        let executor = pool(1);
        let fate = Fate::default();
        let text = panic_text(|| {
            executor.scope(|s| {
                let held = Held::spawn(s);
                held.wait_until_begun();
                let bomb = Bomb;
                s.spawn(move |_| drop(bomb));
                fate.spawn(s, 10);
                s.cancel();
                held.let_go();
            });
        });
        assert_eq!((text.as_str(), fate.ran_and_dropped()), ("bomb", (0, 10)));
    });
}

#[test]
fn each_task_runs_or_is_dropped_unrun() {
    watched(|| {
        let executor = pool(2);
        for cancelled in [false, true].repeat(500) {
            let fate = Fate::default();
            executor.scope(|s| {
                fate.spawn(s, 20);
                if cancelled {
                    s.spawn(|s| s.cancel());
                }
                fate.spawn(s, 20);
            });
            let (ran, dropped) = fate.ran_and_dropped();
            assert!(dropped == 40 && (cancelled || ran == 40), "{ran} ran, {dropped} dropped");
        }
    });
}

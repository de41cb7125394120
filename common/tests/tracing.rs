//! What a task tells a subscriber from its spawn to its end.

#![cfg(not(any(loom, shuttle)))]

mod recorder;
mod support;

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::{Poll, Waker};

use executor_common::{
    DomainId, Priority, Role, RunOutcome, SpawnSite, closure_task, current_task, yield_now,
};
use recorder::{Recorder, TaskTrace};
use support::{Queue, future_on};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

/// Runs the body with a subscriber that is its own, as the test's thread is.
fn recorded(body: impl FnOnce(&Recorder)) {
    let recorder = Recorder::default();
    with_default(tracing_subscriber::registry().with(recorder.clone()), || body(&recorder));
}

impl TaskTrace {
    fn turns(&self) -> (usize, usize, usize) {
        (self.entered, self.left, self.closed)
    }
}

#[test]
fn a_closure_is_told_with_its_terms_and_its_one_run() {
    recorded(|recorder| {
        let site = SpawnSite::here("mine", Some(Role::new("io")), Priority::High).enter();
        let (task, handle) = closure_task(DomainId::unique(), current_task);
        let line = line!() - 2;
        drop(site);
        let id = handle.id();
        let before = recorder.task("task.id", id);
        assert_eq!(before.turns(), (0, 0, 0));
        let expected = [
            ("executor", "mine".to_owned()),
            ("kind", "blocking".to_owned()),
            ("loc.file", file!().to_owned()),
            ("loc.line", line.to_string()),
            ("priority", "high".to_owned()),
            ("role", "io".to_owned()),
            ("task.name", "io".to_owned()),
        ];
        for (field, value) in expected {
            assert_eq!(before.fields.get(field), Some(&value), "{field}");
        }
        let _ = task.run();
        assert_eq!(recorder.task("task.id", id).turns(), (1, 1, 1), "the handle is still there");
        assert_eq!(handle.join().unwrap(), Some(id));
    });
}

#[test]
fn a_detached_closure_is_closed_after_its_run() {
    recorded(|recorder| {
        let (task, handle) = closure_task(DomainId::unique(), || ());
        let id = handle.id();
        drop(handle);
        let _ = task.run();
        assert_eq!(recorder.task("task.id", id).turns(), (1, 1, 1));
    });
}

#[test]
fn a_future_is_entered_for_each_poll_and_a_yield_is_a_wake_by_reference() {
    recorded(|recorder| {
        let (queue, _) = Queue::new();
        let (task, handle) = future_on(&queue, DomainId::unique(), async {
            yield_now().await;
            yield_now().await;
        });
        let RunOutcome::Yielded(task) = task.run() else { panic!() };
        let RunOutcome::Yielded(task) = task.run() else { panic!() };
        assert_eq!(recorder.task("task.id", handle.id()).turns(), (2, 2, 0));
        let _ = task.run();
        let trace = recorder.task("task.id", handle.id());
        assert_eq!(trace.turns(), (3, 3, 1));
        assert_eq!(trace.fields["kind"], "task");
        assert_eq!(trace.wakers, ["waker.wake_by_ref", "waker.wake_by_ref"]);
    });
}

#[test]
fn each_waker_is_told_until_the_last_is_dropped() {
    recorded(|recorder| {
        let ((queue, tasks), (given, take)) = (Queue::new(), mpsc::channel::<Waker>());
        let mut polls = 0;
        let (task, handle) = future_on(
            &queue,
            DomainId::unique(),
            poll_fn(move |context| {
                polls += 1;
                given.send(context.waker().clone()).unwrap();
                if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
            }),
        );
        let id = handle.id();
        let _ = task.run();
        take.recv().unwrap().wake();
        let _ = tasks.recv().unwrap().run();
        let kept = take.recv().unwrap();
        kept.wake_by_ref();
        let _ = tasks.recv().unwrap().run();
        assert_eq!(recorder.task("task.id", id).turns(), (3, 3, 1), "wakers may be there longer");
        drop((kept, take.recv().unwrap()));
        let expected = [
            "waker.clone",
            "waker.wake",
            "waker.clone",
            "waker.wake_by_ref",
            "waker.clone",
            "waker.drop",
            "waker.drop",
        ];
        assert_eq!(recorder.task("task.id", id).wakers, expected);
    });
}

#[test]
fn a_cancelled_task_is_closed_and_was_never_entered() {
    recorded(|recorder| {
        let (task, handle) = closure_task(DomainId::unique(), || ());
        let id = handle.id();
        drop(task);
        assert_eq!(recorder.task("task.id", id).turns(), (0, 0, 1));
    });
}

#[test]
fn a_panic_leaves_the_span() {
    recorded(|recorder| {
        let (task, handle) = closure_task::<_, ()>(DomainId::unique(), || {
            std::panic::resume_unwind(Box::new("thrown"));
        });
        let id = handle.id();
        let _ = task.run();
        assert!(handle.join().unwrap_err().is_panic());
        assert_eq!(recorder.task("task.id", id).turns(), (1, 1, 1));
    });
}

#[test]
fn the_outer_site_counts_and_the_guard_takes_it_away() {
    recorded(|recorder| {
        let id = {
            let _outer = SpawnSite::here("outer", None, Priority::Normal).enter();
            let _inner = SpawnSite::here("inner", None, Priority::Normal).enter();
            closure_task(DomainId::unique(), || ()).1.id()
        };
        assert_eq!(recorder.task("task.id", id).fields["executor"], "outer");
        let later = closure_task(DomainId::unique(), || ()).1.id();
        assert!(!recorder.task("task.id", later).fields.contains_key("executor"));
    });
}

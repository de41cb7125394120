//! Tasks that hold their worker for too long.

mod support;

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amp_executor::{Event, yield_now};
use support::{A, B, hold, one_role, two_roles, until, usable, watchdog};

const LIMIT: Duration = Duration::from_millis(10);

#[test]
fn a_stall_names_role_task_and_core() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let amp = two_roles(8)
            .stall_limit(LIMIT)
            .on_event(move |event| tell.send(event.clone()).unwrap())
            .build()
            .unwrap();
        let held = hold(&amp.role(A).unwrap());
        let event = told.recv().unwrap();
        let Event::Stall { role, worker, core, task, held_for, .. } = event else {
            panic!("{event}")
        };
        assert_eq!((role, worker, core, task), (A, 0, usable()[0], held.task.id()));
        assert!(held_for >= LIMIT);
        held.release();
    });
}

/// The stall of a task that began later is the first to be reported.
#[test]
fn a_worker_without_a_task_does_not_stall() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let amp = two_roles(8)
            .stall_limit(5 * LIMIT)
            .on_event(move |event| tell.send(event.clone()).unwrap())
            .build()
            .unwrap();
        let parks = || amp.metrics().workers[0].parks;
        until(|| parks() > 0);
        let parks_before = parks();
        amp.role(A).unwrap().spawn(|| {}).unwrap().join().unwrap();
        until(|| parks() > parks_before);
        let held = hold(&amp.role(B).unwrap());
        let event = told.recv().unwrap();
        assert!(matches!(event, Event::Stall { role: B, .. }), "{event}");
        held.release();
    });
}

/// Each poll is a run of its own.
#[test]
fn each_poll_of_a_future_may_stall() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let amp = one_role(8)
            .stall_limit(LIMIT)
            .on_event(move |event| tell.send(event.clone()).unwrap())
            .build()
            .unwrap();
        let (release, released) = mpsc::channel::<()>();
        let future = async move {
            for _ in 0..3 {
                released.recv().unwrap();
                yield_now().await;
            }
        };
        let task = amp.role(A).unwrap().spawn_future(future).unwrap();
        for _ in 0..3 {
            let event = told.recv().unwrap();
            assert!(matches!(event, Event::Stall { task: stalled, .. } if stalled == task.id()));
            release.send(()).unwrap();
        }
        task.join().unwrap();
    });
}

/// The hook waits for the task, and the task ends the executor.
#[test]
fn an_executor_that_its_own_worker_ends_does_not_wait_for_the_hook() {
    watchdog(|| {
        let (begin, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let ended = Mutex::new(ended);
        let amp = one_role(8)
            .stall_limit(LIMIT)
            .on_event(move |_| {
                begin.send(()).unwrap();
                ended.lock().unwrap().recv().unwrap();
            })
            .build()
            .unwrap();
        let amp = Arc::new(amp);
        let role = amp.role(A).unwrap();
        let task = role.spawn(move || {
            begun.recv().unwrap();
            drop(amp);
            end.send(()).unwrap();
        });
        task.unwrap().join().unwrap();
    });
}

//! Every way to spawn tells a trace where it was called, by whom, and on which terms.

#![cfg(not(any(loom, shuttle)))]

#[path = "../../common/tests/recorder/mod.rs"]
mod recorder;
mod support;

use std::time::{Duration, Instant};

use amp_executor::{Priority, Spawn, block_on, spawn_local};
use recorder::Recorder;
use support::{A, one_role, watchdog};

/// The value, and the line where it was made.
macro_rules! at {
    ($value:expr) => {
        ($value, line!())
    };
}

/// One test, since the recorder is that of the process.
#[test]
fn each_spawn_tells_its_place_and_terms() {
    watchdog(body);
}

fn body() {
    let recorder = Recorder::of_all_threads();
    let amp = one_role(64).state(A, |_| 0_u32).build().unwrap();
    let a = amp.role(A).unwrap();
    let core = amp.placement()[0].core;
    let soon = Instant::now();
    let normal = [
        at!(a.spawn(|| ()).unwrap()),
        at!(a.try_spawn(|| ()).unwrap()),
        at!(a.spawn_timeout(Duration::from_secs(30), || ()).unwrap()),
        at!(block_on(a.spawn_wait(|| ())).unwrap()),
        at!(a.spawn_future(async {}).unwrap()),
        at!(a.try_spawn_future(async {}).unwrap()),
        at!(a.spawn_on_core(core, || ()).unwrap()),
        at!(a.spawn_keyed("key", || ()).unwrap()),
        at!(a.spawn_at(soon, || ()).unwrap()),
        at!(a.with_state(|_: &mut u32| ()).unwrap()),
        at!(a.spawn_local(|| async {}).unwrap()),
        at!(amp.spawn_in(A, || ()).unwrap()),
        at!(amp.spawn_future_in(A, async {}).unwrap()),
        at!(amp.try_spawn_in(A, || ()).unwrap()),
        at!(amp.handle().spawn_in(A, || ()).unwrap()),
        at!(a.try_spawn_batch([|| ()]).handles.remove(0)),
        at!(a.spawn_batch([|| ()]).unwrap().remove(0)),
    ];
    let nested = a.spawn(|| {
        // A line of its own.
        at!(spawn_local(async {}))
    });
    for (task, line) in normal.into_iter().chain([nested.unwrap().join().unwrap()]) {
        task.join().unwrap();
        check(&recorder, line, "normal");
    }
    let (answer, line) = at!(a.call_blocking(|| 7));
    assert_eq!(answer.unwrap(), 7);
    check(&recorder, line, "normal");
    let (task, line) = at!(a.with_priority(Priority::High).spawn(|| ()).unwrap());
    task.join().unwrap();
    check(&recorder, line, "high");
    let (beat, line) = at!(a.spawn_every(Duration::from_millis(1), || ()).unwrap());
    beat.stop();
    beat.join().unwrap();
    check(&recorder, line, "normal");
}

/// The only task that was spawned on this line of this file.
fn check(recorder: &Recorder, line: u32, priority: &str) {
    let task = recorder.task("loc.line", line);
    let field = |name| task.fields.get(name).map(String::as_str);
    assert_eq!(field("loc.file"), Some(file!()));
    assert_eq!(field("executor"), Some("amp"));
    assert_eq!(field("priority"), Some(priority), "line {line}");
    assert_eq!(field("role"), Some("a"));
    assert_eq!(field("task.name"), Some("a"));
}

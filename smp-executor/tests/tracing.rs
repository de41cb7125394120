//! Every way to spawn tells a trace where it was called, by whom, and on which terms.

#![cfg(not(any(loom, shuttle)))]

#[path = "../../common/tests/recorder/mod.rs"]
mod recorder;
mod support;

use recorder::Recorder;
use smp_executor::{Priority, Role, Spawn, spawn_local};
use support::watched;

const IO: Role = Role::new("io");

/// The value, and the line where it was made.
macro_rules! at {
    ($value:expr) => {
        ($value, line!())
    };
}

/// One test, since the recorder is that of the process.
#[test]
fn each_spawn_tells_its_place_and_terms() {
    watched(body);
}

fn body() {
    let recorder = Recorder::of_all_threads();
    let pool = support::pool(2);
    let handle = pool.handle();
    let normal = [
        at!(pool.spawn(|| ())),
        at!(pool.spawn_future(async {})),
        at!(pool.try_spawn(|| ()).unwrap()),
        at!(pool.spawn_on(1, || ())),
        at!(pool.block_on(pool.spawn_wait(|| ())).unwrap()),
        at!(handle.spawn(|| ())),
        at!(handle.spawn_future(async {})),
        at!(handle.try_spawn(|| ()).unwrap()),
        at!(handle.spawn_on(1, || ())),
    ];
    let nested = pool.spawn(|| {
        vec![
            at!(smp_executor::spawn(|| ())),
            at!(smp_executor::spawn_future(async {})),
            at!(spawn_local(async {})),
        ]
    });
    let nested = nested.join().unwrap();
    for (task, line) in normal.into_iter().chain(nested) {
        check(&recorder, line, "normal", None);
        task.join().unwrap();
    }
    let (task, line) = at!(pool.spawn_with(Priority::High, || ()));
    check(&recorder, line, "high", None);
    task.join().unwrap();
    let (task, line) = at!(handle.spawn_future_with(Priority::Low, async {}));
    check(&recorder, line, "low", None);
    task.join().unwrap();
    let labelled = [
        at!(pool.spawn_in(IO, || ()).unwrap()),
        at!(pool.spawn_future_in(IO, async {}).unwrap()),
        at!(handle.try_spawn_in(IO, || ()).unwrap()),
    ];
    for (task, line) in labelled {
        check(&recorder, line, "normal", Some("io"));
        task.join().unwrap();
    }
    let ((), line) = at!(pool.install(|| ()));
    check(&recorder, line, "normal", None);
    let line = pool.scope(|scope| {
        scope.spawn(|_| ());
        line!() - 1
    });
    check(&recorder, line, "normal", None);
}

/// The only task that was spawned on this line of this file.
fn check(recorder: &Recorder, line: u32, priority: &str, role: Option<&str>) {
    let task = recorder.task("loc.line", line);
    let field = |name| task.fields.get(name).map(String::as_str);
    assert_eq!(field("loc.file"), Some(file!()));
    assert_eq!(field("executor"), Some("smp"));
    assert_eq!(field("priority"), Some(priority), "line {line}");
    assert_eq!(field("role"), role, "line {line}");
    assert_eq!(field("task.name"), role.or(Some("smp")));
}

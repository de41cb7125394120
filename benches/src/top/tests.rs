//! The bars say what the snapshots say.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::command::{TopArgs, run, text};
use super::program::running;
use super::rates::History;
use super::view::View;

fn seconds(seconds: f64) -> Value {
    let time = Duration::from_secs_f64(seconds);
    json!({ "secs": time.as_secs(), "nanos": time.subsec_nanos() })
}

/// Two workers and one role, after so many seconds: the first worker was always busy, the second never.
fn snapshot(name: &str, up: f64) -> Value {
    json!({
        "name": name, "executor": "amp", "pid": 7, "interval_ms": 50,
        "metrics": {
            "uptime": seconds(up),
            "workers": [
                { "index": 0, "role": "io", "core": 2, "tasks_run": 100 * up as u64, "steals": 0, "busy": seconds(up), "queue_depth": 3, "stalls": 2 },
                { "index": 1, "role": "io", "core": 3, "tasks_run": 0, "steals": 4 * up as u64, "busy": seconds(0.0) },
            ],
            "roles": [
                { "role": "io", "workers": 2, "queue_depth": 48, "capacity": 64, "tasks_run": 0, "rejected": 10 * up as u64, "busy": seconds(up) },
            ],
            "global_queue_depth": 5,
            "something_new": [1, 2],
        },
    })
}

fn write(directory: &Path, file: &str, snapshot: &Value) {
    fs::write(directory.join(file), snapshot.to_string()).unwrap();
}

fn view(history: &mut History, directory: &Path) -> View {
    let programs = history.update(running(directory).unwrap());
    View { programs, selected: 0, directory: directory.display().to_string() }
}

#[test]
fn bars_are_about_the_time_between_two_snapshots() {
    let directory = tempfile::tempdir().unwrap();
    let mut history = History::default();
    write(directory.path(), "7-a.json", &snapshot("a", 10.0));
    view(&mut history, directory.path());
    let mut later = snapshot("a", 12.0);
    // Half of the two seconds since, and 40 tasks.
    later["metrics"]["workers"][0]["busy"] = seconds(11.0);
    later["metrics"]["workers"][0]["tasks_run"] = json!(1040);
    write(directory.path(), "7-a.json", &later);
    let now = view(&mut history, directory.path());
    let rates = &now.programs[0].1;
    assert_eq!(rates.workers[0].utilisation, 0.5);
    assert_eq!(rates.workers[0].tasks_per_second, 20.0);
    assert_eq!(rates.workers[1].events_per_second, 4.0, "steals");
    assert_eq!(rates.roles[0].utilisation, 0.5, "two seconds of two workers' four");
    assert_eq!(rates.roles[0].events_per_second, 10.0, "rejected");
    // Nothing new: the bars stay.
    let again = view(&mut history, directory.path());
    assert_eq!(again.programs[0].1.workers, rates.workers);
}

#[test]
fn a_frame_has_a_line_per_worker_and_role() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "7-a.json", &snapshot("search", 10.0));
    let frame = text(&view(&mut History::default(), directory.path())).unwrap();
    let line = |start: &str| {
        let found =
            frame.lines().find(|line| line.trim_start_matches(['│', ' ']).starts_with(start));
        found
            .unwrap_or_else(|| panic!("no {start} in\n{frame}"))
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert!(
        frame.contains("> search (amp, process 7), up 10 s: 50 % of 2 workers, 5 queued for all")
    );
    let busy = line("0 io core 2").join(" ");
    assert!(busy.contains("100 %") && busy.contains(" 3") && busy.contains(" 100 0 2"), "{busy}");
    let idle = line("1 io core 3").join(" ");
    assert!(idle.contains("0 %") && idle.contains(" 0 4 0"), "{idle}");
    let role = line("io ").join(" ");
    assert!(
        role.contains("50 %") && role.contains("48 of 64") && role.contains(" 0 10 0"),
        "{role}"
    );
}

#[test]
fn programs_are_chosen_by_the_arrows_within_the_list() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b", "a", "c"] {
        write(directory.path(), &format!("7-{name}.json"), &snapshot(name, 1.0));
    }
    let mut view = view(&mut History::default(), directory.path());
    let names = view.programs.iter().map(|(program, _)| program.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "c"]);
    for (forward, selected) in [(false, 0), (true, 1), (true, 2), (true, 2), (false, 1)] {
        view.select(forward);
        assert_eq!(view.selected, selected);
    }
    assert!(text(&view).unwrap().contains("> b (amp"));
}

#[test]
fn what_is_no_snapshot_or_is_silent_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in [("1.json", "{"), ("2.json", "[]"), ("3.json", "\u{0}"), ("4.txt", "{}")] {
        fs::write(directory.path().join(file), text).unwrap();
    }
    let dead = directory.path().join("5.json");
    write(directory.path(), "5.json", &snapshot("dead", 1.0));
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3);
    fs::File::options().write(true).open(dead).unwrap().set_modified(long_ago).unwrap();
    assert!(running(directory.path()).unwrap().is_empty());
    assert!(running(&directory.path().join("none")).unwrap().is_empty());

    let mut out = Vec::new();
    let directory = Some(directory.path().to_owned());
    let args = TopArgs { once: true, interval: 250, directory };
    assert!(!run(&args, &mut out).unwrap());
    assert!(String::from_utf8(out).unwrap().starts_with("no program shows its executor in "));
}

/// A real executor, shown to a real look.
#[test]
fn a_running_executor_is_shown_once() {
    let directory = tempfile::tempdir().unwrap();
    let pool = smp_executor::SmpExecutor::builder().workers(2).build().unwrap();
    let handle = pool.handle();
    let interval = Duration::from_millis(20);
    let _server = executor_common::MetricsServer::start_in(
        directory.path(),
        "mine",
        "smp",
        interval,
        move || handle.metrics(),
    )
    .unwrap();
    let mut out = Vec::new();
    let args = TopArgs { once: true, interval: 250, directory: Some(directory.path().to_owned()) };
    assert!(run(&args, &mut out).unwrap());
    let frame = String::from_utf8(out).unwrap();
    assert!(frame.contains("> mine (smp, process"), "{frame}");
    assert_eq!(frame.matches("0 %").count(), 3, "two workers and the sum\n{frame}");
}

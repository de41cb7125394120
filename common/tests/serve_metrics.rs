//! A snapshot in a file: complete at any time, new in each interval, and gone with its server.

#![cfg(not(any(loom, shuttle)))]

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use executor_common::{ExecutorMetrics, MetricsServer};
use serde_json::Value;

/// Counts its calls in `live_futures`, and tells of each.
fn counted(calls: mpsc::Sender<usize>) -> impl Fn() -> ExecutorMetrics + Send + 'static {
    let count = std::sync::Mutex::new(0);
    move || {
        let mut count = count.lock().unwrap();
        *count += 1;
        let mut metrics = ExecutorMetrics::default();
        metrics.live_futures = *count;
        let _ = calls.send(*count);
        metrics
    }
}

#[test]
fn the_file_is_there_at_once_is_replaced_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let (call, calls) = mpsc::channel();
    let served = directory.path().join("new");
    let interval = Duration::from_millis(1);
    let server = MetricsServer::start_in(&served, "a/b c", "smp", interval, counted(call)).unwrap();
    let path = server.path().to_owned();
    assert!(path.to_str().unwrap().ends_with(&format!("new/{}-a-b-c.json", std::process::id())));
    for call in calls.iter().take(200) {
        let text = fs::read_to_string(&path).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["name"], &line["executor"]), (&"a/b c".into(), &"smp".into()));
        assert_eq!(line["pid"], std::process::id());
        // The call comes before its line is there.
        assert!(line["metrics"]["live_futures"].as_u64().unwrap() as usize + 1 >= call);
        assert!(text.ends_with('\n'));
    }
    drop(server);
    assert_eq!(fs::read_dir(&served).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_in_the_way_fails_once_and_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let interval = Duration::from_secs(60);
    let start = || {
        MetricsServer::start_in(directory.path(), "x", "amp", interval, ExecutorMetrics::default)
    };
    let path = start().unwrap().path().to_owned();
    let (beside, elsewhere) = (path.with_extension("json.new"), directory.path().join("elsewhere"));
    fs::write(&elsewhere, "mine").unwrap();
    fs::hard_link(&elsewhere, &beside).unwrap();
    assert!(start().is_err());
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert!(start().is_ok());
}

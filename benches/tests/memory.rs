//! The program `memory` as a user runs it.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::process::{Command, Stdio};

use watchdog::within_a_minute;

#[test]
fn every_queued_task_has_a_price_that_covers_what_it_holds() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_memory"))
            .args(["--quick", "--json", "values"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let values = std::fs::read(directory.path().join("values")).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&values).unwrap();
        let rows = values["rows"].as_array().unwrap();
        // Three sizes, of closures on five peers and of futures on four.
        assert_eq!(rows.len(), 3 * (5 + 4));
        for row in rows {
            let held = row["task"]["closure"].as_f64().or(row["task"]["future"].as_f64()).unwrap();
            let queued = &row["queued"];
            let each = queued["bytes_per_task"].as_f64().unwrap();
            assert!(each > held && each < held + 1000.0, "{row}");
            assert!(queued["peak_bytes"].as_f64().unwrap() >= 100_000.0 * each - 1.0, "{row}");
        }
    });
}

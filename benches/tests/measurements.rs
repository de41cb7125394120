//! The measuring subcommands as a user runs them: all rows are there, whoever is fast.

#[path = "support/program.rs"]
mod program;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::path::Path;

use program::{benches, stderr, stdout};
use watchdog::within_a_minute;

/// Runs a subcommand that writes its values to a file: the table, and the file's rows.
fn measure(args: &[&str]) -> (String, Vec<serde_json::Value>) {
    let directory = tempfile::tempdir().unwrap();
    let output = benches(directory.path(), &[args, &["--json", "values"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let values = std::fs::read(directory.path().join("values")).unwrap();
    let mut values: serde_json::Value = serde_json::from_slice(&values).unwrap();
    assert!(values["hardware"].as_str().unwrap().contains("CPU"));
    let serde_json::Value::Array(rows) = values["rows"].take() else { panic!("{values}") };
    (stdout(&output), rows)
}

/// The row that begins like this.
fn row<'a>(table: &'a str, start: &str) -> &'a str {
    let row = table.lines().find(|line| line.starts_with(start));
    row.unwrap_or_else(|| panic!("{start} is missing in {table}"))
}

fn is_judged(row: &str) -> bool {
    ["met", "MISSED"].iter().any(|verdict| row.contains(verdict))
}

#[test]
fn spawn_has_a_row_for_each_shape_and_number_of_workers() {
    within_a_minute(|| {
        let (table, rows) = measure(&["spawn", "--quick", "--rounds", "2"]);
        for shape in ["outside", "inside", "chain"] {
            for joined in ["", "_joined"] {
                for workers in [1, 2] {
                    let row = row(&table, &format!("| {shape}{joined} | {workers} |"));
                    assert!(is_judged(row), "{row}");
                }
            }
        }
        assert_eq!(rows.len(), 12);
        let names: Vec<_> =
            rows[0]["times"].as_array().unwrap().iter().map(|of| &of["peer"]).collect();
        let expected =
            ["smp", "rayon", "tokio", "async-executor", "async-executor-static", "channel", "amp"];
        assert_eq!(names, expected);
    });
}

/// `inside` is a part of `inside_joined`, and yet one of them can be had alone.
#[test]
fn a_filter_that_is_a_name_selects_that_program_alone() {
    within_a_minute(|| {
        let select = |filter: &str| {
            let args = ["spawn", "--quick", "--rounds", "1", "--workers", "1", "--filter", filter];
            let (_, rows) = measure(&args);
            rows.iter().map(|row| row["program"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(select("inside"), ["inside"]);
        assert_eq!(select("insi"), ["inside", "inside_joined"]);
        assert_eq!(select("chain_joined,outside"), ["outside", "chain_joined"]);
    });
}

#[test]
fn futures_has_a_row_for_each_of_the_seven_shapes() {
    within_a_minute(|| {
        let (table, rows) = measure(&["futures", "--quick", "--rounds", "1", "--workers", "2"]);
        let shapes = [
            "spawn_many_local",
            "spawn_many_remote_idle",
            "spawn_many_remote_busy1",
            "spawn_many_remote_busy2",
            "yield_many",
            "ping_pong",
            "chained_spawn",
        ];
        for shape in shapes {
            let row = row(&table, &format!("| {shape} | 2 |"));
            assert!(is_judged(row), "{row}");
            let limit = if shape == "yield_many" { "tokio <= 1 " } else { "tokio <= 0.7 " };
            assert!(row.contains(limit), "{row}");
        }
        assert_eq!(rows.len(), shapes.len());
    });
}

#[test]
fn wake_has_a_row_for_each_case_and_peer() {
    within_a_minute(|| {
        let (table, rows) = measure(&["wake", "--quick", "--rounds", "2"]);
        for peer in ["smp", "rayon", "tokio", "async-executor"] {
            for case in ["pin", "spin", "block", "sleep"] {
                let row = row(&table, &format!("| {case} | {peer} |"));
                assert_eq!(is_judged(row), peer == "smp", "{row}");
            }
            for pause in ["after computing", "after a sleep"] {
                row(&table, &format!("| {pause} | {peer} |"));
            }
        }
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[0]["peers"][0]["rounds"].as_array().unwrap().len(), 2);
        assert!(rows[4]["peers"][0]["rounds"][0]["wakes"].is_f64());
        assert!(rows[4]["peers"][1]["rounds"][0]["wakes"].is_null());
    });
}

#[test]
fn noop_has_a_row_for_each_interval() {
    within_a_minute(|| {
        let (table, rows) = measure(&["noop", "--quick", "--rounds", "1"]);
        for interval in ["10 ms", "1 ms"] {
            for workers in [1, 2] {
                let row = row(&table, &format!("| noop({interval}) | {workers} |"));
                assert!(is_judged(row), "{row}");
            }
        }
        assert_eq!(rows.len(), 4);
    });
}

#[test]
fn many_outside_has_a_row_for_each_program_and_peer() {
    within_a_minute(|| {
        let (table, rows) = measure(&["many-outside", "--quick", "--rounds", "2"]);
        for program in ["count", "time"] {
            for peer in ["smp", "rayon", "tokio", "async-executor", "channel"] {
                let row = row(&table, &format!("| {program} | 2 | {peer} |"));
                assert_eq!(is_judged(row), peer == "smp", "{row}");
            }
        }
        assert_eq!(rows.len(), 2);
    });
}

#[test]
fn every_measurement_runs_one_peer_once_for_a_tool_that_counts() {
    within_a_minute(|| {
        for command in ["spawn", "futures"] {
            let args = [command, "--once", "--quick", "--peer", "smp", "--workers", "1"];
            let output = benches(Path::new("."), &args);
            assert!(output.status.success(), "{}", stderr(&output));
            assert_eq!(stdout(&output), "");
        }
    });
}

#[test]
fn role_latency_has_a_row_for_each_way_and_peer() {
    within_a_minute(|| {
        let (table, rows) = measure(&["role-latency", "--quick", "--rounds", "2"]);
        for way in ["one-way", "round-trip"] {
            for peer in [
                "amp",
                "flag",
                "flag-box",
                "rtrb",
                "disruptor",
                "array-queue",
                "crossbeam",
                "std",
                "tokio",
            ] {
                let row = row(&table, &format!("| {way} | {peer} |"));
                assert_eq!(is_judged(row), peer == "amp", "{row}");
            }
        }
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["peers"][0]["rounds"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn role_throughput_has_a_row_for_each_load_and_peer() {
    within_a_minute(|| {
        let (table, rows) = measure(&["role-throughput", "--quick", "--rounds", "1"]);
        for cores in ["all", "one*"] {
            for producers in [1, 2, 8] {
                for bytes in [16, 64] {
                    let of = |peer| {
                        let cores =
                            if cores == "all" && is_crowded(producers) { "all*" } else { cores };
                        format!("| {cores} | {producers} | {bytes} | {peer} |")
                    };
                    for peer in [
                        "amp",
                        "crossbeam",
                        "array-queue",
                        "disruptor-mp",
                        "tokio",
                        "std",
                        "flume",
                        "kanal",
                        "crossfire",
                    ] {
                        let row = row(&table, &of(peer));
                        assert_eq!(is_judged(row), peer == "amp", "{row}");
                    }
                    assert_eq!(table.contains(&of("rtrb")), producers == 1);
                }
            }
        }
        assert_eq!(rows.len(), 12);
    });
}

/// Whether there are more threads than cores, where the consumer is one more.
fn is_crowded(producers: usize) -> bool {
    producers + 1 > benches::Hardware::read().allowed.len()
}

#[test]
fn role_wake_has_a_row_for_each_peer_and_size() {
    within_a_minute(|| {
        let (table, rows) = measure(&["role-wake", "--quick", "--rounds", "1"]);
        for peer in ["amp", "futex", "park", "crossbeam", "tokio", "std"] {
            let single = row(&table, &format!("| {peer} |"));
            assert_eq!(is_judged(single), peer == "amp", "{single}");
            for size in [1, 8, 80, 800] {
                let start = format!("| {size} | {peer} |");
                let has_queue = !["futex", "park"].contains(&peer);
                assert_eq!(table.contains(&start), has_queue, "{start} in {table}");
            }
        }
        assert!(is_judged(row(&table, "| 800 | amp |")));
        assert_eq!(rows.len(), 5);
        assert!(rows[1]["peers"][0]["rounds"][0]["own_wakes"]["median"].is_f64());
    });
}

#[test]
fn messages_are_sent_once_for_a_tool_that_counts() {
    within_a_minute(|| {
        let load = ["--producers", "1", "--cores", "all", "--size", "line"];
        let args = [&["role-throughput", "--once", "10", "--peer", "amp,std"][..], &load].concat();
        let output = benches(Path::new("."), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    });
}

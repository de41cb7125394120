//! `benches compare` and `benches sweep` as a user runs them.

#[path = "support/program.rs"]
mod program;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::fs;
use std::path::Path;

use program::{benches, stderr, stdout};
use watchdog::within_a_minute;

/// Something that ends soon on any machine.
const WORKLOAD: &str = r#"
about = "pings beside work"
time = "60ms"
warm_up = "10ms"
goal = "p50 of ping"

[[class]]
name = "ping"
arrival = { every = "1ms" }
service = { fixed = "10us" }
spawns = [{ class = "work" }]
slo = "p50 < 1s"

[[class]]
name = "work"
service = { fixed = "20us" }

[[layout]]
executor = "smp"

[[layout]]
executor = "amp"
cores = { work = "rest", ping = 1 }

[[layout]]
executor = "tokio"
"#;

#[test]
fn the_built_in_workloads_are_compared_without_arguments() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let output = benches(directory.path(), &["--quick"]);
        let text = stdout(&output);
        assert!(output.status.success(), "{}", stderr(&output));
        let all = ["unpredictable", "realtime", "service", "game-frame", "fluctuating", "checksum"];
        for name in all {
            assert!(text.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
            assert!(text.contains(&format!("\n> {name}: ")), "the verdict on {name}");
        }
        let rows = [
            "processor equality",
            "task allocation",
            "software complexity",
            "load balancing",
            "use case",
        ];
        for row in rows {
            assert!(text.contains(&format!("\n> {row}: ")), "{row}");
        }
        for line in ["cores allowed", "noise floor", "caches", "virtualised", "clock"] {
            assert!(text.lines().any(|each| each.starts_with(line)), "{line}");
        }
    });
}

#[test]
fn a_file_is_compared_and_all_outputs_are_written() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mine.toml"), WORKLOAD).unwrap();
        let args = [
            "compare",
            "mine.toml",
            "--rounds",
            "2",
            "--json",
            "json",
            "--html",
            "html",
            "--trace",
            "trace",
        ];
        let output = benches(directory.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.contains("mine: pings beside work"), "{text}");
        assert!(text.contains("-- compare mine.toml"), "{text}");

        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let values: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
        let layouts = values["comparisons"][0]["layouts"].as_array().unwrap();
        assert_eq!(layouts.len(), 3);
        for layout in layouts {
            let turns = layout["turns"].as_array().unwrap();
            assert_eq!(turns.len(), 2);
            for turn in turns {
                let ping = &turn["classes"][0];
                assert_eq!(ping["offered"], 50, "{ping}");
                assert_eq!(ping["ended"], 50, "{ping}");
                let work = turn["classes"][1]["tasks"].as_u64().unwrap();
                assert!(
                    (40..=60).contains(&work),
                    "one for each ping, by when it was spawned: {turn}"
                );
            }
        }
        let trace: serde_json::Value = serde_json::from_str(&read("trace")).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let runs = events.iter().filter(|event| event["ph"] == "X").count();
        assert_eq!(runs, 3 * 120, "60 pings with one task of work each, on each layout");
        assert!(read("html").contains("pings beside work"));
    });
}

#[test]
fn a_sweep_says_up_to_which_load_each_layout_does_what_is_wanted() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let swept = WORKLOAD.replace(r#"{ every = "1ms" }"#, r#"{ poisson = "10%" }"#);
        fs::write(directory.path().join("swept.toml"), swept).unwrap();
        let args = ["sweep", "swept.toml", "--loads", "0.2,0.1", "--rounds", "1", "--json", "json"];
        let output = benches(directory.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.contains("swept, swept: a load of 100 % is"), "{text}");
        let json = fs::read_to_string(directory.path().join("json")).unwrap();
        let values: serde_json::Value = serde_json::from_str(&json).unwrap();
        let curves = values["sweeps"][0]["curves"].as_array().unwrap();
        assert_eq!(curves.len(), 3);
        for curve in curves {
            let points = curve["points"].as_array().unwrap();
            let loads: Vec<_> = points.iter().map(|point| &point["load"]).collect();
            assert_eq!(loads, [0.1, 0.2], "ascending, in whatever order they were given");
            let offered =
                |point: usize| points[point]["turns"][0]["classes"][0]["offered"].as_f64().unwrap();
            let ratio = offered(1) / offered(0);
            assert!((1.3..3.0).contains(&ratio), "twice the load: {ratio}");
        }
    });
}

/// Before minutes of running, not after them.
#[test]
fn what_cannot_be_done_is_refused_before_anything_runs() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mine.toml"), WORKLOAD).unwrap();
        for args in [
            &["compare", "mine.toml", "--json", "absent/json"][..],
            &["compare", "mine.toml", "--html", "absent/html"],
            &["compare", "mine.toml", "--trace", "absent/trace"],
            &["sweep", "mine.toml", "--json", "absent/json"],
            &["sweep", "mine.toml", "unpredictable", "--quick"],
        ] {
            let output = benches(directory.path(), args);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
            assert!(!stdout(&output).contains("mine"), "{args:?}: {}", stdout(&output));
        }
        fs::write(directory.path().join("json"), "kept").unwrap();
        let args = ["sweep", "unpredictable", "--quick", "--json", "json"];
        assert_eq!(benches(directory.path(), &args).status.code(), Some(2));
        assert_eq!(fs::read(directory.path().join("json")).unwrap(), b"kept");
    });
}

#[test]
fn built_in_workloads_are_listed_and_printed_to_be_copied() {
    within_a_minute(|| {
        let list = stdout(&benches(Path::new("."), &["compare", "--list"]));
        assert_eq!(list.lines().count(), 6, "{list}");
        let directory = tempfile::tempdir().unwrap();
        let text = stdout(&benches(Path::new("."), &["compare", "--list", "realtime"]));
        fs::write(directory.path().join("copy.toml"), text).unwrap();
        let output = benches(directory.path(), &["compare", "copy.toml", "--quick"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains("copy: a 1 kHz control loop"));
    });
}

/// What was completed is reported, and the process ends as one that has done its work.
#[cfg(unix)]
#[test]
fn an_interruption_reports_what_there_is() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    within_a_minute(|| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_benches"))
            .args(["compare", "realtime", "fluctuating", "--rounds", "1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // The header's last line comes right before the first turn, with the handler in place.
        let mut text = String::new();
        while !text.contains("can be trusted") && out.read_line(&mut text).unwrap() > 0 {}
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(interrupted.unwrap().success());
        out.read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
        assert!(text.contains("INTERRUPTED"), "{text}");
        assert!(text.contains("> processor equality"), "{text}");
        assert!(!text.contains("fluctuating: two classes"), "it had not begun: {text}");
    });
}

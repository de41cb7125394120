//! The program as a user runs it.

#[path = "support/program.rs"]
mod program;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::{benches, stderr, stdout};
use support::{plant, within_a_minute};

/// What `sha256sum` says about every regular file below `input`, in the order of the paths' bytes. `None` where
/// there is no `sha256sum`.
fn sha256sum(directory: &Path, input: &str) -> Option<Vec<u8>> {
    let script = "command -v sha256sum >/dev/null || exit 3
        find \"$1\" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum --";
    let output = Command::new("sh")
        .args(["-c", script, "sh", input])
        .current_dir(directory)
        .output()
        .ok()
        .filter(|output| output.status.code() != Some(3))?;
    assert!(output.status.success(), "{}", stderr(&output));
    Some(output.stdout)
}

#[cfg(target_os = "linux")]
#[test]
fn the_list_of_digests_is_that_of_sha256sum_byte_for_byte() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("input");
        fs::create_dir(&input).unwrap();
        plant(&input);
        let expected = sha256sum(directory.path(), "input").expect("sha256sum is part of Linux");
        let args = ["checksum", "--path", "input", "--digests", "ours", "--rounds", "1"];
        let output = benches(directory.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        let ours = fs::read(directory.path().join("ours")).unwrap();
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&expected));
        assert_eq!(ours, expected);

        // And the other way round: what sha256sum has written is understood.
        fs::write(directory.path().join("theirs"), expected).unwrap();
        let args = ["checksum", "--path", "input", "--check", "theirs", "--rounds", "1"];
        let output = benches(directory.path(), &args);
        assert!(output.status.success(), "{}", stdout(&output));
        assert!(stdout(&output).contains("passed: 0 differences"));
    });
}

#[test]
fn a_check_names_what_has_changed() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("input");
        fs::create_dir(&input).unwrap();
        for name in ["kept", "changed", "removed"] {
            fs::write(input.join(name), name).unwrap();
        }
        let save = ["checksum", "--path", "input", "--digests", "list", "--rounds", "1"];
        assert!(benches(directory.path(), &save).status.success());

        fs::write(input.join("changed"), "otherwise").unwrap();
        fs::remove_file(input.join("removed")).unwrap();
        fs::write(input.join("added"), "new").unwrap();
        let check = ["checksum", "--path", "input", "--check", "list", "--rounds", "1"];
        let output = benches(directory.path(), &check);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let text = stdout(&output);
        let verdicts: Vec<_> = text
            .lines()
            .filter(|line| line.contains("input/") || line.contains("input\\"))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(verdicts, ["extra", "differs", "missing"], "{text}");
        assert!(text.contains("FAILED: 3 differences"), "{text}");
    });
}

#[test]
fn a_single_file_and_an_empty_directory_are_inputs() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "abc").unwrap();
        fs::create_dir(directory.path().join("empty")).unwrap();

        let output =
            benches(directory.path(), &["checksum", "--path", "file", "--digests", "list"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(
            fs::read_to_string(directory.path().join("list")).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  file\n"
        );
        let text = stdout(&output);
        for expected in ["cores allowed", "placement", "SMP  median", "AMP  median", "imbalance"] {
            assert!(text.contains(expected), "{expected} is missing in {text}");
        }

        let output =
            benches(directory.path(), &["checksum", "--path", "empty", "--digests", "list"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(fs::read(directory.path().join("list")).unwrap(), b"");
    });
}

#[test]
fn mistakes_are_named_and_end_with_code_2() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("no-list"), "what is this\n").unwrap();
        let cases: [(&[&str], &str); 33] = [
            (&["checksum", "--path", "nowhere"], "nowhere"),
            (&["checksum", "--path", ".", "--check", "nowhere"], "nowhere"),
            (&["checksum", "--path", ".", "--check", "no-list"], "no-list:1"),
            (&["checksum", "--path", ".", "--digests", "nowhere/list"], "nowhere"),
            (&["checksum", "--path", ".", "--workers", "0"], "--workers"),
            (&["checksum", "--path", ".", "--rounds", "0"], "--rounds"),
            (&["checksum", "--path", ".", "--roles", "io=0;hash=1"], "read and hash"),
            (&["--rounds", "0"], "--rounds"),
            (&["compare", "--rounds", "0"], "--rounds"),
            (&["compare", "--quick", "nowhere.toml"], "nowhere.toml"),
            (&["compare", "--quick", "no-list"], "no-list:1:"),
            (&["compare", "--quick", "--seconds", "0"], "--seconds"),
            (&["compare", "--quick", "--layout", "none", "realtime"], "--layout"),
            (&["compare", "--quick", "realtime", "--html", "nowhere/file"], "nowhere"),
            (&["compare", "--list", "nobody"], "nobody"),
            (&["sweep", "--quick", "--loads", "0,1"], "--loads"),
            (&["sweep", "--quick", "unpredictable"], "unpredictable cannot be swept"),
            (&["idle", "--seconds", "0"], "--seconds"),
            (&["fork-join", "--rounds", "0"], "--rounds"),
            (&["fork-join", "--workers", "1,0"], "--workers"),
            (&["fork-join", "--filter", "no such program"], "--filter"),
            (&["fork-join", "--quick", "--filter", "fib", "--json", "nowhere/file"], "nowhere"),
            (&["first-steal", "--rounds", "0"], "--rounds"),
            (&["spawn", "--quick", "--peer", "none"], "--peer"),
            (&["spawn", "--quick", "--tasks", "0"], "--tasks"),
            (&["futures", "--quick", "--peer", "rayon"], "--peer"),
            (&["wake", "--rounds", "0"], "--rounds"),
            (&["wake", "--filter", "no such case"], "--filter"),
            (&["wake", "--quick", "--peer", "none"], "--peer"),
            (&["noop", "--seconds", "0"], "--seconds"),
            (&["many-outside", "--threads", "0"], "--threads"),
            (&["many-outside", "--filter", "no such program"], "--filter"),
            (&["many-outside", "--quick", "--json", "nowhere/file"], "nowhere"),
        ];
        for (args, named) in cases {
            let output = benches(directory.path(), args);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stdout(&output));
            let text = stderr(&output);
            assert!(text.contains(named), "{args:?}: {named} is missing in {text}");
        }
    });
}

/// The superuser may read everything; for anybody else a file without permissions is unreadable.
#[cfg(unix)]
#[test]
fn a_file_without_permission_is_reported_and_is_not_fatal() {
    use std::os::unix::fs::PermissionsExt;
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("input");
        fs::create_dir(&input).unwrap();
        for name in ["open", "closed"] {
            fs::write(input.join(name), name).unwrap();
        }
        let closed = input.join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let unreadable = usize::from(fs::File::open(&closed).is_err());
        let output = benches(directory.path(), &["checksum", "--path", "input", "--rounds", "2"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let reports = stderr(&output).lines().filter(|line| line.contains("closed")).count();
        assert_eq!(reports, unreadable, "once, however many runs there are");
        assert!(stdout(&output).contains(&format!("unreadable     {unreadable}\n")));
    });
}

#[test]
fn one_executor_alone_can_be_run() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "abc").unwrap();
        for (choice, there, not_there) in [("smp", "SMP (", "AMP ("), ("amp", "AMP (", "SMP (")] {
            let output =
                benches(directory.path(), &["checksum", "--path", ".", "--executor", choice]);
            let text = stdout(&output);
            assert!(output.status.success(), "{}", stderr(&output));
            assert!(text.contains(there) && !text.contains(not_there), "{text}");
        }
    });
}

#[test]
fn idle_pools_are_measured_beside_their_peers() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let output = benches(directory.path(), &["idle", "--seconds", "0.05"]);
        let text = stdout(&output);
        for name in ["no pool", "smp", "amp, parked", "rayon", "tokio"] {
            let line = text
                .lines()
                .find(|line| line.starts_with(name) && line.contains("ms CPU time per second"));
            assert!(line.is_some(), "{name} is missing in {text}{}", stderr(&output));
        }
    });
}

#[test]
fn fork_join_prints_a_row_for_each_program_and_number_of_workers() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let args = ["fork-join", "--quick", "--rounds", "2", "--json", "values"];
        let output = benches(directory.path(), &args);
        let text = stdout(&output);
        assert!(output.status.success(), "{}", stderr(&output));
        for program in ["fib", "tree", "integrate", "matmul", "quicksort", "mergesort", "sort"] {
            for workers in [1, 2] {
                let row = text.lines().find(|line| {
                    line.starts_with(&format!("| {program}("))
                        && line.contains(&format!(") | {workers} |"))
                });
                let row = row.unwrap_or_else(|| panic!("{program} is missing in {text}"));
                let judged = ["met", "MISSED"].iter().any(|verdict| row.contains(verdict));
                assert!(judged, "{row}");
            }
        }
        let values = fs::read(directory.path().join("values")).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&values).unwrap();
        let first = &values["rows"][0];
        assert_eq!(first["program"], "fib(16)");
        assert_eq!(first["times"][1]["peer"], "smp");
        assert_eq!(first["times"][1]["seconds_by_round"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn fork_join_runs_one_program_of_one_peer_once_and_says_nothing() {
    within_a_minute(|| {
        let args = ["fork-join", "--once", "--quick", "--filter", "fib", "--peer", "smp"];
        let output = benches(Path::new("."), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    });
}

#[test]
fn a_missed_target_is_an_error_only_with_check() {
    within_a_minute(|| {
        let row = ["fork-join", "--quick", "--rounds", "1", "--workers", "1", "--filter", "fib"];
        let run = |more: &[&str]| benches(Path::new("."), &[&row[..], more].concat());
        assert!(run(&[]).status.success());
        // Nobody to be compared with: no target.
        assert!(run(&["--peer", "smp", "--check"]).status.success());
        // How it ends is a matter of speed; that the exit code says the same as the table is not.
        let output = run(&["--check"]);
        let missed = stdout(&output).contains("MISSED");
        assert_eq!(output.status.code(), Some(i32::from(missed)), "{}", stdout(&output));
    });
}

#[test]
fn the_first_steal_is_measured_beside_the_peers() {
    within_a_minute(|| {
        let args = ["first-steal", "--rounds", "1", "--awake", "5", "--asleep", "2", "--unpinned"];
        let output = benches(Path::new("."), &args);
        let text = stdout(&output);
        assert!(output.status.success(), "{}", stderr(&output));
        for other in ["Awake", "Asleep"] {
            for peer in ["smp", "rayon", "chili"] {
                let start = format!("| {other} | Computes | {peer} |");
                assert!(text.lines().any(|line| line.starts_with(&start)), "{text}");
            }
        }
    });
}

#[test]
fn help_names_the_subcommands_and_the_options_of_the_default_one() {
    let output = benches(Path::new("."), &["--help"]);
    let text = stdout(&output);
    for expected in [
        "compare",
        "sweep",
        "checksum",
        "idle",
        "fork-join",
        "first-steal",
        "spawn",
        "futures",
        "wake",
        "noop",
        "many-outside",
        "role-latency",
        "role-throughput",
        "role-wake",
        "--rounds",
        "--layout",
        "--html",
        "--json",
        "--trace",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
}

//! A short soak: the command comes to its end with every task accounted for, and says so.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::process::{Command, Output};

use watchdog::within_a_minute;

fn soak(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_benches");
    Command::new(program).arg("soak").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The program watches itself for hangs, and ends then.
#[test]
fn some_seconds_of_everything_leave_nothing_unaccounted_for() {
    within_a_minute(|| {
        let dir = tempfile::tempdir().unwrap();
        let json = dir.path().join("soak.json");
        let path = json.to_str().unwrap();
        let args = ["--minutes", "0.05", "--workers", "4", "--seed", "7", "--json", path];
        let Output { status, stdout, stderr } = soak(&args);
        let (stdout, stderr) = (text(&stdout), text(&stderr));
        assert_eq!(status.code(), Some(0), "{stdout}\n{stderr}");
        assert!(
            stdout.contains("all tasks accounted for, nothing left behind; seed 7"),
            "{stdout}"
        );
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        assert_eq!(report["seed"], 7);
        assert_eq!(report["faults"], serde_json::json!([]));
        let actors = report["actors"].as_array().unwrap();
        let sum = |of: &str| actors.iter().map(|actor| actor[of].as_u64().unwrap()).sum::<u64>();
        let ends = ["ran", "panicked", "cancelled", "expired", "refused"].map(sum);
        assert_eq!(sum("submitted"), ends.iter().sum::<u64>());
        assert_eq!(sum("unaccounted"), 0);
        assert!(ends[0] > 0 && ends[1] > 0 && ends[2] > 0, "{ends:?}");
    });
}

#[test]
fn actors_are_chosen_by_name() {
    within_a_minute(|| {
        let args = ["--minutes", "0.01", "--workers", "2", "--actors", "JoinSet"];
        let Output { status, stdout, .. } = soak(&args);
        let stdout = text(&stdout);
        assert_eq!(status.code(), Some(0), "{stdout}");
        assert!(stdout.contains("amp JoinSet") && stdout.contains("smp JoinSet"), "{stdout}");
        assert!(!stdout.contains("smp scope"), "{stdout}");
    });
}

#[test]
fn unusable_options_are_told() {
    within_a_minute(|| {
        let wrong: [&[&str]; 4] = [
            &["--minutes", "0"],
            &["--minutes", "1e300"],
            &["--workers", "0"],
            &["--actors", "nobody"],
        ];
        for args in wrong {
            let Output { status, stderr, .. } = soak(args);
            assert_eq!(status.code(), Some(2), "{args:?}");
            assert!(text(&stderr).contains(args[0]), "{args:?}: {}", text(&stderr));
        }
    });
}

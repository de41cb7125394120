//! The whole command, as short as it can be.

use clap::Parser;

use super::{OverloadArgs, run};
use crate::realtime::watchdog::within_a_minute;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: OverloadArgs,
}

#[test]
fn every_task_of_an_overloaded_role_is_accounted_for() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let json = directory.path().join("values");
        let mut args = vec!["overload", "--quick", "--rounds", "2", "--capacity", "64"];
        args.extend(["--time-to-live", "1", "--json", json.to_str().unwrap()]);
        let mut out = Vec::new();
        let accounted = run(&Cli::parse_from(args).args, &mut out).unwrap();
        assert!(accounted, "{}", String::from_utf8_lossy(&out));
        let values = std::fs::read(json).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&values).unwrap();
        let sum = |variant: &str, part: &str| -> u64 {
            let rows = values["rows"].as_array().unwrap();
            let row = rows.iter().find(|row| row["variant"] == variant).unwrap();
            let rounds = row["rounds"].as_array().unwrap().iter();
            rounds.map(|round| round["account"].pointer(part).unwrap().as_u64().unwrap()).sum()
        };
        // Whenever the kernel lets the thread run that offers tasks, there are more than there is room for.
        assert!(sum("refuse", "/refused_full") > 0);
        assert_eq!(sum("refuse", "/executor/expired"), 0);
        assert_eq!(sum("refuse", "/executor/cancelled"), 0);
        // A full channel takes 3.2 ms.
        assert!(sum("expire", "/executor/expired") > 0);
        assert_eq!(sum("cancel", "/executor/expired"), 0);
        for variant in ["refuse", "expire", "cancel"] {
            assert!(sum(variant, "/executor/ran") > 0);
            assert_eq!(sum(variant, "/refused_closed"), 0);
        }
    });
}

#[test]
fn useless_options_are_named() {
    for (args, named) in [
        (["--seconds", "0"], "--seconds"),
        (["--rounds", "0"], "--rounds"),
        (["--factor", "0"], "--factor"),
        (["--task", "0"], "--task"),
    ] {
        let cli = Cli::parse_from([&["overload"], &args[..]].concat());
        let error = run(&cli.args, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

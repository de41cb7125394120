//! The whole command, as short as it can be.

use clap::Parser;

use super::{LendingArgs, run};
use crate::realtime::watchdog::within_a_minute;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: LendingArgs,
}

#[test]
fn what_is_lent_is_borrowed_and_only_when_asked() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let json = directory.path().join("values");
        let args = ["lending", "--quick", "--rounds", "2", "--json", json.to_str().unwrap()];
        let mut out = Vec::new();
        assert!(run(&Cli::parse_from(args).args, &mut out).unwrap());
        let values = std::fs::read(json).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&values).unwrap();
        let mut lent = 0;
        for row in values["rows"].as_array().unwrap() {
            for turns in row["peers"].as_array().unwrap() {
                for round in turns["rounds"].as_array().unwrap() {
                    assert_eq!(round["lent"], round["borrowed"]);
                    if turns["peer"] == "on" {
                        lent += round["lent"].as_u64().unwrap();
                    } else {
                        assert_eq!(round["lent"], 0);
                    }
                }
            }
        }
        assert!(lent > 0, "{}", String::from_utf8_lossy(&out));
        // Two loads, a lender that is idle and one that is not, lending off and on.
        assert_eq!(
            String::from_utf8(out)
                .unwrap()
                .lines()
                .filter(|line| line.contains("µs |") || line.contains("ms |"))
                .count(),
            8
        );
    });
}

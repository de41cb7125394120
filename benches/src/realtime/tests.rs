//! The whole command, as short as it can be.

use clap::Parser;

use super::watchdog::within_a_minute;
use super::{Contestant, RealtimeArgs, run};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: RealtimeArgs,
}

fn table(args: &[&str]) -> anyhow::Result<String> {
    let cli = Cli::try_parse_from([&["realtime"], args].concat())?;
    let mut out = Vec::new();
    assert!(run(&cli.args, &mut out)?, "without --check nothing is missed");
    Ok(String::from_utf8(out)?)
}

#[test]
fn each_contestant_has_a_row_beside_each_load_and_all_its_values_in_the_file() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let json = directory.path().join("values");
        let args = ["--quick", "--rounds", "2", "--json", json.to_str().unwrap()];
        let table = table(&args).unwrap();
        let values = std::fs::read(json).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&values).unwrap();
        let loads = values["rows"].as_array().unwrap();
        assert_eq!(loads.len(), 2);
        for load in loads {
            for turns in load["peers"].as_array().unwrap() {
                let name = turns["peer"].as_str().unwrap();
                let rows = table.lines().filter(|line| line.starts_with(&format!("| {name} |")));
                assert_eq!(rows.count(), 2, "{table}");
                let rounds = turns["rounds"].as_array().unwrap();
                assert_eq!(rounds.len(), 2);
                for round in rounds {
                    let late = |which: &str| round["lateness_ns"][which].as_f64().unwrap();
                    assert!(late("p50") <= late("p99") && late("p99") <= late("max"), "{round}");
                    assert!(late("max") > 0.0, "{round}");
                }
            }
        }
        let peers = loads[0]["peers"].as_array().unwrap().len();
        let expected = Contestant::ALL
            .into_iter()
            .filter(|peer| peer.suits(&super::places::Places::read().unwrap()));
        assert_eq!(peers, expected.count());
    });
}

#[test]
fn useless_options_are_named() {
    for (args, named) in [
        (["--seconds", "0"], "--seconds"),
        (["--rounds", "0"], "--rounds"),
        (["--load", "0"], "--load"),
        (["--window", "10001"], "--window"),
    ] {
        let error = table(&args).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

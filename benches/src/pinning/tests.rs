//! The whole command, as short as it can be.

use clap::Parser;

use super::{PinningArgs, run};
use crate::realtime::watchdog::within_a_minute;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: PinningArgs,
}

fn report(args: &[&str]) -> anyhow::Result<String> {
    let cli = Cli::try_parse_from([&["pinning"], args].concat())?;
    let mut out = Vec::new();
    assert!(run(&cli.args, &mut out)?, "without --check nothing is missed");
    Ok(String::from_utf8(out)?)
}

#[test]
fn each_program_has_a_row_for_each_policy_and_a_verdict_in_words() {
    within_a_minute(|| {
        let report = report(&["--quick", "--rounds", "2"]).unwrap();
        let programs = ["request", "stream", "request-beside-stranger", "stream-beside-stranger"];
        for program in programs {
            for policy in ["off", "require", "best-effort"] {
                let row = format!("| {program} | {policy} |");
                assert!(report.lines().any(|line| line.starts_with(&row)), "{report}");
            }
            let words = format!("{program}: require ");
            let verdict = report.lines().find(|line| line.starts_with(&words));
            let verdict = verdict.unwrap_or_else(|| panic!("{program} is missing in {report}"));
            assert!(["wins", "LOSES", "a draw"].iter().any(|word| verdict.contains(word)));
        }
        // The last line agrees with those above.
        let loses = report.contains(" LOSES: ");
        assert_eq!(report.contains("Pinning LOSES in: "), loses, "{report}");
        assert_eq!(report.contains("Pinning loses nowhere here."), !loses, "{report}");
    });
}

#[test]
fn useless_options_are_named() {
    for (args, named) in [
        (["--seconds", "0"], "--seconds"),
        (["--rounds", "0"], "--rounds"),
        (["--filter", "no such program"], "--filter"),
    ] {
        let error = report(&args).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

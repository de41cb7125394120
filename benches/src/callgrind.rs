//! Counting instructions, which no other load on the machine can disturb.

use std::process::Command;

use anyhow::{Context, ensure};

/// The instructions of a whole run of this program with these arguments, by valgrind, which has to be installed.
///
/// # Errors
///
/// valgrind cannot be run, the run fails, or valgrind says nothing that is understood.
pub(crate) fn instructions_of(args: &[&str]) -> anyhow::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(args)
        .output()
        .context("valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, number)| number.trim().parse().ok());
    collected.with_context(|| format!("valgrind says nothing about instructions: {said}"))
}

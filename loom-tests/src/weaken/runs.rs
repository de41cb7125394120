//! One run of one model.

use std::fs;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wait_timeout::ChildExt;

use super::models::{Coverage, Model, Models, recorded};
use super::mutant::Mutant;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// All executions were explored, and none failed.
    Passed,
    /// An execution failed, for this reason.
    Failed(String),
    /// It was not explored to its end in time.
    TimedOut,
    /// It ended in another way, which tells nothing of the mutant; this is what it said.
    Broke(String),
}

/// Runs a model with a mutant, for so long at most.
///
/// # Errors
///
/// If the program cannot be run.
pub fn run(models: &Models, model: &Model, mutant: &Mutant, limit: Duration) -> Result<Outcome> {
    let mut command = command(models, model);
    command.env("WEAKEN_SITE", mutant.site.location());
    command.env("WEAKEN_ARGUMENT", mutant.argument.to_string());
    command.env("WEAKEN_TO", mutant.to_name());
    outcome(command, limit)
}

/// Runs a model as it is, and says what it reaches.
///
/// # Errors
///
/// If the program cannot be run.
pub fn explore(models: &Models, model: &Model, limit: Duration) -> Result<(Outcome, Coverage)> {
    let folder = tempfile::tempdir()?;
    let record = folder.path().join("record");
    let mut command = command(models, model);
    command.env("WEAKEN_RECORD", &record);
    let start = Instant::now();
    let outcome = outcome(command, limit)?;
    let takes = start.elapsed();
    Ok((outcome, Coverage { takes, sites: sites(&record)? }))
}

/// The places in a record. A model that reaches none makes no file.
fn sites(record: &Path) -> Result<std::collections::BTreeSet<String>> {
    if record.exists() { Ok(recorded(&fs::read_to_string(record)?)) } else { Ok([].into()) }
}

fn command(models: &Models, model: &Model) -> Command {
    let mut command = Command::new(models.program(model));
    command.args(["--exact", &model.test]);
    command
}

fn outcome(mut command: Command, limit: Duration) -> Result<Outcome> {
    let mut said = tempfile::tempfile()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said.try_clone()?)
        .spawn()
        .context("starting a model")?;
    let Some(status) = child.wait_timeout(limit)? else {
        child.kill()?;
        child.wait()?;
        return Ok(Outcome::TimedOut);
    };
    said.rewind()?;
    let mut text = Vec::new();
    said.read_to_end(&mut text)?;
    Ok(judge(status, &String::from_utf8_lossy(&text)))
}

/// The exit status alone does not tell a failed model from a program that never came to it.
fn judge(status: ExitStatus, text: &str) -> Outcome {
    let failed = text
        .lines()
        .find(|line| line.starts_with("model ") && line.contains(" FAILED in execution "));
    if status.success() && text.contains("test result: ok. 1 passed") {
        Outcome::Passed
    } else if let Some(line) = failed.filter(|_| !status.success()) {
        Outcome::Failed(line.to_owned())
    } else if text.contains("not exhausted within") {
        Outcome::TimedOut
    } else {
        Outcome::Broke(format!("{status}\n{text}"))
    }
}

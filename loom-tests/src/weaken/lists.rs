//! What is known of the mutants: `weaken/killed.txt`, written by the command, and `weaken/kept.toml`, written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::mutant::Mutant;
use super::search::Answer;

const KILLED: &str = "loom-tests/weaken/killed.txt";
const KEPT: &str = "loom-tests/weaken/kept.toml";

/// Both lists.
#[derive(Debug, Default)]
pub struct Lists {
    /// The model that fails, `file::test`, for a mutant.
    pub killed: BTreeMap<String, String>,
    /// Why an ordering stays that no model misses.
    pub kept: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptFile {
    #[serde(default)]
    kept: Vec<Kept>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    mutant: String,
    reason: String,
}

impl Lists {
    /// Reads both.
    ///
    /// # Errors
    ///
    /// If a file is missing, a line is malformed, a mutant is listed twice, or a reason is empty.
    pub fn read(root: &Path) -> Result<Self> {
        let mut lists = Self::default();
        for line in text(root.join(KILLED))?.lines() {
            let Some((mutant, model)) = line.split_once('\t') else { bail!("{KILLED}: {line}") };
            let previous = lists.killed.insert(mutant.to_owned(), model.to_owned());
            ensure!(previous.is_none(), "{KILLED}: twice: {mutant}");
        }
        let file: KeptFile = toml::from_str(&text(root.join(KEPT))?).context(KEPT)?;
        for Kept { mutant, reason } in file.kept {
            ensure!(!reason.trim().is_empty(), "{KEPT}: no reason: {mutant}");
            ensure!(!lists.killed.contains_key(&mutant), "in both lists: {mutant}");
            let previous = lists.kept.insert(mutant.clone(), reason);
            ensure!(previous.is_none(), "{KEPT}: twice: {mutant}");
        }
        Ok(lists)
    }

    /// Takes over what has been found out. Entries that name none of the mutants `names` go.
    pub fn update(&mut self, answers: &[(&Mutant, Answer)], names: &BTreeSet<String>) {
        self.killed.retain(|mutant, _| names.contains(mutant));
        for (mutant, answer) in answers {
            match answer {
                Answer::Killed(model, _) if !self.kept.contains_key(&mutant.to_string()) => {
                    self.killed.insert(mutant.to_string(), model.to_string());
                }
                Answer::Killed(..) => {}
                Answer::Survives { .. } => {
                    self.killed.remove(&mutant.to_string());
                }
            }
        }
    }

    /// Writes the list of killed mutants.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write_killed(&self, root: &Path) -> Result<()> {
        let lines = self.killed.iter().map(|(mutant, model)| format!("{mutant}\t{model}\n"));
        fs::write(root.join(KILLED), lines.collect::<String>()).context(KILLED)
    }

    /// The entries that name none of these mutants.
    pub fn stale<'a>(&'a self, mutants: &BTreeSet<String>) -> Vec<&'a str> {
        let names = self.killed.keys().chain(self.kept.keys());
        names.filter(|name| !mutants.contains(*name)).map(String::as_str).collect()
    }
}

fn text(path: PathBuf) -> Result<String> {
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

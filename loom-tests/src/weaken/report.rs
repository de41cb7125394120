//! What the command says at its end.

use std::collections::BTreeSet;
use std::fmt;

use super::lists::Lists;
use super::mutant::Mutant;
use super::search::Answer;

/// What has been found out of all mutants.
#[derive(Debug, Default)]
pub struct Report {
    /// How many a model has killed.
    killed: usize,
    /// How many survive, for a reason.
    pub kept: usize,
    /// What survives without one.
    survivors: Vec<String>,
    /// What is listed and no longer true.
    stale: Vec<String>,
    /// Places that models reach and that the source was not seen to have.
    pub unseen: BTreeSet<String>,
}

impl Report {
    /// Nothing yet but the entries that name no mutant.
    pub fn new(stale: Vec<&str>) -> Self {
        let stale = stale.into_iter().map(|name| format!("{name}: there is no such mutant"));
        Self { stale: stale.collect(), ..Self::default() }
    }

    /// A mutant is said to be killed by a model that is not there.
    pub fn no_model(&mut self, mutant: &str, model: &str) {
        self.stale.push(format!("{mutant}: there is no model {model}"));
    }

    /// Adds what has been found out of a mutant.
    pub fn add(&mut self, mutant: &Mutant, answer: Answer, lists: &Lists) {
        let name = mutant.to_string();
        match answer {
            Answer::Killed(model, reason) => {
                self.killed += 1;
                if lists.kept.contains_key(&name) {
                    self.stale.push(format!("{name}: kept, and yet {model} kills it: {reason}"));
                } else if !lists.killed.contains_key(&name) {
                    self.stale.push(format!("{name}: in no list; {model} kills it (see --update)"));
                }
            }
            Answer::Survives { untold, .. } if lists.kept.contains_key(&name) => {
                self.kept += 1;
                self.stale.extend(untold.into_iter().map(|untold| format!("{name}: {untold}")));
            }
            Answer::Survives { reached_by, untold } => {
                let claim = lists.killed.get(&name);
                let claim = claim.map(|model| format!(", {model} among them")).unwrap_or_default();
                let untold: String =
                    untold.iter().map(|untold| format!("\n    {untold}")).collect();
                self.survivors.push(format!(
                    "{name} ({})\n    passes {reached_by} models{claim}{untold}",
                    mutant.site.location()
                ));
            }
        }
    }

    /// Whether each mutant is killed or has a reason, and each entry is true.
    pub fn is_success(&self) -> bool {
        self.survivors.is_empty() && self.stale.is_empty() && self.unseen.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for survivor in &self.survivors {
            writeln!(f, "survivor: {survivor}")?;
        }
        for entry in &self.stale {
            writeln!(f, "stale: {entry}")?;
        }
        for place in &self.unseen {
            writeln!(f, "not found in the source: {place}")?;
        }
        writeln!(
            f,
            "{} killed, {} kept, {} survive, {} stale",
            self.killed,
            self.kept,
            self.survivors.len(),
            self.stale.len() + self.unseen.len()
        )
    }
}

//! Which model kills which mutant.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::models::{Coverage, Model, Models};
use super::mutant::Mutant;
use super::runs::{self, Outcome};
use super::sources::has_mutants;

/// What is to be found out about a mutant.
#[derive(Clone, Debug)]
pub enum Question {
    /// Whether this model kills it.
    Confirm(Model),
    /// Whether any model does.
    Search,
}

/// What has been found out.
#[derive(Debug)]
pub enum Answer {
    /// A model fails; the reason.
    Killed(Model, String),
    /// None does, of so many that reach it. What could not be told is listed.
    Survives {
        /// How many models reach it.
        reached_by: usize,
        /// The models that gave no answer, and how they ended.
        untold: Vec<String>,
    },
}

/// Runs what is asked for, as many at a time as there are cores.
#[derive(Debug)]
pub struct Search<'a> {
    /// The models.
    pub models: &'a Models,
    /// For one run.
    pub limit: Duration,
}

impl Search<'_> {
    /// What each model reaches; explored where it is not known yet.
    ///
    /// # Errors
    ///
    /// If a model fails as it is.
    pub fn coverage(&self) -> Result<HashMap<Model, Coverage>> {
        let mut known = self.models.read_coverage()?;
        let missing: Vec<_> =
            self.models.models.iter().filter(|model| !known.contains_key(model)).collect();
        let explored = in_parallel("models explored", &missing, |model, _| {
            let (outcome, coverage) = runs::explore(self.models, model, self.limit)?;
            match outcome {
                Outcome::Passed => self.models.keep_coverage(model, &coverage)?,
                Outcome::TimedOut => bail!("{model}: no end within {:?}", self.limit),
                Outcome::Failed(text) | Outcome::Broke(text) => bail!("{model}: {text}"),
            }
            Ok(coverage)
        })?;
        known.extend(missing.into_iter().cloned().zip(explored));
        Ok(known)
    }

    /// Answers all questions. `coverage` says what each model reaches, where something is searched for.
    ///
    /// # Errors
    ///
    /// If a program cannot be run.
    pub fn answers(
        &self,
        questions: &[(&Mutant, Question)],
        coverage: &HashMap<Model, Coverage>,
    ) -> Result<Vec<Answer>> {
        in_parallel("mutants", questions, |(mutant, question), progress| match question {
            Question::Confirm(model) => self.first_killer(mutant, &[model], progress),
            Question::Search => {
                let site = mutant.site.location();
                let reaches = |model: &&Model| {
                    coverage.get(model).is_some_and(|coverage| coverage.sites.contains(&site))
                };
                let mut reaching: Vec<_> = self.models.models.iter().filter(reaches).collect();
                reaching.sort_by_key(|model| coverage[*model].takes);
                self.first_killer(mutant, &reaching, progress)
            }
        })
    }

    fn first_killer(
        &self,
        mutant: &Mutant,
        candidates: &[&Model],
        progress: &ProgressBar,
    ) -> Result<Answer> {
        let mut untold = Vec::new();
        for &model in candidates {
            match runs::run(self.models, model, mutant, self.limit)? {
                Outcome::Failed(reason) => {
                    progress.suspend(|| eprintln!("killed    {mutant} by {model}"));
                    return Ok(Answer::Killed(model.clone(), reason));
                }
                Outcome::Passed => {}
                Outcome::TimedOut => untold.push(format!("{model} timed out")),
                Outcome::Broke(text) => untold.push(format!("{model} broke: {text}")),
            }
        }
        progress.suspend(|| eprintln!("survives  {mutant}, in {} models", candidates.len()));
        Ok(Answer::Survives { reached_by: candidates.len(), untold })
    }
}

/// The places that models reach and that the source was not seen to have.
pub fn unseen(coverage: &HashMap<Model, Coverage>, seen: &BTreeSet<String>) -> BTreeSet<String> {
    let reached = coverage.values().flat_map(|coverage| &coverage.sites);
    let file = |site: &str| site.split(':').next().is_some_and(has_mutants);
    reached.filter(|site| file(site) && !seen.contains(*site)).cloned().collect()
}

/// The results of `work` for each item, in order. It is handed the progress, to say something above it.
fn in_parallel<T: Sync, R: Send>(
    what: &'static str,
    items: &[T],
    work: impl Fn(&T, &ProgressBar) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {elapsed}");
    let progress = ProgressBar::new(items.len() as u64).with_style(style?).with_message(what);
    let next = AtomicUsize::new(0);
    let results: Vec<_> = items.iter().map(|_| Mutex::new(None)).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(index) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&index| index < items.len())
                {
                    let result = work(&items[index], &progress);
                    *results[index].lock().expect("no panic holds it") = Some(result);
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    let results = results.into_iter().map(|result| result.into_inner().expect("no panic held it"));
    results.map(|result| result.expect("each item had its turn")).collect()
}

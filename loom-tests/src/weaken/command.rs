//! The command.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use super::lists::Lists;
use super::models::Models;
use super::mutant::{Mutant, mutants};
use super::report::Report;
use super::root;
use super::search::{Answer, Question, Search, unseen};
use super::sites::{Site, sites};
use super::sources::sources;

/// Weakens each atomic operation and fence of the executors by one step, and looks for a model that fails.
///
/// A mutant in `loom-tests/weaken/killed.txt` must be killed by the model named there. One in
/// `loom-tests/weaken/kept.toml` has a reason to survive. Any other runs in all models that reach it, until one fails.
#[derive(Debug, Parser)]
#[command(name = "cargo weaken")]
struct Options {
    /// Lists the mutants, and runs nothing.
    #[arg(long)]
    list: bool,
    /// Only the mutants whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The kept ones too, in all models that reach them.
    #[arg(long)]
    all: bool,
    /// Writes `killed.txt` anew.
    #[arg(long)]
    update: bool,
    /// The longest that one run of a model may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
}

/// Runs the command, with the arguments of the process.
///
/// # Errors
///
/// If the source, the lists or the models cannot be read, built or run.
pub fn run() -> Result<ExitCode> {
    let options = Options::parse();
    let root = root();
    let mut sites_found = Vec::new();
    for source in sources(&root)? {
        sites_found.extend(sites(&source)?);
    }
    let all_mutants: Vec<_> = sites_found.iter().flat_map(mutants).collect();
    let mut lists = Lists::read(&root)?;
    let names: BTreeSet<_> = all_mutants.iter().map(ToString::to_string).collect();
    let mut report = Report::new(lists.stale(&names));
    let is_wanted = |mutant: &&Mutant| mutant.to_string().contains(&options.only);
    let wanted: Vec<_> = all_mutants.iter().filter(is_wanted).collect();

    if options.list {
        for mutant in wanted {
            println!("{mutant} ({})", mutant.site.location());
        }
        return Ok(ExitCode::SUCCESS);
    }

    let models = Models::build(&root)?;
    let search = Search { models: &models, limit: Duration::from_secs(options.limit) };
    let questions = questions(&wanted, &lists, &models, &options, &mut report);
    let mut answers = answer(&search, questions, &sites_found, &mut report)?;
    if options.update {
        // Who kills no longer has no claim. Somebody else may have.
        let has_lost = |(mutant, answer): &(&Mutant, Answer)| {
            let is_claimed = lists.killed.contains_key(&mutant.to_string());
            is_claimed && matches!(answer, Answer::Survives { .. })
        };
        let (lost, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(has_lost);
        let again = lost.into_iter().map(|(mutant, _)| (mutant, Question::Search)).collect();
        answers = others;
        answers.extend(answer(&search, again, &sites_found, &mut report)?);
        lists.update(&answers, &names);
        lists.write_killed(&root)?;
    }
    for (mutant, answer) in answers {
        report.add(mutant, answer, &lists);
    }
    print!("{report}");
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is to be found out of each mutant; none where the reason to keep it is enough.
fn questions<'a>(
    wanted: &[&'a Mutant],
    lists: &Lists,
    models: &Models,
    options: &Options,
    report: &mut Report,
) -> Vec<(&'a Mutant, Question)> {
    let mut questions = Vec::new();
    for &mutant in wanted {
        let name = mutant.to_string();
        let claimed = lists.killed.get(&name);
        let question = match claimed.map(|model| models.find(model).cloned().ok_or(model)) {
            Some(Ok(model)) => Question::Confirm(model),
            Some(Err(model)) => {
                if !options.update {
                    report.no_model(&name, model);
                }
                Question::Search
            }
            None if lists.kept.contains_key(&name) && !options.all => {
                report.kept += 1;
                continue;
            }
            None => Question::Search,
        };
        questions.push((mutant, question));
    }
    questions
}

fn answer<'a>(
    search: &Search<'_>,
    questions: Vec<(&'a Mutant, Question)>,
    sites: &[Site],
    report: &mut Report,
) -> Result<Vec<(&'a Mutant, Answer)>> {
    let is_search = |(_, question): &(_, Question)| matches!(question, Question::Search);
    let coverage = if questions.iter().any(is_search) {
        let coverage = search.coverage()?;
        report.unseen = unseen(&coverage, &sites.iter().map(Site::location).collect());
        coverage
    } else {
        HashMap::new()
    };
    let answers = search.answers(&questions, &coverage)?;
    Ok(questions.into_iter().map(|(mutant, _)| mutant).zip(answers).collect())
}

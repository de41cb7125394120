//! The table of what is promised and what checks it: `GUARANTEES.md` is written from `guarantees.toml`, from the sources of the
//! tests that it names, and from the ordering mutants that the models kill.
//!
//! `UPDATE_GUARANTEES=1 cargo test --package loom-tests --test guarantees` writes it anew.

#![cfg(not(any(loom, shuttle)))]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

const TABLE: &str = "loom-tests/GUARANTEES.md";
const SOURCE: &str = "loom-tests/guarantees.toml";
/// Where it exists: a mutant, a tab, and the model that kills it, in each line.
const KILLED: &str = "loom-tests/weaken/killed.txt";
const MODELS: &str = "loom-tests/tests";

/// Packages in the order of the table, each with what it is about.
const PACKAGES: [(&str, &str); 4] = [
    ("common", "the task, its handle, and what both executors wait with"),
    ("smp-executor", "every worker runs any task"),
    ("amp-executor", "a task runs only on its role's cores"),
    ("loom-tests", "the models themselves"),
];

/// A task's stages, in their order.
const STAGES: [&str; 5] = ["made", "queued", "run", "joined", "shutdown"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guarantees {
    promise: Vec<Promise>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promise {
    package: String,
    stage: String,
    text: String,
    kept_by: Vec<String>,
    #[serde(default)]
    checked_by: Vec<String>,
    /// Why nothing checks it.
    unchecked: Option<String>,
}

/// The names of the test functions of a file: in its text, so that those inside of macros count.
fn tests_in(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().map(str::trim_start).filter_map(move |line| {
        is_test |= line == "#[test]";
        let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
        std::mem::take(&mut is_test).then_some(name)
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member of a workspace").to_owned()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

fn guarantees() -> Guarantees {
    toml::from_str(&read(SOURCE).expect(SOURCE)).unwrap_or_else(|error| panic!("{SOURCE}: {error}"))
}

/// The models, as `file::test`: the tests of files that exist under loom alone.
fn models() -> BTreeSet<String> {
    let mut models = BTreeSet::new();
    for entry in fs::read_dir(root().join(MODELS)).expect(MODELS) {
        let name = entry.expect(MODELS).file_name().into_string().expect("text");
        let path = format!("{MODELS}/{name}");
        let Some(text) = read(&path) else { continue };
        if text.lines().any(|line| line == "#![cfg(loom)]") {
            models.extend(tests_in(&text).map(|test| format!("{path}::{test}")));
        }
    }
    models
}

/// The mutants that each model kills, by the model as `killed.txt` names it.
fn mutants() -> BTreeMap<String, Vec<String>> {
    let mut mutants: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in read(KILLED).unwrap_or_default().lines() {
        let (mutant, model) = line.split_once('\t').expect("a mutant, a tab, a model");
        mutants.entry(model.to_owned()).or_default().push(mutant.to_owned());
    }
    mutants
}

/// A check by the name that `killed.txt` gives it.
fn short(check: &str) -> &str {
    check.strip_prefix(MODELS).map_or(check, |name| name.trim_start_matches('/'))
}

fn killed_by<'a>(
    mutants: &'a BTreeMap<String, Vec<String>>,
    promise: &Promise,
) -> BTreeSet<&'a str> {
    let names = promise.checked_by.iter().map(|check| short(check).replacen(".rs::", "::", 1));
    names.filter_map(|name| mutants.get(&name)).flatten().map(String::as_str).collect()
}

/// A link from the table's place.
fn link(path: &str) -> String {
    let target = path.strip_prefix("loom-tests/").map_or(format!("../{path}"), str::to_owned);
    let name = path.replacen("/src/", "/", 1).replacen("/tests/", "/", 1);
    format!("[`{name}`]({target})")
}

/// A promise's checks, each file once.
fn checks(promise: &Promise) -> String {
    if let Some(reason) = &promise.unchecked {
        return format!("**unchecked**: {reason}");
    }
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in &promise.checked_by {
        let (file, test) = check.split_once("::").expect("checked by `every_name_exists`");
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, tests)) => tests.push(test),
            None => files.push((file, vec![test])),
        }
    }
    let mut lines = Vec::new();
    for (file, tests) in files {
        lines.push(link(file));
        lines.extend(tests.iter().map(|test| format!("`::{test}`")));
    }
    lines.join("<br>")
}

/// The whole text of the table's file.
fn table(guarantees: &Guarantees) -> String {
    let (models, mutants) = (models(), mutants());
    let promises = &guarantees.promise;
    let checks_named: BTreeSet<&String> = promises.iter().flat_map(|it| &it.checked_by).collect();
    let tests = checks_named.iter().filter(|check| !models.contains(**check)).count();
    let unchecked = promises.iter().filter(|promise| promise.unchecked.is_some()).count();
    let killed: usize = mutants.values().map(Vec::len).sum();

    let mut text = String::from(
        "# What is promised, and what checks it\n\n\
         Written by `UPDATE_GUARANTEES=1 cargo test --package loom-tests --test guarantees` from `guarantees.toml`; the same test\n\
         without the variable fails when this text is not what it would write, when a file or a test is not there, when a model\n\
         is named by no promise, and when a promise has no check.\n\n\
         A *model* runs under all interleavings that `cargo loom` explores; a *test* runs as it comes. An *ordering mutant* is one\n\
         atomic operation or fence of the shipped code, weakened by one step: `cargo weaken` shows that the model named fails then.\n\n",
    );
    let _ = write!(
        text,
        "| promises | of them unchecked | models | tests named besides | ordering mutants killed |\n\
         |---|---|---|---|---|\n\
         | {} | {unchecked} | {} | {tests} | {killed} |\n",
        promises.len(),
        models.len(),
    );

    let mut number = 0;
    let mut details = String::new();
    for (package, about) in PACKAGES {
        let _ = write!(text, "\n## `{package}`: {about}\n");
        for stage in STAGES {
            let of_stage = |it: &&Promise| it.package == package && it.stage == stage;
            let rows: Vec<&Promise> = promises.iter().filter(of_stage).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = write!(
                text,
                "\n### {stage}\n\n| | promise | kept by | checked by | mutants |\n|---|---|---|---|---|\n"
            );
            for promise in rows {
                number += 1;
                let kept_by: Vec<String> = promise.kept_by.iter().map(|path| link(path)).collect();
                let killed = killed_by(&mutants, promise);
                let count = match killed.len() {
                    0 => String::new(),
                    count => format!("[{count}](#mutants-of-promise-{number})"),
                };
                let (kept_by, checks) = (kept_by.join("<br>"), checks(promise));
                let _ = writeln!(
                    text,
                    "| {number} | {} | {kept_by} | {checks} | {count} |",
                    promise.text
                );
                if !killed.is_empty() {
                    let _ = write!(
                        details,
                        "\n### Mutants of promise {number}\n\n{}\n\n",
                        promise.text
                    );
                    for mutant in killed {
                        let _ = writeln!(details, "- `{mutant}`");
                    }
                }
            }
        }
    }
    if !details.is_empty() {
        let _ = write!(text, "\n## Ordering mutants\n{details}");
    }
    text
}

#[test]
fn the_table_is_what_its_sources_say() {
    let wanted = table(&guarantees());
    if std::env::var_os("UPDATE_GUARANTEES").is_some() {
        fs::write(root().join(TABLE), wanted).expect(TABLE);
    } else {
        assert!(
            read(TABLE).is_some_and(|text| text == wanted),
            "{TABLE} is out of date: UPDATE_GUARANTEES=1 cargo test -p loom-tests --test guarantees"
        );
    }
}

#[test]
fn every_name_exists() {
    let mut wrong = BTreeSet::new();
    for promise in &guarantees().promise {
        if !PACKAGES.iter().any(|(package, _)| *package == promise.package) {
            wrong.insert(format!("package {}", promise.package));
        }
        if !STAGES.contains(&&*promise.stage) {
            wrong.insert(format!("stage {}", promise.stage));
        }
        for path in promise.kept_by.iter().filter(|path| !root().join(path).is_file()) {
            wrong.insert(path.clone());
        }
        for check in &promise.checked_by {
            let is_there = check.split_once("::").is_some_and(|(file, test)| {
                read(file).is_some_and(|text| tests_in(&text).any(|name| name == test))
            });
            if !is_there {
                wrong.insert(check.clone());
            }
        }
    }
    assert!(wrong.is_empty(), "{SOURCE} names what is not there: {wrong:#?}");
}

#[test]
fn every_promise_is_kept_somewhere_and_checked_or_says_why_not() {
    for Promise { text, kept_by, checked_by, unchecked, .. } in &guarantees().promise {
        assert!(!kept_by.is_empty(), "nothing keeps: {text}");
        assert!(checked_by.is_empty() == unchecked.is_some(), "checked, or not: {text}");
        assert!(!text.contains(['|', '\n']), "one cell: {text}");
    }
}

#[test]
fn every_model_is_named_by_a_promise() {
    let guarantees = guarantees();
    let claimed: BTreeSet<&String> =
        guarantees.promise.iter().flat_map(|promise| &promise.checked_by).collect();
    let models = models();
    assert!(models.len() > 100, "the models have not been found");
    let idle: Vec<&String> = models.iter().filter(|model| !claimed.contains(model)).collect();
    assert!(idle.is_empty(), "{SOURCE} names no promise that these check: {idle:#?}");
}

#[test]
fn test_functions_are_found_in_the_text() {
    let text = "#[test]\nfn plain() {}\nfn helper() {}\n    #[test]\n    #[ignore = \"slow\"]\n    fn inner(n in 0..9) {}\n";
    assert_eq!(tests_in(text).collect::<Vec<_>>(), ["plain", "inner"]);
}

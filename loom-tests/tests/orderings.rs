//! The lists of `cargo weaken` are about the orderings that there are: each mutant is in one of them, and each entry names a
//! mutant and, where it is killed, a model.

#![cfg(not(any(loom, shuttle)))]

use std::collections::BTreeSet;

use loom_tests::weaken::sites::sites;
use loom_tests::weaken::sources::sources;
use loom_tests::weaken::{Lists, models, mutants, root};

#[test]
fn each_mutant_is_killed_or_has_a_reason() {
    let mut names = BTreeSet::new();
    for source in sources(&root()).unwrap() {
        for site in sites(&source).unwrap() {
            for mutant in mutants(&site) {
                assert!(names.insert(mutant.to_string()), "two mutants: {mutant}");
            }
        }
    }
    assert!(!names.is_empty(), "the source is read");

    // Reading them fails if a mutant is in both.
    let lists = Lists::read(&root()).unwrap();
    let is_listed =
        |name: &&String| lists.killed.contains_key(*name) || lists.kept.contains_key(*name);
    let missing: Vec<_> = names.iter().filter(|name| !is_listed(name)).collect();
    assert!(missing.is_empty(), "in no list, see `cargo weaken`: {missing:#?}");
    assert_eq!(lists.stale(&names), [""; 0], "entries that name no mutant");
}

#[test]
fn each_model_that_kills_exists() {
    let models = models::in_source(&root()).unwrap();
    let lists = Lists::read(&root()).unwrap();
    let missing: Vec<_> =
        lists.killed.iter().filter(|(_, model)| !models.contains(*model)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

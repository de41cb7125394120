//! The fuzz target of this crate over its corpus; see `fuzz/README.md`.

#![cfg(not(loom))]

mod support;

#[path = "../../fuzz/targets/replay.rs"]
mod replay;
#[path = "../../fuzz/targets/sort.rs"]
mod sort;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[test]
fn sorting() {
    support::watched(|| replay::replay("sort", sort::check));
}

#[test]
fn random_lists_and_comparisons() {
    support::watched(|| {
        let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
        let inputs = prop::collection::vec(any::<u8>(), 0..100);
        let result = TestRunner::new(config).run(&inputs, |input| {
            sort::check(&input);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    });
}

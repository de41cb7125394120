//! The fuzz target of this crate over its corpus; see `fuzz/README.md`.

#![cfg(not(loom))]

mod support;

#[path = "../../fuzz/targets/replay.rs"]
mod replay;
#[path = "../../fuzz/targets/sort.rs"]
mod sort;

#[test]
fn sorting() {
    support::watched(|| replay::replay("sort", sort::check));
}

//! The fuzz targets of this crate over their corpus; see `fuzz/README.md`.

#![cfg(not(loom))]

mod support;

#[path = "../../fuzz/targets/cgroup.rs"]
mod cgroup;
#[path = "../../fuzz/targets/cpulist.rs"]
mod cpulist;
#[path = "../../fuzz/targets/replay.rs"]
mod replay;
#[path = "../../fuzz/targets/task_cell.rs"]
mod task_cell;

use proptest::prelude::*;
use replay::replay;
use support::watched;

#[test]
fn cpulists() {
    watched(|| replay("cpulist", cpulist::check));
}

#[test]
fn quotas() {
    watched(|| replay("cgroup", cgroup::check));
}

#[test]
fn task_cells() {
    watched(|| replay("task_cell", task_cell::check));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn random_programs_of_task_operations(program in prop::collection::vec(any::<u8>(), 0..400)) {
        task_cell::check(&program);
    }
}

//! The fuzz targets of this crate over their corpus; see `fuzz/README.md`.

#![cfg(all(not(loom), feature = "config"))]

mod support;

#[path = "../../fuzz/targets/plan.rs"]
mod plan;
#[path = "../../fuzz/targets/replay.rs"]
mod replay;
#[path = "../../fuzz/targets/role_list.rs"]
mod role_list;
#[path = "../../fuzz/targets/role_toml.rs"]
mod role_toml;
#[path = "../../fuzz/targets/sysfs.rs"]
mod sysfs;

use proptest::prelude::*;
use replay::replay;
use support::watchdog;

#[test]
fn role_lists() {
    watchdog(|| replay("role_list", role_list::check));
}

#[test]
fn plans_in_toml() {
    watchdog(|| replay("role_toml", role_toml::check));
}

#[test]
fn machines_in_sysfs() {
    watchdog(|| replay("sysfs", sysfs::check));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn random_machines(files in prop::collection::vec(any::<u8>(), 0..600)) {
        sysfs::check(&files);
    }
}

//! The fuzz targets of this crate over their corpus; see `fuzz/README.md`.

#[path = "../../fuzz/targets/digests.rs"]
mod digests;
#[path = "../../fuzz/targets/quantity.rs"]
mod quantity;
#[path = "../../fuzz/targets/replay.rs"]
mod replay;
#[path = "../../fuzz/targets/trace.rs"]
mod trace;
#[path = "support/watchdog.rs"]
mod watchdog;
#[path = "../../fuzz/targets/workload.rs"]
mod workload;

use replay::replay;
use watchdog::within_a_minute;

#[test]
fn workload_files() {
    within_a_minute(|| replay("workload", workload::check));
}

#[test]
fn traces() {
    within_a_minute(|| replay("trace", trace::check));
}

#[test]
fn quantities() {
    within_a_minute(|| replay("quantity", quantity::check));
}

#[test]
fn lists_of_digests() {
    within_a_minute(|| replay("digests", digests::check));
}

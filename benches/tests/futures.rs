//! The shapes of futures: the same result whoever runs them.

#[path = "support/watchdog.rs"]
mod watchdog;

use benches::futures::{PEERS, Size, programs};
use benches::peers::Workers;
use watchdog::within_a_minute;

/// Every shape knows its result. Here it is seen that every peer arrives at it, also when it runs again.
#[test]
fn every_peer_arrives_at_the_same_results() {
    within_a_minute(|| {
        for program in programs(Size::Small) {
            let mut prepared = program.prepare();
            for workers in [1, 2, 3] {
                for peer in PEERS {
                    let mut contender = prepared.on(peer, Workers::unpinned(workers)).unwrap();
                    for runs in [1, 2] {
                        contender.time(runs, 0);
                        contender.check().unwrap();
                    }
                }
            }
        }
    });
}

#[test]
fn a_shape_that_has_not_run_does_not_pass_its_check() {
    within_a_minute(|| {
        for program in programs(Size::Small) {
            let mut prepared = program.prepare();
            for peer in PEERS {
                let contender = prepared.on(peer, Workers::unpinned(1)).unwrap();
                assert!(contender.check().is_err(), "{} on {peer}", program.name());
            }
        }
    });
}

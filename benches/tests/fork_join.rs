//! The fork-join programs: the same result whoever runs them.

#[path = "support/watchdog.rs"]
mod watchdog;

use benches::fork_join::{PeerKind, programs};
use benches::peers::Workers;
use benches::rounds::{Plan, measure};
use watchdog::within_a_minute;

/// Every program knows its result. Here it is seen that every peer arrives at it, also when it runs again on the input that
/// it has left, and that the next peer finds the input in order.
#[test]
fn every_peer_arrives_at_the_same_results() {
    within_a_minute(|| {
        for program in programs::small(None) {
            let mut prepared = program.prepare();
            for workers in [1, 2, 3] {
                for peer in PeerKind::ALL.into_iter().filter(|peer| program.suits(*peer)) {
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
fn a_program_that_has_not_run_does_not_pass_its_check() {
    for program in programs::small(None) {
        let mut prepared = program.prepare();
        let contender = prepared.on(PeerKind::Serial, Workers::unpinned(1)).unwrap();
        assert!(contender.check().is_err(), "{}", program.name());
    }
}

#[test]
fn all_peers_have_one_value_for_each_round() {
    within_a_minute(|| {
        let plan = Plan::quick(vec![1, 2], PeerKind::ALL.to_vec(), 3);
        for program in programs::small(None) {
            let rows = measure(&*program, &plan).unwrap();
            assert_eq!(rows.iter().map(|row| row.workers).collect::<Vec<_>>(), [1, 2]);
            for peer in PeerKind::ALL {
                for row in &rows {
                    let rounds = row.of(peer).map(|times| times.seconds_by_round.len());
                    assert_eq!(rounds, program.suits(peer).then_some(3), "{row:?}");
                }
            }
        }
    });
}

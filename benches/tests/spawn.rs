//! The spawning programs: the same result whoever runs them.

#[path = "support/watchdog.rs"]
mod watchdog;

use benches::peers::Workers;
use benches::rounds::Kind;
use benches::spawn::{PEERS, programs};
use watchdog::within_a_minute;

/// Every program knows its result. Here it is seen that every peer arrives at it, also when it runs again.
#[test]
fn every_peer_runs_every_task_once_and_returns_its_result() {
    within_a_minute(|| {
        for tasks in [1, 2, 300] {
            for program in programs(tasks) {
                let mut prepared = program.prepare();
                for workers in [1, 2, 3] {
                    for peer in PEERS.into_iter().filter(|peer| peer.can_have(workers)) {
                        let mut contender = prepared.on(peer, Workers::unpinned(workers)).unwrap();
                        for runs in [1, 2] {
                            contender.time(runs, 0);
                            contender.check().unwrap();
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn a_program_that_has_not_run_does_not_pass_its_check() {
    for program in programs(10) {
        let mut prepared = program.prepare();
        for peer in PEERS {
            let contender = prepared.on(peer, Workers::unpinned(1)).unwrap();
            assert!(contender.check().is_err(), "{} on {peer}", program.name());
        }
    }
}

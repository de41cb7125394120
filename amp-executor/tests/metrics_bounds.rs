//! A snapshot's parts fit each other while everything goes on.

#![cfg(not(loom))]

mod support;

use amp_executor::AmpExecutor;
use executor_common::sync::Arc;
use support::{A, one_role, watchdog};

/// The roles and workers of a snapshot against its uptime.
fn check(amp: &AmpExecutor) {
    let metrics = amp.metrics();
    for worker in &metrics.workers {
        let both = worker.busy + worker.idle;
        assert!(both <= metrics.uptime, "{both:?} of {:?}", metrics.uptime);
    }
    let parts = metrics.roles.iter().map(|role| role.utilisation);
    for part in parts.chain([metrics.utilisation()]) {
        assert!((0.0..=1.0).contains(&part), "{part}");
    }
}

#[test]
fn nobody_is_busy_for_longer_than_the_executor_is_up() {
    watchdog(|| {
        let amp = Arc::new(one_role(16).build().unwrap());
        check(&amp);
        let inside = Arc::clone(&amp);
        let checks = move || (0..100).for_each(|_| check(&inside));
        amp.role(A).unwrap().spawn(checks).unwrap().join().unwrap();
        check(&amp);
    });
}

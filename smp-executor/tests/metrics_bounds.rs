//! A snapshot's parts fit each other while everything goes on.

#![cfg(not(loom))]

mod support;

use support::{pool, watched};

#[test]
fn nobody_is_busy_for_longer_than_the_executor_is_up() {
    watched(|| {
        let executor = pool(2);
        for _ in 0..1_000 {
            executor.join(|| (), || ());
            let metrics = executor.metrics();
            for worker in &metrics.workers {
                let both = worker.busy + worker.idle;
                assert!(both <= metrics.uptime, "{both:?} of {:?}", metrics.uptime);
            }
            assert!((0.0..=1.0).contains(&metrics.utilisation()), "{}", metrics.utilisation());
        }
    });
}

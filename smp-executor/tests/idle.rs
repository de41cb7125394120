//! An idle pool does nothing at all.

mod support;

use std::thread;
use std::time::Duration;

use smp_executor::SmpExecutor;
use support::{pool, watched};

/// How long nobody may do anything.
const QUIET: Duration = Duration::from_millis(100);

/// What each worker has done about work that is not there.
fn efforts(executor: &SmpExecutor) -> Vec<[u64; 3]> {
    let metrics = executor.metrics();
    metrics.workers.iter().map(|it| [it.parks, it.wakes, it.steal_attempts]).collect()
}

/// Whether all workers sleep, and did for so long. Time is what this is about: whoever sleeps with a timeout below it, or not at all,
/// never lets it be true.
fn is_quiet(executor: &SmpExecutor) -> bool {
    let before = efforts(executor);
    thread::sleep(QUIET);
    before.iter().all(|[parks, wakes, _]| *parks == wakes + 1) && efforts(executor) == before
}

#[test]
fn an_idle_pool_sleeps_until_it_is_called() {
    watched(|| {
        let executor = pool(4);
        for round in 0..3 {
            assert_eq!(executor.spawn(move || round).join().unwrap(), round);
            // Somebody may be on the way from a wake-up, to work that is done by now.
            assert!((0..100).any(|_| is_quiet(&executor)), "somebody gets up again and again");
        }
    });
}

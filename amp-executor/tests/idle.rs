//! An idle role that parks does nothing at all.

mod support;

use std::thread;
use std::time::Duration;

use amp_executor::{AmpExecutor, IdlePolicy, RoleConfig};
use support::{A, usable, watchdog};

/// How long nobody may do anything.
const QUIET: Duration = Duration::from_millis(100);

/// How often each worker has gone to sleep and got up again.
fn sleeps(amp: &AmpExecutor) -> Vec<[u64; 2]> {
    amp.metrics().workers.iter().map(|it| [it.parks, it.wakes]).collect()
}

/// Whether all workers sleep, and did for so long. Time is what this is about: whoever sleeps with a timeout below it, or not at all,
/// never lets it be true.
fn is_quiet(amp: &AmpExecutor) -> bool {
    let before = sleeps(amp);
    thread::sleep(QUIET);
    before.iter().all(|[parks, wakes]| *parks == wakes + 1) && sleeps(amp) == before
}

#[test]
fn an_idle_role_sleeps_until_it_is_called() {
    watchdog(|| {
        for policy in [IdlePolicy::Park, IdlePolicy::Backoff] {
            let role = RoleConfig::new(A).cores(usable()).capacity(4).idle(policy);
            let amp = AmpExecutor::builder().role(role).build().unwrap();
            for round in 0..3 {
                let task = amp.role(A).unwrap().spawn(move || round).unwrap();
                assert_eq!(task.join().unwrap(), round);
                // Somebody may be on the way from a wake-up, to work that is done by now.
                assert!((0..100).any(|_| is_quiet(&amp)), "somebody gets up again and again");
            }
        }
    });
}

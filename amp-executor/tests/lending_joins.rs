//! What a lent closure waits for.

mod support;

use std::ops::Range;
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use amp_executor::{
    AmpBuilder, AmpExecutor, CallError, CancellationToken, IdlePolicy, JoinSet, RoleConfig,
    RoleHandle, SpawnError,
};
use support::{A, B, C, FakeCpus, Pins, assert_accounted, fake_core, hold, until, watchdog};

/// Role A on CPU 0, and role B on CPU 1, which lends to A.
fn lending(idle: IdlePolicy) -> AmpBuilder {
    let on = |role, core| RoleConfig::new(role).cores([core]).capacity(4).idle(idle);
    AmpExecutor::builder()
        .role(on(A, 0))
        .role(on(B, 1).lend_to(A))
        .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
}

/// A worker that is lent runs what its closure waits for: the borrower's own worker waits for the lender.
#[test]
fn a_lent_closure_runs_in_place_what_it_joins() {
    watchdog(|| {
        for idle in [IdlePolicy::Park, IdlePolicy::Backoff] {
            let amp = lending(idle).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            for _ in 0..20 {
                let (go, goes) = mpsc::channel::<()>();
                let (begin, begun) = mpsc::channel();
                let to_b = b.clone();
                let caller = a.spawn_on_core(0, move || {
                    begin.send(()).unwrap();
                    goes.recv().unwrap_err();
                    to_b.call_blocking(fake_core).unwrap()
                });
                begun.recv().unwrap();
                let (own, to_b) = (a.clone(), b.clone());
                let lent = a.spawn(move || {
                    drop(go);
                    until(|| to_b.depth() == 1);
                    let [by_join, by_timeout] = [0, 1].map(|_| own.spawn(fake_core).unwrap());
                    let by_timeout = by_timeout.join_timeout(Duration::MAX).unwrap().unwrap();
                    let mut set = JoinSet::from_iter([own.spawn(fake_core).unwrap()]);
                    let in_set = set.join_next().unwrap().unwrap();
                    [fake_core(), by_join.join().unwrap(), by_timeout, in_set]
                });
                assert_eq!(lent.unwrap().join().unwrap(), [Some(1); 4]);
                assert_eq!(caller.unwrap().join().unwrap(), Some(1));
            }
            assert!(amp.shutdown().is_clean());
            let metrics = amp.metrics();
            assert_eq!(metrics.role(A).unwrap().borrowed, 20);
            assert_accounted(&metrics);
        }
    });
}

/// Futures are not lent, nor what belongs to one worker.
#[test]
fn a_lent_closure_leaves_to_the_borrower_what_is_not_lent() {
    watchdog(|| {
        let amp = lending(IdlePolicy::Park).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold(&a.on_core(0).unwrap());
        let own = a.clone();
        let lent = a.spawn(move || {
            let here = fake_core();
            let future = own.spawn_future(async { fake_core() }).unwrap();
            let pinned = own.spawn_on_core(0, fake_core).unwrap();
            let soon = Duration::from_millis(1);
            (here, [future, pinned].map(|task| task.join_timeout(soon).unwrap_err()))
        });
        let (lent_on, waiting) = lent.unwrap().join().unwrap();
        assert_eq!(lent_on, Some(1));
        held.release();
        for task in waiting {
            assert_eq!(task.join().unwrap(), Some(0));
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

/// Two workers of a role that lends and is being drained. What one of them has borrowed waits for somebody who waits for the role that it lends
/// to; that the other one lends no more is seen though somebody still does.
#[test]
fn a_lender_is_no_hope_because_another_one_has_borrowed() {
    watchdog(|| {
        for _ in 0..20 {
            let on = |role, cores: Range<usize>| RoleConfig::new(role).cores(cores).capacity(4);
            let amp = AmpExecutor::builder()
                .role(on(A, 0..1))
                .role(on(B, 1..3).lend_to(A))
                .role(on(C, 3..4))
                .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
                .build()
                .unwrap();
            let amp = Arc::new(amp);
            let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
            // C's worker waits for A, and both A's own and the borrowed task wait for C. They begin when the stage is set.
            let all = Arc::new(Barrier::new(4));
            let calls = |to: &RoleHandle| {
                let (all, to) = (Arc::clone(&all), to.clone());
                move || {
                    all.wait();
                    to.call_blocking(|| 1)
                }
            };
            let own = a.spawn_on_core(0, calls(&c)).unwrap();
            until(|| amp.metrics().role(A).unwrap().queue_depth == 0);
            let borrowed = a.spawn(calls(&c)).unwrap();
            until(|| amp.metrics().role(A).unwrap().queue_depth == 0);
            let calling = c.spawn(calls(&a)).unwrap();
            let token = CancellationToken::new();
            let awaited = token.clone();
            let stays = b.spawn_future(async move { awaited.cancelled().await }).unwrap();
            let closer = Arc::clone(&amp);
            let _ = b.spawn(move || closer.drain_role(B).map(drop)).unwrap().join().unwrap();
            all.wait();
            let outcomes = [own, borrowed, calling].map(|call| call.join().unwrap());
            let is_deadlock = |outcome: &Result<i32, CallError>| {
                matches!(outcome, Err(CallError::Spawn(SpawnError::WouldDeadlock(_))))
            };
            assert!(outcomes.iter().any(is_deadlock));
            token.cancel();
            stays.join().unwrap();
            let _ = amp.shutdown();
            assert_accounted(&amp.metrics());
        }
    });
}

//! Tasks that somebody waits for, and workers that wait for one another.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amp_executor::{
    AmpBuilder, AmpExecutor, CallError, CancellationToken, RoleConfig, RoleHandle, SpawnError,
    block_on,
};
use support::{
    A, B, C, FakeCpus, Pins, TellsDrop, assert_accounted, fill, hold, one_role, two_roles, watchdog,
};

fn three_roles(capacity: usize) -> AmpBuilder {
    let on = |role, core| RoleConfig::new(role).cores([core]).capacity(capacity);
    AmpExecutor::builder()
        .role(on(A, 0))
        .role(on(B, 1))
        .role(on(C, 2))
        .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
}

fn is_deadlock<T>(answer: &Result<T, CallError>) -> bool {
    matches!(answer, Err(CallError::Spawn(SpawnError::WouldDeadlock(_))))
}

#[test]
fn from_everywhere() {
    watchdog(|| {
        let amp = two_roles(4).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for number in 0..500 {
            assert_eq!(block_on(b.call(move || number)).unwrap(), number);
            assert_eq!(b.call_blocking(move || number).unwrap(), number);
            let to_b = b.clone();
            let in_closure = a.spawn(move || to_b.call_blocking(move || number).unwrap());
            assert_eq!(in_closure.unwrap().join().unwrap(), number);
            let to_b = b.clone();
            let in_future = a.spawn_future(async move { to_b.call(move || number).await.unwrap() });
            assert_eq!(in_future.unwrap().join().unwrap(), number);
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

/// A role's only worker runs the call itself.
#[test]
fn to_the_own_role() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let core = support::usable()[0];
        for own in [role.clone(), role.on_core(core).unwrap()] {
            for _ in 0..200 {
                let to_itself = own.clone();
                let blocking = own.spawn(move || {
                    let again = to_itself.clone();
                    to_itself.call_blocking(move || again.call_blocking(|| 1).unwrap() + 1).unwrap()
                });
                assert_eq!(blocking.unwrap().join().unwrap(), 2);
                let to_itself = own.clone();
                let awaited = own.spawn_future(async move { to_itself.call(|| 3).await.unwrap() });
                assert_eq!(awaited.unwrap().join().unwrap(), 3);
            }
        }
    });
}

#[test]
fn errors_say_what_became_of_the_closure() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        fn panics() -> u32 {
            panic!("no rows")
        }
        for answer in [block_on(role.call(panics)), role.call_blocking(panics)] {
            let Err(CallError::Join(error)) = answer else { panic!() };
            assert!(error.is_panic() && error.to_string().contains("no rows"));
        }
        // Cancelled after it was admitted.
        let held = hold(&role);
        let mut call = Box::pin(role.call(|| 1));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        drop(amp.shutdown_timeout(Duration::ZERO));
        let Err(CallError::Join(error)) = block_on(call) else { panic!() };
        assert!(error.is_cancelled());
        held.release();
        for answer in [block_on(role.call(|| 1)), role.call_blocking(|| 1)] {
            let error = answer.unwrap_err();
            assert!(matches!(error, CallError::Spawn(SpawnError::Closed)));
            assert_eq!(error.to_string(), "the executor has been shut down");
        }
    });
}

#[test]
fn a_call_waits_for_room_without_a_thread() {
    watchdog(|| {
        let amp = two_roles(1).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..50 {
            let held = hold(&b);
            fill(&b);
            let to_b = b.clone();
            let calling = a.spawn_future(async move { to_b.call(|| 5).await.unwrap() }).unwrap();
            assert_eq!(a.spawn(|| "free").unwrap().join().unwrap(), "free");
            assert!(!calling.is_finished());
            held.release();
            assert_eq!(calling.join().unwrap(), 5);
        }
    });
}

#[test]
fn a_call_that_is_dropped_before_it_is_admitted() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let held = hold(&role);
            let queued = fill(&role);
            let (tell, told) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let mut call = Box::pin(role.call(move || {
                let _keep = &on_drop;
                unreachable!("it was not admitted")
            }));
            let mut context = Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut context).map(|_: Result<(), _>| ()).is_pending());
            drop(call);
            assert_eq!(told.try_recv().unwrap(), std::thread::current().id());
            held.release();
            queued.into_iter().for_each(|task| task.join().unwrap());
        }
        assert!(amp.shutdown().is_clean());
        assert_eq!(amp.metrics().role(A).unwrap().admitted, 200);
    });
}

#[test]
fn a_call_that_is_dropped_after_that_lets_the_task_run() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let held = hold(&role);
            let (tell, told) = mpsc::channel();
            {
                let mut call = pin!(role.call(move || tell.send("ran").unwrap()));
                let mut context = Context::from_waker(Waker::noop());
                assert!(call.as_mut().poll(&mut context).is_pending());
                assert_eq!(format!("{call:?}"), "Call { is_admitted: true }");
            }
            held.release();
            assert_eq!(told.recv().unwrap(), "ran");
        }
    });
}

#[test]
fn across_three_roles() {
    watchdog(|| {
        let amp = three_roles(4).build().unwrap();
        let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
        for number in 0..200 {
            let (to_b, to_c) = (b.clone(), c.clone());
            let blocking = a.call_blocking(move || {
                to_b.call_blocking(move || to_c.call_blocking(move || number).unwrap() + 1).unwrap()
                    + 1
            });
            assert_eq!(blocking.unwrap(), number + 2);
            // There and back again, in futures: nobody is held.
            let [to_a, to_b, to_c] = [a.clone(), b.clone(), c.clone()];
            let round = a.spawn_future(async move {
                let from_b = to_b.call(move || number).await.unwrap();
                let from_c = to_c.call(move || from_b + 1).await.unwrap();
                to_a.call(move || from_c + 1).await.unwrap()
            });
            assert_eq!(round.unwrap().join().unwrap(), number + 2);
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

/// Two workers call each other. One of them is told, and what it does then lets the other one go on.
#[test]
fn a_cycle_of_two_calls() {
    watchdog(|| {
        let amp = two_roles(4).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for round in 1..=100 {
            let together = Arc::new(Barrier::new(2));
            let call = |own: &RoleHandle, other: &RoleHandle| {
                let (together, other) = (Arc::clone(&together), other.clone());
                let calling = own.spawn(move || {
                    together.wait();
                    other.call_blocking(|| "an answer")
                });
                calling.unwrap()
            };
            let tasks = [(A, B, call(&a, &b)), (B, A, call(&b, &a))];
            let answers = tasks.map(|(own, other, task)| (own, other, task.join().unwrap()));
            let (told, goes_on): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|(.., answer)| is_deadlock(answer));
            assert_eq!((told.len(), goes_on.len()), (1, 1));
            let (own, other, Err(CallError::Spawn(error))) = &told[0] else { panic!() };
            assert_eq!(*error, SpawnError::WouldDeadlock(vec![*own, *other, *own]));
            assert_eq!(*goes_on[0].2.as_ref().unwrap(), "an answer");
            let metrics = amp.metrics();
            let deadlocks: u64 = metrics.roles.iter().map(|role| role.would_deadlock).sum();
            assert_eq!(deadlocks, round);
        }
        // What was taken back was admitted, and is cancelled when its turn comes.
        let _ = amp.shutdown();
        let metrics = amp.metrics();
        assert_eq!(metrics.roles.iter().map(|role| role.cancelled).sum::<u64>(), 100);
        assert_accounted(&metrics);
    });
}

/// The callee calls back, while its caller waits.
#[test]
fn a_call_back() {
    watchdog(|| {
        let amp = two_roles(4).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..100 {
            let (to_a, to_b) = (a.clone(), b.clone());
            let outer = a.spawn(move || to_b.call_blocking(move || to_a.call_blocking(|| 1)));
            match outer.unwrap().join().unwrap() {
                // The inner one was told, or the outer one, and went on when its callee could.
                Ok(inner) => assert!(is_deadlock(&inner)),
                outer => assert!(is_deadlock(&outer)),
            }
            assert_eq!(b.call_blocking(|| 2).unwrap(), 2);
        }
    });
}

#[test]
fn a_cycle_of_three_calls() {
    watchdog(|| {
        let amp = three_roles(4).build().unwrap();
        let roles = [A, B, C].map(|role| amp.role(role).unwrap());
        for _ in 0..50 {
            let together = Arc::new(Barrier::new(3));
            let tasks: Vec<_> = (0..3)
                .map(|own| {
                    let (together, next) = (Arc::clone(&together), roles[(own + 1) % 3].clone());
                    let calling = roles[own].spawn(move || {
                        together.wait();
                        next.call_blocking(|| ())
                    });
                    calling.unwrap()
                })
                .collect();
            let answers: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
            let told = answers.iter().filter(|answer| is_deadlock(answer)).count();
            let went_on = answers.iter().filter(|answer| answer.is_ok()).count();
            assert_eq!((told, went_on), (1, 2), "{answers:?}");
        }
    });
}

/// One waits for an answer, and who is to give it for room.
#[test]
fn a_cycle_of_a_call_and_a_full_channel() {
    watchdog(|| {
        let amp = two_roles(1).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let ran = Arc::new(AtomicUsize::new(0));
        for round in 1..=50 {
            let (to_a, to_b) = (a.clone(), b.clone());
            let count = Arc::clone(&ran);
            let outer = a.spawn(move || {
                // Nobody takes this out before the call has its answer.
                fill(&to_a);
                to_b.call_blocking(move || {
                    to_a.spawn(move || count.fetch_add(1, Ordering::SeqCst)).map(drop)
                })
            });
            let outer = outer.unwrap().join().unwrap();
            let was_inner = matches!(outer, Ok(Err(SpawnError::WouldDeadlock(_))));
            assert!(was_inner || is_deadlock(&outer), "{outer:?}");
            if !was_inner {
                // The callee goes on once its caller has.
                support::until(|| ran.load(Ordering::SeqCst) > 0);
                ran.store(0, Ordering::SeqCst);
            }
            b.call_blocking(|| ()).unwrap();
            let metrics = amp.metrics();
            assert_eq!(metrics.roles.iter().map(|role| role.would_deadlock).sum::<u64>(), round);
        }
        let _ = amp.shutdown();
        assert_accounted(&amp.metrics());
    });
}

/// The second worker of the called role is free: no deadlock.
#[test]
fn a_free_worker_is_hope() {
    watchdog(|| {
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([0, 1]).capacity(4))
            .role(RoleConfig::new(B).cores([2]).capacity(4))
            .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..100 {
            let (to_a, to_b) = (a.clone(), b.clone());
            let outer =
                a.spawn(move || to_b.call_blocking(move || to_a.call_blocking(|| 1)).unwrap());
            assert_eq!(outer.unwrap().join().unwrap().unwrap(), 1);
            // Not so if the call is for the very core that waits.
            let (to_first, to_b) = (a.on_core(0).unwrap(), b.clone());
            let outer = a
                .spawn_on_core(0, move || to_b.call_blocking(move || to_first.call_blocking(|| 1)));
            match outer.unwrap().join().unwrap() {
                Ok(inner) => assert!(is_deadlock(&inner)),
                outer => assert!(is_deadlock(&outer)),
            }
            // The inner one goes on by itself then.
            b.call_blocking(|| ()).unwrap();
        }
    });
}

/// The second worker of the called role is free. But the first one has begun, and waits for the caller.
#[test]
fn a_free_worker_is_no_hope_for_what_another_one_runs() {
    watchdog(|| {
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([0, 1]).capacity(4))
            .role(RoleConfig::new(B).cores([2]).capacity(1))
            .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..50 {
            let (to_a, to_b) = (a.clone(), b.clone());
            let (on_drop, dropped) = mpsc::channel();
            let on_drop = TellsDrop(on_drop);
            let outer = b.spawn(move || {
                fill(&to_b);
                to_a.call_blocking(move || {
                    let _keep = &on_drop;
                    to_b.spawn(|| ()).map(drop)
                })
            });
            match outer.unwrap().join().unwrap() {
                Ok(inner) => assert!(matches!(inner, Err(SpawnError::WouldDeadlock(_)))),
                outer => assert!(is_deadlock(&outer)),
            }
            // The inner one goes on by itself then, and must not take the room that the next round fills.
            dropped.recv().unwrap();
        }
        let _ = amp.shutdown();
        assert_accounted(&amp.metrics());
    });
}

/// A role that is being drained lends no more, though a future keeps its worker from leaving.
#[test]
fn a_lender_that_is_closing_is_no_hope() {
    watchdog(|| {
        for _ in 0..20 {
            let on = |role, core| RoleConfig::new(role).cores([core]).capacity(4);
            let amp = AmpExecutor::builder()
                .role(on(A, 0))
                .role(on(B, 1))
                .role(on(C, 2).lend_to(A))
                .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
                .build()
                .unwrap();
            let amp = Arc::new(amp);
            let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
            let token = CancellationToken::new();
            let awaited = token.clone();
            let stays = c.spawn_future(async move { awaited.cancelled().await }).unwrap();
            // By its own worker it is closed, and not waited for.
            let closer = Arc::clone(&amp);
            let _ = c.spawn(move || closer.drain_role(C).map(drop)).unwrap().join().unwrap();
            let (to_a, to_b) = (a.clone(), b.clone());
            let outer =
                a.spawn_on_core(0, move || to_b.call_blocking(move || to_a.call_blocking(|| 1)));
            match outer.unwrap().join().unwrap() {
                Ok(inner) => assert!(is_deadlock(&inner)),
                outer => assert!(is_deadlock(&outer)),
            }
            token.cancel();
            stays.join().unwrap();
            let _ = amp.shutdown();
            assert_accounted(&amp.metrics());
        }
    });
}

/// Who is called is busy, and not stuck.
#[test]
fn a_long_wait_is_no_deadlock() {
    watchdog(|| {
        let amp = two_roles(4).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let held = hold(&b);
        let to_b = b.clone();
        let (begin, begun) = mpsc::channel();
        let calling = a.spawn(move || {
            begin.send(()).unwrap();
            to_b.call_blocking(|| 1).unwrap()
        });
        begun.recv().unwrap();
        // Longer than it takes a waiting worker to ask whether there is any hope.
        support::until_after(std::time::Instant::now() + Duration::from_millis(60));
        held.release();
        assert_eq!(calling.unwrap().join().unwrap(), 1);
    });
}

/// A future of one role is polled there alone, whoever answers its calls.
#[test]
fn an_answer_brings_a_future_back_to_its_role() {
    watchdog(|| {
        let amp = three_roles(16).build().unwrap();
        let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
        let tasks: Vec<_> = (0..500)
            .map(|_| {
                let (b, c) = (b.clone(), c.clone());
                let future = async move {
                    let mut seen = vec![support::fake_core()];
                    assert_eq!(b.call(support::fake_core).await.unwrap(), Some(1));
                    seen.push(support::fake_core());
                    assert_eq!(c.call(support::fake_core).await.unwrap(), Some(2));
                    seen.push(support::fake_core());
                    seen
                };
                a.spawn_future(future).unwrap()
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), [Some(0); 3]);
        }
    });
}

/// Ready at the first poll where the answer is there.
#[test]
fn polled_after_the_answer() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let mut call = pin!(role.call(|| 7));
        let mut context = Context::from_waker(Waker::noop());
        let answer = loop {
            if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
                break answer;
            }
            // Behind it.
            role.call_blocking(|| ()).unwrap();
        };
        assert_eq!(answer.unwrap(), 7);
    });
}

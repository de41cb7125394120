//! A task of a role runs on that role's workers and nowhere else.

mod support;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::ThreadId;

use amp_executor::{
    AmpBuilder, AmpExecutor, IdlePolicy, JoinHandle, Role, RoleConfig, Spawn, yield_now,
};
use support::{A, B, one_role, two_roles, usable, watchdog};

/// Builds and tells which thread works for which role.
fn with_threads(builder: AmpBuilder) -> (AmpExecutor, HashMap<ThreadId, Role>) {
    let threads = Arc::new(Mutex::new(HashMap::new()));
    let in_hook = Arc::clone(&threads);
    let amp = builder
        .on_thread_start(move |worker| {
            in_hook.lock().unwrap().insert(std::thread::current().id(), worker.role);
        })
        .build()
        .unwrap();
    let threads = threads.lock().unwrap().clone();
    (amp, threads)
}

fn here(threads: &HashMap<ThreadId, Role>) -> Option<Role> {
    threads.get(&std::thread::current().id()).copied()
}

#[test]
fn closures_run_on_their_own_role() {
    watchdog(|| {
        let (amp, threads) = with_threads(two_roles(16));
        let threads = Arc::new(threads);
        let mut handles = Vec::new();
        for number in 0..4_000 {
            let role = if number % 2 == 0 { A } else { B };
            let threads = Arc::clone(&threads);
            handles.push((role, amp.spawn_in(role, move || here(&threads)).unwrap()));
        }
        for (role, handle) in handles {
            assert_eq!(handle.join().unwrap(), Some(role));
        }
    });
}

/// Suspends once, and hands its waker out.
async fn handed_out(wakers: mpsc::Sender<Waker>) {
    let mut first = true;
    poll_fn(move |context| {
        if std::mem::take(&mut first) {
            wakers.send(context.waker().clone()).unwrap();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Every poll of a future is on its own role, whoever wakes it: a foreign thread, the other role, itself.
#[test]
fn woken_futures_come_back_to_their_own_role() {
    watchdog(|| {
        let (amp, threads) = with_threads(two_roles(16));
        let threads = Arc::new(threads);
        let (foreign, wakers) = mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let (crossing, from_crossing) = mpsc::channel::<Waker>();
        let handle = amp.handle();
        let crossing_thread = std::thread::spawn(move || {
            for (number, waker) in from_crossing.into_iter().enumerate() {
                let role = if number % 2 == 0 { A } else { B };
                drop(handle.spawn_in(role, || waker.wake()).unwrap());
            }
        });
        let mut handles: Vec<(Role, JoinHandle<Vec<Option<Role>>>)> = Vec::new();
        for number in 0..2_000 {
            let role = if number % 2 == 0 { A } else { B };
            let (foreign, crossing) = (foreign.clone(), crossing.clone());
            let threads = Arc::clone(&threads);
            let future = async move {
                let mut seen = vec![here(&threads)];
                handed_out(foreign).await;
                seen.push(here(&threads));
                yield_now().await;
                seen.push(here(&threads));
                handed_out(crossing).await;
                seen.push(here(&threads));
                seen
            };
            handles.push((role, amp.spawn_future_in(role, future).unwrap()));
        }
        for (role, handle) in handles {
            assert_eq!(handle.join().unwrap(), [Some(role); 4]);
        }
        drop((foreign, crossing));
        waking.join().unwrap();
        crossing_thread.join().unwrap();
        assert_eq!(amp.metrics().live_futures, 0);
    });
}

/// A handle of another role's task does not run it in place.
#[test]
fn joining_runs_nothing_of_another_role() {
    watchdog(|| {
        let (amp, threads) = with_threads(two_roles(16));
        let threads = Arc::new(threads);
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        for _ in 0..200 {
            let (b, threads) = (b.clone(), Arc::clone(&threads));
            let seen = a.spawn(move || b.spawn(move || here(&threads)).unwrap().join().unwrap());
            assert_eq!(seen.unwrap().join().unwrap(), Some(B));
        }
    });
}

/// A handle of the own role's task does: there is no other worker that could.
#[test]
fn joining_runs_a_queued_task_of_the_own_role_in_place() {
    watchdog(|| {
        let amp = one_role(16).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.clone();
        let (closure, future) = role
            .spawn(move || {
                let closure = own.spawn(|| 1).unwrap();
                let future = own.spawn_future(async { 2 }).unwrap();
                (closure.join().unwrap(), future.join().unwrap())
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!((closure, future), (1, 2));
    });
}

/// Neither a future that yields for ever nor a full channel keeps the other from its turn.
#[test]
fn woken_futures_and_new_tasks_take_turns() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let endless = role
            .spawn_future(async {
                loop {
                    yield_now().await;
                }
            })
            .unwrap();
        for number in 0..100 {
            assert_eq!(role.spawn(move || number).unwrap().join().unwrap(), number);
        }
        endless.abort();
        assert!(endless.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn every_idle_policy_finds_its_work() {
    watchdog(|| {
        // A spinning worker on the only core would take it away from this thread for whole time slices.
        let rounds = if usable().len() > 1 { 2_000 } else { 50 };
        for idle in [IdlePolicy::Park, IdlePolicy::Backoff, IdlePolicy::Spin] {
            let role = RoleConfig::new(A).cores([*usable().last().unwrap()]).idle(idle);
            let amp = AmpExecutor::builder().role(role).build().unwrap();
            let role = amp.role(A).unwrap();
            for number in 0..rounds {
                assert_eq!(role.spawn(move || number).unwrap().join().unwrap(), number);
            }
        }
    });
}

/// Both roles on one core, as in a container with one CPU.
#[test]
fn everything_works_on_one_core() {
    watchdog(|| {
        let core = usable()[0];
        let on = |role| RoleConfig::new(role).cores([core]).shared().capacity(2);
        let amp = AmpExecutor::builder().role(on(A)).role(on(B)).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let sums: Vec<_> = (0..500_u64)
            .map(|number| {
                let b = b.clone();
                a.spawn_future(async move {
                    let there = b.spawn_wait(move || number * 2).await.unwrap();
                    there.await.unwrap() + 1
                })
                .unwrap()
            })
            .collect();
        for (number, sum) in sums.into_iter().enumerate() {
            assert_eq!(sum.join().unwrap(), number as u64 * 2 + 1);
        }
        assert!(amp.shutdown().is_clean());
    });
}

/// A worker that has work runs all of it before it sleeps, and is not woken meanwhile.
#[test]
fn a_burst_meets_no_sleep_in_between() {
    watchdog(|| {
        let role = RoleConfig::new(A).cores([usable()[0]]).capacity(64).idle(IdlePolicy::Park);
        let amp = AmpExecutor::builder().role(role).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = support::hold(&role);
        let parks = amp.metrics().workers[0].parks;
        let wakes = amp.metrics().workers[0].wakes;
        let burst = support::fill(&role);
        held.release();
        for task in burst {
            task.join().unwrap();
        }
        support::until(|| amp.metrics().workers[0].parks == parks + 1);
        assert_eq!(amp.metrics().workers[0].wakes, wakes, "64 tasks, and no sleep among them");
    });
}

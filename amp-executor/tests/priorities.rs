//! High priority overtakes, has room of its own, and starves nobody.

mod support;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};

use amp_executor::{Priority, spawn_local, yield_now};
use support::{A, Log, fill, hold, one_role, watchdog};

#[test]
fn high_overtakes_what_waits_and_every_eighth_turn_is_for_others() {
    watchdog(|| {
        let amp = one_role(32).build().unwrap();
        let role = amp.role(A).unwrap();
        let high = role.with_priority(Priority::High);
        for _ in 0..200 {
            let log = Log::default();
            let held = hold(&role);
            for _ in 0..10 {
                role.spawn(log.note('n')).unwrap();
            }
            for _ in 0..20 {
                high.spawn(log.note('H')).unwrap();
            }
            held.release();
            assert_eq!(log.text_of(30), "HHHHHHHnHHHHHHHnHHHHHHnnnnnnnn");
        }
    });
}

/// The other three share the turns that are left to them.
#[test]
fn own_lane_local_futures_and_normal_tasks_take_turns_beside_high() {
    watchdog(|| {
        for _ in 0..200 {
            let amp = one_role(32).build().unwrap();
            let role = amp.role(A).unwrap();
            let (log, own) = (Log::default(), role.clone());
            let in_task = log.clone();
            let spawning = role.spawn(move || {
                let log = in_task;
                let core = support::usable()[0];
                for _ in 0..24 {
                    own.with_priority(Priority::High).spawn(log.note('H')).unwrap();
                }
                for _ in 0..2 {
                    own.spawn(log.note('n')).unwrap();
                    own.spawn_on_core(core, log.note('o')).unwrap();
                    let log = log.clone();
                    drop(spawn_local(async move { log.write('l') }));
                }
            });
            spawning.unwrap().join().unwrap();
            assert_eq!(log.text_of(30), "HHHHHHHoHHHHHHHlHHHHHHHnHHHoln");
        }
    });
}

/// The counter of turns of high futures that never end, as normal tasks find it.
#[test]
fn endless_high_futures_leave_every_eighth_turn() {
    watchdog(|| {
        let amp = one_role(32).build().unwrap();
        let role = amp.role(A).unwrap();
        let turns = Arc::new(AtomicU64::new(0));
        let endless: Vec<_> = (0..2)
            .map(|_| {
                let turns = Arc::clone(&turns);
                let future = async move {
                    loop {
                        turns.fetch_add(1, Ordering::Relaxed);
                        yield_now().await;
                    }
                };
                role.with_priority(Priority::High).spawn_future(future).unwrap()
            })
            .collect();
        for _ in 0..50 {
            let held = hold(&role);
            let found: Vec<_> = (0..20)
                .map(|_| {
                    let turns = Arc::clone(&turns);
                    role.spawn(move || turns.load(Ordering::Relaxed)).unwrap()
                })
                .collect();
            held.release();
            let found: Vec<_> = found.into_iter().map(|task| task.join().unwrap()).collect();
            assert!(found.windows(2).all(|pair| pair[1] - pair[0] == 7), "{found:?}");
        }
        for future in endless {
            future.abort();
            assert!(future.join().unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn high_and_normal_have_room_of_their_own() {
    watchdog(|| {
        let amp = one_role(3).build().unwrap();
        let role = amp.role(A).unwrap();
        let high = role.with_priority(Priority::High);
        let low = role.with_priority(Priority::Low);
        let held = hold(&role);
        let mut queued = fill(&role);
        assert!(role.try_spawn(|| {}).unwrap_err().is_full());
        assert!(low.try_spawn(|| {}).unwrap_err().is_full(), "low counts as normal");
        queued.extend((0..3).map(|_| high.try_spawn(|| {}).unwrap()));
        assert!(high.try_spawn(|| {}).unwrap_err().is_full());
        assert_eq!((role.depth(), high.depth(), role.capacity()), (6, 6, 3));
        held.release();
        queued.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn low_and_normal_tasks_keep_their_order() {
    watchdog(|| {
        let amp = one_role(16).build().unwrap();
        let role = amp.role(A).unwrap();
        let low = role.with_priority(Priority::Low);
        let log = Log::default();
        let held = hold(&role);
        for _ in 0..4 {
            low.spawn(log.note('l')).unwrap();
            role.spawn(log.note('n')).unwrap();
        }
        held.release();
        assert_eq!(log.text_of(8), "lnlnlnln");
    });
}

/// Suspends once, hands its waker out, and writes when it goes on.
async fn suspended_once(wakers: mpsc::Sender<Waker>, log: Log, letter: char) {
    let mut is_first = true;
    poll_fn(move |context| {
        if std::mem::take(&mut is_first) {
            wakers.send(context.waker().clone()).unwrap();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    log.write(letter);
}

#[test]
fn a_woken_future_keeps_its_priority() {
    watchdog(|| {
        let amp = one_role(16).build().unwrap();
        let role = amp.role(A).unwrap();
        let high = role.with_priority(Priority::High);
        for _ in 0..200 {
            let log = Log::default();
            let (wakers, handed_out) = mpsc::channel();
            let futures = [(&high, 'F'), (&role, 'f')].map(|(role, letter)| {
                role.spawn_future(suspended_once(wakers.clone(), log.clone(), letter)).unwrap()
            });
            let woken: Vec<Waker> = handed_out.iter().take(2).collect();
            // Behind the two polls.
            let held = hold(&role);
            for _ in 0..4 {
                role.spawn(log.note('n')).unwrap();
            }
            let waking = std::thread::spawn(move || woken.into_iter().for_each(Waker::wake));
            waking.join().unwrap();
            held.release();
            let text = log.text_of(6);
            // Ring and woken queue of the normal lane take turns.
            assert!(["Fnfnnn", "Ffnnnn"].contains(&&*text), "{text}");
            futures.into_iter().for_each(|future| future.join().unwrap());
        }
    });
}

/// From within a task: the worker overtakes its own normal tasks too.
#[test]
fn a_task_spawns_something_more_urgent() {
    watchdog(|| {
        let amp = one_role(16).build().unwrap();
        let role = amp.role(A).unwrap();
        let high = role.with_priority(Priority::High);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = hold(&role);
        for number in 0..4 {
            let (order, high) = (Arc::clone(&order), high.clone());
            role.spawn(move || {
                order.lock().unwrap().push(number);
                let order = Arc::clone(&order);
                high.spawn(move || order.lock().unwrap().push(10 + number)).unwrap();
            })
            .unwrap();
        }
        held.release();
        support::until(|| order.lock().unwrap().len() == 8);
        assert_eq!(*order.lock().unwrap(), [0, 10, 1, 11, 2, 12, 3, 13]);
    });
}

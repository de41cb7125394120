//! Tasks for one core of a role, and batches.

mod support;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use amp_executor::cpu::{CpuControl, SystemCpus};
use amp_executor::{
    AmpExecutor, IdlePolicy, PinOutcome, Priority, RoleConfig, SpawnError, yield_now,
};
use support::{
    A, Log, assert_accounted, fake_core, fake_workers, fill, hold, one_role, until_asleep, usable,
    watchdog,
};

#[test]
fn tasks_for_a_core_run_there_and_nowhere_else() {
    watchdog(|| {
        let amp = fake_workers(4, 64).build().unwrap();
        let role = amp.role(A).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let role = &role;
                scope.spawn(move || {
                    let mut handles = Vec::new();
                    for number in 0..2_000 {
                        let core = (thread + number) % 4;
                        let there = role.on_core(core).unwrap();
                        let task = match number % 3 {
                            0 => there.spawn(fake_core),
                            1 => role.spawn_on_core(core, fake_core),
                            _ => there.spawn_future(async {
                                yield_now().await;
                                fake_core()
                            }),
                        };
                        handles.push((core, task.unwrap()));
                    }
                    for (core, task) in handles {
                        assert_eq!(task.join().unwrap(), Some(core));
                    }
                });
            }
        });
        assert!(amp.shutdown().is_clean());
        assert_eq!(amp.metrics().role(A).unwrap().admitted, 8_000);
        assert_accounted(&amp.metrics());
    });
}

/// The kernel's word for it.
#[test]
fn on_this_machine() {
    watchdog(|| {
        let cores = usable();
        let amp =
            AmpExecutor::builder().role(RoleConfig::new(A).cores(cores.clone())).build().unwrap();
        let role = amp.role(A).unwrap();
        if amp.placement().iter().any(|worker| worker.pin != PinOutcome::Pinned) {
            return;
        }
        for _ in 0..200 {
            for core in &cores {
                let seen = role.spawn_on_core(*core, || SystemCpus.current_cpu()).unwrap();
                assert_eq!(seen.join().unwrap(), Some(*core));
            }
        }
    });
}

#[test]
fn free_workers_leave_another_core_s_tasks_alone() {
    watchdog(|| {
        let amp = fake_workers(4, 16).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let held = hold(&role.on_core(2).unwrap());
            let waiting: Vec<_> =
                (0..8).map(|_| role.spawn_on_core(2, fake_core).unwrap()).collect();
            for _ in 0..20 {
                let elsewhere = role.spawn(fake_core).unwrap().join().unwrap();
                assert_ne!(elsewhere, Some(2));
            }
            assert!(!waiting.iter().any(amp_executor::JoinHandle::is_finished));
            held.release();
            for task in waiting {
                assert_eq!(task.join().unwrap(), Some(2));
            }
        }
    });
}

#[test]
fn a_core_that_the_role_has_not() {
    watchdog(|| {
        let amp = fake_workers(2, 4).build().unwrap();
        let role = amp.role(A).unwrap();
        let error = SpawnError::NoSuchCore { role: A, core: 2 };
        assert_eq!(role.on_core(2).unwrap_err(), error);
        assert_eq!(role.spawn_on_core(2, || {}).unwrap_err(), error);
        assert_eq!(error.to_string(), "role \"a\" has no core 2");
    });
}

#[test]
fn each_core_has_room_of_its_own() {
    watchdog(|| {
        let amp = fake_workers(2, 3).build().unwrap();
        let role = amp.role(A).unwrap();
        let cores = [role.on_core(0).unwrap(), role.on_core(1).unwrap()];
        let held = cores.each_ref().map(hold);
        let mut queued = Vec::new();
        for (full, lane) in [&cores[0], &cores[1], &role].into_iter().enumerate() {
            assert_eq!(role.depth(), 3 * full);
            queued.extend((0..3).map(|_| lane.try_spawn(|| {}).unwrap()));
            assert!(lane.try_spawn(|| {}).unwrap_err().is_full());
            assert!(lane.spawn_timeout(Duration::ZERO, || {}).unwrap_err().is_full());
        }
        assert_eq!(amp.metrics().role(A).unwrap().queue_depth, 9);
        held.into_iter().for_each(support::Hold::release);
        queued.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_spawner_waits_for_room_on_its_core() {
    watchdog(|| {
        let amp = fake_workers(2, 1).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let one = role.on_core(1).unwrap();
            let held = hold(&one);
            one.spawn(|| {}).unwrap();
            let (begin, begun) = mpsc::channel();
            let spawner = {
                let one = one.clone();
                std::thread::spawn(move || {
                    begin.send(()).unwrap();
                    one.spawn(fake_core).unwrap().join().unwrap()
                })
            };
            begun.recv().unwrap();
            held.release();
            assert_eq!(spawner.join().unwrap(), Some(1));
        }
    });
}

/// The other worker is free, but would never make the room.
#[test]
fn a_worker_that_fills_its_own_lane() {
    watchdog(|| {
        let amp = fake_workers(2, 2).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.on_core(0).unwrap();
        let to_itself = own.clone();
        let error = own.spawn(move || {
            to_itself.spawn(|| {}).unwrap();
            to_itself.spawn(|| {}).unwrap();
            to_itself.spawn(|| {}).unwrap_err()
        });
        let error = error.unwrap().join().unwrap();
        assert_eq!(error, SpawnError::WouldDeadlock(vec![A, A]));
        assert_eq!(amp.metrics().role(A).unwrap().would_deadlock, 1);
    });
}

/// Who waits for a task of its own lane runs it; another worker's lane is not touched.
#[test]
fn joining_in_place_is_for_the_own_lane() {
    watchdog(|| {
        let amp = fake_workers(2, 4).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let cores = [role.on_core(0).unwrap(), role.on_core(1).unwrap()];
            let seen = role.spawn_on_core(0, move || {
                cores.map(|lane| lane.spawn(fake_core).unwrap().join().unwrap())
            });
            assert_eq!(seen.unwrap().join().unwrap(), [Some(0), Some(1)]);
        }
    });
}

#[test]
fn equal_keys_stay_together_and_others_spread() {
    watchdog(|| {
        let amp = fake_workers(4, 64).build().unwrap();
        let role = amp.role(A).unwrap();
        let mut by_core = HashMap::<_, u32>::new();
        let mut first = Vec::new();
        for key in 0..1_000_u32 {
            let core = role.spawn_keyed(&key, fake_core).unwrap().join().unwrap();
            *by_core.entry(core).or_default() += 1;
            first.push(core);
        }
        assert_eq!(by_core.len(), 4);
        assert!(by_core.values().all(|keys| *keys > 150), "{by_core:?}");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (key, core) in (0_u32..).zip(&first) {
                        assert_eq!(
                            role.keyed(&key).spawn(fake_core).unwrap().join().unwrap(),
                            *core
                        );
                    }
                });
            }
        });
        // What is equal has one hash, borrowed or not.
        let borrowed = role.spawn_keyed("seven", fake_core).unwrap().join().unwrap();
        let owned = role.spawn_keyed(&String::from("seven"), fake_core).unwrap().join().unwrap();
        assert_eq!(borrowed, owned);
    });
}

#[test]
fn terms_ride_on_the_handle() {
    watchdog(|| {
        let amp = fake_workers(4, 64).build().unwrap();
        let role = amp.role(A).unwrap();
        let stale = role.with_time_to_live(Duration::ZERO);
        for role in
            [stale.on_core(3).unwrap(), stale.keyed("x"), stale.with_priority(Priority::High)]
        {
            assert!(role.spawn(|| {}).unwrap().join().unwrap_err().is_expired());
        }
        // The last word on the lane counts.
        let held = hold(&role.on_core(3).unwrap());
        let anywhere = role.on_core(3).unwrap().with_priority(Priority::High);
        assert_ne!(anywhere.spawn(fake_core).unwrap().join().unwrap(), Some(3));
        held.release();
    });
}

#[test]
fn tasks_for_a_core_keep_their_order() {
    watchdog(|| {
        let amp = fake_workers(3, 8).build().unwrap();
        let lane = amp.role(A).unwrap().on_core(1).unwrap();
        let (say, said) = mpsc::channel();
        for number in 0..2_000 {
            let say = say.clone();
            lane.spawn(move || say.send(number).unwrap()).unwrap();
        }
        drop(say);
        assert!(said.iter().eq(0..2_000));
    });
}

/// Suspends once, and hands its waker out.
async fn handed_out(wakers: mpsc::Sender<Waker>) {
    let mut is_first = true;
    poll_fn(move |context| {
        if std::mem::take(&mut is_first) {
            wakers.send(context.waker().clone()).unwrap();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Whoever wakes it: a foreign thread, another core's worker, the future itself.
#[test]
fn a_future_for_a_core_never_leaves_it() {
    watchdog(|| {
        let amp = fake_workers(4, 16).build().unwrap();
        let role = amp.role(A).unwrap();
        let (foreign, wakers) = mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let (crossing, from_crossing) = mpsc::channel::<Waker>();
        let crosser = {
            let role = role.clone();
            std::thread::spawn(move || {
                for (number, waker) in from_crossing.into_iter().enumerate() {
                    drop(role.spawn_on_core(number % 4, || waker.wake()).unwrap());
                }
            })
        };
        let mut handles = Vec::new();
        for number in 0..2_000 {
            let core = number % 4;
            let (foreign, crossing) = (foreign.clone(), crossing.clone());
            let future = async move {
                let mut seen = vec![fake_core()];
                handed_out(foreign).await;
                seen.push(fake_core());
                yield_now().await;
                seen.push(fake_core());
                handed_out(crossing).await;
                seen.push(fake_core());
                seen
            };
            let lane =
                if number % 8 < 4 { role.on_core(core).unwrap() } else { role.keyed(&number) };
            handles.push((number % 8 < 4, core, lane.spawn_future(future).unwrap()));
        }
        for (is_known, core, task) in handles {
            let seen = task.join().unwrap();
            let core = if is_known { Some(core) } else { seen[0] };
            assert_eq!(seen, [core; 4]);
        }
        drop((foreign, crossing));
        waking.join().unwrap();
        crosser.join().unwrap();
        assert_eq!(amp.metrics().live_futures, 0);
    });
}

#[test]
fn a_batch_keeps_its_order_and_hands_back_what_does_not_fit() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let log = Log::default();
            let held = hold(&role);
            let batch = role.try_spawn_batch("abcdef".chars().map(|letter| log.note(letter)));
            assert!(!batch.is_complete());
            assert_eq!((batch.handles.len(), batch.refused.len()), (4, 2));
            held.release();
            for task in batch.handles {
                task.join().unwrap();
            }
            for refused in batch.refused {
                refused();
            }
            assert_eq!(log.text(), "abcdef");
        }
        assert!(amp.shutdown().is_clean());
        let batch = role.try_spawn_batch([|| 1, || 2]);
        assert_eq!((batch.handles.len(), batch.refused.len()), (0, 2));
        let none = role.try_spawn_batch(std::iter::empty::<fn()>());
        assert!(none.is_complete());
    });
}

#[test]
fn each_refused_closure_of_a_batch_is_counted() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        assert_eq!(role.try_spawn_batch([|| (); 7]).refused.len(), 3);
        held.release();
        assert!(amp.shutdown().is_clean());
        assert_eq!(role.try_spawn_batch([|| (); 5]).refused.len(), 5);
        let metrics = amp.metrics();
        let of_role = metrics.role(A).unwrap();
        assert_eq!((of_role.rejected, of_role.rejected_closed), (3, 5));
    });
}

#[test]
fn a_batch_that_waits_for_room_is_admitted_in_order() {
    watchdog(|| {
        for idle in [IdlePolicy::Park, IdlePolicy::Backoff] {
            let role = RoleConfig::new(A).cores([usable()[0]]).capacity(4).idle(idle);
            let amp = AmpExecutor::builder().role(role).build().unwrap();
            let role = amp.role(A).unwrap();
            for _ in 0..100 {
                let (say, said) = mpsc::channel();
                let tasks = (0..50).map(|number| {
                    let say = say.clone();
                    move || say.send(number).unwrap()
                });
                let handles = role.spawn_batch(tasks).unwrap();
                assert_eq!(handles.len(), 50);
                drop(say);
                assert!(said.iter().eq(0..50));
            }
        }
    });
}

#[test]
fn a_batch_that_waits_is_released_by_the_end() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        fill(&role);
        let spawner = {
            let role = role.clone();
            std::thread::spawn(move || role.spawn_batch([|| (); 8]).unwrap_err())
        };
        let closer = std::thread::spawn(move || amp.shutdown());
        assert_eq!(spawner.join().unwrap(), SpawnError::Closed);
        held.release();
        assert!(closer.join().unwrap().is_clean());
    });
}

/// From a worker: the first part is admitted, and the rest could never be.
#[test]
fn a_batch_into_the_own_full_channel() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.clone();
        let error = role.spawn(move || own.spawn_batch([|| (); 3]).unwrap_err());
        assert_eq!(error.unwrap().join().unwrap(), SpawnError::WouldDeadlock(vec![A, A]));
        assert!(amp.shutdown().is_clean());
        assert_eq!(amp.metrics().role(A).unwrap().completed, 3, "the two that had been admitted");
    });
}

const BURST: usize = 800;

fn parked(capacity: usize) -> AmpExecutor {
    let role = RoleConfig::new(A).cores([usable()[0]]).capacity(capacity).idle(IdlePolicy::Park);
    AmpExecutor::builder().role(role).build().unwrap()
}

#[test]
fn a_batch_for_a_parked_role_costs_one_wake() {
    watchdog(|| {
        let amp = parked(BURST);
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            until_asleep(&amp);
            let wakes = amp.metrics().workers[0].wakes;
            let batch = role.try_spawn_batch([|| (); BURST]);
            assert!(batch.is_complete());
            for task in batch.handles {
                task.join().unwrap();
            }
            until_asleep(&amp);
            assert_eq!(amp.metrics().workers[0].wakes, wakes + 1);
        }
    });
}

/// One by one, while the worker that the first one has woken is busy with that.
#[test]
fn a_burst_for_a_parked_role_costs_one_wake() {
    watchdog(|| {
        let amp = parked(BURST);
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            until_asleep(&amp);
            let wakes = amp.metrics().workers[0].wakes;
            let held = hold(&role);
            let burst = fill(&role);
            assert_eq!(burst.len(), BURST);
            held.release();
            for task in burst {
                task.join().unwrap();
            }
            until_asleep(&amp);
            assert_eq!(amp.metrics().workers[0].wakes, wakes + 1);
        }
    });
}

/// One wake-up for the batch; the workers wake each other.
#[test]
fn a_batch_occupies_all_workers() {
    watchdog(|| {
        let amp = fake_workers(4, 16).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let together = Arc::new(Barrier::new(4));
            let batch = role.try_spawn_batch((0..4).map(|_| {
                let together = Arc::clone(&together);
                move || {
                    together.wait();
                }
            }));
            for task in batch.handles {
                task.join().unwrap();
            }
        }
    });
}

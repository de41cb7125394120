//! Full channels: who gets what back, who waits, who is released.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, RoleConfig, Spawn, SpawnError, TrySpawnError, block_on};
use support::{A, B, fill, hold, one_role, two_roles, until, usable, watchdog};

#[test]
fn the_capacity_is_exact() {
    watchdog(|| {
        for capacity in [1, 3, 5] {
            let amp = one_role(capacity).build().unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            assert_eq!((role.capacity(), role.depth(), role.workers()), (capacity, 0, 1));
            let queued = fill(&role);
            assert_eq!(queued.len(), capacity);
            assert_eq!(role.depth(), capacity);
            assert!(role.try_spawn(|| {}).unwrap_err().is_full());
            assert_eq!(amp.metrics().role(A).unwrap().rejected, 1);
            held.release();
            for task in queued {
                task.join().unwrap();
            }
        }
    });
}

#[test]
fn closures_and_futures_come_back() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        fill(&role);
        let value = String::from("kept");
        let TrySpawnError::Full(f) = role.try_spawn(move || value).unwrap_err() else { panic!() };
        assert_eq!(f(), "kept");
        let TrySpawnError::Full(f) = role.try_spawn_future(async { "future" }).unwrap_err() else {
            panic!()
        };
        assert_eq!(block_on(f), "future");
        let TrySpawnError::Full(f) = amp.try_spawn_in(A, || 5).unwrap_err() else { panic!() };
        assert_eq!(f(), 5);
        let TrySpawnError::UnknownRole(f) = amp.try_spawn_in(B, || 6).unwrap_err() else {
            panic!()
        };
        assert_eq!(f(), 6);
        held.release();
        assert!(amp.shutdown().is_clean());
        let TrySpawnError::Closed(f) = role.try_spawn(|| 7).unwrap_err() else { panic!() };
        assert_eq!(f(), 7);
        let TrySpawnError::Closed(f) = role.try_spawn_future(async { 8 }).unwrap_err() else {
            panic!()
        };
        assert_eq!(block_on(f), 8);
    });
}

#[test]
fn a_blocked_spawner_goes_on_when_there_is_room() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let held = hold(&role);
            fill(&role);
            let (begin, begun) = mpsc::channel();
            let spawners: Vec<_> = (0..3)
                .map(|number| {
                    let (role, begin) = (role.clone(), begin.clone());
                    std::thread::spawn(move || {
                        begin.send(()).unwrap();
                        match number {
                            0 => role.spawn(move || number).unwrap().join().unwrap(),
                            1 => role.spawn_future(async move { number }).unwrap().join().unwrap(),
                            _ => block_on(role.spawn_wait(move || number)).unwrap().join().unwrap(),
                        }
                    })
                })
                .collect();
            for _ in 0..3 {
                begun.recv().unwrap();
            }
            held.release();
            let numbers: Vec<_> = spawners.into_iter().map(|s| s.join().unwrap()).collect();
            assert_eq!(numbers, [0, 1, 2]);
        }
    });
}

#[test]
fn a_timeout_hands_the_closure_back() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        fill(&role);
        let begun = Instant::now();
        let timeout = Duration::from_millis(30);
        let TrySpawnError::Full(f) = role.spawn_timeout(timeout, || 9).unwrap_err() else {
            panic!()
        };
        assert!(begun.elapsed() >= timeout);
        assert!(role.spawn_timeout(Duration::ZERO, || 1).unwrap_err().is_full());
        held.release();
        assert_eq!(role.spawn_timeout(Duration::MAX, f).unwrap().join().unwrap(), 9);
    });
}

#[test]
fn a_close_releases_everybody_who_waits() {
    watchdog(|| {
        let amp = Arc::new(one_role(1).build().unwrap());
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        fill(&role);
        let (begin, begun) = mpsc::channel();
        let spawner = |wait: fn(&amp_executor::RoleHandle) -> bool| {
            let (role, begin) = (role.clone(), begin.clone());
            std::thread::spawn(move || {
                begin.send(()).unwrap();
                wait(&role)
            })
        };
        let spawners = [
            spawner(|role| role.spawn(|| {}).unwrap_err() == SpawnError::Closed),
            spawner(|role| role.spawn_future(async {}).unwrap_err() == SpawnError::Closed),
            spawner(|role| role.spawn_timeout(Duration::MAX, || {}).unwrap_err().is_closed()),
            spawner(|role| block_on(role.spawn_wait(|| {})).unwrap_err() == SpawnError::Closed),
        ];
        for _ in &spawners {
            begun.recv().unwrap();
        }
        let closer = {
            let amp = Arc::clone(&amp);
            std::thread::spawn(move || amp.shutdown())
        };
        // The worker is still held: it is the close alone that releases them.
        for spawner in spawners {
            assert!(spawner.join().unwrap());
        }
        held.release();
        assert!(closer.join().unwrap().is_clean());
    });
}

struct CountWakes(AtomicUsize);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_spawn_wait_that_is_dropped_drops_its_closure_and_passes_the_room_on() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        fill(&role);
        let closure_lives = Arc::new(());
        let in_closure = Arc::clone(&closure_lives);
        let wakes = Arc::new(CountWakes(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        let mut first = Box::pin(role.spawn_wait(move || {
            let _keep = in_closure;
            unreachable!("dropped before it was admitted")
        }));
        assert!(first.as_mut().poll(&mut context).is_pending());
        let second = role.spawn_wait(|| "second");
        let mut second = pin!(second);
        assert!(second.as_mut().poll(&mut context).is_pending());
        held.release();
        // The first has been notified, and goes away: the second gets the notification, which may come
        // before or after, so that it is asked for its answer alone.
        until(|| wakes.0.load(Ordering::SeqCst) >= 1);
        drop(first);
        assert_eq!(Arc::strong_count(&closure_lives), 1);
        until(|| wakes.0.load(Ordering::SeqCst) >= 2);
        let Poll::Ready(handle) = second.as_mut().poll(&mut context) else { panic!("no room") };
        assert_eq!(handle.unwrap().join().unwrap(), "second");
    });
}

#[test]
fn one_producers_tasks_run_in_their_order() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let (say, said) = mpsc::channel();
        for number in 0..2_000 {
            let say = say.clone();
            role.spawn(move || say.send(number).unwrap()).unwrap();
        }
        drop(say);
        assert!(said.iter().eq(0..2_000));
    });
}

/// Many producers through channels of capacity one, with all idle policies: nothing is lost, nobody hangs.
#[test]
fn producers_on_many_threads_lose_nothing() {
    watchdog(|| {
        use amp_executor::IdlePolicy::{Backoff, Park};
        for (idle, capacity) in [(Park, 1), (Backoff, 1), (Park, 2), (Park, 64)] {
            let cores = usable();
            let amp = AmpExecutor::builder()
                .role(RoleConfig::new(A).cores(cores).capacity(capacity).idle(idle))
                .build()
                .unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            let producers: Vec<_> = (0..4)
                .map(|_| {
                    let (role, ran) = (amp.role(A).unwrap(), Arc::clone(&ran));
                    std::thread::spawn(move || {
                        for _ in 0..1_000 {
                            let ran = Arc::clone(&ran);
                            role.spawn(move || ran.fetch_add(1, Ordering::Relaxed)).unwrap();
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.join().unwrap();
            }
            let _ = amp.shutdown();
            assert_eq!(ran.load(Ordering::Relaxed), 4_000);
            let metrics = amp.metrics();
            let role = metrics.role(A).unwrap();
            assert_eq!((role.admitted, role.tasks_run, role.rejected), (4_000, 4_000, 0));
        }
    });
}

/// A role that waits for the other one's room in a future holds no thread.
#[test]
fn awaiting_room_needs_no_thread() {
    watchdog(|| {
        let amp = two_roles(1).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let held = hold(&b);
        fill(&b);
        let to_b = b.clone();
        let waiting =
            a.spawn_future(async move { to_b.spawn_wait(|| 5).await.unwrap().await.unwrap() });
        let waiting = waiting.unwrap();
        assert_eq!(a.spawn(|| "a is free").unwrap().join().unwrap(), "a is free");
        held.release();
        assert_eq!(waiting.join().unwrap(), 5);
    });
}

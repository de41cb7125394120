//! The deterministic executor.

mod support;

use std::collections::HashSet;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use executor_common::panic::payload_text;
use executor_common::test_util::{REPLAY_VARIABLE, TestExecutor};
use executor_common::{
    CancellationToken, JoinHandle, JoinSet, Role, Spawn, SpawnError, block_on, yield_now,
};

const DB: Role = Role::new("db");
const SECOND: Duration = Duration::from_secs(1);

type Log<T> = Arc<Mutex<Vec<T>>>;

/// What the test says when it fails.
fn failure(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("it fails");
    payload_text(&*payload).to_owned()
}

/// In which order three tasks of three steps go on.
fn order(seed: u64) -> Vec<(u32, u32)> {
    let executor = TestExecutor::new(seed);
    let log = Log::default();
    for task in 0..3 {
        let log = Arc::clone(&log);
        drop(executor.spawn_future(async move {
            for step in 0..3 {
                log.lock().unwrap().push((task, step));
                yield_now().await;
            }
        }));
    }
    executor.run();
    log.lock().unwrap().clone()
}

#[test]
fn the_same_seed_has_the_same_order() {
    for seed in 0..100 {
        assert_eq!(order(seed), order(seed));
    }
}

#[test]
fn different_seeds_reach_all_orders() {
    let first_steps = |seed| -> Vec<u32> {
        order(seed).into_iter().filter(|(_, step)| *step == 0).map(|(task, _)| task).collect()
    };
    let reached: HashSet<_> = (0..200).map(first_steps).collect();
    assert_eq!(reached.len(), 6, "three tasks begin in six orders");
    let whole: HashSet<_> = (0..200).map(order).collect();
    assert!(whole.len() > 150, "of 1,680 orders {} were met", whole.len());
}

#[test]
fn the_order_is_the_same_in_each_process() {
    let tasks: Vec<u32> = order(7).into_iter().map(|(task, _)| task).collect();
    assert_eq!(tasks, [1, 0, 2, 2, 0, 1, 0, 1, 2]);
}

#[test]
fn time_passes_when_nothing_is_ready() {
    TestExecutor::check(0..100, |executor| {
        let log = Log::default();
        let sleepers: Vec<_> = [3, 1, 2]
            .into_iter()
            .map(|seconds| {
                let (clock, log) = (executor.handle(), Arc::clone(&log));
                executor.spawn_future(async move {
                    clock.sleep(seconds * SECOND).await;
                    assert_eq!(clock.now(), seconds * SECOND);
                    log.lock().unwrap().push(seconds);
                    for _ in 0..10 {
                        yield_now().await;
                    }
                    assert_eq!(
                        clock.now(),
                        seconds * SECOND,
                        "no time passes while a task is ready"
                    );
                })
            })
            .collect();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        assert_eq!(*log.lock().unwrap(), [1, 2, 3]);
        assert_eq!(executor.now(), 3 * SECOND);
    });
}

#[test]
fn those_that_are_due_together_are_ready_in_any_order() {
    let reached: HashSet<Vec<u32>> = (0..100)
        .map(|seed| {
            let executor = TestExecutor::new(seed);
            let log = Log::default();
            for task in 0..3 {
                let (clock, log) = (executor.handle(), Arc::clone(&log));
                drop(executor.spawn_future(async move {
                    clock.sleep_until(SECOND).await;
                    log.lock().unwrap().push(task);
                }));
            }
            executor.run();
            log.lock().unwrap().clone()
        })
        .collect();
    assert_eq!(reached.len(), 6);
}

#[test]
fn a_timer_that_is_dropped_holds_nobody_up() {
    let executor = TestExecutor::new(0);
    let clock = executor.handle();
    executor.block_on(async {
        let mut long = std::pin::pin!(clock.sleep(3600 * SECOND));
        let mut short = std::pin::pin!(clock.sleep(SECOND));
        poll_fn(|context| match long.as_mut().poll(context) {
            Poll::Pending => short.as_mut().poll(context),
            ready => ready,
        })
        .await;
    });
    assert_eq!(executor.now(), SECOND);
    executor.run();
    assert_eq!(executor.now(), SECOND, "nobody waits for the long one any more");
}

#[test]
fn waits_with_a_limit_are_in_virtual_time() {
    let executor = TestExecutor::new(0);
    let clock = executor.handle();
    let task = executor.spawn_future(async move { clock.sleep(10 * SECOND).await });
    let task = task.join_timeout(4 * SECOND).expect_err("it takes longer");
    assert_eq!(executor.now(), 4 * SECOND);
    task.join_timeout(100 * SECOND).expect("it is done by then").unwrap();
    assert_eq!(executor.now(), 10 * SECOND);
}

/// A flag that somebody waits for. With `is_repaired` the flag is looked at once more after the waker has been left.
fn set_and_wait(executor: &impl Spawn, is_repaired: bool) -> JoinHandle<()> {
    #[derive(Default)]
    struct Flag {
        is_set: bool,
        waker: Option<Waker>,
    }
    let flag = Arc::new(Mutex::new(Flag::default()));
    let waited = Arc::clone(&flag);
    let waiter = executor.spawn_future_in(DB, async move {
        while !waited.lock().unwrap().is_set {
            yield_now().await;
            let mut is_left = false;
            poll_fn(|context| {
                let mut flag = waited.lock().unwrap();
                if std::mem::replace(&mut is_left, true) || (is_repaired && flag.is_set) {
                    return Poll::Ready(());
                }
                flag.waker = Some(context.waker().clone());
                Poll::Pending
            })
            .await;
        }
    });
    let setter = executor.spawn_in(DB, move || {
        let mut flag = flag.lock().unwrap();
        flag.is_set = true;
        if let Some(waker) = flag.waker.take() {
            waker.wake();
        }
    });
    setter.expect("it takes tasks").join().expect("it sets the flag");
    waiter.expect("it takes tasks")
}

#[test]
fn a_lost_wake_up_is_found_and_its_seed_is_said() {
    let lost = |executor: &TestExecutor| set_and_wait(executor, false).join().unwrap();
    let text = failure(|| TestExecutor::check(0..1000, lost));
    let seed: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(text.contains(&format!("{REPLAY_VARIABLE}={seed}")), "{text}");
    assert!(text.contains("deadlock") && text.contains("role \"db\""), "{text}");
    // The seed has it again, and no seed has it where the mistake is not.
    assert_eq!(failure(|| TestExecutor::check([seed], lost)), text);
    TestExecutor::check(0..1000, |executor| set_and_wait(executor, true).join().unwrap());
}

#[test]
fn tasks_wait_for_tasks() {
    TestExecutor::check(0..100, |executor| {
        let handle = executor.handle();
        let clock = executor.handle();
        let slow = executor.spawn_future(async move {
            clock.sleep(SECOND).await;
            7
        });
        // A closure waits for a future that is not ready, a future for a closure that waits, a set for many.
        let closure = executor.spawn(move || slow.join().unwrap() + 1);
        let future = executor.spawn_future(async move { closure.await.unwrap() + 1 });
        let set = executor.spawn(move || {
            let mut set: JoinSet<u32> = (0..10).map(|n| handle.spawn(move || n)).collect();
            let mut sum = 0;
            while let Some(n) = set.join_next() {
                sum += n.unwrap();
            }
            sum + handle.spawn(|| block_on(async { 5 })).join().unwrap()
        });
        assert_eq!(future.join().unwrap(), 9);
        assert_eq!(set.join().unwrap(), 50);
        executor.run();
    });
}

#[test]
fn what_is_aborted_or_cancelled_ends_as_on_the_executors() {
    TestExecutor::check(0..100, |executor| {
        let unstarted = executor.spawn(|| panic!("it runs"));
        unstarted.abort();
        assert!(unstarted.join().unwrap_err().is_cancelled());

        let suspended = executor.spawn_future(std::future::pending::<()>());
        executor.run_ready();
        suspended.abort();
        assert!(suspended.join().unwrap_err().is_cancelled());

        let token = CancellationToken::new();
        let waiting = executor.spawn_future({
            let token = token.clone();
            async move { token.cancelled().await }
        });
        executor.run_ready();
        assert!(!waiting.is_finished());
        token.cancel();
        waiting.join().unwrap();
    });
}

#[test]
fn a_panic_is_the_handles() {
    TestExecutor::check(0..10, |executor| {
        let error = executor.spawn(|| panic!("of a closure")).join().unwrap_err();
        assert_eq!(payload_text(&*error.into_panic()), "of a closure");
        drop(executor.spawn_future(async { panic!("of a future") }));
        executor.run();
        let panics = executor.take_panics();
        assert_eq!(panics.iter().map(|panic| panic.message()).collect::<Vec<_>>(), ["of a future"]);
    });
}

#[test]
fn a_panic_that_nobody_asks_for_fails_the_check() {
    let text = failure(|| {
        TestExecutor::check([3], |executor| {
            drop(executor.spawn(|| panic!("unheard of")));
            executor.run();
        });
    });
    assert!(text.starts_with("seed 3 ") && text.contains("unheard of"), "{text}");
}

#[test]
fn a_deadlock_names_who_waits() {
    let test = |executor: &TestExecutor| {
        let (left, right) = (CancellationToken::new(), CancellationToken::new());
        let waits = |first: CancellationToken, then: CancellationToken| async move {
            first.cancelled().await;
            then.cancel();
        };
        drop(executor.spawn_future_in(DB, waits(left.clone(), right.clone())));
        let second = executor.spawn_future(waits(right, left));
        // It catches the panic; the check fails nevertheless.
        let blocked = executor.spawn(move || {
            let caught = catch_unwind(AssertUnwindSafe(|| second.join()));
            assert!(caught.is_err());
        });
        blocked.join().unwrap();
    };
    let text = failure(|| TestExecutor::check([0], test));
    for part in
        ["task 1 of role \"db\", spawned at ", "test_executor.rs", "task 2, ", "blocks the thread"]
    {
        assert!(text.contains(part), "\"{part}\" is missing in: {text}");
    }
    assert!(failure(|| TestExecutor::new(0).block_on(std::future::pending())).contains("deadlock"));
}

#[test]
fn a_livelock_ends() {
    let text = failure(|| {
        TestExecutor::builder().max_steps(1000).check([0], |executor| {
            let never = executor.spawn_future(async {
                loop {
                    yield_now().await;
                }
            });
            never.join().unwrap()
        });
    });
    assert!(text.contains("livelock: no end after 1000 steps; not done:\n  task 1"), "{text}");
}

#[test]
fn a_bounded_role_makes_its_spawners_wait() {
    TestExecutor::builder().capacity(DB, 2).check(0..100, |executor| {
        let handle = executor.handle();
        let (begin, begun) = mpsc::channel();
        let producer = executor.spawn(move || {
            for n in 0..20 {
                let begin = begin.clone();
                drop(handle.spawn_in(DB, move || begin.send(n).unwrap()).unwrap());
            }
        });
        producer.join().unwrap();
        let early = begun.try_iter().count();
        assert!(early >= 18, "at most two wait, and {early} have begun");
        executor.run();
        assert_eq!(early + begun.try_iter().count(), 20);

        let _queued =
            (executor.try_spawn_in(DB, || ()).unwrap(), executor.try_spawn_in(DB, || ()).unwrap());
        let seven = executor.try_spawn_in(DB, || 7).unwrap_err();
        assert!(seven.is_full());
        assert_eq!(executor.spawn_in(DB, seven.into_inner()).unwrap().join().unwrap(), 7);
    });
}

#[test]
fn futures_that_have_begun_take_no_room() {
    TestExecutor::builder().capacity(DB, 1).check(0..10, |executor| {
        let token = CancellationToken::new();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let token = token.clone();
                executor.spawn_future_in(DB, async move { token.cancelled().await }).unwrap()
            })
            .collect();
        token.cancel();
        waiting.into_iter().for_each(|waiting| waiting.join().unwrap());
    });
}

#[test]
fn the_end_cancels_what_is_left() {
    let executor = TestExecutor::new(0);
    let handle = executor.handle();
    let dropped = Arc::new(());
    let held = Arc::clone(&dropped);
    let suspended = executor.spawn_future(async move {
        handle.sleep(SECOND).await;
        drop(held);
    });
    executor.run_ready();
    let unstarted = executor.spawn(|| panic!("it runs"));
    let handle = executor.handle();
    drop(executor);
    assert!(unstarted.join().unwrap_err().is_cancelled());
    assert!(suspended.join().unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&dropped), 1);
    assert!(handle.spawn(|| ()).join().unwrap_err().is_cancelled());
    assert_eq!(handle.spawn_in(DB, || ()).unwrap_err(), SpawnError::Closed);
    assert!(handle.try_spawn_in(DB, || ()).unwrap_err().is_closed());
    // And the thread is free for another one.
    assert_eq!(TestExecutor::new(1).spawn(|| 1).join().unwrap(), 1);
}

#[test]
fn one_executor_per_thread() {
    let _first = TestExecutor::new(0);
    assert!(failure(|| drop(TestExecutor::new(1))).contains("another executor"));
}

#[test]
fn another_thread_may_spawn() {
    support::watched(|| {
        let executor = TestExecutor::new(0);
        let handle = executor.handle();
        let task = std::thread::spawn(move || handle.spawn(std::thread::current)).join().unwrap();
        assert_eq!(task.join().unwrap().id(), std::thread::current().id());
    });
}

#[test]
fn the_environment_replays_a_seed() {
    const NAME: &str = "the_environment_replays_a_seed";
    if std::env::var_os(REPLAY_VARIABLE).is_some() {
        return TestExecutor::check(0..5, |executor| println!("[seed {}]", executor.seed()));
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(REPLAY_VARIABLE, "1234567890123")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("[seed ").count(), 1, "{text}");
    assert!(text.contains("[seed 1234567890123]"), "{text}");
}

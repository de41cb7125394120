//! Closures on an SMP executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use executor_common::sync::atomic::{AtomicU64, Ordering};
use executor_common::{Priority, Role, Spawn, block_on, blocking};
use rand::RngExt;
use rand::seq::SliceRandom;

use super::Smp;
use crate::soak::actor::Actor;
use crate::soak::task::{Planned, Stall, Taken};

/// Closures from outside: waited for in any order, for a while, aborted, let go.
pub(super) fn spawn(actor: &mut Actor, smp: &Smp) {
    let mut taken: Vec<_> = (0..actor.size(48))
        .map(|_| {
            let (work, pending) = actor.make.closure_or_bomb(smp.book);
            Taken { pending, handle: smp.handle.spawn(move || work.run()) }
        })
        .collect();
    taken.shuffle(&mut actor.make.rng);
    actor.at("joins closures");
    for Taken { pending, mut handle } in taken {
        match actor.make.rng.random_range(0..10) {
            0 => {
                drop(handle);
                pending.detach();
            }
            1 => {
                handle.abort();
                pending.join(handle);
            }
            2 => {
                let result = loop {
                    match handle.join_timeout(Duration::from_micros(200)) {
                        Ok(result) => break result,
                        Err(again) => handle = again,
                    }
                };
                pending.settle(&result);
            }
            3 => pending.settle(&block_on(handle)),
            _ => pending.join(handle),
        }
    }
}

/// Closures that spawn, from their workers, and wait for some of what they have spawned.
pub(super) fn nested(actor: &mut Actor, smp: &Smp) {
    let (send, receive) = mpsc::channel();
    let mut outer = Vec::new();
    for _ in 0..actor.size(8) {
        let (work, pending) = actor.make.closure(smp.book);
        let (mut make, book) = (actor.make.fork(), smp.book);
        let (inner, send) = (smp.handle.clone(), send.clone());
        let handle = smp.handle.spawn(move || {
            for _ in 0..make.rng.random_range(0..8) {
                let (work, pending) = make.closure_or_bomb(book);
                let handle = if make.chance(50) {
                    smp_executor::spawn(move || work.run())
                } else {
                    inner.spawn(move || work.run())
                };
                if make.chance(50) {
                    book.add_in_place(1);
                    pending.join(handle);
                } else if send.send(Taken { pending, handle }).is_err() {
                    unreachable!("the actor waits for all senders");
                }
            }
            work.run()
        });
        outer.push(Taken { pending, handle });
    }
    drop(send);
    actor.at("joins closures that spawn");
    outer.into_iter().for_each(Taken::join);
    actor.at("joins nested closures");
    receive.iter().for_each(Taken::join);
}

/// Forks, as deep as it goes; now and then one panics.
pub(super) fn join_tree(actor: &mut Actor, smp: &Smp) {
    fn fib(n: u32, throws_at: u32) -> u64 {
        if n == throws_at {
            std::panic::panic_any(Planned);
        }
        if n < 2 {
            return u64::from(n);
        }
        let (left, right) = smp_executor::join(|| fib(n - 1, throws_at), || fib(n - 2, throws_at));
        left + right
    }
    let n = actor.make.rng.random_range(5..16);
    let throws_at = if actor.make.chance(5) { n / 2 } else { u32::MAX };
    let serial = (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0;
    actor.at("joins a tree of forks");
    let result = smp.with(|executor| {
        catch_unwind(AssertUnwindSafe(|| {
            executor.install(|| {
                smp.count_if_on_worker();
                fib(n, throws_at)
            })
        }))
    });
    match result {
        None => {}
        Some(Ok(sum)) if sum == serial && throws_at == u32::MAX => {}
        Some(Err(payload)) if payload.is::<Planned>() && throws_at != u32::MAX => {}
        Some(other) => actor.fault(&format!("the tree of {n} gave {:?}", other.ok())),
    }
}

/// Tasks that borrow, some of them in scopes that are cancelled.
pub(super) fn scope(actor: &mut Actor, smp: &Smp) {
    let ran = AtomicU64::new(0);
    let (first, cancels) = (actor.size(16), smp.cancels_scopes && actor.make.chance(30));
    let mut make = actor.make.fork();
    actor.at("waits for a scope");
    let ended = smp.with(|executor| {
        catch_unwind(AssertUnwindSafe(|| {
            executor.scope(|scope| {
                for index in 0..first {
                    let (work, pending) = make.closure(smp.book);
                    let children: Vec<_> = (0..make.rng.random_range(0..4))
                        .map(|_| make.closure(smp.book))
                        .map(|(work, pending)| {
                            smp.let_scope_have(pending, cancels);
                            work
                        })
                        .collect();
                    smp.let_scope_have(pending, cancels);
                    let ran = &ran;
                    scope.spawn(move |scope| {
                        for work in children {
                            scope.spawn(move |_| {
                                work.run();
                            });
                        }
                        ran.fetch_add(1, Ordering::Relaxed);
                        work.run();
                    });
                    if cancels && index == first / 2 {
                        scope.cancel();
                    }
                }
            });
        }))
    });
    match ended {
        Some(Err(payload)) if !payload.is::<Planned>() => {
            actor.fault("a scope panicked with a payload of nobody's");
        }
        Some(_) if ran.load(Ordering::Relaxed) > first as u64 => {
            actor.fault("a scope ran a task twice");
        }
        _ => {}
    }
}

/// `for_each`, `map_reduce` and `sort` over what the actor has.
pub(super) fn loops(actor: &mut Actor, smp: &Smp) {
    let len = actor.size(5000);
    let mut list: Vec<u64> = (0..len).map(|_| actor.make.rng.random_range(0..1000)).collect();
    let sum: u64 = list.iter().sum();
    actor.at("runs a loop");
    let result = smp.with(|executor| {
        executor.install(|| {
            smp.count_if_on_worker();
            smp_executor::for_each(&mut list[..], |each| *each += 1);
            let sum = smp_executor::map_reduce(&list[..], || 0, |each| *each, |a, b| a + b);
            smp_executor::sort(&mut list[..]);
            sum
        })
    });
    let Some(result) = result else { return };
    if result != sum + len as u64 || !list.is_sorted() || list.iter().sum::<u64>() != result {
        actor.fault(&format!("loops over {len} numbers gave {result} after {sum}"));
    }
}

/// Closures of all priorities, for one worker, and with labels.
pub(super) fn priorities(actor: &mut Actor, smp: &Smp) {
    const LABEL: Role = Role::new("soak");
    let mut taken = Vec::new();
    for _ in 0..actor.size(32) {
        let way = actor.make.rng.random_range(0..5);
        let (work, pending) = match way {
            0..4 => actor.make.closure_or_bomb(smp.book),
            // What is refused is dropped in the caller's hands.
            _ => actor.make.closure(smp.book),
        };
        let handle = match way {
            0 => smp.handle.spawn_with(Priority::High, move || work.run()),
            1 => smp.handle.spawn_with(Priority::Low, move || work.run()),
            2 => smp.handle.spawn_with(Priority::Normal, move || work.run()),
            3 => {
                let worker = actor.make.rng.random_range(0..smp.handle.workers());
                smp.handle.spawn_on(worker, move || work.run())
            }
            _ => match smp.handle.spawn_in(LABEL, move || work.run()) {
                Ok(handle) => handle,
                Err(_) => {
                    pending.refused();
                    continue;
                }
            },
        };
        if actor.make.chance(10) {
            handle.abort();
        }
        taken.push(Taken { pending, handle });
    }
    actor.at("joins closures of all priorities");
    taken.into_iter().for_each(Taken::join);
}

/// Closures that are refused where there is no room, and some that wait for room, also until the actor changes its mind.
pub(super) fn admission(actor: &mut Actor, smp: &Smp) {
    let mut taken = Vec::new();
    for _ in 0..actor.size(48) {
        let (work, pending) = actor.make.closure(smp.book);
        if actor.make.chance(60) {
            match smp.handle.try_spawn(move || work.run()) {
                Ok(handle) => taken.push(Taken { pending, handle }),
                Err(error) => {
                    drop(error.into_inner());
                    pending.refused();
                }
            }
            continue;
        }
        let room = smp.handle.spawn_wait(move || work.run());
        if actor.make.chance(20) {
            // Polled once at most, then dropped: the closure may have been admitted.
            let admitted = block_on(futures_lite::future::poll_once(room));
            match admitted {
                Some(Ok(handle)) => taken.push(Taken { pending, handle }),
                Some(Err(_)) | None => pending.refused(),
            }
            continue;
        }
        actor.at("waits for room");
        match block_on(room) {
            Ok(handle) => taken.push(Taken { pending, handle }),
            Err(_) => pending.refused(),
        }
    }
    actor.at("joins closures that had waited for room");
    taken.into_iter().for_each(Taken::join);
}

/// One closure on every worker.
pub(super) fn broadcast(actor: &mut Actor, smp: &Smp) {
    let calls = AtomicU64::new(0);
    let throws = actor.make.chance(5);
    actor.at("waits for a broadcast");
    let result = smp.with(|executor| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            executor.broadcast(|worker| {
                calls.fetch_add(1, Ordering::Relaxed);
                smp.book.add_extra(1);
                if throws && worker == 0 {
                    std::panic::panic_any(Planned);
                }
                worker
            })
        }));
        (result, executor.workers())
    });
    let calls = calls.load(Ordering::Relaxed);
    if let Some((_, workers)) = &result {
        // Where the executor has ended, the others were cancelled.
        smp.book.add_loose(*workers as u64 - calls);
    }
    match result {
        Some((Ok(list), workers)) if list.len() > workers || list.len() as u64 != calls => {
            actor.fault(&format!("a broadcast to {workers} gave {list:?} after {calls} calls"));
        }
        Some((Err(payload), _)) if !payload.is::<Planned>() => {
            actor.fault("a broadcast panicked with a payload of nobody's");
        }
        _ => {}
    }
    std::thread::sleep(Duration::from_millis(1));
}

/// Closures that block their worker, and wait for others.
pub(super) fn block(actor: &mut Actor, smp: &Smp) {
    let mut taken = Vec::new();
    for _ in 0..actor.size(8) {
        let (work, pending) = actor.make.closure(smp.book);
        let (mut make, book) = (actor.make.fork(), smp.book);
        let time = Duration::from_micros(make.rng.random_range(50..3000));
        let handle = smp.handle.spawn(move || {
            blocking(|| Stall::Sleep(time).pass());
            if make.chance(30) {
                let (work, pending) = make.closure(book);
                book.add_in_place(1);
                pending.join(smp_executor::spawn(move || work.run()));
            }
            work.run()
        });
        taken.push(Taken { pending, handle });
    }
    actor.at("joins closures that block");
    taken.into_iter().for_each(Taken::join);
}

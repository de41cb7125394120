//! Waits for room, calls, futures and state on an AMP executor.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use amp_executor::{CallError, JoinSet, SpawnError, block_on, yield_now};
use executor_common::JoinError;
use rand::RngExt;
use tokio::sync::oneshot;

use super::spawns::{finish, taken, taken_or_gone};
use super::{Amp, BACK, FRONT, Rows, STATE};
use crate::soak::actor::Actor;
use crate::soak::task::{LetGo, Pending, Stall, Taken};

/// Futures that wait for room; some are dropped while they do.
pub(super) fn room(actor: &mut Actor, amp: &Amp) {
    let one = amp.any(actor).clone();
    let mut all = Vec::new();
    for _ in 0..actor.size(32) {
        let (work, pending) = actor.make.closure(one.book);
        let room = one.handle.spawn_wait(amp.strictly(actor.make.soak, one.role, work));
        if actor.make.chance(30) {
            match block_on(futures_lite::future::poll_once(room)) {
                Some(result) => all.extend(taken_or_gone(pending, result)),
                None => {
                    // Withdrawn: the executor has refused nothing.
                    one.book.add_extra(1);
                    pending.refused();
                }
            }
            continue;
        }
        actor.at("waits for room");
        all.extend(taken_or_gone(pending, block_on(room)));
    }
    actor.at("joins closures that had waited for room");
    finish(actor, all);
}

/// What a call came to.
fn settle_call(pending: Pending, result: Result<u64, CallError>) {
    match result {
        Ok(number) => pending.settle(&Ok(number)),
        Err(CallError::Join(error)) => pending.settle(&Err::<u64, JoinError>(error)),
        // It was refused for want of room, or is cancelled where it waits, or runs already.
        Err(CallError::Spawn(SpawnError::WouldDeadlock(_))) => pending.detach_loose(),
        Err(_) => pending.refused(),
    }
}

/// Futures that call other roles; some are aborted in the middle of it.
pub(super) fn calls(actor: &mut Actor, amp: &Amp) {
    let mut all = Vec::new();
    actor.at("spawns futures that call");
    for _ in 0..actor.size(24) {
        let (one, other) = (amp.any(actor).clone(), amp.any(actor).clone());
        let (work, pending) = actor.make.future(one.book);
        let mut make = actor.make.fork();
        let wait = async move {
            for _ in 0..make.rng.random_range(1..3) {
                let (work, pending) = make.closure(other.book);
                let pending = LetGo::loosely(pending);
                let result = other.handle.call(move || work.run()).await;
                if let Some(pending) = pending.keep() {
                    settle_call(pending, result);
                }
            }
        };
        all.extend(taken_or_gone(pending, one.handle.spawn_future(work.run_async(wait))));
    }
    actor.at("joins futures that call");
    finish(actor, all);
}

/// Closures of front and back that call each other, blocking their workers: where that would never end, they are told.
pub(super) fn blocking_calls(actor: &mut Actor, amp: &Amp) {
    let mut all = Vec::new();
    actor.at("spawns closures that call");
    for _ in 0..actor.size(8) {
        let (one, other) = if actor.make.chance(50) { (FRONT, BACK) } else { (BACK, FRONT) };
        let (one, other) = (amp.of(one).clone(), amp.of(other).clone());
        let (work, pending) = actor.make.closure(one.book);
        let work = amp.strictly(actor.make.soak, one.role, work);
        let mut make = actor.make.fork();
        let result = one.handle.spawn(move || {
            let (inner, pending) = make.closure(other.book);
            settle_call(pending, other.handle.call_blocking(move || inner.run()));
            work()
        });
        all.extend(taken_or_gone(pending, result));
    }
    let one = amp.any(actor).clone();
    let (work, pending) = actor.make.closure(one.book);
    actor.at("calls from outside");
    settle_call(pending, one.handle.call_blocking(move || work.run()));
    actor.at("joins closures that call");
    finish(actor, all);
}

/// Futures that other threads wake, and that yield.
pub(super) fn futures(actor: &mut Actor, amp: &Amp) {
    let one = amp.any(actor).clone();
    let soak = actor.make.soak;
    let (mut senders, mut all) = (Vec::new(), Vec::new());
    actor.at("spawns futures");
    for _ in 0..actor.size(24) {
        let (send, receive) = oneshot::channel::<()>();
        let (work, pending) = actor.make.future(one.book);
        let (yields, role) = (actor.make.rng.random_range(0..3), one.role);
        let wait = async move {
            for _ in 0..yields {
                yield_now().await;
            }
            // Whether it was sent or its sender is gone, the wait is over.
            let _ = receive.await;
            super::check_place(soak, role, false);
        };
        let future = work.run_async(wait);
        all.extend(if actor.make.chance(50) {
            taken(pending, one.handle.try_spawn_future(future))
        } else {
            taken_or_gone(pending, one.handle.spawn_future(future))
        });
        senders.push((send, Stall::random(&mut actor.make.rng)));
    }
    let sends = std::thread::spawn(move || {
        for (send, stall) in senders {
            stall.pass();
            // The future may have been cancelled.
            let _ = send.send(());
        }
    });
    actor.at("joins futures that another thread wakes");
    finish(actor, all);
    actor.at("joins the thread that woke futures");
    if sends.join().is_err() {
        actor.fault("a thread that wakes futures panicked");
    }
}

/// Closures that use what is on their worker, and futures that stay there.
pub(super) fn state(actor: &mut Actor, amp: &Amp) {
    let one = amp.of(STATE).clone();
    let mut all = Vec::new();
    actor.at("spawns closures for state");
    for _ in 0..actor.size(24) {
        let key = actor.make.rng.random_range(0..8_u64);
        let handle = one.handle.keyed(&key);
        if actor.make.chance(70) {
            let (work, pending) = actor.make.closure(one.book);
            let result = handle.with_state(move |rows: &mut Rows| {
                rows.0 += 1;
                work.run()
            });
            all.extend(taken_or_gone(pending, result));
            continue;
        }
        let (work, pending) = actor.make.future(one.book);
        let yields = actor.make.rng.random_range(0..4);
        let result = handle.spawn_local(move || async move {
            let count = Rc::new(Cell::new(0));
            let wait = async {
                for _ in 0..yields {
                    yield_now().await;
                    count.set(count.get() + 1);
                }
            };
            let number = work.run_async(wait).await;
            assert_eq!(count.get(), yields, "a local future lost a turn");
            number
        });
        all.extend(taken_or_gone(pending, result));
    }
    actor.at("joins closures for state");
    finish(actor, all);
}

/// Sets whose members are of several roles; some are aborted, some sets dropped.
pub(super) fn join_set(actor: &mut Actor, amp: &Amp) {
    let mut set = JoinSet::new();
    let (mut by_id, mut by_number) = (HashMap::new(), HashMap::new());
    actor.at("spawns members of a JoinSet");
    for _ in 0..actor.size(40) {
        let one = amp.any(actor).clone();
        let (work, pending) = actor.make.closure(one.book);
        let work = amp.strictly(actor.make.soak, one.role, work);
        let Some(Taken { pending, handle }) = taken(pending, one.handle.try_spawn(work)) else {
            continue;
        };
        let id = set.add(handle);
        by_number.insert(pending.number(), id);
        by_id.insert(id, pending);
        if actor.make.chance(15) {
            set.abort(id);
        }
    }
    let keep = if actor.make.chance(80) { 0 } else { by_id.len() / 2 };
    actor.at("takes results out of a JoinSet");
    while by_id.len() > keep {
        let Some(result) = set.join_next() else {
            actor.fault(&format!("a JoinSet is empty, and lacks {}", by_id.len()));
            break;
        };
        let id = match &result {
            Ok(number) => by_number.get(number).copied(),
            Err(error) => Some(error.task_id()),
        };
        match id.and_then(|id| by_id.remove(&id)) {
            Some(pending) => pending.settle(&result),
            None => actor.fault(&format!("a JoinSet gave {result:?}, which is no member")),
        }
    }
    drop(set);
    by_id.into_values().for_each(Pending::detach);
}

//! Futures on an SMP executor, and sets of tasks.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::mpsc;

use executor_common::{CancellationToken, JoinSet, Priority, block_on, yield_now};
use rand::RngExt;
use rand::seq::SliceRandom;
use tokio::sync::oneshot;

use super::Smp;
use crate::soak::actor::Actor;
use crate::soak::task::{LetGo, Pending, Stall, Taken};

/// Sets of closures and futures; some members are aborted, some sets dropped.
pub(super) fn join_set(actor: &mut Actor, smp: &Smp) {
    let mut set = JoinSet::new();
    let (mut by_id, mut by_number) = (HashMap::new(), HashMap::new());
    for _ in 0..actor.size(40) {
        let (pending, handle) = if actor.make.chance(60) {
            let (work, pending) = actor.make.closure(smp.book);
            (pending, smp.handle.spawn(move || work.run()))
        } else {
            let (work, pending) = actor.make.future(smp.book);
            (pending, smp.handle.spawn_future(work.run_async(yield_now())))
        };
        let id = set.add(handle);
        by_number.insert(pending.number(), id);
        by_id.insert(id, pending);
        if actor.make.chance(15) {
            set.abort(id);
        }
    }
    let keep = if actor.make.chance(80) { 0 } else { by_id.len() / 2 };
    if actor.make.chance(10) {
        set.abort_all();
    }
    actor.at("takes results out of a JoinSet");
    while by_id.len() > keep {
        let next = if actor.make.chance(50) { set.join_next() } else { block_on(set.next()) };
        let Some(result) = next else {
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
    if actor.make.chance(30) {
        set.detach_all();
    }
    drop(set);
    by_id.into_values().for_each(Pending::detach);
}

/// Futures that other threads wake, that yield, and that wait for closures.
pub(super) fn futures(actor: &mut Actor, smp: &Smp) {
    let mut senders = Vec::new();
    let mut taken = Vec::new();
    for _ in 0..actor.size(24) {
        let (send, receive) = oneshot::channel::<()>();
        let (work, pending) = actor.make.future(smp.book);
        let yields = actor.make.rng.random_range(0..3);
        let waits_for_another = actor.make.chance(30);
        let (mut make, spawner, book) = (actor.make.fork(), smp.handle.clone(), smp.book);
        let wait = async move {
            for _ in 0..yields {
                yield_now().await;
            }
            // Whether it was sent or its sender is gone, the wait is over.
            let _ = receive.await;
            if waits_for_another {
                let (work, pending) = make.closure(book);
                let pending = LetGo::new(pending);
                let result = spawner.spawn(move || work.run()).await;
                if let Some(pending) = pending.keep() {
                    pending.settle(&result);
                }
            }
        };
        let handle = smp.handle.spawn_future(work.run_async(wait));
        if actor.make.chance(10) {
            handle.abort();
        }
        senders.push((send, Stall::random(&mut actor.make.rng)));
        taken.push(Taken { pending, handle });
    }
    senders.shuffle(&mut actor.make.rng);
    let sends = std::thread::spawn(move || {
        for (send, stall) in senders {
            stall.pass();
            // The future may have been cancelled.
            let _ = send.send(());
        }
    });
    actor.at("joins futures that another thread wakes");
    taken.into_iter().for_each(Taken::join);
    actor.at("joins the thread that woke futures");
    if sends.join().is_err() {
        actor.fault("a thread that wakes futures panicked");
    }
}

/// Futures below a tree of tokens, which is cancelled from a branch or from its root.
pub(super) fn cancellation(actor: &mut Actor, smp: &Smp) {
    let root = CancellationToken::new();
    let branches: Vec<_> = (0..actor.size(6)).map(|_| root.child_token()).collect();
    let mut taken = Vec::new();
    for branch in &branches {
        for _ in 0..actor.size(6) {
            let leaf = branch.child_token();
            let (work, pending) = actor.make.future(smp.book);
            let by_waiting = actor.make.chance(50);
            let wait = async move {
                if by_waiting {
                    leaf.cancelled().await;
                } else {
                    let never = leaf.run_until_cancelled(std::future::pending::<()>()).await;
                    assert!(never.is_none(), "a future that is never ready was ready");
                }
            };
            let priority = if actor.make.chance(20) { Priority::High } else { Priority::Normal };
            let handle = smp.handle.spawn_future_with(priority, work.run_async(wait));
            taken.push(Taken { pending, handle });
        }
    }
    for branch in &branches {
        if actor.make.chance(50) {
            Stall::random(&mut actor.make.rng).pass();
            branch.cancel();
        }
    }
    Stall::random(&mut actor.make.rng).pass();
    root.cancel();
    actor.at("joins futures whose token was cancelled");
    taken.into_iter().for_each(Taken::join);
}

/// Futures that are not `Send`, spawned by closures.
pub(super) fn local(actor: &mut Actor, smp: &Smp) {
    let (send, receive) = mpsc::channel();
    let mut outer = Vec::new();
    for _ in 0..actor.size(6) {
        let (work, pending) = actor.make.closure(smp.book);
        let (mut make, book, send) = (actor.make.fork(), smp.book, send.clone());
        let handle = smp.handle.spawn(move || {
            for _ in 0..make.rng.random_range(1..5) {
                let (work, pending) = make.future(book);
                let yields = make.rng.random_range(0..4);
                let handle = smp_executor::spawn_local(async move {
                    let here = Rc::new(std::thread::current().id());
                    let wait = async {
                        for _ in 0..yields {
                            yield_now().await;
                        }
                    };
                    let number = work.run_async(wait).await;
                    assert_eq!(*here, std::thread::current().id(), "a local future has moved");
                    number
                });
                if make.chance(10) {
                    handle.abort();
                }
                if send.send(Taken { pending, handle }).is_err() {
                    unreachable!("the actor waits for all senders");
                }
            }
            work.run()
        });
        outer.push(Taken { pending, handle });
    }
    drop(send);
    actor.at("joins closures that spawn local futures");
    outer.into_iter().for_each(Taken::join);
    actor.at("joins local futures");
    receive.iter().for_each(Taken::join);
}

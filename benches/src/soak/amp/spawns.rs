//! Closures on an AMP executor, in all the ways to spawn them.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_executor::{JoinHandle, MissedPeriods, Priority, RoleHandle, SpawnError, TrySpawnError};
use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicU64, Ordering};
use rand::RngExt;

use super::{Amp, FRONT, OneRole, TIMED};
use crate::soak::actor::Actor;
use crate::soak::task::{Pending, Stall, Taken};

/// Keeps the handle, or settles the refusal. What came back is dropped first.
pub(super) fn taken<F>(
    pending: Pending,
    result: Result<JoinHandle<u64>, TrySpawnError<F>>,
) -> Option<Taken> {
    match result {
        Ok(handle) => Some(Taken { pending, handle }),
        Err(error) => {
            drop(error.into_inner());
            pending.refused();
            None
        }
    }
}

/// The same where nothing comes back.
pub(super) fn taken_or_gone(
    pending: Pending,
    result: Result<JoinHandle<u64>, SpawnError>,
) -> Option<Taken> {
    match result {
        Ok(handle) => Some(Taken { pending, handle }),
        Err(_) => {
            pending.refused();
            None
        }
    }
}

/// Waits for some, aborts some, lets some go.
pub(super) fn finish(actor: &mut Actor, taken: Vec<Taken>) {
    for Taken { pending, handle } in taken {
        match actor.make.rng.random_range(0..10) {
            0 => {
                drop(handle);
                pending.detach();
            }
            1 | 2 => {
                handle.abort();
                pending.join(handle);
            }
            _ => pending.join(handle),
        }
    }
}

/// From outside: at once or not at all, after a wait, after a wait with an end; with both priorities.
pub(super) fn spawn(actor: &mut Actor, amp: &Amp) {
    let one = amp.any(actor).clone();
    let mut all = Vec::new();
    actor.at("spawns closures");
    for _ in 0..actor.size(64) {
        let (work, pending) = actor.make.closure(one.book);
        let work = amp.strictly(actor.make.soak, one.role, work);
        let priority = if actor.make.chance(30) { Priority::High } else { Priority::Normal };
        let handle = one.handle.with_priority(priority);
        all.extend(match actor.make.rng.random_range(0..3) {
            0 => taken(pending, handle.try_spawn(work)),
            1 => taken_or_gone(pending, handle.spawn(work)),
            _ => {
                let time = Duration::from_micros(actor.make.rng.random_range(0..500));
                taken(pending, handle.spawn_timeout(time, work))
            }
        });
    }
    actor.at("joins closures");
    finish(actor, all);
    amp.look();
}

/// Closures that spawn onto their own role and onto others, from their workers.
pub(super) fn nested(actor: &mut Actor, amp: &Amp) {
    let (send, receive) = mpsc::channel();
    let mut outer = Vec::new();
    actor.at("spawns closures that spawn");
    for _ in 0..actor.size(12) {
        let (one, other) = (amp.any(actor).clone(), amp.any(actor).clone());
        let (work, pending) = actor.make.closure(one.book);
        let work = amp.strictly(actor.make.soak, one.role, work);
        let (mut make, send) = (actor.make.fork(), send.clone());
        // On a worker of its own role a join runs what waits. A lender would block in it, and nobody is told of a cycle of those.
        let joins_here = one.role == other.role && !(amp.lends && one.role == FRONT);
        let result = one.handle.spawn(move || {
            for _ in 0..make.rng.random_range(0..4) {
                let (inner, pending) = make.closure(other.book);
                let inner = move || inner.run();
                let spawned = if make.chance(50) {
                    taken(pending, other.handle.try_spawn(inner))
                } else {
                    // Where nobody could ever make room, it says so.
                    taken_or_gone(pending, other.handle.spawn(inner))
                };
                let Some(inner) = spawned else { continue };
                if joins_here && make.chance(50) {
                    inner.join();
                } else if send.send(inner).is_err() {
                    unreachable!("the actor waits for all senders");
                }
            }
            work()
        });
        outer.extend(taken_or_gone(pending, result));
    }
    drop(send);
    actor.at("joins closures that spawn");
    outer.into_iter().for_each(Taken::join);
    actor.at("joins nested closures");
    receive.iter().for_each(Taken::join);
}

/// Many at a time.
pub(super) fn batches(actor: &mut Actor, amp: &Amp) {
    let one = amp.any(actor).clone();
    let mut pendings = Vec::new();
    let mut works = Vec::new();
    for _ in 0..actor.size(64) {
        let (work, pending) = actor.make.closure(one.book);
        works.push(amp.strictly(actor.make.soak, one.role, work));
        pendings.push(pending);
    }
    actor.at("spawns a batch");
    let all = if actor.make.chance(50) {
        let batch = one.handle.try_spawn_batch(works);
        // In their order, and then those that were not admitted.
        drop(batch.refused);
        pendings.drain(batch.handles.len()..).for_each(Pending::refused);
        batch.handles
    } else {
        let mut pulled = 0;
        let result = one.handle.spawn_batch(works.into_iter().inspect(|_| pulled += 1));
        match result {
            Ok(handles) => handles,
            Err(_) => {
                // The one that was pulled last was refused, those behind it were never offered, those before it go on.
                one.book.add_extra((pendings.len() - pulled) as u64);
                pendings.drain(pulled - 1..).for_each(Pending::refused);
                pendings.drain(..).for_each(Pending::detach);
                Vec::new()
            }
        }
    };
    if all.len() != pendings.len() {
        actor.fault(&format!("a batch of {} gave {} handles", pendings.len(), all.len()));
    }
    actor.at("joins a batch");
    let all = pendings.into_iter().zip(all);
    finish(actor, all.map(|(pending, handle)| Taken { pending, handle }).collect());
}

/// Closures for one core, and for one key: equal keys meet on one worker.
pub(super) fn cores_and_keys(actor: &mut Actor, amp: &Amp) {
    let one = amp.any(actor).clone();
    let soak = actor.make.soak;
    let key: u64 = actor.make.rng.random_range(0..16);
    let core = one.cores.iter().nth(actor.make.rng.random_range(0..one.cores.len()));
    let on_core = core.and_then(|core| one.handle.on_core(core).ok());
    let handle = match on_core {
        Some(on_core) if actor.make.chance(50) => on_core,
        _ => one.handle.keyed(&key),
    };
    // All of them run on one thread.
    let place = Arc::new(AtomicU64::new(0));
    let mut all = Vec::new();
    actor.at("spawns closures for one worker");
    for _ in 0..actor.size(24) {
        let (work, pending) = actor.make.closure(one.book);
        let place = Arc::clone(&place);
        let role = one.role;
        let work = move || {
            super::check_place(soak, role, false);
            let name = std::thread::current().name().map_or(1, hash);
            let first = place.fetch_max(name, Ordering::Relaxed);
            if first != 0 && first != name {
                soak.fault(format!("equal keys, or one core, of role {role}: two workers"));
            }
            work.run()
        };
        all.extend(taken(pending, handle.try_spawn(work)));
    }
    actor.at("joins closures for one worker");
    finish(actor, all);
}

/// Another number for another name, and never zero.
fn hash(name: &str) -> u64 {
    name.bytes().fold(1, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))) | 1
}

/// Closures that may not wait for long. Nobody lets them go: their handles alone tell expired from cancelled.
pub(super) fn time_to_live(actor: &mut Actor, amp: &Amp) {
    let one = amp.any(actor).clone();
    let mut all = Vec::new();
    actor.at("spawns closures that expire");
    for _ in 0..actor.size(48) {
        let time = Duration::from_micros(actor.make.rng.random_range(0..2000));
        let handle = one.handle.with_time_to_live(time);
        let result = if actor.make.chance(70) {
            let (work, pending) = actor.make.closure(one.book);
            taken(pending, handle.try_spawn(amp.strictly(actor.make.soak, one.role, work)))
        } else {
            let (work, pending) = actor.make.future(one.book);
            taken(pending, handle.try_spawn_future(work.run_async(amp_executor::yield_now())))
        };
        all.extend(result);
    }
    actor.at("joins closures that expire");
    for each in all {
        if actor.make.chance(10) {
            each.handle.abort();
        }
        each.join();
    }
}

/// The role that keeps time, mostly.
fn timed_role<'a>(actor: &mut Actor, amp: &'a Amp) -> &'a OneRole {
    if actor.make.chance(70) { amp.of(TIMED) } else { amp.of(FRONT) }
}

/// Closures that run at an instant.
pub(super) fn timed(actor: &mut Actor, amp: &Amp) {
    let one = timed_role(actor, amp).clone();
    let soak = actor.make.soak;
    let mut all = Vec::new();
    for _ in 0..actor.size(16) {
        let (work, pending) = actor.make.closure(one.book);
        let due = Instant::now() + Duration::from_micros(actor.make.rng.random_range(0..20_000));
        let role = one.role;
        let work = move || {
            super::check_place(soak, role, false);
            if Instant::now() < due {
                soak.fault(format!("a timed closure of role {role} ran before its time"));
            }
            work.run()
        };
        all.extend(taken(pending, one.handle.spawn_at(due, work)));
    }
    actor.at("joins timed closures");
    finish(actor, all);
}

/// Closures that run once in each period, until they are stopped or aborted.
pub(super) fn periodic(actor: &mut Actor, amp: &Amp) {
    let one = timed_role(actor, amp).clone();
    let runs = Arc::new(AtomicU64::new(0));
    let (work, pending) = actor.make.periodic(one.book);
    let period = Duration::from_micros(actor.make.rng.random_range(300..5000));
    let missed = if actor.make.chance(20) { MissedPeriods::CatchUp } else { MissedPeriods::Skip };
    let (token, counted) = (work.into_token(), Arc::clone(&runs));
    let tick = move || {
        // The whole token moves in.
        let _ = &token;
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let handle: &RoleHandle = &one.handle;
    let first = Instant::now() + period;
    let ticking = match handle.spawn_every_from(first, period, missed, tick) {
        Ok(ticking) => ticking,
        Err(error) => {
            drop(error.into_inner());
            return pending.refused();
        }
    };
    actor.at("lets a periodic closure run");
    std::thread::sleep(Duration::from_micros(actor.make.rng.random_range(0..15_000)));
    Stall::random(&mut actor.make.rng).pass();
    if actor.make.chance(30) {
        ticking.abort_handle().abort();
    } else {
        ticking.stop();
    }
    actor.at("joins a periodic closure");
    while !ticking.is_finished() {
        std::thread::sleep(Duration::from_micros(200));
    }
    let (told, counted) = (ticking.runs(), runs.load(Ordering::Relaxed));
    if told != counted {
        actor.fault(&format!("a periodic closure ran {counted} times, and its handle says {told}"));
    }
    let number = pending.number();
    pending.settle(&ticking.join().map(|()| number));
}

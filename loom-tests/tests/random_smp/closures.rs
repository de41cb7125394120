//! What closures do.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use executor_common::sync::thread;
use loom_tests::child::{Child, Kind};
use loom_tests::ledger::Line;
use loom_tests::random::{Planned, chance, pick, planned_panic};
use smp_executor::{JoinSet, Priority, Scope, TimedOut};

use crate::World;
use crate::futures;

const DEPTH: usize = 4;

/// A thread of its own.
pub(crate) fn outsider(world: &World) {
    let mut children = Vec::new();
    for _ in 0..pick(1..6) {
        match pick(0..8) {
            0 => try_spawn(world, &mut children),
            1 => join_set(world, 0, |_| true),
            2 => drop_or_join(&mut children, Child::join),
            3 if chance(4) => world.token.cancel(),
            _ => spawn(world, 0, &mut children),
        }
    }
    children.into_iter().for_each(|child| child.end(Child::join));
}

/// A closure that spawns its like would have a type without end.
pub(crate) type Closure = Box<dyn FnOnce() + Send>;

pub(crate) fn closure(world: &World, depth: usize) -> Option<(Closure, Line)> {
    let (ticket, line) = world.ledger.enter()?;
    let world = world.clone();
    let run = move || {
        ticket.begin();
        body(&world, depth);
        ticket.end();
    };
    Some((Box::new(run), line))
}

fn body(world: &World, depth: usize) {
    let mut children = Vec::new();
    for _ in 0..pick(0..5) {
        match pick(0..12) {
            0 => fork(world, pick(1..4)),
            1 => scope(world),
            2 => map_reduce(),
            3 => smp_executor::blocking(thread::yield_now),
            4 => drop_or_join(&mut children, Child::join_on_worker),
            5 => local(world, &mut children),
            6 => join_set(world, depth + 1, Kind::is_for_workers),
            7 => thread::yield_now(),
            _ => spawn(world, depth + 1, &mut children),
        }
    }
    children.into_iter().for_each(|child| child.end(Child::join_on_worker));
}

fn spawn(world: &World, depth: usize, children: &mut Vec<Child>) {
    if depth > DEPTH {
        return;
    }
    if chance(3) {
        return children.extend(futures::spawn(world, depth));
    }
    let Some((run, line)) = closure(world, depth) else { return };
    let (handle, kind) = match pick(0..4) {
        0 => (world.handle.spawn_with(priority(), run), Kind::Closure),
        1 => (world.handle.spawn_on(pick(0..world.handle.workers()), run), Kind::Elsewhere),
        _ => (world.handle.spawn(run), Kind::Closure),
    };
    children.push(Child::new(handle, line, kind));
}

pub(crate) fn priority() -> Priority {
    [Priority::High, Priority::Normal, Priority::Low][pick(0..3)]
}

fn try_spawn(world: &World, children: &mut Vec<Child>) {
    let Some((run, line)) = closure(world, 0) else { return };
    match world.handle.try_spawn(run) {
        Ok(handle) => children.push(Child::new(handle, line, Kind::Closure)),
        Err(refused) => {
            line.excuse();
            drop(refused.into_inner());
        }
    }
}

/// Waits for whichever ends first, for some time, and gives up at some point, which aborts the others.
fn join_set(world: &World, depth: usize, is_allowed: fn(Kind) -> bool) {
    let mut children = Vec::new();
    for _ in 0..pick(1..4) {
        spawn(world, depth, &mut children);
    }
    let (members, others): (Vec<_>, Vec<_>) =
        children.into_iter().partition(|child| is_allowed(child.kind()));
    others.into_iter().for_each(Child::detach);
    let (mut set, mut lines) = (JoinSet::new(), Vec::new());
    for (handle, line) in members.into_iter().map(Child::into_parts) {
        set.add(handle);
        lines.push(line);
    }
    loop {
        if chance(8) {
            lines.iter().for_each(Line::excuse);
            return;
        }
        let next = if chance(4) {
            set.join_next_timeout(Duration::from_millis(1))
        } else {
            Ok(set.join_next())
        };
        match next {
            Ok(Some(result)) => world.ledger.note(result),
            Ok(None) => return,
            Err(TimedOut) => {}
        }
    }
}

/// Waits for one of the children, or lets it go.
fn drop_or_join(children: &mut Vec<Child>, join: fn(Child)) {
    if !children.is_empty() {
        children.swap_remove(pick(0..children.len())).end(join);
    }
}

/// A tree of forks, some of whose leaves panic.
fn fork(world: &World, depth: usize) {
    fn count(world: &World, depth: usize) -> usize {
        if depth == 0 {
            if chance(16) {
                planned_panic();
            }
            return 1;
        }
        if chance(8) {
            // A job may spawn.
            let mut children = Vec::new();
            spawn(world, DEPTH, &mut children);
            children.into_iter().for_each(|child| child.end(Child::join_on_worker));
        }
        let (a, b) = smp_executor::join(|| count(world, depth - 1), || count(world, depth - 1));
        a + b
    }
    if let Some(leaves) = unless_planned(|| count(world, depth)) {
        assert_eq!(leaves, 1 << depth);
    }
}

/// The result, unless it is a planned panic.
fn unless_planned<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Borrowed tasks, which may be cancelled and may panic.
fn scope(world: &World) {
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (spawned, cancels) = (pick(1..5), chance(4));
    let task = |scope: &Scope<'_>| {
        begun.fetch_add(1, Ordering::Relaxed);
        if chance(8) {
            fork(world, 1);
        }
        if cancels && chance(2) {
            scope.cancel();
        }
        thread::yield_now();
        ended.fetch_add(1, Ordering::Relaxed);
        if chance(16) {
            planned_panic();
        }
    };
    let done = unless_planned(|| {
        smp_executor::scope(|scope| {
            for _ in 0..spawned {
                scope.spawn(task);
            }
        });
    });
    let (begun, ended) = (begun.into_inner(), ended.into_inner());
    assert_eq!(begun, ended, "the scope waits for all");
    // A pool that stops cancels the tasks of open scopes, too.
    if done.is_some() && !cancels && world.is_drained {
        assert_eq!(ended, spawned, "each task of a scope runs");
    }
}

fn map_reduce() {
    let items = pick(1..40);
    let sum = smp_executor::map_reduce(0..items, || 0, |n| n, |a, b| a + b);
    assert_eq!(sum, items * (items - 1) / 2);
}

/// A future that stays on this worker.
fn local(world: &World, children: &mut Vec<Child>) {
    let Some((future, line)) = futures::yielding(world) else { return };
    let handle = smp_executor::spawn_local(future);
    children.push(Child::new(handle, line, Kind::Yielding));
}

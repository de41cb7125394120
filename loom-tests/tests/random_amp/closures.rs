//! What closures do.

use std::time::Duration;

use amp_executor::{Priority, RoleHandle};
use executor_common::sync::thread;
use executor_common::{JoinHandle, SpawnError};
use loom_tests::child::{Child, Kind};
use loom_tests::ledger::Line;
use loom_tests::random::{chance, pick};

use crate::{Uses, World, futures, timed};

const DEPTH: usize = 4;

/// A closure that spawns its like would have a type without end.
pub(crate) type Closure = Box<dyn FnOnce() + Send>;

/// A thread of its own.
pub(crate) fn outsider(world: &World) {
    let mut children = Vec::new();
    for _ in 0..pick(1..6) {
        match pick(0..8) {
            0 => spawn_batch(world, &mut children),
            1 => call(world, 0),
            2 => children.extend(with_state(world)),
            3 => timed::spawn(world, &mut children),
            4 if !children.is_empty() => {
                children.swap_remove(pick(0..children.len())).end(Child::join);
            }
            _ => children.extend(spawn(world, 0)),
        }
    }
    children.into_iter().for_each(|child| child.end(Child::join));
}

/// A closure that spawns others.
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

/// A closure that waits for nothing.
pub(crate) fn leaf(world: &World) -> Option<(Closure, Line)> {
    let (ticket, line) = world.ledger.enter()?;
    let run = move || {
        ticket.begin();
        if chance(2) {
            thread::yield_now();
        }
        ticket.end();
    };
    Some((Box::new(run), line))
}

/// On a worker. It does not wait for its children, whose workers may be waiting for it; but see [`call`].
fn body(world: &World, depth: usize) {
    if depth > DEPTH {
        return;
    }
    for _ in 0..pick(0..4) {
        let mut children = Vec::new();
        match pick(0..10) {
            0 => spawn_batch(world, &mut children),
            1 | 2 => call(world, depth + 1),
            3 => children.extend(with_state(world)),
            4 => timed::spawn(world, &mut children),
            5 => thread::yield_now(),
            6 => children.extend(futures::spawn_local(world)),
            _ => children.extend(spawn(world, depth + 1)),
        }
        for child in children {
            if chance(4) {
                child.abort();
            }
            child.detach();
        }
    }
}

/// In one of the ways, whatever room there is.
fn spawn(world: &World, depth: usize) -> Option<Child> {
    if chance(3) {
        return futures::spawn(world, depth);
    }
    let (run, line) = closure(world, depth)?;
    let role = one_of_its_handles(world.role());
    let handle = match pick(0..4) {
        0 => role.try_spawn(run).map_err(drop),
        1 => role.spawn_timeout(Duration::from_millis(1), run).map_err(drop),
        _ => role.spawn(run).map_err(drop),
    };
    child(handle, line, Kind::Elsewhere)
}

/// A child, if it was accepted.
pub(crate) fn child<E>(handle: Result<JoinHandle<()>, E>, line: Line, kind: Kind) -> Option<Child> {
    match handle {
        Ok(handle) => Some(Child::new(handle, line, kind)),
        Err(_) => {
            line.excuse();
            None
        }
    }
}

fn one_of_its_handles(role: &RoleHandle) -> RoleHandle {
    match pick(0..6) {
        0 => role.with_priority(Priority::High),
        1 => role.with_priority(Priority::Low),
        2 => role.keyed(&pick(0..4)),
        _ => role.clone(),
    }
}

/// As many as there is room for, or all of them one after the other.
fn spawn_batch(world: &World, children: &mut Vec<Child>) {
    let (mut batch, mut lines) = (Vec::new(), Vec::new());
    for _ in 0..pick(1..4) {
        let Some((run, line)) = leaf(world) else { break };
        batch.push(run);
        lines.push(line);
    }
    let role = world.role();
    let handles = if chance(2) {
        let batch = role.try_spawn_batch(batch);
        assert_eq!(batch.handles.len() + batch.refused.len(), lines.len());
        batch.handles
    } else {
        match role.spawn_batch(batch) {
            Ok(handles) => handles,
            // What was accepted before that is detached.
            Err(SpawnError::Closed | SpawnError::WouldDeadlock(_)) => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    };
    // In the order of the closures.
    lines.drain(handles.len()..).for_each(|line| line.excuse());
    let accepted = handles.into_iter().zip(lines);
    children.extend(accepted.map(|(handle, line)| Child::new(handle, line, Kind::Elsewhere)));
}

/// Waits for an answer. That role may be waiting for this one: then it is refused.
fn call(world: &World, depth: usize) {
    let Some((run, line)) = closure(world, depth) else { return };
    // The ledger sees to it that it has not been lost; whether it ran, the answer says.
    line.excuse();
    let answer = world.role().call_blocking(move || {
        run();
        42
    });
    match answer {
        Ok(answer) => assert_eq!(answer, 42),
        Err(amp_executor::CallError::Join(error)) => world.ledger.note::<()>(Err(error)),
        Err(_) => {}
    }
}

/// With what its worker keeps.
fn with_state(world: &World) -> Option<Child> {
    let (run, line) = leaf(world)?;
    let role = one_of_its_handles(world.role());
    let handle = role.with_state(move |uses: &mut Uses| {
        uses.0 += 1;
        run();
    });
    child(handle, line, Kind::Elsewhere)
}

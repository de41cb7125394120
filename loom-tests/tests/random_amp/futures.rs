//! What futures do.

use std::pin::Pin;
use std::rc::Rc;

use amp_executor::{CallError, Priority, yield_now};
use executor_common::CancellationToken;
use loom_tests::channel::channel;
use loom_tests::child::{Child, Kind};
use loom_tests::ledger::Line;
use loom_tests::random::{chance, pick};

use crate::World;
use crate::closures::{child, closure, leaf};

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

const DEPTH: usize = 4;

/// Spawns one.
pub(crate) fn spawn(world: &World, depth: usize) -> Option<Child> {
    if chance(4) {
        return spawn_local_from_elsewhere(world);
    }
    let worlds = world.clone();
    let (future, line) = future(world, async move { body(&worlds, depth).await })?;
    let role = world.role();
    let handle = match pick(0..3) {
        0 => role.try_spawn_future(future).map_err(drop),
        1 => role.with_priority(Priority::High).spawn_future(future).map_err(drop),
        _ => role.spawn_future(future).map_err(drop),
    };
    child(handle, line, Kind::Waiting)
}

fn future(world: &World, body: impl Future<Output = ()> + Send + 'static) -> Option<(Boxed, Line)> {
    let (ticket, line) = world.ledger.enter()?;
    let future = async move {
        ticket.begin();
        body.await;
        ticket.end();
    };
    Some((Box::pin(future), line))
}

/// A future that stays where it is made.
fn local(
    world: &World,
) -> Option<(impl FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send + 'static, Line)> {
    let (ticket, line) = world.ledger.enter()?;
    let make = move || {
        // Not `Send`.
        let ticket = Rc::new(ticket);
        let future = async move {
            ticket.begin();
            for _ in 0..pick(0..4) {
                yield_now().await;
            }
            ticket.end();
        };
        Box::pin(future) as Pin<Box<dyn Future<Output = ()>>>
    };
    Some((make, line))
}

fn spawn_local_from_elsewhere(world: &World) -> Option<Child> {
    let (make, line) = local(world)?;
    child(world.role().spawn_local(make), line, Kind::Waiting)
}

/// On a worker, for itself.
pub(crate) fn spawn_local(world: &World) -> Option<Child> {
    let (make, line) = local(world)?;
    Some(Child::new(amp_executor::spawn_local(make()), line, Kind::Waiting))
}

async fn body(world: &World, depth: usize) {
    let mut children = Vec::new();
    for _ in 0..pick(0..4) {
        match pick(0..8) {
            0 => children.extend(stream(world).await),
            1 => children.extend(wait_for_cancellation(world).await),
            2 => children.extend(spawn_wait(world).await),
            3 => call(world).await,
            4 => children.extend(spawn_local(world)),
            _ if depth < DEPTH => children.extend(try_spawn(world, depth + 1)),
            _ => yield_now().await,
        }
    }
    for child in children {
        child.end_in_future().await;
    }
}

/// A future that blocked its worker would keep those from going on that it waits for.
fn try_spawn(world: &World, depth: usize) -> Option<Child> {
    let role = world.role();
    if chance(2) {
        let worlds = world.clone();
        let (future, line) = future(world, async move { Box::pin(body(&worlds, depth)).await })?;
        child(role.try_spawn_future(future), line, Kind::Waiting)
    } else {
        let (run, line) = closure(world, depth)?;
        child(role.try_spawn(run), line, Kind::Elsewhere)
    }
}

/// One task fills a small channel, the other one empties it, unless one of them gives up.
async fn stream(world: &World) -> Option<Child> {
    let (sent, received) = (pick(1..5), pick(1..6));
    let (mut send, mut items) = channel();
    let (sends, line) = future(world, async move {
        for item in 0..sent {
            if !send.send(item).await {
                return;
            }
        }
    })?;
    let child = child(world.role().try_spawn_future(sends), line, Kind::Waiting)?;
    if chance(8) {
        child.abort();
    }
    for wanted in 0..received {
        match items.receive().await {
            Some(item) => assert_eq!(item, wanted, "in order"),
            None => break,
        }
    }
    Some(child)
}

/// Whatever becomes of the other task, it cancels.
async fn wait_for_cancellation(world: &World) -> Option<Child> {
    let token = CancellationToken::new();
    let awaited = token.child_token();
    let guard = token.drop_guard();
    let (cancels, line) = future(world, async move {
        yield_now().await;
        drop(guard);
    })?;
    let child = child(world.role().try_spawn_future(cancels), line, Kind::Waiting);
    awaited.cancelled().await;
    child
}

/// Waits for room, or gives up.
async fn spawn_wait(world: &World) -> Option<Child> {
    let (run, line) = leaf(world)?;
    // Somebody may abort this future before there is room.
    line.excuse();
    let mut wait = std::pin::pin!(world.role().spawn_wait(run));
    if chance(3) {
        let once =
            std::future::poll_fn(|context| std::task::Poll::Ready(wait.as_mut().poll(context)));
        return match once.await {
            std::task::Poll::Ready(handle) => child(handle, line, Kind::Elsewhere),
            std::task::Poll::Pending => None,
        };
    }
    child(wait.await, line, Kind::Elsewhere)
}

async fn call(world: &World) {
    let Some((run, line)) = closure(world, DEPTH) else { return };
    // As in `closures::call`.
    line.excuse();
    let answer = world.role().call(move || {
        run();
        42
    });
    match answer.await {
        Ok(answer) => assert_eq!(answer, 42),
        Err(CallError::Join(error)) => world.ledger.note::<()>(Err(error)),
        Err(_) => {}
    }
}

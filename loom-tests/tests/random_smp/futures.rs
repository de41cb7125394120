//! What futures do.

use std::pin::Pin;

use loom_tests::channel::channel;
use loom_tests::child::{Child, Kind};
use loom_tests::ledger::Line;
use loom_tests::random::{chance, pick};
use smp_executor::{CancellationToken, yield_now};

use crate::World;
use crate::closures::{closure, priority};

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

const DEPTH: usize = 4;

/// Spawns one.
pub(crate) fn spawn(world: &World, depth: usize) -> Option<Child> {
    let (kind, (future, line)) = if chance(2) {
        (Kind::Yielding, yielding(world)?)
    } else {
        (Kind::Waiting, waiting(world, depth)?)
    };
    let handle = if chance(3) {
        world.handle.spawn_future_with(priority(), future)
    } else {
        world.handle.spawn_future(future)
    };
    Some(Child::new(handle, line, kind))
}

/// A future that is ready again and again.
pub(crate) fn yielding(world: &World) -> Option<(Boxed, Line)> {
    future(world, async {
        for _ in 0..pick(0..4) {
            yield_now().await;
        }
    })
}

/// A future that waits for others.
fn waiting(world: &World, depth: usize) -> Option<(Boxed, Line)> {
    let worlds = world.clone();
    future(world, async move { body(&worlds, depth).await })
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

async fn body(world: &World, depth: usize) {
    let mut children = Vec::new();
    for _ in 0..pick(0..4) {
        match pick(0..8) {
            0 | 1 => children.extend(stream(world).await),
            2 => children.extend(wait_for_cancellation(world).await),
            3 => children.extend(spawn_wait(world).await),
            4 => look_at_token(world).await,
            5 => children.extend(local(world)),
            _ if depth < DEPTH => children.extend(any(world, depth + 1)),
            _ => yield_now().await,
        }
    }
    for child in children {
        child.end_in_future().await;
    }
}

fn any(world: &World, depth: usize) -> Option<Child> {
    if chance(2) {
        return spawn(world, depth);
    }
    let (run, line) = closure(world, depth)?;
    Some(Child::new(world.handle.spawn(run), line, Kind::Closure))
}

/// Two tasks wait for each other: one fills a small channel, the other one empties it, unless one of them gives up.
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
    let child = Child::new(world.handle.spawn_future(sends), line, Kind::Waiting);
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
    let child = Child::new(world.handle.spawn_future(cancels), line, Kind::Yielding);
    awaited.cancelled().await;
    assert!(awaited.is_cancelled());
    Some(child)
}

/// Waits for the program's token now and then, but not for ever.
async fn look_at_token(world: &World) {
    let mut cancelled = std::pin::pin!(world.token.cancelled());
    for _ in 0..pick(1..4) {
        let is_cancelled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(cancelled.as_mut().poll(context).is_ready())
        });
        if is_cancelled.await {
            assert!(world.token.is_cancelled());
            return;
        }
        yield_now().await;
    }
}

/// Waits for room.
async fn spawn_wait(world: &World) -> Option<Child> {
    let (run, line) = closure(world, DEPTH)?;
    // Somebody may abort this future before there is room.
    line.excuse();
    let handle = world.handle.spawn_wait(run).await.ok()?;
    Some(Child::new(handle, line, Kind::Closure))
}

/// A future that stays on this worker.
fn local(world: &World) -> Option<Child> {
    let (future, line) = yielding(world)?;
    Some(Child::new(smp_executor::spawn_local(future), line, Kind::Yielding))
}

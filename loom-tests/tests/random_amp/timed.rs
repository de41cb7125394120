//! Tasks that have a time.

use std::time::Duration;

use executor_common::sync::now;
use loom_tests::child::{Child, Kind};
use loom_tests::random::{chance, pick};

use crate::World;
use crate::closures::{child, leaf};

/// One that has a time, or a time to live.
pub(crate) fn spawn(world: &World, children: &mut Vec<Child>) {
    let time = Duration::from_micros(pick(0..200) as u64);
    if chance(3) {
        return periodic(world, time);
    }
    let Some((run, line)) = leaf(world) else { return };
    // It may expire, and a shutdown does not wait for its time.
    line.excuse();
    let handle = if chance(2) {
        world.role().with_time_to_live(time).try_spawn(run)
    } else {
        world.role().spawn_at(now() + time, run)
    };
    children.extend(child(handle, line, Kind::Elsewhere));
}

/// Runs until it is stopped, or until its role ends.
fn periodic(world: &World, time: Duration) {
    let Some((ticket, line)) = world.ledger.enter() else { return };
    line.excuse();
    let mut left = pick(1..4);
    let run = move || {
        if left == 0 {
            return;
        }
        left -= 1;
        if left == 0 {
            ticket.begin();
            ticket.end();
        }
    };
    let Ok(handle) = world.role().spawn_every(time + Duration::from_millis(1), run) else { return };
    if chance(2) {
        handle.stop();
    }
}

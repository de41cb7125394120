//! A role's lanes beside each other: whatever lane an item is in, somebody who may take it does not sleep beside it.

#![cfg(loom)]

use std::task::Waker;

use amp_executor::model::{Channel, LaneId, Origin, PushError, Turns};
use executor_common::sync::{Arc, thread};
use executor_common::{Parker, Priority, Ticket, WorkerParker};
use loom_tests::role::{NORMAL, channel, consume};
use loom_tests::{aside, check};

const HIGH: LaneId = LaneId::shared(Priority::High);

/// The lane of the first worker.
const OWN: LaneId = LaneId::of_worker(0);

/// What sends the second worker home.
const GO_HOME: usize = 99;

/// Runs a worker on a thread of its own, until it has taken so many items.
fn work(
    channel: &Arc<Channel<usize>>,
    worker: usize,
    parker: WorkerParker,
    wanted: usize,
) -> thread::JoinHandle<Vec<usize>> {
    let channel = Arc::clone(channel);
    thread::spawn(move || consume(&channel, worker, &parker, wanted))
}

/// `publish` is for the first worker, which lies down beside the second one: that is asleep, or about to be.
fn reaches_the_first_of_two(publish: impl Fn(&Channel<usize>) + 'static) {
    let (channel, [first, second]) = channel();
    let channel = Arc::new(channel);
    let first = work(&channel, 0, first, 1);
    let second = work(&channel, 1, second, 1);
    publish(&channel);
    assert_eq!(first.join().unwrap(), [1]);
    aside(|| {
        channel.push(LaneId::of_worker(1), GO_HOME).unwrap();
        assert_eq!(second.join().unwrap(), [GO_HOME]);
    });
}

#[test]
fn an_own_item_reaches_its_worker() {
    check("lanes: own item, two workers fall asleep", || {
        reaches_the_first_of_two(|channel| channel.push(OWN, 1).unwrap());
    });
}

#[test]
fn a_woken_future_of_a_core_reaches_its_worker() {
    check("lanes: woken future of a core, two workers fall asleep", || {
        reaches_the_first_of_two(|channel| channel.push_woken(OWN, 1).unwrap());
    });
}

#[test]
fn a_local_future_reaches_its_worker() {
    check("lanes: local future, two workers fall asleep", || {
        reaches_the_first_of_two(|channel| channel.push_local(0, 1).unwrap());
    });
}

#[test]
fn high_and_normal_reach_one_worker() {
    check("lanes: high and normal, one worker", || {
        let (channel, [parker]) = channel();
        let channel = Arc::new(channel);
        let pushing = [HIGH, NORMAL].map(|lane| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.push(lane, lane.index()).unwrap())
        });
        let mut taken = consume(&channel, 0, &parker, 2);
        taken.sort_unstable();
        assert_eq!(taken, [HIGH.index(), NORMAL.index()]);
        for each in pushing {
            each.join().unwrap();
        }
    });
}

#[test]
fn two_local_futures_reach_their_worker() {
    check("lanes: two local futures, one worker", || {
        let (channel, [parker]) = channel();
        let channel = Arc::new(channel);
        let waking = [1, 2].map(|item| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.push_local(0, item).unwrap())
        });
        assert_eq!(consume(&channel, 0, &parker, 2).len(), 2);
        for each in waking {
            each.join().unwrap();
        }
    });
}

/// Each worker is held by what it takes. The wake-up for the second item may go to a worker that is awake for the first.
#[test]
fn high_and_normal_reach_two_workers() {
    check("lanes: high and normal, two workers", || {
        let (channel, [first, second]) = channel();
        let channel = Arc::new(channel);
        let (first, second) = (work(&channel, 0, first, 1), work(&channel, 1, second, 1));
        channel.push(NORMAL, 1).unwrap();
        channel.push(HIGH, 2).unwrap();
        assert_eq!(first.join().unwrap()[0] + second.join().unwrap()[0], 3);
    });
}

/// The wake-up for an item that is for all may go to the worker that takes one of its own instead, and is held by that.
fn own_and_shared(pushes: [(LaneId, usize); 2]) {
    let (channel, [first, second]) = channel();
    let channel = Arc::new(channel);
    let first = {
        let channel = Arc::clone(&channel);
        thread::spawn(move || {
            // It is held by its own item, and goes on after the other.
            if consume(&channel, 0, &first, 1) == [SHARED_ITEM] {
                channel.push(LaneId::of_worker(1), GO_HOME).unwrap();
                assert_eq!(consume(&channel, 0, &first, 1), [OWN_ITEM]);
            }
        })
    };
    let second = work(&channel, 1, second, 1);
    for (lane, item) in pushes {
        channel.push(lane, item).unwrap();
    }
    assert_ne!(second.join().unwrap(), [OWN_ITEM]);
    first.join().unwrap();
}

const OWN_ITEM: usize = 1;
const SHARED_ITEM: usize = 2;

#[test]
fn a_wake_up_for_all_that_meets_an_own_item_is_passed_on() {
    check("lanes: shared item, then own item, two workers", || {
        own_and_shared([(NORMAL, SHARED_ITEM), (OWN, OWN_ITEM)]);
    });
}

#[test]
fn an_own_item_and_then_one_for_all_reach_two_workers() {
    check("lanes: own item, then shared item, two workers", || {
        own_and_shared([(OWN, OWN_ITEM), (NORMAL, SHARED_ITEM)]);
    });
}

#[test]
fn a_batch_with_one_wake_up_reaches_two_workers() {
    check("lanes: batch of two, two workers", || {
        let (channel, [first, second]) = channel();
        let channel = Arc::new(channel);
        let (first, second) = (work(&channel, 0, first, 1), work(&channel, 1, second, 1));
        for item in [1, 2] {
            channel.lane(NORMAL).ring().push(item).unwrap();
        }
        channel.announce(NORMAL);
        assert_eq!(first.join().unwrap()[0] + second.join().unwrap()[0], 3);
    });
}

/// A worker puts what yields back without a wake-up, and is then held by an item of its own.
#[test]
fn what_yields_reaches_the_other_worker() {
    check("lanes: item that yields, own item, two workers", || {
        let (channel, [_, second]) = channel();
        let channel = Arc::new(channel);
        let second = work(&channel, 1, second, 1);
        let mut turns = Turns::new();
        channel.lane(NORMAL).ring().push(SHARED_ITEM).unwrap();
        let taken = channel.take(0, &mut turns);
        channel.push(OWN, OWN_ITEM).unwrap();
        if let Some((item, origin)) = taken {
            channel.after_take(origin);
            channel.requeue(NORMAL, item).unwrap();
        }
        let (item, origin) = channel.take(0, &mut turns).unwrap();
        assert_eq!(item, OWN_ITEM, "normal had its turn, or has nothing");
        channel.after_take(origin);
        assert_eq!(second.join().unwrap(), [SHARED_ITEM]);
    });
}

/// A spawner that waits for room in a core's lane. False where the channel was closed.
fn push_blocking(channel: &Channel<usize>, item: usize) -> bool {
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut ticket = Ticket::default();
    let admitted = loop {
        channel.lane(OWN).room().register(&mut ticket, &waker);
        match channel.push(OWN, item) {
            Ok(()) => break true,
            Err(PushError::Closed(_)) => break false,
            Err(PushError::Full(_)) => parker.park(),
        }
    };
    channel.lane(OWN).leave_room(&mut ticket, admitted);
    admitted
}

/// A core's lane with two items, which fill it, and a spawner that waits for room.
fn full() -> (Arc<Channel<usize>>, WorkerParker, thread::JoinHandle<bool>) {
    let (channel, [parker]) = channel();
    let channel = Arc::new(channel);
    for item in [1, 2] {
        channel.push(OWN, item).unwrap();
    }
    let spawning = {
        let channel = Arc::clone(&channel);
        thread::spawn(move || push_blocking(&channel, 3))
    };
    (channel, parker, spawning)
}

#[test]
fn the_close_releases_who_waits_for_room_in_a_core_s_lane() {
    check("lanes: close against spawner blocked in a core's lane", || {
        let (channel, parker, spawning) = full();
        channel.close();
        assert!(!spawning.join().unwrap());
        assert_eq!(consume(&channel, 0, &parker, 3), [1, 2]);
    });
}

#[test]
fn room_in_a_core_s_lane_goes_to_who_waits_for_it() {
    check("lanes: room for a spawner blocked in a core's lane", || {
        let (channel, parker, spawning) = full();
        let (_, origin) = channel.take(0, &mut Turns::new()).unwrap();
        assert!(matches!(origin, Origin::Lane(lane, _) if lane == OWN));
        channel.after_take(origin);
        assert!(spawning.join().unwrap());
        assert_eq!(consume(&channel, 0, &parker, 2), [2, 3]);
    });
}

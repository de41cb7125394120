//! A role's channel: each item is taken once, none is lost, and nobody sleeps beside work or beside room.

#![cfg(loom)]

use std::task::Waker;

use amp_executor::model::{Channel, PushError, Ring};
use executor_common::sync::asymmetric::Fences;
use executor_common::sync::{Arc, thread};
use executor_common::{Parker, Ticket, WorkerParker};
use loom_tests::check;
use loom_tests::role::{NORMAL, consume};

/// Takes what it can get.
fn drain<T>(ring: &Ring<T>) -> usize {
    std::iter::from_fn(|| ring.pop()).count()
}

/// A spawner that waits for room, as a blocking spawn does. False where the channel was closed.
fn push_blocking(channel: &Channel<usize>, item: usize) -> bool {
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut ticket = Ticket::default();
    let admitted = loop {
        channel.lane(NORMAL).room().register(&mut ticket, &waker);
        match channel.push(NORMAL, item) {
            Ok(()) => break true,
            Err(PushError::Closed(_)) => break false,
            Err(PushError::Full(_)) => parker.park(),
        }
    };
    channel.lane(NORMAL).leave_room(&mut ticket, admitted);
    admitted
}

/// A channel for one worker.
fn channel(capacity: usize) -> (Arc<Channel<usize>>, WorkerParker) {
    let parker = WorkerParker::new(None);
    (Arc::new(Channel::new(capacity, [parker.unparker()], [], Fences::new())), parker)
}

#[test]
fn two_producers_one_consumer() {
    for capacity in [1, 2] {
        // With room for one, the second producer may meet a full ring.
        check(&format!("ring: two producers, one consumer, room for {capacity}"), move || {
            let ring = Arc::new(Ring::new(capacity));
            let producing = [0, 1].map(|item| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || ring.push(Box::new(item)).is_ok())
            });
            let taken = drain(&ring);
            let pushed = producing.map(|each| usize::from(each.join().unwrap()));
            let pushed: usize = pushed.iter().sum();
            assert!(pushed >= 1);
            assert_eq!(taken + drain(&ring), pushed);
        });
    }
}

#[test]
fn two_consumers_and_a_slot_that_is_used_again() {
    check("ring: two consumers, second lap", || {
        let ring = Arc::new(Ring::new(1));
        ring.push(Box::new(1)).unwrap();
        let consuming = [(); 2].map(|()| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || drain(&ring))
        });
        let again = usize::from(ring.push(Box::new(2)).is_ok());
        let taken = consuming.map(|each| each.join().unwrap());
        assert_eq!(taken[0] + taken[1] + drain(&ring), 1 + again);
    });
}

#[test]
fn one_producer_s_items_come_in_order() {
    check("ring: order", || {
        let ring = Arc::new(Ring::new(2));
        let producing = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.push(1).unwrap();
                ring.push(2).unwrap();
            })
        };
        let mut taken = Vec::new();
        while taken.len() < 2 {
            match ring.pop() {
                Some(item) => taken.push(item),
                None => thread::yield_now(),
            }
        }
        assert_eq!(taken, [1, 2]);
        producing.join().unwrap();
    });
}

#[test]
fn no_push_succeeds_after_close_and_none_before_it_is_lost() {
    check("ring: close against push", || {
        let ring = Arc::new(Ring::new(2));
        let producing = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.push(Box::new(1)).is_ok())
        };
        let closing = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.close();
                assert!(ring.push(Box::new(2)).is_err());
            })
        };
        let mut taken = 0;
        loop {
            match ring.pop() {
                Some(_) => taken += 1,
                None if ring.is_drained() => break,
                None => thread::yield_now(),
            }
        }
        assert_eq!(taken, usize::from(producing.join().unwrap()));
        closing.join().unwrap();
    });
}

#[test]
fn a_push_reaches_a_worker_that_lies_down() {
    check("channel: push, falling asleep", || {
        let (channel, parker) = channel(1);
        let producing = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.push(NORMAL, 1).unwrap())
        };
        assert_eq!(consume(&channel, 0, &parker, 1).len(), 1);
        producing.join().unwrap();
    });
}

#[test]
fn a_woken_future_reaches_a_worker_that_lies_down() {
    check("channel: woken future, falling asleep", || {
        let (channel, parker) = channel(1);
        let waking = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.push_woken(NORMAL, 1).unwrap())
        };
        assert_eq!(consume(&channel, 0, &parker, 1).len(), 1);
        waking.join().unwrap();
    });
}

#[test]
fn two_pushes_reach_one_worker() {
    check("channel: two pushes, one worker", || {
        let (channel, parker) = channel(2);
        let producing = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || {
                channel.push(NORMAL, 1).unwrap();
                channel.push_woken(NORMAL, 2).unwrap();
            })
        };
        assert_eq!(consume(&channel, 0, &parker, 2).len(), 2);
        producing.join().unwrap();
    });
}

#[test]
fn two_producers_reach_one_worker() {
    check("channel: two producers, one worker", || {
        let (channel, parker) = channel(2);
        let producing = [1, 2].map(|item| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.push(NORMAL, item).unwrap())
        });
        assert_eq!(consume(&channel, 0, &parker, 2).len(), 2);
        for each in producing {
            each.join().unwrap();
        }
    });
}

#[test]
fn a_worker_that_takes_one_of_two_items_wakes_the_other_worker() {
    check("channel: two items, two workers", || {
        let parkers = [WorkerParker::new(None), WorkerParker::new(None)];
        let unparkers = parkers.each_ref().map(WorkerParker::unparker);
        let channel = Arc::new(Channel::new(2, unparkers, [], Fences::new()));
        let [mine, theirs] = parkers;
        // The second place is filled and its worker woken while the first is not: that worker finds nothing. The
        // wake-up for the first item then stands for both, and each worker is held by what it takes.
        let producing = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || {
                let filling = Arc::clone(&channel);
                let made = channel
                    .push_with(NORMAL, 1, move |item| (item, filling.push(NORMAL, 2).is_ok()));
                assert!(made.unwrap());
            })
        };
        let working = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || consume(&channel, 1, &theirs, 1))
        };
        assert_eq!(consume(&channel, 0, &mine, 1).len(), 1);
        assert_eq!(working.join().unwrap().len(), 1);
        producing.join().unwrap();
    });
}

#[test]
fn close_ends_a_worker_that_lies_down() {
    check("channel: close, falling asleep", || {
        let (channel, parker) = channel(1);
        let closing = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.close())
        };
        assert_eq!(consume(&channel, 0, &parker, 1).len(), 0);
        closing.join().unwrap();
    });
}

#[test]
fn a_blocked_spawner_gets_the_room_that_a_worker_makes() {
    check("channel: full, blocked spawner", || {
        let (channel, parker) = channel(1);
        channel.push(NORMAL, 0).unwrap();
        let spawning = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || assert!(push_blocking(&channel, 1)))
        };
        assert_eq!(consume(&channel, 0, &parker, 2).len(), 2);
        spawning.join().unwrap();
    });
}

#[test]
fn close_releases_a_blocked_spawner() {
    check("channel: close against blocked spawner", || {
        let (channel, _parker) = channel(1);
        channel.push(NORMAL, 0).unwrap();
        let spawning = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || push_blocking(&channel, 1))
        };
        channel.close();
        assert!(!spawning.join().unwrap());
        assert_eq!(drain(channel.lane(NORMAL).ring()), 1);
    });
}

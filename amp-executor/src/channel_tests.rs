use super::*;
use std::sync::Arc;
use std::task::{Wake, Waker};

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::{Parker, Ticket};

const NORMAL: LaneId = LaneId::NORMAL;

#[derive(Default)]
struct CountsWakes(AtomicUsize);

impl Wake for CountsWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn channel(capacity: usize, workers: usize) -> (Channel<u32>, Vec<Parker>) {
    let parkers: Vec<_> = (0..workers).map(|_| Parker::new()).collect();
    let unparkers = parkers.iter().map(Parker::unparker);
    (Channel::new(capacity, unparkers, [], Fences::new()), parkers)
}

fn take(channel: &Channel<u32>) {
    let (_, origin) = channel.take(0, &mut Turns::new()).expect("an item");
    channel.after_take(origin);
}

/// The first waiter is admitted by its own look while it is in the queue, and the next slot's notification
/// is spent on it.
#[test]
fn a_notification_that_meets_an_admitted_waiter_is_not_lost() {
    let (channel, _parkers) = channel(1, 1);
    let wakes = [Arc::new(CountsWakes::default()), Arc::new(CountsWakes::default())];
    let wakers = wakes.clone().map(Waker::from);
    let mut tickets = [Ticket::default(), Ticket::default()];
    let room = channel.lane(NORMAL).room();
    channel.push(NORMAL, 0).unwrap();
    for (ticket, waker) in tickets.iter_mut().zip(&wakers) {
        room.register(ticket, waker);
        assert_eq!(channel.push(NORMAL, 1), Err(PushError::Full(1)));
    }
    take(&channel);
    room.register(&mut tickets[0], &wakers[0]);
    channel.push(NORMAL, 1).unwrap();
    take(&channel);
    let woken = |index: usize| wakes[index].0.load(Ordering::Relaxed);
    assert_eq!((woken(0), woken(1)), (2, 0));
    channel.lane(NORMAL).leave_room(&mut tickets[0], true);
    assert_eq!((woken(0), woken(1)), (2, 1));
    channel.lane(NORMAL).leave_room(&mut tickets[1], false);
    assert!(room.is_empty());
}

#[test]
fn a_wake_up_after_the_end_comes_back() {
    let (channel, _parkers) = channel(1, 1);
    channel.push(NORMAL, 1).unwrap();
    channel.push_woken(NORMAL, 2).unwrap();
    channel.push_woken(LaneId::of_worker(0), 3).unwrap();
    channel.push_local(0, 5).unwrap();
    assert_eq!(channel.depth(), 4);
    assert!(channel.end().eq([2, 3]));
    assert_eq!(channel.push_woken(NORMAL, 4), Err(4));
    channel.close();
    let mut left = Vec::new();
    channel.drain_rings(|item| left.push(item));
    assert_eq!(left, [1]);
    assert!(channel.is_drained_for_all());
    assert!(channel.end_local(0).eq([5]));
    assert_eq!(channel.push_local(0, 6), Err(6));
}

#[test]
fn lanes_have_room_of_their_own_and_workers_see_their_own() {
    let (channel, _parkers) = channel(1, 2);
    let lanes = [LaneId::HIGH, NORMAL, LaneId::of_worker(0), LaneId::of_worker(1)];
    for (item, lane) in (0..).zip(lanes) {
        channel.push(lane, item).unwrap();
        assert_eq!(channel.push(lane, 9), Err(PushError::Full(9)));
    }
    let mut turns = Turns::new();
    let mut taken = |worker| channel.take(worker, &mut turns).map(|(item, _)| item);
    assert_eq!([taken(1), taken(1), taken(1), taken(1)], [Some(0), Some(3), Some(1), None]);
    assert_eq!([taken(0), taken(0)], [Some(2), None]);
    assert_eq!(channel.pushed(), 4);
}

//! The crate disruptor, whose slots hold the boxes.

use std::cell::UnsafeCell;

use crossbeam_utils::Backoff;
use disruptor::{
    EventPoller, MultiProducer, MultiProducerBarrier, Polling, Producer as _,
    SingleConsumerBarrier, SingleProducer, SingleProducerBarrier, build_multi_producer,
    build_single_producer,
};

use super::{Job, Jobs, Queue, pause};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

/// The smallest ring for many producers.
const MIN_CAPACITY: usize = 64;

/// For one producer.
pub(in crate::role_channel) struct DisruptorSingle;

/// For many.
pub(in crate::role_channel) struct DisruptorMulti;

/// A place in the ring. The crate shows it to the consumer by a shared reference, since several consumers could look at it;
/// here there is one, which takes the job out.
#[derive(Default)]
pub(in crate::role_channel) struct Slot {
    /// Written by the producer that has claimed the slot, through `&mut`; then, after its publication, taken by the only
    /// poller, before that gives the slot free. [`Slot::take`] is called nowhere else.
    job: UnsafeCell<Option<Job>>,
}

// SAFETY: the only access through a shared reference is `take`, whose caller has the slot for itself; see the field.
unsafe impl Sync for Slot {}

impl Slot {
    fn put(&mut self, job: &mut Option<Job>) {
        *self.job.get_mut() = job.take();
    }

    /// # Safety
    ///
    /// The caller is the ring's only poller, and holds the slot between its publication and its release.
    unsafe fn take(&self) -> Option<Job> {
        // SAFETY: the pointer comes from a cell that is borrowed. Producers do not touch a published slot, and the
        // caller is the only poller, on one thread, so that nobody else has a reference to the content.
        let job = unsafe { &mut *self.job.get() };
        job.take()
    }
}

type SinglePoller = EventPoller<Slot, SingleProducerBarrier>;
type MultiPoller = EventPoller<Slot, MultiProducerBarrier>;

fn size(setup: &Setup) -> usize {
    setup.capacity.next_power_of_two().max(MIN_CAPACITY)
}

impl Queue for DisruptorSingle {
    type Producer = SingleProducer<Slot, SingleConsumerBarrier>;
    type Jobs = SinglePoller;

    fn open(setup: &Setup) -> (Vec<Self::Producer>, SinglePoller) {
        // The wait strategy is for threads of the crate's own, and there is none.
        let builder = build_single_producer(size(setup), Slot::default, disruptor::BusySpin);
        let (poller, builder) = builder.new_event_poller();
        (vec![builder.build()], poller)
    }
}

impl Queue for DisruptorMulti {
    type Producer = MultiProducer<Slot, SingleConsumerBarrier>;
    type Jobs = MultiPoller;

    fn open(setup: &Setup) -> (Vec<Self::Producer>, MultiPoller) {
        // As above.
        let builder = build_multi_producer(size(setup), Slot::default, disruptor::BusySpin);
        let (poller, builder) = builder.new_event_poller();
        (vec![builder.build(); setup.producers], poller)
    }
}

impl Producer for SingleProducer<Slot, SingleConsumerBarrier> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        publish(Box::new(job), |job| self.try_publish(|slot| slot.put(job)).is_ok());
    }
}

impl Producer for MultiProducer<Slot, SingleConsumerBarrier> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        publish(Box::new(job), |job| self.try_publish(|slot| slot.put(job)).is_ok());
    }
}

/// As the other rings' producers: the crate's own `publish` spins without pause while there is no room.
#[inline]
fn publish(job: Job, mut try_publish: impl FnMut(&mut Option<Job>) -> bool) {
    let mut job = Some(job);
    let backoff = Backoff::new();
    while !try_publish(&mut job) {
        backoff.snooze();
    }
}

impl Jobs for SinglePoller {
    fn run(mut self, waiting: Waiting) {
        run_batches(waiting, |run| self.poll().map(|mut batch| (&mut batch).for_each(run)));
    }
}

impl Jobs for MultiPoller {
    fn run(mut self, waiting: Waiting) {
        run_batches(waiting, |run| self.poll().map(|mut batch| (&mut batch).for_each(run)));
    }
}

/// Runs batches until the ring is shut down. `poll` hands the slots that are published to its argument, and
/// gives them free when it returns.
fn run_batches(waiting: Waiting, mut poll: impl FnMut(fn(&Slot)) -> Result<(), Polling>) {
    let backoff = Backoff::new();
    let run = |slot: &Slot| {
        // SAFETY: `Queue::open` makes one poller for each ring, and `poll` holds the slots that it shows.
        let job = unsafe { slot.take() };
        if let Some(job) = job {
            job();
        }
    };
    loop {
        match poll(run) {
            Ok(()) => backoff.reset(),
            Err(Polling::NoEvents) => pause(waiting, &backoff),
            Err(Polling::Shutdown) => return,
        }
    }
}

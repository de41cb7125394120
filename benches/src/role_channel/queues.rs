//! Queues of boxed closures, each with a pinned thread that runs what comes: what one would write by hand.
//!
//! | file | queue | its consumer, where it need not spin |
//! |---|---|---|
//! | `crossbeam`, `std_mpsc`, `flume`, `kanal`, `crossfire` | the crates' bounded channels | blocks, as the crate does |
//! | `tokio` | tokio's mpsc | a runtime of one thread |
//! | `array_queue`, `rtrb`, `disruptor` | rings that nobody can block on | looks, then yields; so do producers that find no room |

mod array_queue;
mod crossbeam;
mod crossfire;
mod disruptor;
mod flume;
mod kanal;
mod rtrb;
mod std_mpsc;
mod tokio;

use std::hint::spin_loop;
use std::thread::JoinHandle;

use crossbeam_utils::Backoff;

pub(super) use array_queue::Ring;
pub(super) use crossbeam::Crossbeam;
pub(super) use crossfire::Crossfire;
pub(super) use disruptor::{DisruptorMulti, DisruptorSingle};
pub(super) use flume::Flume;
pub(super) use kanal::Kanal;
pub(super) use rtrb::Rtrb;
pub(super) use std_mpsc::Std;
pub(super) use tokio::Tokio;

use super::consumer::{Consumer, Producer, Setup, Waiting};

/// What travels.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// A queue's two ends.
pub(super) trait Queue: 'static {
    type Producer: Producer;
    type Jobs: Jobs;

    /// As many producers as the setup asks for, or one where more cannot be had.
    fn open(setup: &Setup) -> (Vec<Self::Producer>, Self::Jobs);
}

/// The receiving end.
pub(super) trait Jobs: Send + 'static {
    /// Runs what comes until all producers are gone and nothing is left.
    fn run(self, waiting: Waiting);
}

/// What a look into a queue finds.
pub(super) enum Next {
    Job(Job),
    Empty,
    /// Nothing, and nothing will come.
    Ended,
}

/// A thread that runs what comes out of a queue.
pub(super) struct QueueThread<Q> {
    thread: Option<JoinHandle<()>>,
    queue: std::marker::PhantomData<fn() -> Q>,
}

impl<Q: Queue> Consumer for QueueThread<Q> {
    type Producer = Q::Producer;

    fn start(setup: &Setup) -> anyhow::Result<(Self, Vec<Q::Producer>)> {
        let (producers, jobs) = Q::open(setup);
        let waiting = setup.waiting;
        let thread = setup.place.start(move || jobs.run(waiting))?;
        Ok((Self { thread: Some(thread), queue: std::marker::PhantomData }, producers))
    }
}

impl<Q> Drop for QueueThread<Q> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs what `next` finds, for consumers that only look.
fn run_polled(waiting: Waiting, mut next: impl FnMut() -> Next) {
    let backoff = Backoff::new();
    loop {
        match next() {
            Next::Job(job) => {
                job();
                backoff.reset();
            }
            Next::Empty => pause(waiting, &backoff),
            Next::Ended => return,
        }
    }
}

/// Between two looks that find nothing.
fn pause(waiting: Waiting, backoff: &Backoff) {
    match waiting {
        Waiting::Spin => spin_loop(),
        Waiting::Natural | Waiting::Park => backoff.snooze(),
    }
}

/// Tries again until there is room, for queues that nobody can block on.
fn push_polled(mut job: Job, mut push: impl FnMut(Job) -> Result<(), Job>) {
    let backoff = Backoff::new();
    while let Err(refused) = push(job) {
        job = refused;
        backoff.snooze();
    }
}

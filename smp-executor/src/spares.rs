//! Threads that stand in for workers that block.
//!
//! A worker that blocks keeps its place, with its queue open to thieves, and a *spare* comes into play: a worker like any
//! other, with queues of its own. When the blocked worker goes on, a spare that sleeps goes out of play at once; if they
//! are all busy, the first to finish its task does. What it has queued stays open to thieves. A spare out of play keeps its
//! thread for a while, so that the next one to block needs no new one.
//!
//! Who is in play is kept with the sleepers (`sleep/sleepers.rs`); here are the threads.

use executor_common::Blocker;
use executor_common::sync::{Arc, Counter, Mutex, thread};

use crate::builder::ThreadSpec;
use crate::context;
use crate::shared::Shared;
use crate::sleep::Substitute;
use crate::worker::{Seat, Worker};

/// The spares of a pool.
pub(crate) struct Spares {
    seats: Mutex<Vec<Spare>>,
    thread_name: String,
    stack_size: Option<usize>,
    /// How often a worker blocked and nobody could stand in.
    refused: Counter,
}

/// One spare: its seat while it has no thread, without a reactor then, and its thread while it has one. A thread that has ended, or has left its seat and is
/// about to, is not waited for: what it runs then are destructors of the program's.
#[derive(Default)]
struct Spare {
    seat: Option<Seat>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Spares {
    /// Spares for these seats, whose indices follow those of the core workers.
    pub(crate) fn new(
        seats: impl Iterator<Item = Seat>,
        thread_name: String,
        stack_size: Option<usize>,
    ) -> Self {
        let seats = seats.map(|seat| Spare { seat: Some(seat), thread: None }).collect();
        Self { seats: Mutex::new(seats), thread_name, stack_size, refused: Counter::new() }
    }

    /// How often a worker blocked and nobody could stand in.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Starts the thread of a spare that has been brought into play by `by`. False if the system gives none.
    fn start(&self, by: &Worker, index: usize) -> bool {
        let shared = by.shared_arc();
        let mut seats = self.seats.lock();
        let spare = &mut seats[index - shared.core_workers];
        let Some(seat) = spare.seat.take() else {
            unreachable!("a spare without a thread has its seat")
        };
        shared.use_seat(index);
        shared.lifecycle.join();
        // Where the thread does not start, the seat comes back with it.
        let place = Arc::new(Mutex::new(Some(seat)));
        let spec = ThreadSpec {
            name: format!("{}-spare-{}", self.thread_name, index - shared.core_workers),
            stack_size: self.stack_size,
            main: Box::new({
                let (shared, place) = (Arc::clone(shared), Arc::clone(&place));
                let reactor = by.parker.reactor();
                move || {
                    let seat = place.lock().take();
                    if let Some(mut seat) = seat {
                        seat.parker.set_reactor(reactor);
                        Worker::new(seat, shared).run();
                    }
                }
            }),
        };
        match spec.start() {
            Ok(thread) => {
                spare.thread = Some(thread);
                true
            }
            Err(_) => {
                spare.seat = place.lock().take();
                spare.thread = None;
                shared.lifecycle.leave(1);
                false
            }
        }
    }

    /// A spare's thread ends.
    pub(crate) fn leave(&self, shared: &Shared, seat: Seat) {
        let index = seat.index;
        self.seats.lock()[index - shared.core_workers].seat = Some(seat);
        shared.sleep.vacate(index);
    }

    /// The threads, to wait for when all workers have left.
    pub(crate) fn take_threads(&self) -> Vec<thread::JoinHandle<()>> {
        self.seats.lock().iter_mut().filter_map(|spare| spare.thread.take()).collect()
    }
}

/// What a worker does when a task of its blocks.
pub(crate) const BLOCKER: Blocker = Blocker {
    // Also where nobody stands in, the worker counts as blocked until the end.
    begin: || context::with_worker(|worker| worker.map(Worker::begin_blocking).is_some()),
    end: || {
        context::with_worker(|worker| {
            if let Some(worker) = worker {
                worker.end_blocking();
            }
        });
    },
};

impl Worker {
    /// The task that this worker runs is about to block: somebody else comes into play. False if there is nobody.
    pub(crate) fn begin_blocking(&self) -> bool {
        let is_replaced = self.bring_in(self.shared().sleep.begin_blocking());
        if !is_replaced {
            self.shared().spares.refused.add(1);
        }
        self.open_queues();
        is_replaced
    }

    /// The task goes on.
    pub(crate) fn end_blocking(&self) {
        self.shared().sleep.end_blocking();
    }

    /// Calls `wait`, which sleeps until a forked job is done. Somebody else comes into play if nobody is left otherwise who could run a queued
    /// task that a blocked worker waits for.
    pub(crate) fn waiting(&self, wait: impl FnOnce()) {
        let shared = self.shared();
        if !shared.has_spares() {
            return wait();
        }
        let substitute = shared.sleep.begin_waiting();
        if substitute != Substitute::NotNeeded && self.bring_in(substitute) {
            self.open_queues();
        }
        wait();
        shared.sleep.end_waiting();
    }

    /// True if there is somebody.
    fn bring_in(&self, substitute: Substitute) -> bool {
        let shared = self.shared();
        match substitute {
            Substitute::NotNeeded | Substitute::Asleep => true,
            Substitute::Threadless(spare) => {
                let is_started = shared.spares.start(self, spare);
                if !is_started {
                    shared.sleep.give_back(spare);
                }
                is_started
            }
            Substitute::None => false,
        }
    }
}

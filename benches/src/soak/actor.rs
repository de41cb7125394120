//! A thread that works with an executor, in shifts.

use std::any::type_name_of_val;
use std::panic::{AssertUnwindSafe, catch_unwind};

use executor_common::panic::payload_text;
use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{Arc, thread};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::state::{Soak, Station};
use super::task::{Maker, Planned, Stall};

/// What a step has of its actor.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) make: Maker,
    pub(super) station: Arc<Station>,
}

/// One of an executor's actors: its name, and what it does again and again.
pub(super) type Role<E> = (&'static str, fn(&mut Actor, &E));

/// The actors of one executor.
#[derive(Debug)]
pub(super) struct Crew {
    stop: Arc<AtomicBool>,
    threads: Vec<(Arc<Station>, thread::JoinHandle<()>)>,
    soak: &'static Soak,
}

/// A generator that follows from the program's seed, and is nobody else's.
pub(super) fn generator(seed: u64, name: &str, generation: u64) -> Pcg64Mcg {
    let name = name.bytes().fold(seed, |hash, byte| hash.rotate_left(7) ^ u64::from(byte));
    Pcg64Mcg::seed_from_u64(name ^ generation.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Crew {
    /// Starts an actor for each role.
    pub(super) fn hire<E: Send + Sync + 'static>(
        soak: &'static Soak,
        generation: u64,
        roles: impl IntoIterator<Item = Role<E>>,
        executor: &Arc<E>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (name, step) in roles {
            let station = soak.station(format!("{name}, executor {generation}"));
            let rng = generator(soak.seed, name, generation);
            let mut actor =
                Actor { make: Maker::new(soak, name, rng), station: Arc::clone(&station) };
            let (stop, executor) = (Arc::clone(&stop), Arc::clone(executor));
            let thread = std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Each shift has a thread of its own: threads come and go beside the executors.
                    std::thread::scope(|scope| {
                        scope.spawn(|| actor.shift(step, &executor, &stop));
                    });
                }
            });
            threads.push((station, thread));
        }
        Self { stop, threads, soak }
    }

    /// Lets everybody finish what it is at, and waits for it.
    pub(super) fn dismiss(self) {
        // Ordering: Relaxed; nothing is published by it.
        self.stop.store(true, Ordering::Relaxed);
        for (station, thread) in self.threads {
            if thread.join().is_err() {
                self.soak.fault(format!("the thread of actor {} panicked", station.name));
            }
            self.soak.leave(&station);
        }
    }
}

impl Actor {
    /// Some steps.
    fn shift<E>(&mut self, step: fn(&mut Self, &E), executor: &E, stop: &AtomicBool) {
        for _ in 0..self.make.rng.random_range(1..60) {
            // Ordering: see `Crew::dismiss`.
            if stop.load(Ordering::Relaxed) {
                return;
            }
            self.station.at("begins a step");
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| step(self, executor))) {
                let text = payload_text(&*payload);
                let of = type_name_of_val(&*payload);
                let planned = payload.is::<Planned>();
                self.make.soak.fault(format!(
                    "a step of actor {} panicked: {text} ({of}, planned: {planned})",
                    self.make.actor()
                ));
                return;
            }
            self.station.at("pauses");
            Stall::random(&mut self.make.rng).pass();
        }
    }

    pub(super) fn at(&self, what: &'static str) {
        self.station.at(what);
    }

    /// A step that has come to a wrong result.
    pub(super) fn fault(&self, what: &str) {
        self.make.soak.fault(format!("actor {}: {what}", self.make.actor()));
    }

    pub(super) fn size(&mut self, most: usize) -> usize {
        self.make.rng.random_range(1..=most)
    }
}

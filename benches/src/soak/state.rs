//! What all actors share.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use executor_common::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use executor_common::sync::{Arc, Mutex};

use super::account::{Account, Sums};
use super::slot::Slots;

/// One run of the program. Never freed.
#[derive(Debug)]
pub(super) struct Soak {
    pub(super) seed: u64,
    pub(super) slots: Slots,
    over: AtomicBool,
    faults: Mutex<Vec<String>>,
    /// By actor, in the order of the table.
    accounts: Mutex<BTreeMap<&'static str, &'static Account>>,
    /// Those of executors that have gone.
    free_books: Mutex<Vec<&'static Account>>,
    stations: Mutex<Vec<Arc<Station>>>,
    generations: AtomicU64,
}

/// Where a thread of the program is.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) name: String,
    at: Mutex<(&'static str, Instant)>,
}

impl Station {
    /// From now on the thread does this.
    pub(super) fn at(&self, what: &'static str) {
        *self.at.lock() = (what, Instant::now());
    }

    /// Another one whenever the thread does something else.
    pub(super) fn stamp(&self) -> Instant {
        self.at.lock().1
    }

    /// What it does, and for how long.
    pub(super) fn since(&self) -> (&'static str, Duration) {
        let (what, since) = *self.at.lock();
        (what, since.elapsed())
    }
}

impl Soak {
    pub(super) fn leak(seed: u64) -> &'static Self {
        Box::leak(Box::new(Self {
            seed,
            slots: Slots::default(),
            over: AtomicBool::new(false),
            faults: Mutex::default(),
            accounts: Mutex::default(),
            free_books: Mutex::default(),
            stations: Mutex::default(),
            generations: AtomicU64::new(0),
        }))
    }

    /// Asks everybody to come to an end.
    pub(super) fn end(&self) {
        // Ordering: Relaxed; nothing is published by it.
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        // Ordering: see `end`.
        self.over.load(Ordering::Relaxed)
    }

    /// Something does not add up.
    pub(super) fn fault(&self, what: String) {
        let mut faults = self.faults.lock();
        // The first ones tell; the others may be their consequences, and many.
        if faults.len() < 20 {
            faults.push(what);
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().clone()
    }

    pub(super) fn account(&self, actor: &'static str) -> &'static Account {
        self.accounts.lock().entry(actor).or_insert_with(|| Box::leak(Box::default()))
    }

    /// All actors' accounts.
    pub(super) fn sums(&self) -> Vec<(&'static str, Sums)> {
        self.accounts.lock().iter().map(|(actor, account)| (*actor, account.sums())).collect()
    }

    /// An account for an executor that is about to begin.
    pub(super) fn book(&self) -> &'static Account {
        let book = self.free_books.lock().pop();
        book.unwrap_or_else(|| Box::leak(Box::default()))
    }

    /// All tasks of the book have ended, and it has been audited.
    pub(super) fn close_book(&self, book: &'static Account) {
        book.reset();
        self.free_books.lock().push(book);
    }

    pub(super) fn station(&self, name: String) -> Arc<Station> {
        let station = Arc::new(Station { name, at: Mutex::new(("begins", Instant::now())) });
        self.stations.lock().push(Arc::clone(&station));
        station
    }

    pub(super) fn leave(&self, station: &Arc<Station>) {
        self.stations.lock().retain(|other| !Arc::ptr_eq(other, station));
    }

    pub(super) fn stations(&self) -> Vec<Arc<Station>> {
        self.stations.lock().clone()
    }

    /// The number of one more executor.
    pub(super) fn next_generation(&self) -> u64 {
        // Ordering: Relaxed; a number.
        self.generations.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn generations(&self) -> u64 {
        // Ordering: as above.
        self.generations.load(Ordering::Relaxed)
    }
}

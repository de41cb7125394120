//! Everything at once, at random: spawns, joins, forks, scopes, blocking, local futures. Each pool runs all it was given.

mod support;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smp_executor::{
    SmpExecutor, blocking, join, scope, spawn, spawn_future, spawn_local, yield_now,
};
use support::watched;

/// Marsaglia's xorshift64: the schedules are what is random here, the programs need not be.
#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A source for somebody else.
    fn split(&mut self) -> Self {
        Self(self.next() | 1)
    }
}

/// How many tasks have been made, and how many have run.
#[derive(Clone, Default)]
struct Tally(Arc<[AtomicUsize; 2]>);

impl Tally {
    fn made(&self) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    fn ran(&self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> [usize; 2] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// One task, which makes others.
fn task(tally: &Tally, mut random: Random, depth: u32) {
    tally.ran();
    if depth == 0 {
        return;
    }
    for _ in 0..random.next() % 4 {
        let (tally, below) = (tally.clone(), random.split());
        if random.next().is_multiple_of(10) {
            return blocking(|| (0..random.next() % 300).for_each(|_| std::hint::spin_loop()));
        }
        tally.made();
        match random.next() % 8 {
            0 => drop(spawn(move || task(&tally, below, depth - 1))),
            1 => spawn(move || task(&tally, below, depth - 1)).join().unwrap(),
            2 => drop(spawn_future(async move {
                yield_now().await;
                task(&tally, below, depth - 1);
            })),
            3 => spawn_future(async move {
                yield_now().await;
                task(&tally, below, depth - 1);
                yield_now().await;
            })
            .join()
            .unwrap(),
            4 => drop(spawn_local(async move {
                let here = Rc::new(());
                spawn(move || task(&tally, below, depth - 1)).await.unwrap();
                drop(here);
            })),
            5 => {
                tally.made();
                let other = random.split();
                join(|| task(&tally, below, depth - 1), || task(&tally, other, depth - 1));
            }
            6 => scope(|s| {
                let tally = &tally;
                s.spawn(move |_| task(tally, below, depth - 1));
            }),
            _ => blocking(|| {
                let awaited = spawn(move || task(&tally, below, depth - 1));
                while !awaited.is_finished() {
                    std::thread::yield_now();
                }
            }),
        }
    }
}

#[test]
fn every_pool_runs_all_it_was_given_and_ends() {
    watched(|| {
        let mut random = Random(u64::from(std::process::id()) | 1);
        for round in 0..1_000 {
            let workers = 1 + round % 3;
            let executor = SmpExecutor::builder().workers(workers).build().unwrap();
            let tally = Tally::default();
            for _ in 0..=random.next() % 6 {
                let (inner, below) = (tally.clone(), random.split());
                tally.made();
                drop(executor.spawn(move || task(&inner, below, 5)));
            }
            assert!(executor.shutdown().is_clean());
            let [made, ran] = tally.get();
            assert_eq!(made, ran, "{workers} workers, random state {}", random.0);
        }
    });
}

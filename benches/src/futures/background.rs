//! Futures that keep a pool busy.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicBool, Ordering};

use super::shape::Shape;
use crate::peers::{Countdown, FuturePool};

/// How long one of them computes at a time.
const STALL: Duration = Duration::from_micros(10);

/// Keeps a pool busy until it is dropped.
#[derive(Debug)]
pub(super) struct Background {
    busy: Arc<AtomicBool>,
    left: &'static Countdown,
    futures: usize,
}

impl Background {
    /// What the shape wants, on a pool with so many workers.
    pub(super) fn start<P: FuturePool>(
        shape: Shape,
        pool: &P,
        left: &'static Countdown,
        workers: usize,
    ) -> Self {
        let busy = Arc::new(AtomicBool::new(true));
        let futures = match shape {
            Shape::SpawnManyRemoteBusy1 => 2 * workers,
            Shape::SpawnManyRemoteBusy2 => workers,
            _ => 0,
        };
        if futures > 0 {
            left.set(futures);
        }
        for _ in 0..futures {
            let busy = Arc::clone(&busy);
            match shape {
                Shape::SpawnManyRemoteBusy1 => pool.detach_future(async move {
                    while is_set(&busy) {
                        P::yield_now().await;
                        stall();
                    }
                    left.done();
                }),
                _ => {
                    let inside = pool.inside();
                    pool.detach_future(async move { again::<P>(inside, busy, left) });
                }
            }
        }
        Self { busy, left, futures }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Ordering: Relaxed. It carries nothing, and is seen sooner or later.
        self.busy.store(false, Ordering::Relaxed);
        if self.futures > 0 {
            self.left.wait();
        }
    }
}

/// Stalls, and spawns a future that does the same.
fn again<P: FuturePool>(inside: P::Inside, busy: Arc<AtomicBool>, left: &'static Countdown) {
    if is_set(&busy) {
        stall();
        P::detach_future_inside(inside, async move { again::<P>(inside, busy, left) });
    } else {
        left.done();
    }
}

fn is_set(busy: &AtomicBool) -> bool {
    // Ordering: Relaxed, see the drop.
    busy.load(Ordering::Relaxed)
}

fn stall() {
    let start = Instant::now();
    while start.elapsed() < STALL {
        spin_loop();
    }
}

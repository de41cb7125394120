//! Wake-ups from threads of other runtimes and from plain ones, beside the end of the pool and long after it: each future ends once,
//! where it belongs, and the pool's memory goes when the last waker does.

mod support;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use smp_executor::{JoinHandle, SmpExecutor, current_worker, spawn_local};
use support::{pool, watched};

/// What a future waits for: a flag, and whoever sets it has its waker.
#[derive(Clone, Default)]
struct Signal(Arc<Mutex<(bool, Option<Waker>)>>);

impl Signal {
    fn set(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waker of whoever waits, which may wait for nothing any more.
    fn steal_waker(&self) -> Option<Waker> {
        self.0.lock().unwrap().1.take()
    }

    fn has_waker(&self) -> bool {
        self.0.lock().unwrap().1.is_some()
    }
}

impl Future for Signal {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Counts the futures that live, and checks that their ends are on a worker unless the pool has ended.
struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Futures that each wait for a signal.
fn waiting(
    executor: &SmpExecutor,
    count: usize,
    live: &Arc<AtomicUsize>,
) -> (Vec<Signal>, Vec<JoinHandle<Option<usize>>>) {
    let signals: Vec<_> = (0..count).map(|_| Signal::default()).collect();
    let spawn = |signal: &Signal| {
        let (signal, live) = (signal.clone(), Live::new(live));
        executor.spawn_future(async move {
            let _live = live;
            signal.await;
            current_worker()
        })
    };
    let handles = signals.iter().map(spawn).collect();
    (signals, handles)
}

/// Where wake-ups come from.
trait Elsewhere {
    fn run(&self, f: impl FnOnce() + Send + 'static);
}

struct Threads;

impl Elsewhere for Threads {
    fn run(&self, f: impl FnOnce() + Send + 'static) {
        thread::spawn(f);
    }
}

impl Elsewhere for tokio::runtime::Runtime {
    fn run(&self, f: impl FnOnce() + Send + 'static) {
        self.spawn(async { f() });
    }
}

impl Elsewhere for SmpExecutor {
    fn run(&self, f: impl FnOnce() + Send + 'static) {
        drop(self.spawn(f));
    }
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

const FUTURES: usize = 8;

/// Wake-ups beside a pool that goes on: all futures end, on its workers.
fn beside_a_pool(elsewhere: &impl Elsewhere, rounds: usize) {
    let executor = pool(2);
    let live = Arc::default();
    for _ in 0..rounds {
        let (signals, handles) = waiting(&executor, FUTURES, &live);
        for signal in signals {
            elsewhere.run(move || signal.set());
        }
        for handle in handles {
            assert!(handle.join().unwrap().is_some_and(|worker| worker < 2));
        }
        assert_eq!(live.load(Ordering::Relaxed), 0);
    }
    assert!(executor.shutdown().is_clean());
}

/// Wake-ups beside the end of the pool: each future ends or is cancelled, and a shutdown without a limit loses none.
fn beside_the_end(elsewhere: &impl Elsewhere, rounds: usize) {
    for round in 0..rounds {
        let executor = pool(1 + round % 2);
        let live = Arc::default();
        let (signals, handles) = waiting(&executor, FUTURES, &live);
        let barrier = Arc::new(Barrier::new(2));
        let waking = Arc::clone(&barrier);
        elsewhere.run(move || {
            waking.wait();
            signals.iter().for_each(Signal::set);
        });
        barrier.wait();
        let drains = round % 3 == 0;
        if drains {
            let report = executor.shutdown();
            assert!(report.is_clean(), "{report}");
        } else {
            drop(executor);
        }
        let ended = handles.into_iter().map(JoinHandle::join);
        let lost = ended.filter(|end| end.as_ref().is_err_and(|error| error.is_cancelled()));
        assert!(lost.count() == 0 || !drains);
        assert_eq!(live.load(Ordering::Relaxed), 0);
    }
}

/// Wakers that outlive the pool, used in every way.
fn after_the_end(elsewhere: &impl Elsewhere, rounds: usize) {
    for round in 0..rounds {
        let memory = Arc::new(());
        let kept = Arc::clone(&memory);
        let builder = SmpExecutor::builder().workers(2);
        // The hook lives as long as the pool's memory.
        let executor = builder.on_panic(move |_| drop(Arc::clone(&kept))).build().unwrap();
        let live = Arc::default();
        let (signals, handles) = waiting(&executor, FUTURES, &live);
        while !signals.iter().all(Signal::has_waker) {
            thread::yield_now();
        }
        let wakers: Vec<_> = signals.iter().filter_map(Signal::steal_waker).collect();
        assert_eq!(wakers.len(), FUTURES);
        if round % 2 == 0 {
            drop(executor);
        } else {
            let report = executor.shutdown_timeout(Duration::ZERO);
            assert_eq!(report.cancelled, FUTURES as u64, "{report}");
            drop(executor);
        }
        assert!(handles.into_iter().all(|handle| handle.join().unwrap_err().is_cancelled()));
        assert_eq!(live.load(Ordering::Relaxed), 0);
        let (done, is_done) = mpsc::channel();
        elsewhere.run(move || {
            for (n, waker) in wakers.into_iter().enumerate() {
                waker.wake_by_ref();
                let copy = waker.clone();
                match n % 3 {
                    0 => copy.wake(),
                    1 => waker.wake(),
                    _ => drop(waker),
                }
            }
            done.send(()).unwrap();
        });
        is_done.recv().unwrap();
        drop(signals);
        assert_eq!(Arc::strong_count(&memory), 1, "the pool's memory has gone with the last waker");
    }
}

fn all(elsewhere: impl Elsewhere, rounds: usize) {
    beside_a_pool(&elsewhere, rounds);
    beside_the_end(&elsewhere, rounds);
    after_the_end(&elsewhere, rounds);
}

#[test]
fn plain_threads_wake() {
    watched(|| all(Threads, 40));
}

#[test]
fn workers_of_tokio_wake() {
    watched(|| all(tokio(), 100));
}

#[test]
fn workers_of_another_pool_wake() {
    watched(|| all(pool(2), 100));
}

/// Tasks of both runtimes that wait for each other in turn, in a chain.
#[test]
fn a_chain_goes_to_and_fro_between_two_runtimes() {
    watched(|| {
        let (executor, tokio) = (pool(2), tokio());
        for _ in 0..20 {
            let first = Signal::default();
            let mut last = first.clone();
            let mut handles = Vec::new();
            for _ in 0..20 {
                let (there, back) = (Signal::default(), Signal::default());
                let (wait, wake) = (last, there.clone());
                handles.push(executor.spawn_future(async move {
                    wait.await;
                    wake.set();
                }));
                let wake = back.clone();
                tokio.spawn(async move {
                    there.await;
                    wake.set();
                });
                last = back;
            }
            first.set();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            smp_executor::block_on(last);
        }
        // And handles are futures there.
        let handle = executor.spawn(|| 6);
        assert_eq!(tokio.block_on(async { handle.await.unwrap() * 7 }), 42);
        let inner = executor.handle();
        let nested = tokio.block_on(async move { inner.spawn_future(async { 1 }).await.unwrap() });
        assert_eq!(nested, 1);
    });
}

/// A local future that its worker joins in place while others wake it, right before the end of the pool: whatever is still queued then
/// must not keep the pool's memory.
#[test]
fn a_local_future_that_is_woken_while_its_worker_joins_it_leaves_nothing_behind() {
    watched(|| {
        let tokio = tokio();
        for round in 0..300 {
            let memory = Arc::new(());
            let kept = Arc::clone(&memory);
            let builder = SmpExecutor::builder().workers(1);
            let executor = builder.on_panic(move |_| drop(Arc::clone(&kept))).build().unwrap();
            let (tell, told) = mpsc::channel();
            let joining = executor.spawn(move || {
                let signal = Signal::default();
                let mut local = spawn_local(signal.clone());
                tell.send(signal).unwrap();
                if round % 2 == 0 {
                    return;
                }
                // Polls it in place as soon as it has been woken, whatever the waking thread has still to do.
                while let Err(unfinished) = local.join_timeout(Duration::ZERO) {
                    local = unfinished;
                }
            });
            let signal = told.recv().unwrap();
            let (done, is_done) = mpsc::channel();
            tokio.run(move || {
                signal.set();
                done.send(()).unwrap();
            });
            joining.join().unwrap();
            drop(executor);
            is_done.recv().unwrap();
            while Arc::strong_count(&memory) > 1 {
                thread::yield_now();
            }
        }
    });
}

//! Tasks of one certain worker.

mod support;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

use smp_executor::{SmpExecutor, current_worker, spawn_local, yield_now};
use support::{pool, watched};

#[test]
fn a_closure_runs_on_the_worker_it_was_spawned_on() {
    watched(|| {
        let executor = pool(3);
        for round in 0..300 {
            let worker = round % 3;
            assert_eq!(executor.spawn_on(worker, current_worker).join().unwrap(), Some(worker));
        }
    });
}

#[test]
#[should_panic(expected = "no worker 2")]
fn a_closure_for_a_worker_that_is_not_there_is_refused() {
    drop(pool(2).spawn_on(2, || ()));
}

#[test]
fn a_worker_runs_its_own_closures_where_it_waits_for_them() {
    watched(|| {
        let executor = Arc::new(pool(2));
        let handle = executor.handle();
        let sum = executor.spawn_on(1, move || {
            (0..10).map(|n| handle.spawn_on(1, move || n).join().unwrap()).sum::<i32>()
        });
        assert_eq!(sum.join().unwrap(), 45);
    });
}

/// Remembers where it was made, and checks that it is used and dropped there.
struct Here(ThreadId, Rc<Cell<usize>>);

impl Here {
    fn new() -> Self {
        Self(thread::current().id(), Rc::new(Cell::new(0)))
    }

    fn touch(&self) {
        assert_eq!(thread::current().id(), self.0);
        self.1.set(self.1.get() + 1);
    }
}

static DROPPED_ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

impl Drop for Here {
    fn drop(&mut self) {
        if thread::current().id() != self.0 {
            DROPPED_ELSEWHERE.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A future that is ready when somebody wakes it, and its waker.
type Wakers = Arc<Mutex<Vec<Waker>>>;

async fn one_wait(wakers: Wakers) {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        wakers.lock().unwrap().push(context.waker().clone());
        Poll::Pending
    })
    .await;
}

#[test]
fn a_local_future_stays_on_its_worker_whoever_wakes_it() {
    watched(|| {
        let executor = pool(2);
        let wakers = Wakers::default();
        let handles: Vec<_> = (0..2)
            .map(|worker| {
                let wakers = Arc::clone(&wakers);
                executor.spawn_on(worker, move || {
                    let here = Here::new();
                    spawn_local(async move {
                        for _ in 0..50 {
                            here.touch();
                            one_wait(Arc::clone(&wakers)).await;
                        }
                        here.1.get()
                    })
                })
            })
            .map(|handle| handle.join().unwrap())
            .collect();
        let waking = {
            let wakers = Arc::clone(&wakers);
            thread::spawn(move || {
                let mut woken = 0;
                while woken < 100 {
                    let batch = std::mem::take(&mut *wakers.lock().unwrap());
                    woken += batch.len();
                    batch.into_iter().for_each(Waker::wake);
                    thread::yield_now();
                }
            })
        };
        for handle in handles {
            assert_eq!(handle.join().unwrap(), 50);
        }
        waking.join().unwrap();
        assert_eq!(DROPPED_ELSEWHERE.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn the_end_of_the_pool_drops_local_futures_where_they_were_made() {
    watched(|| {
        for round in 0..40 {
            let executor = pool(2);
            let wakers = Wakers::default();
            let handles: Vec<_> = (0..4)
                .map(|index| {
                    let wakers = Arc::clone(&wakers);
                    executor.spawn_on(index % 2, move || {
                        let here = Here::new();
                        spawn_local(async move {
                            here.touch();
                            if index < 2 {
                                // Waits, and is woken while the pool ends, or never.
                                loop {
                                    one_wait(Arc::clone(&wakers)).await;
                                }
                            }
                            loop {
                                yield_now().await;
                                here.touch();
                            }
                        })
                    })
                })
                .map(|handle| handle.join().unwrap())
                .collect();
            let waking = thread::spawn(move || {
                for _ in 0..round {
                    let batch = std::mem::take(&mut *wakers.lock().unwrap());
                    batch.into_iter().for_each(Waker::wake);
                }
            });
            drop(executor);
            for handle in handles {
                let ended: Result<(), _> = handle.join();
                assert!(ended.unwrap_err().is_cancelled());
            }
            waking.join().unwrap();
        }
        assert_eq!(DROPPED_ELSEWHERE.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_shutdown_waits_for_local_futures() {
    watched(|| {
        let executor = pool(2);
        let wakers = Wakers::default();
        let inner = Arc::clone(&wakers);
        let handle = executor.spawn_on(1, move || {
            let state = Rc::new(RefCell::new(Vec::new()));
            spawn_local(async move {
                state.borrow_mut().push(1);
                one_wait(inner).await;
                state.borrow().len()
            })
        });
        let handle = handle.join().unwrap();
        let ending = thread::spawn(move || executor.shutdown());
        let waker = loop {
            if let Some(waker) = wakers.lock().unwrap().pop() {
                break waker;
            }
            thread::yield_now();
        };
        waker.wake();
        assert_eq!(handle.join().unwrap(), 1);
        assert!(ending.join().unwrap().is_clean());
    });
}

#[test]
fn an_aborted_local_future_is_dropped_on_its_worker() {
    watched(|| {
        let executor = pool(1);
        let wakers = Wakers::default();
        let inner = Arc::clone(&wakers);
        let handle = executor.spawn(move || {
            let here = Here::new();
            spawn_local(async move {
                here.touch();
                one_wait(inner).await;
            })
        });
        let handle = handle.join().unwrap();
        handle.abort();
        assert!(handle.join().unwrap_err().is_cancelled());
        assert_eq!(DROPPED_ELSEWHERE.load(Ordering::Relaxed), 0);
    });
}

#[test]
#[should_panic(expected = "no worker")]
fn a_local_future_needs_a_worker() {
    drop(spawn_local(async {}));
}

#[test]
fn a_full_house_of_local_and_other_tasks_ends() {
    watched(|| {
        let executor = SmpExecutor::builder().workers(2).build().unwrap();
        let gate = Arc::new(Barrier::new(2));
        let tasks: Vec<_> = (0..2)
            .map(|worker| {
                let gate = Arc::clone(&gate);
                executor.spawn_on(worker, move || {
                    gate.wait();
                    let sum = Rc::new(Cell::new(0_u32));
                    let parts: Vec<_> = (0..100)
                        .map(|n| {
                            let sum = Rc::clone(&sum);
                            spawn_local(async move {
                                yield_now().await;
                                sum.set(sum.get() + n);
                            })
                        })
                        .collect();
                    spawn_local(async move {
                        for part in parts {
                            part.await.unwrap();
                        }
                        sum.get()
                    })
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap().join().unwrap(), 4_950);
        }
    });
}

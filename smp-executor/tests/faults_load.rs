//! A million queued tasks, and a hundred thousand futures that wait: all are accounted for, and each costs a bounded amount of memory.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use smp_executor::{JoinHandle, SmpExecutor, spawn};
use support::{pool, watched};

struct Counting;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes are those of the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone(body: impl FnOnce() + Send + 'static) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    watched(body);
}

fn live_bytes() -> i64 {
    LIVE_BYTES.load(Ordering::Relaxed)
}

const TASKS: usize = 1_000_000;
const FUTURES: usize = 100_000;

/// A worker that is held until the sender goes.
fn held(executor: &SmpExecutor) -> mpsc::Sender<()> {
    let (end, ends) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    drop(executor.spawn(move || {
        begun.send(()).unwrap();
        ends.recv().unwrap_err();
    }));
    has_begun.recv().unwrap();
    end
}

/// Queues a million, and says what each costs while it waits.
fn queue_a_million(executor: &SmpExecutor, ran: &Arc<AtomicUsize>, from_worker: bool) -> i64 {
    let before = live_bytes();
    let queue = {
        let (handle, ran) = (executor.handle(), Arc::clone(ran));
        move || {
            for _ in 0..TASKS {
                let ran = Arc::clone(&ran);
                handle.spawn(move || ran.fetch_add(1, Ordering::Relaxed));
            }
            live_bytes()
        }
    };
    let after = if from_worker { executor.spawn(queue).join().unwrap() } else { queue() };
    (after - before) / TASKS as i64
}

/// A cell of a line, and a place in a queue that grows by doubling.
const MOST_BYTES_PER_TASK: i64 = 64 + 2 * 32;

#[test]
fn a_million_tasks_queued_from_outside_all_run() {
    alone(|| {
        let (executor, ran) = (pool(1), Arc::default());
        let end = held(&executor);
        let bytes = queue_a_million(&executor, &ran, false);
        assert!((1..=MOST_BYTES_PER_TASK).contains(&bytes), "{bytes} bytes per task");
        assert!(executor.metrics().global_queue_depth >= TASKS);
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        drop(end);
        assert!(executor.shutdown().is_clean());
        assert_eq!((ran.load(Ordering::Relaxed), Arc::strong_count(&ran)), (TASKS, 1));
    });
}

#[test]
fn a_million_tasks_queued_by_a_worker_all_run() {
    alone(|| {
        let (executor, ran) = (pool(1), Arc::default());
        let bytes = queue_a_million(&executor, &ran, true);
        assert!((1..=MOST_BYTES_PER_TASK).contains(&bytes), "{bytes} bytes per task");
        assert!(executor.shutdown().is_clean());
        assert_eq!((ran.load(Ordering::Relaxed), Arc::strong_count(&ran)), (TASKS, 1));
    });
}

#[test]
fn a_million_queued_tasks_are_cancelled_and_counted() {
    alone(|| {
        let (executor, ran) = (pool(2), Arc::default());
        let ends = [held(&executor), held(&executor)];
        queue_a_million(&executor, &ran, false);
        let report = executor.shutdown_timeout(std::time::Duration::ZERO);
        assert_eq!((report.cancelled, report.still_running), (TASKS as u64, 2), "{report}");
        assert_eq!((ran.load(Ordering::Relaxed), Arc::strong_count(&ran)), (0, 1));
        drop(ends);
    });
}

/// Waits until it is let go, and leaves its waker for whoever does that.
struct Gate {
    index: usize,
    wakers: Arc<[Mutex<Option<Waker>>]>,
    is_open: Arc<AtomicBool>,
}

impl Future for Gate {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let mut place = self.wakers[self.index].lock().unwrap();
        if self.is_open.load(Ordering::Acquire) {
            return Poll::Ready(self.index);
        }
        *place = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A hundred thousand futures that wait, and the way to let them go.
struct Waiting {
    wakers: Arc<[Mutex<Option<Waker>>]>,
    is_open: Arc<AtomicBool>,
    handles: Vec<JoinHandle<usize>>,
}

impl Waiting {
    fn new(executor: &SmpExecutor) -> Self {
        let wakers: Arc<[_]> = (0..FUTURES).map(|_| Mutex::new(None)).collect();
        let is_open = Arc::new(AtomicBool::new(false));
        let spawn = |index| {
            let (wakers, is_open) = (Arc::clone(&wakers), Arc::clone(&is_open));
            executor.spawn_future(Gate { index, wakers, is_open })
        };
        let handles = (0..FUTURES).map(spawn).collect();
        while executor.metrics().live_futures < FUTURES {
            std::thread::yield_now();
        }
        Self { wakers, is_open, handles }
    }

    /// Wakes them all, and checks that each has ended once, with its own number.
    fn let_go(self, order: impl Iterator<Item = usize>) {
        self.is_open.store(true, Ordering::Release);
        for index in order {
            if let Some(waker) = self.wakers[index].lock().unwrap().take() {
                waker.wake();
            }
        }
        for (index, handle) in self.handles.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), index);
        }
    }
}

#[test]
fn a_hundred_thousand_futures_are_woken_at_once_and_in_reverse() {
    alone(|| {
        let executor = pool(2);
        let before = live_bytes();
        let waiting = Waiting::new(&executor);
        let bytes = (live_bytes() - before) / FUTURES as i64;
        // Three lines for the cell, and what this test keeps for each.
        assert!((64..=3 * 64 + 128).contains(&bytes), "{bytes} bytes per waiting future");
        waiting.let_go(0..FUTURES);
        Waiting::new(&executor).let_go((0..FUTURES).rev());
        // From a worker, whose own queue they go to.
        let waiting = Waiting::new(&executor);
        executor.spawn(move || waiting.let_go((0..FUTURES).rev())).join().unwrap();
        while executor.metrics().live_futures > 0 {
            std::thread::yield_now();
        }
        assert!(executor.shutdown().is_clean());
    });
}

#[test]
fn a_hundred_thousand_waiting_futures_are_cancelled_and_counted() {
    alone(|| {
        let executor = pool(2);
        assert_eq!(executor.spawn(|| spawn(|| 1).join().unwrap()).join().unwrap(), 1);
        let Waiting { handles, wakers, .. } = Waiting::new(&executor);
        let report = executor.shutdown_timeout(std::time::Duration::ZERO);
        assert_eq!((report.cancelled, report.still_running), (FUTURES as u64, 0), "{report}");
        assert!(handles.into_iter().all(|handle| handle.join().unwrap_err().is_cancelled()));
        drop(executor);
        assert_eq!(Arc::strong_count(&wakers), 1, "each future has been dropped");
    });
}

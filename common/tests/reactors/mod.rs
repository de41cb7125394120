//! Reactors that count, give up, and panic.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use async_io::Timer;
use executor_common::{Reactor, block_on};

/// One of tokio's, without threads.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// tokio's timer, made where the runtime is.
#[allow(dead_code, reason = "not every package spawns futures")]
pub(crate) async fn sleep(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// How a reactor ends before its worker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Returns,
    Panics,
}

/// Waits for nothing but its workers.
#[derive(Clone)]
pub(crate) struct TestReactor {
    polls: Arc<AtomicUsize>,
    end: Option<(usize, End)>,
    has_timers: bool,
    between: fn(),
}

impl TestReactor {
    pub(crate) fn new() -> Self {
        Self { polls: Arc::default(), end: None, has_timers: true, between: || () }
    }

    /// It calls this between two polls.
    #[allow(dead_code, reason = "not every package has a notion of the current worker")]
    pub(crate) fn calling(between: fn()) -> Self {
        Self { between, ..Self::new() }
    }

    /// After so many polls it has had enough.
    pub(crate) fn ending(polls: usize, end: End) -> Self {
        Self { end: Some((polls, end)), ..Self::new() }
    }

    /// As a runtime that was built without them, it panics when it is asked for one.
    #[allow(dead_code, reason = "not every package needs it")]
    pub(crate) fn without_timers() -> Self {
        Self { has_timers: false, ..Self::new() }
    }

    /// How often it has polled a worker.
    #[allow(dead_code, reason = "not every package counts")]
    pub(crate) fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }
}

impl Reactor for TestReactor {
    fn block_on(&self, mut worker: Pin<&mut dyn Future<Output = ()>>) {
        block_on(poll_fn(|context| {
            (self.between)();
            let polls = self.polls.fetch_add(1, Ordering::Relaxed);
            match self.end {
                Some((limit, End::Returns)) if polls >= limit => Poll::Ready(()),
                Some((limit, End::Panics)) if polls >= limit => {
                    panic!("the reactor has had enough")
                }
                _ => worker.as_mut().poll(context),
            }
        }));
        (self.between)();
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()>>> {
        assert!(self.has_timers, "there are no timers");
        Box::pin(async move {
            Timer::at(deadline).await;
        })
    }
}

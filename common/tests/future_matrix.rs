//! Every way in which a future's task can end, against every way of waiting for it or not.

#![cfg(not(loom))]

mod support;

use std::future::{Future, pending, poll_fn};
use std::sync::mpsc::Receiver;
use std::task::{Context, Poll};
use std::time::Instant;

use executor_common::sync::{Arc, Counter};
use executor_common::{
    DomainId, JoinError, JoinHandle, RunOutcome, Runnable, Schedule, block_on,
    expiring_future_task, yield_now,
};
use support::{Bomb, CountsDrop, Queue, Reports, future_on, on_worker, poll_once, watched};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Returns,
    Panics,
    PanicsInItsDestructor,
    PanicsInItsDestructorWhenAborted,
    WokenDuringThePoll,
    AbortedBeforeStart,
    AbortedWhileSuspended,
    DroppedUnrun,
    RegistryClosed,
    Expires,
}

const ENDS: [End; 10] = [
    End::Returns,
    End::Panics,
    End::PanicsInItsDestructor,
    End::PanicsInItsDestructorWhenAborted,
    End::WokenDuringThePoll,
    End::AbortedBeforeStart,
    End::AbortedWhileSuspended,
    End::DroppedUnrun,
    End::RegistryClosed,
    End::Expires,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    Join,
    Await,
    PollThenAwait,
    PollThenDrop,
    DropBefore,
    DropAfter,
}

const TAKES: [Take; 6] = [
    Take::Join,
    Take::Await,
    Take::PollThenAwait,
    Take::PollThenDrop,
    Take::DropBefore,
    Take::DropAfter,
];

/// A future that keeps what it owns until it is dropped itself, also once it has returned.
struct Owning<F> {
    inner: F,
    _owned: CountsDrop,
    _bomb: Option<Bomb>,
}

impl<F: Future + Unpin> Future for Owning<F> {
    type Output = F::Output;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        std::pin::Pin::new(&mut self.inner).poll(context)
    }
}

fn future(
    end: End,
    owned: CountsDrop,
    value: CountsDrop,
) -> impl Future<Output = CountsDrop> + Send {
    let bomb = matches!(end, End::PanicsInItsDestructor | End::PanicsInItsDestructorWhenAborted)
        .then(|| Bomb("the destructor's panic"));
    let inner = Box::pin(async move {
        match end {
            End::Panics => panic!("the task's own panic"),
            End::WokenDuringThePoll => yield_now().await,
            End::AbortedWhileSuspended
            | End::PanicsInItsDestructorWhenAborted
            | End::RegistryClosed => pending().await,
            _ => {}
        }
        value
    });
    Owning { inner, _owned: owned, _bomb: bomb }
}

/// The executor's side.
fn finish(
    end: End,
    runnable: Runnable,
    queue: &Queue,
    tasks: Receiver<Runnable>,
    abort: impl FnOnce(),
) {
    match end {
        End::Returns | End::WokenDuringThePoll => {
            let mut outcome = runnable.run();
            while let RunOutcome::Yielded(again) = outcome {
                outcome = again.run();
            }
            assert!(matches!(outcome, RunOutcome::Finished), "{outcome:?}");
        }
        End::Panics | End::PanicsInItsDestructor => {
            assert!(matches!(runnable.run(), RunOutcome::Panicked));
        }
        End::AbortedWhileSuspended | End::PanicsInItsDestructorWhenAborted => {
            assert!(matches!(runnable.run(), RunOutcome::Suspended));
            abort();
            assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Cancelled));
        }
        End::RegistryClosed => {
            assert!(matches!(runnable.run(), RunOutcome::Suspended));
            assert_eq!(queue.registry().close(), 1);
            assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Cancelled));
        }
        End::AbortedBeforeStart => {
            abort();
            assert!(matches!(runnable.run(), RunOutcome::Cancelled));
        }
        End::DroppedUnrun => drop(runnable),
        End::Expires => assert!(matches!(runnable.run(), RunOutcome::Expired)),
    }
    assert!(queue.registry().is_empty());
}

fn expect(end: End, result: Result<CountsDrop, JoinError>) {
    match (end, result) {
        (End::Returns | End::WokenDuringThePoll, Ok(_)) => {}
        (End::Panics, Err(error)) => assert!(error.to_string().contains("the task's own panic")),
        (End::PanicsInItsDestructor | End::PanicsInItsDestructorWhenAborted, Err(error)) => {
            assert!(error.is_panic() && error.to_string().contains("the destructor's panic"));
        }
        (
            End::AbortedBeforeStart
            | End::AbortedWhileSuspended
            | End::DroppedUnrun
            | End::RegistryClosed,
            Err(error),
        ) => assert!(error.is_cancelled()),
        (End::Expires, Err(error)) => assert!(error.is_expired()),
        (end, result) => panic!("{end:?} gave {:?}", result.map(|_| "an output")),
    }
}

fn case(end: End, take: Take) {
    let ((owned, dropped), (value, output)) = (CountsDrop::new(), CountsDrop::new());
    let (queue, tasks) = Queue::new();
    let reports = Reports::new();
    let future = future(end, owned, value);
    let domain = DomainId::unique();
    let (runnable, mut handle) = match end {
        // SAFETY: the queue lives to the end of this function; future and output are `Send`.
        End::Expires => unsafe { expiring_future_task(domain, Instant::now(), future, &queue, 0) },
        _ => future_on(&queue, domain, future),
    };
    let aborter = handle.abort_handle();
    let mut finish = Some(|| {
        reports.on_worker(|| finish(end, runnable, &queue, tasks, || aborter.abort()));
        assert_eq!(dropped.get(), 1, "the future is gone before its handle says so");
    });
    let mut finish = || finish.take().unwrap()();
    match take {
        Take::Join => {
            finish();
            assert!(handle.is_finished());
            expect(end, handle.join());
        }
        Take::Await => {
            finish();
            expect(end, block_on(handle));
        }
        Take::PollThenAwait => {
            assert!(poll_once(&mut handle).is_pending());
            finish();
            expect(end, block_on(handle));
        }
        Take::PollThenDrop => {
            assert!(poll_once(&mut handle).is_pending());
            finish();
            drop(handle);
        }
        Take::DropBefore => {
            drop(handle);
            finish();
        }
        Take::DropAfter => {
            finish();
            drop(handle);
        }
    }
    assert_eq!(output.get(), 1, "the output is dropped once, given out or not");
    let panics = matches!(
        end,
        End::Panics | End::PanicsInItsDestructor | End::PanicsInItsDestructorWhenAborted
    );
    let taken = !matches!(take, Take::PollThenDrop | Take::DropBefore | Take::DropAfter);
    assert_eq!(reports.count(), u64::from(panics && !taken), "{end:?} {take:?}");
    let was_suspended = matches!(
        end,
        End::AbortedWhileSuspended | End::PanicsInItsDestructorWhenAborted | End::RegistryClosed
    );
    let shares = 1 + usize::from(was_suspended);
    assert_eq!(Arc::strong_count(&queue), shares, "the aborter still has the cell");
    drop(aborter);
    assert_eq!(Arc::strong_count(&queue), 1, "the last reference frees the cell");
}

#[test]
fn every_end_against_every_way_of_waiting() {
    watched(|| {
        for end in ENDS {
            for take in TAKES {
                case(end, take);
            }
        }
    });
}

#[test]
fn a_handle_joined_from_within_its_own_task_is_an_error() {
    watched(|| {
        let domain = DomainId::unique();
        for in_domain in [false, true] {
            let (queue, _tasks) = Queue::new();
            let own = Arc::new(std::sync::Mutex::new(None::<JoinHandle<bool>>));
            let inside = Arc::clone(&own);
            let future = poll_fn(move |context| {
                // Woken meanwhile, which makes the task look queued.
                context.waker().wake_by_ref();
                let handle = inside.lock().unwrap().take().unwrap();
                let id = handle.id();
                let error = handle.join().unwrap_err();
                assert_eq!(error.task_id(), id);
                Poll::Ready(error.is_self_join())
            });
            let (runnable, handle) = future_on(&queue, domain, future);
            *own.lock().unwrap() = Some(handle);
            let here = if in_domain { domain } else { DomainId::unique() };
            let outcome = on_worker(here, None, || runnable.run());
            assert!(matches!(outcome, RunOutcome::Finished), "{outcome:?}");
        }
    });
}

#[test]
fn a_future_that_would_be_suspended_in_a_closed_registry_is_cancelled() {
    let (queue, _tasks) = Queue::new();
    assert_eq!(queue.registry().close(), 0);
    let (held, dropped) = CountsDrop::new();
    let polls = Arc::new(Counter::new());
    let counted = Arc::clone(&polls);
    let future = async move {
        counted.add(1);
        pending::<()>().await;
        drop(held);
    };
    let (runnable, handle) = future_on(&queue, DomainId::unique(), future);
    assert!(matches!(runnable.run(), RunOutcome::Cancelled));
    assert!(handle.join().unwrap_err().is_cancelled());
    assert_eq!((polls.get(), dropped.get()), (1, 1));

    let (runnable, handle) = future_on(&queue, DomainId::unique(), async { 7 });
    assert!(matches!(runnable.run(), RunOutcome::Finished));
    assert_eq!(handle.join().unwrap(), 7, "what is not suspended needs no registry");
}

#[test]
fn a_future_is_registered_from_its_first_suspension_to_its_end() {
    let (queue, tasks) = Queue::new();
    let (mut polls, waker) = (0, Arc::new(std::sync::Mutex::new(None)));
    let left = Arc::clone(&waker);
    // Yields, is suspended twice, ends.
    let future = poll_fn(move |context: &mut Context<'_>| {
        polls += 1;
        match polls {
            1 => context.waker().wake_by_ref(),
            2 | 3 => *left.lock().unwrap() = Some(context.waker().clone()),
            _ => return Poll::Ready(()),
        }
        Poll::Pending
    });
    let standing = || (Arc::strong_count(&queue), queue.registry().len());
    let (runnable, handle) = future_on(&queue, DomainId::unique(), future);
    assert_eq!(standing(), (1, 0), "queued");
    let RunOutcome::Yielded(runnable) = runnable.run() else { panic!("it was woken") };
    assert_eq!(standing(), (1, 0), "yielded");
    assert!(matches!(runnable.run(), RunOutcome::Suspended));
    assert_eq!(standing(), (2, 1), "suspended");
    waker.lock().unwrap().take().unwrap().wake();
    assert_eq!(standing(), (2, 1), "woken");
    assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Suspended));
    assert_eq!(standing(), (2, 1), "suspended again");
    waker.lock().unwrap().take().unwrap().wake();
    assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Finished));
    assert_eq!(standing(), (2, 0), "done");
    drop(handle);
    assert_eq!(standing(), (1, 0), "freed");
}

#[test]
fn a_queued_future_is_claimed_by_a_joining_thread_of_its_domain() {
    watched(|| {
        let domain = DomainId::unique();
        let (queue, _tasks) = Queue::new();
        let future = async {
            yield_now().await;
            7
        };
        let (runnable, handle) = future_on(&queue, domain, future);
        assert_eq!(on_worker(domain, None, || handle.join()).unwrap(), 7);
        assert!(matches!(runnable.run(), RunOutcome::StaleFuture));
    });
}

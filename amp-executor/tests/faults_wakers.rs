//! Wakers that are somebody else's: they panic, they come from other runtimes, and they outlive the executor.

mod faults_support;
mod support;

use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;

use amp_executor::{
    AmpExecutor, CancellationToken, IdlePolicy, JoinSet, RoleConfig, RoleHandle, block_on,
    yield_now,
};
use faults_support::{Drops, Shrapnel};
use support::{
    A, B, assert_accounted, fake_workers, fill, hold, one_role, two_roles, until, usable, watchdog,
};

fn works(role: &RoleHandle) {
    assert_eq!(role.spawn(|| 7).unwrap().join().unwrap(), 7);
}

/// What a waker panics in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum In {
    Clone,
    Wake,
    Drop,
}

/// Shared by the clones of a waker.
struct Panics {
    is_in: In,
    /// Off while the test itself handles the waker.
    armed: AtomicBool,
    times: AtomicUsize,
}

impl Panics {
    fn happens(&self, now: In) {
        if now == self.is_in && self.armed.load(Ordering::SeqCst) && !thread::panicking() {
            self.times.fetch_add(1, Ordering::SeqCst);
            panic_any(Shrapnel);
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// `data` is that of a live waker of [`VTABLE`].
unsafe fn panics(data: *const ()) -> mem::ManuallyDrop<Arc<Panics>> {
    // SAFETY: the waker owns a share of the `Arc`, which `ManuallyDrop` leaves to it.
    mem::ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: called by a live waker.
    let panics = unsafe { panics(data) };
    panics.happens(In::Clone);
    RawWaker::new(Arc::into_raw(Arc::clone(&panics)).cast(), &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: called by a live waker.
    let panics = unsafe { panics(data) };
    let own = mem::ManuallyDrop::into_inner(panics);
    own.happens(In::Wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: called by a live waker.
    unsafe { panics(data) }.happens(In::Wake);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: called by a live waker, which ends here.
    let own = mem::ManuallyDrop::into_inner(unsafe { panics(data) });
    own.happens(In::Drop);
}

/// A waker that panics from now on.
fn panicking(is_in: In) -> (Arc<Panics>, Waker) {
    let armed = AtomicBool::new(true);
    let panics = Arc::new(Panics { is_in, armed, times: AtomicUsize::new(0) });
    let data = Arc::into_raw(Arc::clone(&panics)).cast();
    // SAFETY: the functions treat `data` as what it is, a share of an `Arc<Panics>`, which is `Send + Sync`.
    (panics, unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) })
}

/// Polls once. A panic of the waker is the caller's, and ends here.
fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Option<Poll<F::Output>> {
    let poll = || pin!(future).poll(&mut Context::from_waker(waker));
    catch_unwind(AssertUnwindSafe(poll)).map_err(mem::forget).ok()
}

/// A waker that tells.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls until that has an answer, or a panic.
fn until_ready<F: Future + Unpin>(future: &mut F, waker: &Waker) {
    while poll_once(future, waker).is_some_and(|poll| poll.is_pending()) {
        thread::yield_now();
    }
}

/// A handle, a wait for room, a call and a set are polled with a waker that panics. Whoever wakes it or drops it goes on.
#[test]
fn a_waker_that_panics_stops_nobody_but_its_owner() {
    watchdog(|| {
        for round in 0..30 {
            let is_in = [In::Clone, In::Wake, In::Drop][round % 3];
            let (panics, waker) = panicking(is_in);
            let amp = two_roles(2).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let drops = Drops::default();
            let held = hold(&a);
            let [first, second, third, fourth] = [(); 4].map(|()| drops.counted());
            let mut handle = a.spawn(move || drop(first)).unwrap();
            let polled = poll_once(&mut handle, &waker);
            assert_eq!(polled.is_none(), is_in == In::Clone);
            // Another waker takes its place.
            assert!(poll_once(&mut handle, Waker::noop()).unwrap().is_pending());
            if is_in == In::Wake {
                assert!(poll_once(&mut handle, &waker).unwrap().is_pending());
            }
            let member = a.spawn(move || drop(second)).unwrap();
            let mut set = JoinSet::from_iter([member]);
            let poll_set = |set: &mut JoinSet<()>| {
                let poll = || set.poll_next(&mut Context::from_waker(&waker)).is_pending();
                catch_unwind(AssertUnwindSafe(poll)).map_err(mem::forget).ok()
            };
            let _ = poll_set(&mut set);
            // Full from here on.
            let mut room = a.spawn_wait(move || drop(third));
            let _ = poll_once(&mut room, &waker);
            let mut call = a.call(move || drop(fourth));
            let _ = poll_once(&mut call, &waker);
            // Somebody behind them, who must not pay for it.
            let mut behind = a.spawn_wait(|| 7);
            let woken = Arc::new(Woken(AtomicBool::new(false)));
            let own = Waker::from(Arc::clone(&woken));
            assert!(poll_once(&mut behind, &own).unwrap().is_pending());
            held.release();
            if is_in == In::Drop {
                // Woken, they are polled, as anybody does.
                until_ready(&mut room, &waker);
                until_ready(&mut call, &waker);
            }
            until(|| woken.0.load(Ordering::SeqCst));
            assert_eq!(block_on(behind).unwrap().join().unwrap(), 7);
            works(&a);
            works(&b);
            until(|| a.depth() == 0);
            panics.armed.store(false, Ordering::SeqCst);
            if is_in == In::Wake {
                // They have not been woken, and are polled by chance.
                block_on(room).unwrap().join().unwrap();
                block_on(call).unwrap();
            } else {
                drop((room, call));
            }
            block_on(handle).unwrap();
            assert!(set.join_next().unwrap().is_ok());
            assert_eq!(amp.shutdown().still_running, 0);
            assert_eq!(drops.count(), 4);
            assert!(panics.times.load(Ordering::SeqCst) >= 1, "{is_in:?}");
            assert_accounted(&amp.metrics());
            drop(waker);
            assert_eq!(Arc::strong_count(&panics), 1, "{is_in:?}");
        }
    });
}

/// The same when nobody polls again: the executor ends, and drops the wakers or wakes them.
#[test]
fn a_waker_that_panics_during_the_end() {
    watchdog(|| {
        for round in 0..20 {
            let is_in = [In::Wake, In::Drop][round % 2];
            let (panics, waker) = panicking(is_in);
            let amp = one_role(1).build().unwrap();
            let a = amp.role(A).unwrap();
            let drops = Drops::default();
            let held = hold(&a);
            let [first, second, third] = [(); 3].map(|()| drops.counted());
            let waits = a.spawn_future(async move {
                let _first = first;
                pending::<()>().await;
            });
            let mut waits = waits.unwrap();
            assert!(poll_once(&mut waits, &waker).unwrap().is_pending());
            let mut room: Vec<_> =
                [second, third].into_iter().map(|one| a.spawn_wait(move || drop(one))).collect();
            for wait in &mut room {
                assert!(poll_once(wait, &waker).unwrap().is_pending());
            }
            held.let_go();
            drop(amp);
            assert!(waits.is_finished());
            panics.armed.store(false, Ordering::SeqCst);
            assert!(block_on(waits).unwrap_err().is_cancelled());
            for wait in room {
                let _ = block_on(wait);
            }
            assert_eq!(drops.count(), 3);
            drop((a, waker));
            assert_eq!(Arc::strong_count(&panics), 1);
        }
    });
}

/// A future that hands its waker out, ends when it is woken after `token`, and counts its polls.
fn hands_out(
    give: mpsc::Sender<Waker>,
    may_end: Arc<AtomicBool>,
    polls: Arc<AtomicUsize>,
) -> impl Future<Output = ()> + Send {
    poll_fn(move |context| {
        polls.fetch_add(1, Ordering::SeqCst);
        if may_end.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let _ = give.send(context.waker().clone());
        Poll::Pending
    })
}

/// Woken by a plain thread and by tokio's workers: before, during and after the end.
#[test]
fn a_foreign_runtime_wakes_what_has_ended() {
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("tokio");
    let tokio = Arc::new(tokio);
    watchdog(move || {
        for round in 0..40 {
            let amp = two_roles(64).build().unwrap();
            let a = amp.role(A).unwrap();
            let (give, given) = mpsc::channel();
            let (may_end, polls) =
                (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let drops = Drops::default();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let counted = drops.counted();
                    let future = hands_out(give.clone(), Arc::clone(&may_end), Arc::clone(&polls));
                    let future = async move {
                        let _counted = counted;
                        future.await;
                    };
                    a.spawn_future(future).unwrap()
                })
                .collect();
            drop(give);
            let wakers: Vec<_> = given.iter().take(8).collect();
            // They wake for as long as the test goes on.
            let done = CancellationToken::new();
            let forever = |wakers: Vec<Waker>, done: CancellationToken| async move {
                while !done.is_cancelled() {
                    wakers.iter().for_each(Waker::wake_by_ref);
                    tokio::task::yield_now().await;
                }
                wakers.into_iter().for_each(Waker::wake);
            };
            let by_tokio = [(); 2].map(|()| tokio.spawn(forever(wakers.clone(), done.clone())));
            let by_thread = thread::spawn({
                let (wakers, done) = (wakers.clone(), done.clone());
                move || {
                    while !done.is_cancelled() {
                        wakers.iter().for_each(Waker::wake_by_ref);
                        thread::yield_now();
                    }
                }
            });
            until(|| polls.load(Ordering::SeqCst) > 16);
            let ends = round % 4 == 0;
            may_end.store(ends, Ordering::SeqCst);
            let handle = amp.handle();
            match round % 4 {
                0 => assert!(amp.shutdown().is_clean()),
                // One may be in the middle of a poll, which is its last.
                1 => assert!(amp.shutdown_timeout(Duration::ZERO).still_running <= 1),
                2 => drop(a),
                _ => {}
            }
            drop(amp);
            for task in tasks {
                let ended = task.join();
                assert_eq!(ended.is_ok(), ends, "{ended:?}");
            }
            assert_eq!(drops.count(), 8);
            let seen = polls.load(Ordering::SeqCst);
            // After the end, by everybody.
            wakers.iter().for_each(Waker::wake_by_ref);
            done.cancel();
            by_thread.join().unwrap();
            tokio.block_on(async {
                for task in by_tokio {
                    task.await.unwrap();
                }
            });
            drop(handle.metrics());
            drop(handle);
            // The last reference to anything of the executor is that of the wakers.
            wakers.into_iter().for_each(Waker::wake);
            assert_eq!(polls.load(Ordering::SeqCst), seen, "nobody is polled after the end");
        }
    });
}

/// A value goes from a role to tokio and back, while both end.
#[test]
fn tokio_awaits_roles_and_roles_await_tokio() {
    watchdog(|| {
        for round in 0..30 {
            let tokio =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            let amp = two_roles(4).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let (send, receive) = tokio::sync::oneshot::channel::<u32>();
            let waits = a.spawn_future(async move { receive.await.unwrap_or(0) }).unwrap();
            let calls = tokio.spawn(async move {
                let mut sum = 0;
                while let Ok(n) = b.call(move || sum + 1).await {
                    sum = n;
                }
                sum
            });
            works(&a);
            if round % 2 == 0 {
                drop(tokio.spawn(async move { send.send(7) }));
                assert_eq!(waits.join().unwrap(), 7);
                drop(amp);
                let _ = tokio.block_on(calls).unwrap();
            } else {
                drop(amp);
                assert!(waits.join().unwrap_err().is_cancelled());
                // Nobody is there to receive it.
                assert_eq!(send.send(7), Err(7));
                let _ = tokio.block_on(calls).unwrap();
            }
        }
    });
}

/// A future of one role wakes itself for ever: the role's other tasks go on, and so does the other role. It ends with its role.
#[test]
fn a_future_that_wakes_itself_for_ever() {
    watchdog(|| {
        for round in 0..30 {
            let amp = two_roles(64).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let drops = Drops::default();
            let tasks: Vec<_> = [a.clone(), a.with_priority(amp_executor::Priority::High)]
                .into_iter()
                .flat_map(|role| {
                    let [yields, wakes] = [drops.counted(), drops.counted()];
                    let by_yield = role.spawn_future(async move {
                        let _yields = yields;
                        loop {
                            yield_now().await;
                        }
                    });
                    let by_itself = poll_fn(move |context| {
                        let _ = &wakes;
                        context.waker().wake_by_ref();
                        Poll::<()>::Pending
                    });
                    [by_yield.unwrap(), role.spawn_future(by_itself).unwrap()]
                })
                .collect();
            let local = drops.counted();
            let local = a.spawn_local(move || async move {
                let _local = local;
                loop {
                    yield_now().await;
                }
            });
            let local = local.unwrap();
            for _ in 0..10 {
                works(&a);
                works(&b);
                assert_eq!(block_on(b.call(|| 7)).unwrap(), 7);
            }
            let report = if round % 2 == 0 {
                amp.shutdown_timeout(Duration::from_millis(1))
            } else {
                let handle = amp.handle();
                drop(amp);
                until(|| drops.count() == 5);
                assert_accounted(&handle.metrics());
                continue;
            };
            // One of them may be in the middle of a poll, which is its last.
            assert!(report.still_running <= 1, "{report:?}");
            assert!(report.cancelled <= 5, "{report:?}");
            for task in tasks.into_iter().chain([local]) {
                assert!(task.join().unwrap_err().is_cancelled());
            }
            assert_eq!(drops.count(), 5);
            until(|| amp.metrics().role(A).unwrap().cancelled == 5);
            assert_accounted(&amp.metrics());
        }
    });
}

/// One task of each role never returns. The end comes all the same, says so, and lets go of everything else.
#[test]
fn a_task_that_never_returns() {
    watchdog(|| {
        for round in 0..15_usize {
            let amp = fake_workers(3, 64).stall_limit(Duration::from_millis(4)).build().unwrap();
            let a = amp.role(A).unwrap();
            let drops = Drops::default();
            let stuck = round % 3 + 1;
            let held: Vec<_> = (0..stuck).map(|core| hold(&a.on_core(core).unwrap())).collect();
            // On each core alone, for any, timed, and local.
            let mut tasks = Vec::new();
            for core in 0..3 {
                let own = a.on_core(core).unwrap();
                let [queued, timed, local] = [(); 3].map(|()| drops.counted());
                tasks.push(own.spawn(move || drop(queued)).unwrap());
                let due = std::time::Instant::now() + Duration::from_secs(3600);
                tasks.push(own.spawn_at(due, move || drop(timed)).unwrap());
                tasks.push(own.spawn_local(move || async move { drop(local) }).unwrap());
            }
            let report = amp.shutdown_timeout(Duration::from_millis(2));
            assert_eq!(report.still_running, stuck as u64, "{report:?}");
            let ended = tasks.into_iter().map(|task| task.join().is_ok());
            let ran = ended.filter(|is_ok| *is_ok).count() as u64;
            assert_eq!((drops.count(), report.cancelled), (9, 9 - ran), "{report:?}");
            // A drop does not wait for them either.
            let handle = amp.handle();
            drop(amp);
            held.into_iter().for_each(support::Hold::release);
            let role = || handle.metrics().role(A).unwrap().clone();
            until(|| role().completed == stuck as u64 + ran);
            assert_accounted(&handle.metrics());
        }
    });
}

/// Blocked spawners and waiting futures of foreign threads hear of the end.
#[test]
fn foreign_threads_wait_for_room_when_the_end_comes() {
    watchdog(|| {
        for round in 0..30 {
            let core = usable()[0];
            let role = RoleConfig::new(A).cores([core]).capacity(2).idle(IdlePolicy::Park);
            let amp = AmpExecutor::builder().role(role).build().unwrap();
            let a = amp.role(A).unwrap();
            let held = hold(&a);
            let full = fill(&a);
            let drops = Drops::default();
            let waiting = Arc::new(Mutex::new(0));
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let (a, counted, waiting) = (a.clone(), drops.counted(), Arc::clone(&waiting));
                    thread::spawn(move || {
                        *waiting.lock().unwrap() += 1;
                        match number {
                            0 => a.spawn(move || drop(counted)).map(drop).is_err(),
                            1 => block_on(a.spawn_wait(move || drop(counted))).map(drop).is_err(),
                            2 => a.call_blocking(move || drop(counted)).is_err(),
                            _ => block_on(a.call(move || drop(counted))).is_err(),
                        }
                    })
                })
                .collect();
            until(|| *waiting.lock().unwrap() == 4);
            if round % 2 == 0 {
                let _ = amp.shutdown_timeout(Duration::ZERO);
                held.release();
            } else {
                held.let_go();
            }
            drop(amp);
            for thread in threads {
                let is_refused = thread.join().unwrap();
                assert!(is_refused || round % 2 == 1);
            }
            assert_eq!(drops.count(), 4);
            drop(full);
        }
    });
}

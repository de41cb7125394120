//! Ends that come from where nobody expects them: destructors, on threads that are on their way out.

mod faults_support;
mod support;

use std::cell::RefCell;
use std::future::pending;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use amp_executor::{AmpExecutor, IdlePolicy, RoleConfig, SpawnError};
use faults_support::{Counted, Drops};
use support::{A, B, assert_accounted, one_role, two_roles, until, usable, watchdog};

/// Ends the executor when it is dropped, in each way that does not take it apart.
struct EndsIt {
    amp: Arc<AmpExecutor>,
    _counted: Counted,
}

impl Drop for EndsIt {
    fn drop(&mut self) {
        let report = self.amp.drain_role(A).unwrap();
        assert!(report.ran == 0 || report.still_running <= 2, "{report:?}");
        let _ = self.amp.shutdown_timeout(Duration::ZERO);
        let _ = self.amp.shutdown();
        let a = self.amp.role(A).unwrap();
        assert!(matches!(a.spawn(|| ()), Err(SpawnError::Closed)));
    }
}

/// A future that waits is dropped by whoever gets hold of it: the thread of the shutdown, a worker that runs on, or a worker that
/// is about to leave. None of them waits for itself.
#[test]
fn a_destructor_ends_the_executor() {
    const FUTURES: usize = 8;
    watchdog(|| {
        let core = *usable().last().unwrap();
        for round in 0..40 {
            let idle = if round % 2 == 0 { IdlePolicy::Spin } else { IdlePolicy::Park };
            let role = RoleConfig::new(A).cores([core]).idle(idle);
            let amp = Arc::new(AmpExecutor::builder().role(role).build().unwrap());
            let a = amp.role(A).unwrap();
            let drops = Drops::default();
            let futures = (0..FUTURES).map(|_| {
                let ends = EndsIt { amp: Arc::clone(&amp), _counted: drops.counted() };
                a.spawn_future(async move {
                    let _ends = ends;
                    pending::<()>().await;
                })
            });
            let tasks: Vec<_> = futures.map(Result::unwrap).collect();
            until(|| amp.metrics().live_futures == FUTURES);
            let _ = amp.shutdown_timeout(Duration::ZERO);
            for task in tasks {
                assert!(task.join().unwrap_err().is_cancelled());
            }
            assert_eq!(drops.count(), FUTURES);
            let _ = amp.shutdown();
            assert_accounted(&amp.metrics());
            assert_eq!(Arc::strong_count(&amp), 1);
        }
    });
}

/// The last share of the executor, in a thread-local value of one of its own threads.
struct Last {
    amp: Option<Arc<AmpExecutor>>,
    alone: mpsc::Receiver<()>,
    gone: mpsc::Sender<()>,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.alone.recv().unwrap();
        let amp = Arc::into_inner(self.amp.take().unwrap());
        drop(amp.expect("the last share"));
        self.gone.send(()).unwrap();
    }
}

std::thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// A worker has left its role, and its thread drops the executor, which would have waited for that thread.
#[test]
fn a_threads_own_destructors_drop_the_executor() {
    watchdog(|| {
        for _ in 0..30 {
            let amp = Arc::new(two_roles(8).build().unwrap());
            let handle = amp.handle();
            let ((tell, alone), (gone, is_gone)) = (mpsc::channel(), mpsc::channel());
            let last = Last { amp: Some(Arc::clone(&amp)), alone, gone };
            let keep = move || LAST.set(Some(last));
            amp.role(A).unwrap().spawn(keep).unwrap().join().unwrap();
            let b = amp.role(B).unwrap();
            let waits = b.spawn_future(pending::<()>()).unwrap();
            assert!(amp.drain_role(A).unwrap().is_clean());
            drop(amp);
            tell.send(()).unwrap();
            is_gone.recv().unwrap();
            assert!(waits.join().unwrap_err().is_cancelled());
            assert!(matches!(b.spawn(|| ()), Err(SpawnError::Closed)));
            assert_accounted(&handle.metrics());
        }
    });
}

/// A role's values are dropped on their threads, where they join, spawn and abort in the other role while that goes on, and in their
/// own, which has ended.
#[test]
fn values_of_a_core_work_with_other_roles_while_they_are_dropped() {
    struct Works(amp_executor::AmpHandle, mpsc::Sender<&'static str>);
    impl Drop for Works {
        fn drop(&mut self) {
            let (a, b) = (self.0.role(A).unwrap(), self.0.role(B).unwrap());
            assert_eq!(b.call_blocking(|| 7).unwrap(), 7);
            let aborted = b.spawn_future(pending::<()>()).unwrap();
            aborted.abort();
            assert!(aborted.join().unwrap_err().is_cancelled());
            assert!(matches!(a.spawn(|| ()), Err(SpawnError::Closed)));
            let local = amp_executor::spawn_local(async { 7 });
            assert!(local.join().unwrap_err().is_cancelled());
            self.1.send("worked").unwrap();
            panic!("and then panics");
        }
    }
    watchdog(|| {
        for _ in 0..30 {
            let amp = two_roles(8).state(A, |_| None::<Works>).build().unwrap();
            let handle = amp.handle();
            let (tell, told) = mpsc::channel();
            let works = Works(handle.clone(), tell);
            let keep = move |value: &mut Option<Works>| *value = Some(works);
            amp.role(A).unwrap().with_state(keep).unwrap().join().unwrap();
            let report = amp.shutdown();
            assert_eq!(
                (report.cancelled, report.still_running),
                (2, 0),
                "the futures of the destructor"
            );
            assert_eq!(told.recv().unwrap(), "worked");
            assert_accounted(&handle.metrics());
        }
    });
}

/// Thread-local values of a worker, which are dropped when it is none any more.
#[test]
fn thread_local_values_use_handles_of_what_has_ended() {
    struct Uses(amp_executor::RoleHandle, mpsc::Sender<bool>);
    impl Drop for Uses {
        fn drop(&mut self) {
            let closed = matches!(self.0.spawn(|| ()), Err(SpawnError::Closed))
                && self.0.try_spawn_batch([|| (), || ()]).refused.len() == 2
                && self.0.call_blocking(|| ()).is_err();
            self.1.send(closed).unwrap();
        }
    }
    std::thread_local! {
        static USES: RefCell<Option<Uses>> = const { RefCell::new(None) };
    }
    watchdog(|| {
        for _ in 0..30 {
            let amp = one_role(8).build().unwrap();
            let (tell, told) = mpsc::channel();
            let uses = Uses(amp.role(A).unwrap(), tell);
            let keep = move || USES.set(Some(uses));
            amp.role(A).unwrap().spawn(keep).unwrap().join().unwrap();
            drop(amp);
            assert!(told.recv().unwrap());
        }
    });
}

//! A worker that leaves its role cancels what is left, and is a worker still: what it drops there may end the role.

#![cfg(loom)]

use amp_executor::model::ModelAmp;
use executor_common::sync::{Arc, thread};
use loom_tests::role::{ROLE, model, one_core};
use loom_tests::{Plain, check};

/// Drains the role when it is dropped, by which thread that may be.
struct Drains {
    amp: Arc<ModelAmp>,
    dropped: Plain,
}

impl Drop for Drains {
    fn drop(&mut self) {
        let _ = self.amp.drain(ROLE);
        self.dropped.increment();
    }
}

/// A suspended future is aborted by whoever stops the role, and dropped by that thread, by the worker in its turn, or by the worker
/// on its way out. A worker that took itself for a stranger there would wait for its own end.
#[test]
fn a_destructor_that_drains_the_role_does_not_wait_for_its_own_worker() {
    check("role: a destructor drains the role that is left", || {
        let (amp, [worker]) = model([one_core(1)]);
        let amp = Arc::new(amp);
        let drains = Drains { amp: Arc::clone(&amp), dropped: Plain::new() };
        let dropped = drains.dropped.clone();
        let mut handle = None;
        worker.enter(|| {
            let future = async move {
                let _drains = drains;
                std::future::pending::<()>().await;
            };
            handle = amp.handle().role(ROLE).unwrap().spawn_future(future).ok();
            assert!(worker.run_next());
        });
        let stopping = thread::spawn(move || amp.stop(ROLE));
        worker.run();
        stopping.join().unwrap();
        assert!(handle.unwrap().join().unwrap_err().is_cancelled());
        assert_eq!(dropped.get(), 1);
    });
}

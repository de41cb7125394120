//! Roles that lend: a lender does not sleep beside work that it may take, what it has borrowed is neither lost nor left
//! behind, and the end of the role that borrows waits for it.

#![cfg(loom)]

use amp_executor::model::{Channel, ModelAmp, ModelWorker, Turns};
use amp_executor::{Role, RoleConfig};
use executor_common::WorkerParker;
use executor_common::sync::asymmetric::Fences;
use executor_common::sync::{Arc, thread};
use loom_tests::role::{NORMAL, ROLE, channel, consume, model, one_core};
use loom_tests::{Done, Pause, Plain, check};

/// A channel that borrows, with one worker of its own, and the channel of the role that lends to it.
struct Lent {
    borrower: Channel<usize>,
    lender: Channel<usize>,
}

/// With the parker of the worker of the former.
fn lent() -> (Arc<Lent>, WorkerParker, WorkerParker) {
    let (lender, [parker]) = channel();
    let own = WorkerParker::new(None);
    let borrower = Channel::new(2, [own.unparker()], [parker.unparker()], Fences::new());
    (Arc::new(Lent { borrower, lender }), own, parker)
}

impl Lent {
    /// The lender: takes what it can get from either until it has so many items.
    fn lend(&self, parker: &WorkerParker, wanted: usize) -> usize {
        let (mut taken, mut turns) = (0, Turns::new());
        while taken < wanted {
            if let Some((_, origin)) = self.lender.take(0, &mut turns) {
                self.lender.after_take(origin);
                taken += 1;
            } else if let Some((_, origin)) = self.borrower.take_shared() {
                self.borrower.after_take(origin);
                taken += 1;
            } else {
                let lists = std::iter::once((self.borrower.lenders(), 0));
                let may_help = || self.borrower.has_lendable_work();
                parker.run(self.lender.sleep(0, parker, None, lists, may_help));
            }
        }
        taken
    }
}

/// Runs the lender on a thread of its own.
fn lend(lent: &Arc<Lent>, parker: WorkerParker, wanted: usize) -> thread::JoinHandle<usize> {
    let lent = Arc::clone(lent);
    thread::spawn(move || lent.lend(&parker, wanted))
}

#[test]
fn a_push_beside_a_busy_worker_reaches_a_lender_that_lies_down() {
    check("lending: push to a busy role, lender falls asleep", || {
        let (lent, _busy, parker) = lent();
        let lending = lend(&lent, parker, 1);
        lent.borrower.push(NORMAL, 1).unwrap();
        assert_eq!(lending.join().unwrap(), 1);
    });
}

#[test]
fn a_batch_reaches_worker_and_lender() {
    check("lending: batch of two, worker and lender", || {
        let (lent, own, parker) = lent();
        let lending = lend(&lent, parker, 1);
        let working = {
            let lent = Arc::clone(&lent);
            thread::spawn(move || consume(&lent.borrower, 0, &own, 1))
        };
        for item in [1, 2] {
            lent.borrower.lane(NORMAL).ring().push(item).unwrap();
        }
        lent.borrower.announce(NORMAL);
        assert_eq!((lending.join().unwrap(), working.join().unwrap().len()), (1, 1));
    });
}

#[test]
fn a_lender_that_takes_one_of_two_wakes_the_worker() {
    check("lending: batch of two, lender takes one, worker falls asleep", || {
        let (lent, own, _) = lent();
        let working = {
            let lent = Arc::clone(&lent);
            thread::spawn(move || consume(&lent.borrower, 0, &own, 1))
        };
        for item in [1, 2] {
            lent.borrower.lane(NORMAL).ring().push(item).unwrap();
        }
        if let Some((_, origin)) = lent.borrower.take_shared() {
            lent.borrower.after_take(origin);
        }
        assert_eq!(working.join().unwrap().len(), 1);
    });
}

/// The lender sleeps in two lists, and may be taken out of both.
#[test]
fn a_lender_gets_its_own_item_and_a_foreign_one() {
    check("lending: own and foreign item, one lender", || {
        let (lent, _busy, parker) = lent();
        let pushing = {
            let lent = Arc::clone(&lent);
            thread::spawn(move || lent.lender.push(NORMAL, 1).unwrap())
        };
        let lending = lend(&lent, parker, 2);
        lent.borrower.push(NORMAL, 2).unwrap();
        assert_eq!(lending.join().unwrap(), 2);
        pushing.join().unwrap();
    });
}

/// The lender is called for nothing that the worker could do: it may have work of its own, or be about to leave.
#[test]
fn a_worker_is_called_before_a_lender() {
    check("lending: push, worker falls asleep, lender does not help", || {
        let (lent, own, parker) = lent();
        let lending = {
            let lent = Arc::clone(&lent);
            thread::spawn(move || {
                let lists = std::iter::once((lent.borrower.lenders(), 0));
                parker.run(lent.lender.sleep(0, &parker, None, lists, || false));
            })
        };
        let working = {
            let lent = Arc::clone(&lent);
            thread::spawn(move || consume(&lent.borrower, 0, &own, 1))
        };
        lent.borrower.push(NORMAL, 1).unwrap();
        assert_eq!(working.join().unwrap(), [1]);
        lent.lender.push(NORMAL, 2).unwrap();
        lending.join().unwrap();
    });
}

const LENDER: Role = Role::new("lender");

/// [`ROLE`], whose worker comes first, and a role that lends to it.
fn roles() -> (Arc<ModelAmp>, ModelWorker, ModelWorker) {
    let lender = RoleConfig::new(LENDER).cores([1]).capacity(1).lend_to(ROLE);
    let (amp, [own, lender]) = model([one_core(1), lender]);
    (Arc::new(amp), own, lender)
}

/// Runs a worker on a thread of its own.
fn on_a_thread(
    worker: ModelWorker,
    f: impl FnOnce(&ModelWorker) + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || worker.enter(|| f(&worker)))
}

#[test]
fn a_spawn_beside_a_busy_worker_reaches_a_lender_that_lies_down() {
    check("lending: spawn on a busy role, lender falls asleep", || {
        let (amp, _busy, lender) = roles();
        let done = Done::new();
        let lending = {
            let done = done.clone();
            on_a_thread(lender, move |lender| lender.work_until(|| done.is(1)))
        };
        let task = amp.handle().role(ROLE).unwrap().try_spawn(done.one()).unwrap();
        lending.join().unwrap();
        task.join().unwrap();
    });
}

/// The first lender may be called for the borrowed task, and is held by its own instead.
#[test]
fn a_call_of_a_lender_that_has_own_work_reaches_the_next() {
    check("lending: own task and foreign one, two lenders fall asleep", || {
        let lender = RoleConfig::new(LENDER).cores([1, 2]).capacity(1).lend_to(ROLE);
        let (amp, [_busy, first, second]) = model([one_core(1), lender]);
        let done = Done::new();
        let held = on_a_thread(first, |first| {
            first.sleep();
            assert!(first.run_next());
        });
        let lending = {
            let done = done.clone();
            on_a_thread(second, move |second| second.work_until(|| done.is(1)))
        };
        let own = amp.handle().role(LENDER).unwrap().on_core(1).unwrap();
        drop(own.try_spawn(|| ()).unwrap());
        drop(amp.handle().role(ROLE).unwrap().try_spawn(done.one()).unwrap());
        lending.join().unwrap();
        held.join().unwrap();
    });
}

#[test]
fn the_room_that_a_lender_makes_reaches_a_blocked_spawner() {
    check("lending: blocked spawner, room by a lender", || {
        let (amp, _busy, lender) = roles();
        let role = amp.handle().role(ROLE).unwrap();
        drop(role.try_spawn(|| ()).unwrap());
        let spawning = thread::spawn(move || role.spawn(|| ()).map(drop));
        lender.enter(|| assert!(lender.run_lent()));
        spawning.join().unwrap().unwrap();
    });
}

/// The borrowed task may be the last one of its role: what it has done is seen behind the drain.
#[test]
fn a_drain_waits_for_a_borrowed_task() {
    check("lending: drain beside a lender", || {
        let (amp, own, lender) = roles();
        let ran = Plain::new();
        let task = {
            let ran = ran.clone();
            amp.handle().role(ROLE).unwrap().try_spawn(move || ran.increment()).unwrap()
        };
        let lending = on_a_thread(lender, |lender| {
            lender.run_lent();
        });
        amp.close(ROLE);
        own.run();
        let report = amp.drain(ROLE);
        assert!(report.is_clean() && report.cancelled == 0);
        assert_eq!(ran.get(), 1);
        lending.join().unwrap();
        task.join().unwrap();
    });
}

/// Whoever gets the task, the lender or the one who cancels: it has ended for both when the end has.
#[test]
fn a_cancelled_role_loses_no_task_to_a_lender() {
    check("lending: cancel beside a lender", || {
        let (amp, own, lender) = roles();
        let ran = Plain::new();
        let task = {
            let ran = ran.clone();
            amp.handle().role(ROLE).unwrap().try_spawn(move || ran.increment()).unwrap()
        };
        let lending = on_a_thread(lender, |lender| {
            lender.run_lent();
        });
        amp.cancel();
        own.run();
        let report = amp.drain(ROLE);
        assert_eq!(report.still_running, 0);
        let runs = ran.get();
        match task.join() {
            Ok(()) => assert_eq!(runs, 1),
            Err(error) => assert!(error.is_cancelled() && runs == 0),
        }
        lending.join().unwrap();
    });
}

#[test]
fn a_future_that_a_lender_has_taken_goes_home() {
    check("lending: future sent home, worker falls asleep", || {
        let (amp, own, lender) = roles();
        let task = amp.handle().role(ROLE).unwrap().try_spawn_future(async { 7 }).unwrap();
        let lending = on_a_thread(lender, |lender| assert!(!lender.run_lent()));
        own.enter(|| own.work_until(|| task.is_finished()));
        assert_eq!(task.join().unwrap(), 7);
        lending.join().unwrap();
    });
}

#[test]
fn the_end_waits_for_a_future_that_is_sent_home() {
    check("lending: future sent home against close", || {
        let (amp, own, lender) = roles();
        let task = amp.handle().role(ROLE).unwrap().try_spawn_future(async { 7 }).unwrap();
        let lending = on_a_thread(lender, |lender| assert!(!lender.run_lent()));
        amp.close(ROLE);
        own.run();
        assert_eq!(task.join().unwrap(), 7);
        lending.join().unwrap();
    });
}

#[test]
fn a_future_that_comes_home_too_late_is_cancelled() {
    check("lending: future sent home against the end", || {
        let (amp, own, lender) = roles();
        let pause = Pause::new();
        let task = amp.handle().role(ROLE).unwrap().try_spawn_future(pause.wait()).unwrap();
        let lending = on_a_thread(lender, |lender| assert!(!lender.run_lent()));
        amp.cancel();
        own.run();
        assert_eq!(amp.drain(ROLE).still_running, 0);
        lending.join().unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

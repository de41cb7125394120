//! What the judge and the accounts notice, with the mistakes planted.

use super::actor::generator;
use super::judge::{Fate, Kind, Said, judge};
use super::slot::{Marks, Slots, TooLate};
use super::state::Soak;
use super::task::{Maker, Pending, Work};

const RETURNED: u64 = Marks::RETURNED;
const THROWS: u64 = Marks::THROWS;
const OWN: Said = Said::Output { own: true };

#[test]
fn each_right_end_is_one_fate() {
    let ends = [
        (Kind::Closure, Marks::new(1, 1, RETURNED), OWN, Fate::Ran),
        (Kind::Closure, Marks::new(1, 1, THROWS), Said::Panicked, Fate::Panicked),
        (Kind::Closure, Marks::new(0, 1, 0), Said::Cancelled, Fate::Cancelled),
        (Kind::Closure, Marks::new(0, 1, 0), Said::Expired, Fate::Expired),
        (Kind::Closure, Marks::new(0, 1, 0), Said::Refused, Fate::Refused),
        (Kind::Closure, Marks::new(1, 1, RETURNED), Said::Nothing, Fate::Ran),
        (Kind::Closure, Marks::new(0, 1, 0), Said::Nothing, Fate::Cancelled),
        (Kind::Future, Marks::new(1, 1, 0), Said::Cancelled, Fate::Cancelled),
        (Kind::Future, Marks::new(1, 1, 0), Said::Nothing, Fate::Cancelled),
        (Kind::Bomb, Marks::new(1, 1, RETURNED), Said::Panicked, Fate::Panicked),
        (Kind::Bomb, Marks::new(0, 1, 0), Said::Panicked, Fate::Cancelled),
        (Kind::Periodic, Marks::new(0, 1, RETURNED), OWN, Fate::Ran),
        (Kind::Periodic, Marks::new(0, 1, RETURNED), Said::Cancelled, Fate::Cancelled),
    ];
    for (kind, marks, said, fate) in ends {
        assert_eq!(judge(kind, marks, said), Ok(fate), "{kind:?}, {marks:?}, {said:?}");
    }
}

#[test]
fn a_task_that_ran_or_was_dropped_twice_is_noticed() {
    let twice = [
        (Marks::new(2, 1, RETURNED), "ran more than once"),
        (Marks::new(1, 2, RETURNED), "dropped more than once"),
    ];
    for (marks, what) in twice {
        for said in [OWN, Said::Nothing] {
            assert_eq!(judge(Kind::Closure, marks, said), Err(what));
        }
    }
}

#[test]
fn a_task_that_is_not_dropped_before_its_handle_speaks_is_noticed() {
    for said in [OWN, Said::Panicked, Said::Cancelled, Said::Expired, Said::Refused] {
        for kind in [Kind::Closure, Kind::Future, Kind::Bomb, Kind::Periodic] {
            assert!(judge(kind, Marks::new(1, 0, RETURNED), said).is_err());
            assert!(judge(kind, Marks::new(0, 0, 0), said).is_err());
        }
    }
}

#[test]
fn a_handle_that_lies_is_noticed() {
    let lies = [
        (Marks::new(0, 1, 0), OWN),
        (Marks::new(1, 1, 0), OWN),
        (Marks::new(1, 1, THROWS), OWN),
        (Marks::new(1, 1, RETURNED), Said::Output { own: false }),
        (Marks::new(1, 1, RETURNED), Said::Panicked),
        (Marks::new(0, 1, 0), Said::Panicked),
        (Marks::new(1, 1, RETURNED), Said::Cancelled),
        (Marks::new(1, 1, THROWS), Said::Cancelled),
        (Marks::new(1, 1, 0), Said::Cancelled),
        (Marks::new(1, 1, RETURNED), Said::Expired),
        (Marks::new(1, 1, RETURNED), Said::Refused),
        (Marks::new(1, 1, RETURNED), Said::SelfJoin),
        (Marks::new(1, 1, 0), Said::Nothing),
    ];
    for (marks, said) in lies {
        assert!(judge(Kind::Closure, marks, said).is_err(), "{marks:?}, {said:?}");
    }
    assert!(judge(Kind::Bomb, Marks::new(1, 1, RETURNED), OWN).is_err());
    assert!(judge(Kind::Bomb, Marks::new(0, 1, 0), Said::Cancelled).is_err());
    assert!(judge(Kind::Future, Marks::new(1, 1, RETURNED), Said::Cancelled).is_err());
}

#[test]
fn a_drop_after_the_account_was_closed_is_noticed_also_when_the_slot_is_free_or_anothers() {
    let slots = Slots::default();
    let first = slots.take();
    assert_eq!(first.dropped().map(Marks::drops), Ok(1));
    slots.give_back(first);
    assert_eq!(first.dropped(), Err(TooLate));
    // Until it has the slot.
    let others: Vec<_> = (0..100_000)
        .map(|_| slots.take())
        .inspect(|other| slots.give_back(*other))
        .take(10_000)
        .collect();
    assert_eq!(others.len(), 10_000);
    let entries: Vec<_> = (0..2000).map(|_| slots.take()).collect();
    assert_eq!(first.dropped(), Err(TooLate));
    assert_eq!(first.begin(), Err(TooLate));
    assert!(entries.iter().all(|entry| entry.marks().drops() == 0 && entry.marks().runs() == 0));
}

/// A task of an actor of this name, until there is one that is neither slow nor meant to panic.
fn plain_task(soak: &'static Soak) -> (Work, Pending) {
    let book = soak.book();
    let mut make = Maker::new(soak, "tests", generator(1, "tests", 1));
    make.closure(book)
}

fn faults_of(plant: impl FnOnce(Work, Pending)) -> (Vec<String>, u64) {
    let soak = Soak::leak(1);
    let (work, pending) = plain_task(soak);
    plant(work, pending);
    let unaccounted = soak.sums().iter().map(|(_, sums)| sums.unaccounted).sum();
    (soak.faults(), unaccounted)
}

#[test]
fn a_task_that_runs_and_whose_handle_says_so_is_accounted_for() {
    let (faults, unaccounted) = faults_of(|work, pending| {
        let number = work.run();
        pending.settle(&Ok(number));
    });
    assert_eq!((faults.as_slice(), unaccounted), (&[][..], 0));
}

#[test]
fn a_lost_task_stays_unaccounted_for() {
    // Nobody ever drops it, and its handle never speaks.
    let (_, unaccounted) = faults_of(|work, pending| {
        std::mem::forget(work);
        pending.detach();
    });
    assert_eq!(unaccounted, 1);
}

#[test]
fn a_handle_that_speaks_for_a_task_that_is_still_there_is_a_fault() {
    let (faults, unaccounted) = faults_of(|work, pending| {
        let number = pending.number();
        pending.settle(&Ok(number));
        std::mem::forget(work);
    });
    assert_eq!((faults.len(), unaccounted), (1, 1));
    assert!(faults[0].contains("has not been dropped"), "{faults:?}");
}

#[test]
fn a_handle_with_anothers_output_is_a_fault() {
    let (faults, _) = faults_of(|work, pending| {
        let number = work.run();
        pending.settle(&Ok(number + 1));
    });
    assert!(faults[0].contains("another task's output"), "{faults:?}");
}

#[test]
fn a_task_that_is_let_go_settles_itself_whoever_comes_first() {
    for is_dropped_first in [true, false] {
        let (faults, unaccounted) = faults_of(|work, pending| {
            if is_dropped_first {
                work.run();
                pending.detach();
            } else {
                pending.detach();
                work.run();
            }
        });
        assert_eq!((faults.as_slice(), unaccounted), (&[][..], 0));
    }
}

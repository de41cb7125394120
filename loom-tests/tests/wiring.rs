//! The models check what they say they check.
//!
//! Without this, a dead switch or a model that explores nothing looks like success.

/// `cargo loom` sets `EXPECT_LOOM`. A `RUSTFLAGS` in the environment would replace the flags of its alias,
/// and with them the cfg.
#[test]
fn loom_is_in_place_where_it_is_expected() {
    assert_eq!(cfg!(loom), executor_common::sync::LOOM, "one switch for all crates");
    if std::env::var_os("EXPECT_LOOM").is_some() {
        let (loom, checked) = (cfg!(loom), cfg!(debug_assertions));
        assert!(loom, "`--cfg loom` did not arrive; is RUSTFLAGS set in the environment?");
        assert!(checked, "the models need the debug assertions of the code under test");
    }
}

/// As above, for `cargo shuttle`.
#[test]
fn shuttle_is_in_place_where_it_is_expected() {
    assert_eq!(cfg!(shuttle), executor_common::sync::SHUTTLE, "one switch for all crates");
    if std::env::var_os("EXPECT_SHUTTLE").is_some() {
        let (shuttle, checked) = (cfg!(shuttle), cfg!(debug_assertions));
        assert!(shuttle, "`--cfg shuttle` did not arrive; is RUSTFLAGS set in the environment?");
        assert!(checked, "random schedules need the debug assertions of the code under test");
    }
}

#[cfg(shuttle)]
mod random {
    //! Planted bugs are found, and their seeds bring them back; each in a process of its own.

    use std::process::Command;

    use executor_common::Parker;
    use executor_common::sync::atomic::{AtomicUsize, Ordering};
    use executor_common::sync::{Arc, Condvar, Mutex, thread};
    use loom_tests::random::check;

    /// Runs the test `planted`, and returns what it says. It must fail.
    fn failure(planted: &str, environment: &[(&str, &str)]) -> String {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("random::{planted}"), "--include-ignored", "--nocapture"])
            .env_remove("SHUTTLE_SEED")
            .env_remove("SHUTTLE_ITERATIONS")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{planted} passed:\n{text}");
        text
    }

    /// The test fails for the given reason, and again, in the same way, with the seed that it prints.
    fn fails_again(planted: &str, reason: &str) {
        let text = failure(planted, &[]);
        assert!(text.contains(reason), "{planted} failed for another reason:\n{text}");
        let (_, after) = text.split_once("SHUTTLE_SEED=").expect("it says how to have it again");
        let seed = after.split_whitespace().next().unwrap();
        let line =
            |text: &str| text.lines().find(|line| line.contains("FAILED with")).map(str::to_owned);
        let [first, second] =
            [(); 2].map(|()| line(&failure(planted, &[("SHUTTLE_SEED", seed)])).unwrap());
        assert!(first.contains(&format!("seed {seed}")) && first.contains(reason), "{first}");
        assert_eq!(first, second);
    }

    #[test]
    fn a_lost_update_is_found_again() {
        fails_again("lost_update", "one is lost");
    }

    #[test]
    fn a_lost_wake_up_is_found_again() {
        fails_again("lost_wake_up", "deadlock");
    }

    #[test]
    #[ignore = "fails on purpose; run by the test above"]
    fn lost_update() {
        check("planted lost update", || {
            let count = Arc::new(AtomicUsize::new(0));
            let add = || {
                let count = Arc::clone(&count);
                thread::spawn(move || {
                    count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
                })
            };
            let adding = [add(), add()];
            adding.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(count.load(Ordering::SeqCst), 2, "one is lost");
        });
    }

    /// A notification before the wait.
    #[test]
    #[ignore = "fails on purpose; run by the test above"]
    fn lost_wake_up() {
        check("planted lost wake-up", || {
            let shared = Arc::new((Mutex::new(()), Condvar::new()));
            let theirs = Arc::clone(&shared);
            let thread = thread::spawn(move || theirs.1.notify_one());
            shared.1.wait(&mut shared.0.lock());
            thread.join().unwrap();
        });
    }

    /// The same with what the one above lacks.
    #[test]
    fn a_token_is_not_lost() {
        check("parker", || {
            let parker = Parker::new();
            let unparker = parker.unparker();
            let thread = thread::spawn(move || unparker.unpark());
            parker.park();
            thread.join().unwrap();
        });
    }
}

#[cfg(loom)]
mod planted {
    //! Each planted model must fail, in a process of its own: loom cannot clean up after all failures.

    use std::fs;
    use std::process::Command;

    use executor_common::Parker;
    use executor_common::sync::atomic::{AtomicBool, Ordering, fence};
    use executor_common::sync::{Arc, asymmetric, thread};
    use loom_tests::{Plain, check};

    /// Runs the test `planted`: whether it passes, and what it says.
    fn outcome(planted: &str, environment: &[(&str, &str)]) -> (bool, String) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("planted::{planted}"), "--include-ignored", "--nocapture"])
            .env_remove("LOOM_MAY_END_EARLY")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs the test `planted` and requires it to fail for the given reason.
    fn fails(planted: &str, reason: &str, environment: &[(&str, &str)]) {
        let (passes, text) = outcome(planted, environment);
        assert!(!passes, "{planted} passed:\n{text}");
        assert!(text.contains(reason), "{planted} failed for another reason:\n{text}");
    }

    #[test]
    fn a_race_is_caught() {
        fails("race", "Causality violation", &[]);
    }

    #[test]
    fn a_relaxed_flag_is_caught() {
        fails("relaxed_flag", "Causality violation", &[]);
    }

    #[test]
    fn a_lost_wake_up_is_caught() {
        fails("lost_wake_up", "deadlock", &[]);
    }

    #[test]
    fn one_execution_is_not_enough() {
        fails("single_execution", "one execution only", &[]);
    }

    #[test]
    fn a_budget_that_ends_first_is_a_failure() {
        fails("sleep_with_fences", "not exhausted", &[("LOOM_MAX_DURATION", "0")]);
    }

    /// What `cargo weaken` builds on: a model says which operations it reaches, and fails where one of them is weakened
    /// that it needs.
    #[test]
    fn a_weakened_ordering_is_caught() {
        let record = std::env::temp_dir().join(format!("weaken-record-{}", std::process::id()));
        let (passes, said) =
            outcome("released_flag", &[("WEAKEN_RECORD", record.to_str().unwrap())]);
        let text = fs::read_to_string(&record).unwrap();
        fs::remove_file(&record).unwrap();
        assert!(passes, "{said}");

        let weakened = |operation: &str, from: &str, to: &str, reason: &str| {
            let site = site(&text, operation, from);
            let environment = [("WEAKEN_SITE", site), ("WEAKEN_ARGUMENT", "0"), ("WEAKEN_TO", to)];
            fails("released_flag", reason, &environment);
        };
        weakened("store", "Release", "Relaxed", "Causality violation");
        weakened("load", "Acquire", "Relaxed", "Causality violation");
        weakened("light", "SeqCst", "None", "both looked too early");
        weakened("heavy", "SeqCst", "None", "both looked too early");

        let site = site(&text, "load", "Relaxed");
        let environment =
            [("WEAKEN_SITE", site), ("WEAKEN_ARGUMENT", "0"), ("WEAKEN_TO", "Acquire")];
        assert!(outcome("released_flag", &environment).0, "nothing needed is missing");
    }

    /// Where in this file a record has the operation with the ordering.
    fn site<'a>(record: &'a str, operation: &str, ordering: &str) -> &'a str {
        let line = record.lines().find(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            fields[0].starts_with(file!()) && fields[1..] == [operation, ordering]
        });
        line.and_then(|line| line.split('\t').next())
            .unwrap_or_else(|| panic!("{operation}, {ordering} is not in:\n{record}"))
    }

    /// Each of its orderings is needed but for that of the last look.
    #[test]
    fn released_flag() {
        check("released flag", || {
            let (value, flag) = (Plain::new(), Arc::new(AtomicBool::new(false)));
            let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
            let (shared, set, theirs) = (value.clone(), Arc::clone(&flag), Arc::clone(&flags));
            let thread = thread::spawn(move || {
                shared.increment();
                set.store(true, Ordering::Release);
                theirs.0.swap(true, Ordering::Relaxed);
                asymmetric::light();
                theirs.1.load(Ordering::Relaxed)
            });
            if flag.load(Ordering::Acquire) {
                value.get();
            }
            flags.1.swap(true, Ordering::Relaxed);
            asymmetric::heavy();
            let seen = flags.0.load(Ordering::Relaxed);
            assert!(thread.join().unwrap() || seen, "both looked too early");
        });
    }

    #[test]
    fn a_budget_that_may_end_first_is_told() {
        let environment = [("LOOM_MAX_DURATION", "0"), ("LOOM_MAY_END_EARLY", "1")];
        let (passes, text) = outcome("sleep_with_fences", &environment);
        assert!(passes && text.contains("NOT EXHAUSTED at "), "{text}");
    }

    #[test]
    #[ignore = "fails on purpose; run by the test above"]
    fn race() {
        check("planted race", || {
            let value = Plain::new();
            let shared = value.clone();
            let thread = thread::spawn(move || shared.increment());
            value.increment();
            thread.join().unwrap();
        });
    }

    #[test]
    #[ignore = "fails on purpose; run by the test above"]
    fn relaxed_flag() {
        check("planted relaxed flag", || {
            let (value, flag) = (Plain::new(), Arc::new(AtomicBool::new(false)));
            let (shared, set) = (value.clone(), Arc::clone(&flag));
            let thread = thread::spawn(move || {
                shared.increment();
                set.store(true, Ordering::Relaxed);
            });
            if flag.load(Ordering::Acquire) {
                value.get();
            }
            thread.join().unwrap();
        });
    }

    #[test]
    #[ignore = "fails on purpose; run by the test above"]
    fn single_execution() {
        check("planted single execution", || Plain::new().increment());
    }

    #[test]
    #[ignore = "fails on purpose; run by the test above"]
    fn lost_wake_up() {
        check("planted lost wake-up", || sleep_and_wake(|| ()));
    }

    /// The same with what the one above lacks: it must pass, or the failure above shows nothing.
    #[test]
    fn sleep_with_fences() {
        check("sleep with fences", || sleep_and_wake(|| fence(Ordering::SeqCst)));
    }

    /// One thread announces that it sleeps and looks for work once more, the other makes work and looks for
    /// sleepers. `between` is the barrier between each one's store and load.
    fn sleep_and_wake(between: fn()) {
        let shared = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let parker = Parker::new();
        let (theirs, unparker) = (Arc::clone(&shared), parker.unparker());
        let thread = thread::spawn(move || {
            let (work, sleeping) = &*theirs;
            work.store(true, Ordering::Release);
            between();
            if sleeping.load(Ordering::Acquire) {
                unparker.unpark();
            }
        });
        let (work, sleeping) = &*shared;
        sleeping.store(true, Ordering::Release);
        between();
        if !work.load(Ordering::Acquire) {
            parker.park();
        }
        thread.join().unwrap();
    }
}

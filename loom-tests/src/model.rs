//! Runs a model to its end, or fails.

use std::cell::RefCell;
use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use executor_common::panic::payload_text;

/// Preemptions per execution where `LOOM_MAX_PREEMPTIONS` does not say otherwise.
const PREEMPTIONS: usize = 2;

/// Time for one model where `LOOM_MAX_DURATION`, in seconds, does not say otherwise.
const BUDGET: Duration = Duration::from_secs(300);

/// Switches between threads in one execution: far more than any model here needs, so that only an endless
/// loop reaches it.
const BRANCHES: usize = 20_000;

/// How often loom looks at the budget, in executions.
const LOOK_AT_BUDGET: usize = 1_000;

/// With this variable a model whose budget ends first is counted and passes: `cargo loom-nightly` sets it, to go as deep as the
/// time allows beyond the bound at which every model is explored to its end.
const MAY_END_EARLY: &str = "LOOM_MAY_END_EARLY";

/// A panic whose text begins with this is part of a model, and not its failure.
pub const EXPECTED: &str = "expected:";

thread_local! {
    /// The model that the calling thread explores. The model's own threads all live on this one.
    static CURRENT: RefCell<Option<(String, Arc<AtomicUsize>)>> = const { RefCell::new(None) };
}

/// Explores all executions of `model`, and prints how many there were.
///
/// # Panics
///
/// If an execution fails; if there was one execution only, which means that the model has no concurrency or
/// that loom is not in place; and if the budget ended before the executions did, which loom itself counts as
/// success, unless `LOOM_MAY_END_EARLY` is set.
pub fn check(name: &str, model: impl Fn() + Sync + Send + 'static) {
    show_failures();
    let executions = Arc::new(AtomicUsize::new(0));
    CURRENT.with(|current| {
        *current.borrow_mut() = Some((name.to_owned(), Arc::clone(&executions)));
    });

    let mut builder = loom::model::Builder::new();
    let budget = *builder.max_duration.get_or_insert(BUDGET);
    let preemptions = *builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.max_branches = builder.max_branches.max(BRANCHES);
    builder.max_permutations = None;
    if builder.checkpoint_file.is_none() {
        builder.checkpoint_interval = LOOK_AT_BUDGET;
    }

    let start = Instant::now();
    let counted = Arc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let elapsed = start.elapsed();
    // What comes now is about the exploration. No execution has failed.
    CURRENT.with(|current| *current.borrow_mut() = None);

    let executions = executions.load(Ordering::Relaxed);
    say(format_args!("model {name}: {executions} executions in {elapsed:.2?}"));
    assert!(executions > 1, "{name}: one execution only, nothing was explored");
    if elapsed >= budget {
        let may_end_early = std::env::var_os(MAY_END_EARLY).is_some();
        assert!(may_end_early, "{name}: not exhausted within {budget:?}");
        say(format_args!("model {name}: NOT EXHAUSTED at {preemptions} preemptions"));
    }
}

/// As [`check`], with a full fence for each of an asymmetric pair. For a model whose subject they are not, or that does not end in time
/// otherwise: it does not see it if something relies on more than such a pair promises.
///
/// # Panics
///
/// As [`check`].
pub fn check_with_full_fences(name: &str, model: impl Fn() + Sync + Send + 'static) {
    executor_common::sync::asymmetric::with_full_fences(|| check(name, model));
}

/// Runs `f`, a part of a model that is not its subject: in one way in each execution. What is explored around it is
/// explored in full, and other threads' steps that fall into `f` are as little explored as its own.
///
/// A model of a whole executor goes through the start and the end of its threads. With both left to the models that
/// are about them, the others can be explored to their end.
pub fn aside<R>(f: impl FnOnce() -> R) -> R {
    loom::stop_exploring();
    let result = f();
    loom::explore();
    result
}

/// Writes past the test harness, which would swallow the line of a test that passes.
fn say(line: std::fmt::Arguments<'_>) {
    // Nothing depends on the line, and a closed stderr is no failure of the model.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A failed execution drops the stacks of its other threads, whose destructors find loom gone and end the
/// process before the test harness shows what it has kept. So the reason is written at once.
fn show_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload_as_str().unwrap_or("(no text)");
            if text.starts_with(EXPECTED) {
                return;
            }
            let model = CURRENT.try_with(|current| current.try_borrow().ok()?.clone());
            match model {
                Ok(Some((name, executions))) => say(format_args!(
                    "model {name} FAILED in execution {}: {text}{}",
                    executions.load(Ordering::Relaxed),
                    info.location().map(|at| format!(" ({at})")).unwrap_or_default(),
                )),
                _ => previous(info),
            }
        }));
    });
}

/// Panics as part of a model.
///
/// # Panics
///
/// Always.
pub fn expected_panic() -> ! {
    panic!("{EXPECTED} part of the model");
}

/// Whether a payload is that of [`expected_panic`].
pub fn is_expected(payload: &(dyn std::any::Any + Send)) -> bool {
    payload_text(payload).starts_with(EXPECTED)
}

//! One test under many seeds.

use super::executor::{TestBuilder, TestExecutor};
use crate::panic::{caught, payload_text};

/// The environment variable that says with which seed alone [`TestExecutor::check`] is to run.
///
/// # Examples
///
/// ```
/// use executor_common::test_util::REPLAY_VARIABLE;
///
/// // EXECUTOR_TEST_SEED=7 cargo test the_name_of_the_test
/// assert_eq!(REPLAY_VARIABLE, "EXECUTOR_TEST_SEED");
/// ```
pub const REPLAY_VARIABLE: &str = "EXECUTOR_TEST_SEED";

impl TestExecutor {
    /// Runs `test` once for each seed, on an executor of its own, and cancels what it leaves behind. With
    /// [`EXECUTOR_TEST_SEED`](REPLAY_VARIABLE) in the environment, with that seed alone.
    ///
    /// # Panics
    ///
    /// With the seed and the way to replay it, if the test panics, comes to a deadlock or a livelock, or leaves a panic of a
    /// task that nobody has asked for.
    ///
    /// # Examples
    ///
    /// A flag is looked at, and the waker left afterwards: a wake-up between the two is lost. It takes an order in which the setter runs between
    /// them.
    ///
    /// ```should_panic
    /// use std::future::poll_fn;
    /// use std::sync::{Arc, Mutex};
    /// use std::task::{Poll, Waker};
    /// use executor_common::test_util::TestExecutor;
    /// use executor_common::yield_now;
    ///
    /// #[derive(Default)]
    /// struct Flag {
    ///     is_set: bool,
    ///     waker: Option<Waker>,
    /// }
    ///
    /// TestExecutor::check(0..100, |executor| {
    ///     let flag = Arc::new(Mutex::new(Flag::default()));
    ///     let waiter = executor.spawn_future({
    ///         let flag = Arc::clone(&flag);
    ///         async move {
    ///             if flag.lock().unwrap().is_set {
    ///                 return;
    ///             }
    ///             yield_now().await; // others have their turn here
    ///             let mut is_left = false;
    ///             poll_fn(|context| {
    ///                 if std::mem::replace(&mut is_left, true) {
    ///                     return Poll::Ready(());
    ///                 }
    ///                 flag.lock().unwrap().waker = Some(context.waker().clone());
    ///                 Poll::Pending
    ///             })
    ///             .await
    ///         }
    ///     });
    ///     executor.spawn(move || {
    ///         let mut flag = flag.lock().unwrap();
    ///         flag.is_set = true;
    ///         flag.waker.take().map(Waker::wake)
    ///     });
    ///     // deadlock: a wait on the test's thread, nothing is ready, and no timer runs; not done:
    ///     //   task 1, spawned at src/lib.rs:21:27
    ///     waiter.join().unwrap();
    /// });
    /// ```
    #[track_caller]
    pub fn check(seeds: impl IntoIterator<Item = u64>, test: impl Fn(&Self)) {
        Self::builder().check(seeds, test);
    }
}

impl TestBuilder {
    /// As [`TestExecutor::check`], with these settings.
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    /// use executor_common::{Role, Spawn};
    ///
    /// const DB: Role = Role::new("db");
    ///
    /// TestExecutor::builder().capacity(DB, 1).check(0..10, |executor| {
    ///     let first = executor.spawn_in(DB, || 1).unwrap();
    ///     let second = executor.spawn_in(DB, || 2).unwrap(); // waits for room
    ///     assert_eq!(first.join().unwrap() + second.join().unwrap(), 3);
    /// });
    /// ```
    #[track_caller]
    pub fn check(&self, seeds: impl IntoIterator<Item = u64>, test: impl Fn(&TestExecutor)) {
        if let Some(seed) = replayed() {
            return self.check_seed(seed, &test);
        }
        for seed in seeds {
            self.check_seed(seed, &test);
        }
    }

    #[track_caller]
    fn check_seed(&self, seed: u64, test: &impl Fn(&TestExecutor)) {
        let result = caught(|| {
            let executor = self.build(seed);
            test(&executor);
            executor.end()
        });
        let failure = match result {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(payload) => payload_text(&*payload).to_owned(),
        };
        panic!("seed {seed} ({REPLAY_VARIABLE}={seed} runs this one alone): {failure}");
    }
}

/// The seed in the environment.
fn replayed() -> Option<u64> {
    let text = std::env::var(REPLAY_VARIABLE).ok()?;
    match text.parse() {
        Ok(seed) => Some(seed),
        Err(error) => panic!("{REPLAY_VARIABLE}={text} is no seed: {error}"),
    }
}

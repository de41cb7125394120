//! Spawning and sleeping within tasks.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::clock::Sleep;
use super::schedule::{Shared, is_here};
use crate::role::Role;
use crate::spawn::{Spawn, SpawnError, TrySpawnError};
use crate::sync::Arc;
use crate::task::JoinHandle;

/// Spawns onto a [`TestExecutor`](super::TestExecutor), and is its clock; can be cloned and given to tasks.
///
/// It does not keep the executor running: what is spawned after its end is cancelled, or refused.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::test_util::TestExecutor;
///
/// let executor = TestExecutor::new(7);
/// let handle = executor.handle();
/// let outer = executor.spawn_future(async move {
///     handle.sleep(Duration::from_secs(60)).await;
///     handle.spawn(|| 6 * 7).await
/// });
/// assert_eq!(outer.join().unwrap().unwrap(), 42);
/// ```
#[derive(Clone)]
pub struct TestHandle {
    pub(super) shared: Arc<Shared>,
}

impl TestHandle {
    /// Queues a closure, without a role.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let handle = executor.handle();
    /// let outer = executor.spawn(move || handle.spawn(|| 6 * 7).join());
    /// assert_eq!(outer.join().unwrap().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.spawn(None, Location::caller(), f)
    }

    /// Queues a future, without a role.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let handle = executor.handle();
    /// let outer = executor.spawn_future(async move { handle.spawn_future(async { 6 * 7 }).await });
    /// assert_eq!(outer.join().unwrap().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn_future<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.spawn_future(None, Location::caller(), future)
    }

    /// The virtual time, since the executor's beginning.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let clock = executor.handle();
    /// let task = executor.spawn_future(async move {
    ///     let began = clock.now();
    ///     clock.sleep(Duration::from_secs(60)).await;
    ///     clock.now() - began
    /// });
    /// assert_eq!(task.join().unwrap(), Duration::from_secs(60));
    /// ```
    pub fn now(&self) -> Duration {
        self.shared.clock.now()
    }

    /// Waits for so long, in virtual time: until nothing is ready and this is the next timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::test_util::TestExecutor;
    ///
    /// TestExecutor::check(0..10, |executor| {
    ///     let clock = executor.handle();
    ///     executor.block_on(async move {
    ///         clock.sleep(Duration::from_secs(86_400)).await;
    ///         assert_eq!(clock.now(), Duration::from_secs(86_400));
    ///     });
    /// });
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(duration))
    }

    /// Waits until that much time has passed since the executor's beginning.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::test_util::TestExecutor;
    ///
    /// let executor = TestExecutor::new(7);
    /// let clock = executor.handle();
    /// executor.block_on(async move {
    ///     clock.sleep_until(Duration::from_secs(60)).await;
    ///     clock.sleep_until(Duration::from_secs(30)).await; // is over
    ///     assert_eq!(clock.now(), Duration::from_secs(60));
    /// });
    /// ```
    pub fn sleep_until(&self, instant: Duration) -> Sleep {
        Sleep::until(&self.shared, instant)
    }

    /// Waits for room where the role is bounded. False if nothing is taken any more.
    fn wait_for_room(&self, role: Role) -> bool {
        while !self.shared.is_closed() {
            if self.shared.tasks.lock().has_room(role) {
                return true;
            }
            assert!(is_here(&self.shared), "another thread waits for room in role \"{role}\"");
            if !self.shared.go_on(None) {
                self.shared.deadlock(&format!("a spawn waits for room in role \"{role}\""));
            }
        }
        false
    }
}

impl Spawn for TestHandle {
    #[track_caller]
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let spawned_at = Location::caller();
        if !self.wait_for_room(role) {
            return Err(SpawnError::Closed);
        }
        Ok(self.shared.spawn(Some(role), spawned_at, f))
    }

    #[track_caller]
    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spawned_at = Location::caller();
        if !self.wait_for_room(role) {
            return Err(SpawnError::Closed);
        }
        Ok(self.shared.spawn_future(Some(role), spawned_at, future))
    }

    #[track_caller]
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if self.shared.is_closed() {
            return Err(TrySpawnError::Closed(f));
        }
        if !self.shared.tasks.lock().has_room(role) {
            return Err(TrySpawnError::Full(f));
        }
        Ok(self.shared.spawn(Some(role), Location::caller(), f))
    }
}

impl fmt::Debug for TestHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHandle").field("now", &self.now()).finish_non_exhaustive()
    }
}

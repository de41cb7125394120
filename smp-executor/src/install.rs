//! Computations that borrow, on a pool of one's own.

use std::cmp::Ordering;

use executor_common::panic::AbortOnUnwind;
use executor_common::{Priority, scoped_closure_task};

use crate::SmpExecutor;
use crate::context;
use crate::fork::join_or;
use crate::parallel::{IntoSplittable, drive};
use crate::scope::{self, Scope};
use crate::sort::sort_here;
use crate::spawn::spawn_site;

impl SmpExecutor {
    /// Runs `f` on a worker of this pool, where the free functions of this crate ([`join`](crate::join()) and the
    /// like) find the pool. The closure may borrow.
    ///
    /// A worker of this pool runs it at once, like a call. Any other thread waits while a worker runs it. After
    /// the shutdown the calling thread runs it itself.
    ///
    /// # Panics
    ///
    /// With the closure's panic.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = smp_executor::SmpExecutor::new()?;
    /// let list = [3, 1, 2];
    /// let (min, max) = executor.install(|| smp_executor::join(|| list.iter().min(), || list.iter().max()));
    /// assert_eq!((min, max), (Some(&1), Some(&3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn install<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        if context::with_worker_of(self.shared(), |worker| worker.is_some()) {
            return f();
        }
        // The closure stays here, so that it is not lost with a task that nobody runs.
        let mut closure = Some(f);
        let slot = &mut closure;
        let work = move || {
            let Some(f) = slot.take() else { unreachable!("the task runs once") };
            f()
        };
        // From here until the task is done this frame must not be left; the thread's blocker is foreign code.
        let frame = AbortOnUnwind::new();
        let (task, handle) = {
            let _site = spawn_site(None, Priority::Normal).enter();
            // SAFETY: this frame is not left before the handle has reported completion: `join` below waits for
            // that, and if anything unwinds between here and there, the process ends.
            unsafe { scoped_closure_task(self.shared().domain, work) }
        };
        self.shared().submit(Priority::Normal, task);
        let result = handle.join();
        frame.disarm();
        match result {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => std::panic::resume_unwind(payload),
                Err(error) => match closure {
                    Some(f) => f(),
                    None => unreachable!("a task that ran has a result or a panic: {error}"),
                },
            },
        }
    }

    /// Runs both closures on this pool, perhaps at the same time; see [`join`](crate::join()).
    ///
    /// A thread that is no worker of this pool waits while a worker runs both. After the shutdown the calling
    /// thread runs both itself.
    ///
    /// # Panics
    ///
    /// As [`join`](crate::join()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let list = [3, 1, 2];
    /// let (min, max) = executor.join(|| list.iter().min(), || list.iter().max());
    /// assert_eq!((min, max), (Some(&1), Some(&3)));
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        // Serially after the shutdown.
        self.install(|| join_or(a, b, |a, b| (a(), b())))
    }

    /// Calls `f` with every item on this pool; see [`for_each`](crate::for_each()).
    ///
    /// # Panics
    ///
    /// As [`for_each`](crate::for_each()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let mut list = vec![1, 2, 3];
    /// executor.for_each(&mut list, |n| *n *= 10);
    /// assert_eq!(list, [10, 20, 30]);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn for_each<I, F>(&self, items: I, f: F)
    where
        I: IntoSplittable,
        F: Fn(<I::Splittable as IntoIterator>::Item) + Sync,
    {
        self.map_reduce(items, || (), f, |(), ()| ());
    }

    /// Maps every item on this pool and combines the results in order; see [`map_reduce`](crate::map_reduce()).
    ///
    /// # Panics
    ///
    /// As [`map_reduce`](crate::map_reduce()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let squares = executor.map_reduce(0..4_u64, || 0, |n| n * n, |a, b| a + b);
    /// assert_eq!(squares, 14);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn map_reduce<I, R, N, M, C>(&self, items: I, identity: N, map: M, reduce: C) -> R
    where
        I: IntoSplittable,
        R: Send,
        N: Fn() -> R + Sync,
        M: Fn(<I::Splittable as IntoIterator>::Item) -> R + Sync,
        C: Fn(R, R) -> R + Sync,
    {
        let items = items.into_splittable();
        self.install(|| drive(items, &identity, &map, &reduce))
    }

    /// Sorts the list on this pool, not stable; see [`sort`](crate::sort()).
    ///
    /// # Panics
    ///
    /// As [`sort`](crate::sort()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let mut list = [3, 1, 2];
    /// executor.sort(&mut list);
    /// assert_eq!(list, [1, 2, 3]);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn sort<T: Ord + Send>(&self, list: &mut [T]) {
        self.sort_by(list, T::cmp);
    }

    /// As [`SmpExecutor::sort`], by a comparison.
    ///
    /// # Panics
    ///
    /// As [`sort`](crate::sort()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let mut list = [3.0, 1.0, 2.0];
    /// executor.sort_by(&mut list, |a, b| f64::total_cmp(b, a));
    /// assert_eq!(list, [3.0, 2.0, 1.0]);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn sort_by<T, F>(&self, list: &mut [T], compare: F)
    where
        T: Send,
        F: Fn(&T, &T) -> Ordering + Sync,
    {
        self.install(|| sort_here(list, &compare));
    }

    /// As [`SmpExecutor::sort`], by a key that is computed anew for every comparison.
    ///
    /// # Panics
    ///
    /// As [`sort`](crate::sort()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let mut words = ["three", "a", "to"];
    /// executor.sort_by_key(&mut words, |word| word.len());
    /// assert_eq!(words, ["a", "to", "three"]);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn sort_by_key<T, K, F>(&self, list: &mut [T], key: F)
    where
        T: Send,
        K: Ord,
        F: Fn(&T) -> K + Sync,
    {
        self.sort_by(list, |a, b| key(a).cmp(&key(b)));
    }

    /// Opens a scope whose tasks run on this pool; see [`scope`](crate::scope()).
    ///
    /// # Panics
    ///
    /// As [`scope`](crate::scope()).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let mut halves = [1, 2, 3, 4];
    /// let (left, right) = halves.split_at_mut(2);
    /// executor.scope(|s| {
    ///     s.spawn(|_| left.fill(0));
    ///     s.spawn(|_| right.fill(9));
    /// });
    /// assert_eq!(halves, [0, 0, 9, 9]);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn scope<'scope, F, R>(&self, f: F) -> R
    where
        F: FnOnce(&Scope<'scope>) -> R,
    {
        // SAFETY: `self` keeps the pool alive during the call.
        unsafe { scope::run(self.shared(), f) }
    }
}

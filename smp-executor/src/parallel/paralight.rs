//! The pool as the back end of [paralight](::paralight)'s parallel iterators.
//!
//! A paralight iterator is a range of indices and a function for each of them; who goes over which indices is the pool's affair. Here
//! that is `drive` once more: the calling worker goes over them in order, and gives half of what is left away when somebody
//! idle asks and the rest is worth it; see `stretch`.
//!
//! # What holds
//!
//! * [`Rest`] owns indices that nobody has had. Each index is in one `Rest` from the beginning on; it leaves it when an accumulator is
//!   given it, or when the `Rest` is dropped, which cleans up what is left. So each index has its turn once, whatever panics
//!   and whatever branch of a fork is dropped unrun.
//! * The results lie side by side in the order of the indices.

mod stretch;

use std::marker::PhantomData;
use std::ops::ControlFlow;

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use paralight::iter::{Accumulator, ExactSizeAccumulator, GenericThreadPool, SourceCleanup};

use crate::SmpExecutor;
use crate::context::current_worker;
use stretch::{Indices, Look, Rest, Work, go_over};

/// The pool that the calling thread works for; elsewhere the [global executor](SmpExecutor::global). For
/// [paralight](::paralight)'s iterators in tasks, and in functions that know no executor.
///
/// # Examples
///
/// ```
/// use paralight::prelude::*;
/// use smp_executor::CurrentPool;
///
/// fn largest(list: &[u64]) -> Option<&u64> {
///     list.par_iter().with_thread_pool(CurrentPool).max()
/// }
///
/// assert_eq!(largest(&[3, 1, 4]), Some(&4));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentPool;

// SAFETY: each index is in a `Rest`, from which it goes to an accumulator or to the clean-up, once (see there).
unsafe impl GenericThreadPool for CurrentPool {
    fn upper_bounded_pipeline<Output: Send, Accum>(
        self,
        input_len: usize,
        init: impl Fn() -> Accum + Sync,
        process_item: impl Fn(Accum, usize) -> ControlFlow<Accum, Accum> + Sync,
        finalize: impl Fn(Accum) -> Output + Sync,
        reduce: impl Fn(Output, Output) -> Output,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let search = Search::new(init, process_item, finalize);
        let rest = Rest::new(input_len, cleanup);
        in_order(self.enter(|| go_over(&search, rest)), reduce)
    }

    fn iter_pipeline<Output, Accum: Send>(
        self,
        input_len: usize,
        accum: impl Accumulator<usize, Accum> + Sync,
        reduce: impl ExactSizeAccumulator<Accum, Output>,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let (whole, rest) = (Whole::new(accum), Rest::new(input_len, cleanup));
        let parts = self.enter(|| go_over(&whole, rest));
        reduce.accumulate_exact(parts.into_iter())
    }
}

// SAFETY: as for `CurrentPool`.
unsafe impl GenericThreadPool for &SmpExecutor {
    fn upper_bounded_pipeline<Output: Send, Accum>(
        self,
        input_len: usize,
        init: impl Fn() -> Accum + Sync,
        process_item: impl Fn(Accum, usize) -> ControlFlow<Accum, Accum> + Sync,
        finalize: impl Fn(Accum) -> Output + Sync,
        reduce: impl Fn(Output, Output) -> Output,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let search = Search::new(init, process_item, finalize);
        let rest = Rest::new(input_len, cleanup);
        in_order(self.enter(|| go_over(&search, rest)), reduce)
    }

    fn iter_pipeline<Output, Accum: Send>(
        self,
        input_len: usize,
        accum: impl Accumulator<usize, Accum> + Sync,
        reduce: impl ExactSizeAccumulator<Accum, Output>,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let (whole, rest) = (Whole::new(accum), Rest::new(input_len, cleanup));
        let parts = self.enter(|| go_over(&whole, rest));
        reduce.accumulate_exact(parts.into_iter())
    }
}

/// Where a loop begins.
trait Pool {
    fn enter<R: Send>(self, f: impl FnOnce() -> R + Send) -> R;
}

impl Pool for CurrentPool {
    fn enter<R: Send>(self, f: impl FnOnce() -> R + Send) -> R {
        if current_worker().is_some() { f() } else { SmpExecutor::global().install(f) }
    }
}

impl Pool for &SmpExecutor {
    fn enter<R: Send>(self, f: impl FnOnce() -> R + Send) -> R {
        self.install(f)
    }
}

fn in_order<T>(parts: Vec<T>, reduce: impl Fn(T, T) -> T) -> T {
    match parts.into_iter().reduce(reduce) {
        Some(output) => output,
        None => unreachable!("there is a part, be it without indices"),
    }
}

/// An accumulator that is given all indices.
struct Whole<A, T> {
    accumulator: A,
    part: PhantomData<fn() -> T>,
}

impl<A, T> Whole<A, T> {
    fn new(accumulator: A) -> Self {
        Self { accumulator, part: PhantomData }
    }
}

impl<A: Accumulator<usize, T> + Sync, T: Send> Work for Whole<A, T> {
    type Part = T;
    const MAY_BE_CUT: bool = true;

    #[inline(always)]
    fn run<C: SourceCleanup, L: Look>(&self, indices: Indices<'_, '_, C, L>) -> T {
        self.accumulator.accumulate(indices)
    }
}

/// Looks for something, and whoever has found it makes all later indices pointless.
struct Search<I, P, F, A, T> {
    /// The lowest index at which something has been found.
    bound: AtomicUsize,
    init: I,
    process: P,
    finish: F,
    part: PhantomData<fn(A) -> T>,
}

impl<I, P, F, A, T> Search<I, P, F, A, T> {
    fn new(init: I, process: P, finish: F) -> Self {
        Self { bound: AtomicUsize::new(usize::MAX), init, process, finish, part: PhantomData }
    }
}

impl<I, P, F, A, T> Work for Search<I, P, F, A, T>
where
    I: Fn() -> A + Sync,
    P: Fn(A, usize) -> ControlFlow<A, A> + Sync,
    F: Fn(A) -> T + Sync,
    T: Send,
{
    type Part = T;
    const MAY_BE_CUT: bool = false;

    fn run<C: SourceCleanup, L: Look>(&self, mut indices: Indices<'_, '_, C, L>) -> T {
        let mut accumulator = (self.init)();
        // Ordering: Relaxed. An old bound makes this worker do what is not wanted any more, and nothing else is published with it.
        while indices.position() <= self.bound.load(Ordering::Relaxed) {
            let Some(index) = indices.next() else { break };
            accumulator = match (self.process)(accumulator, index) {
                ControlFlow::Continue(accumulator) => accumulator,
                ControlFlow::Break(accumulator) => {
                    // Ordering: as above.
                    self.bound.fetch_min(index, Ordering::Relaxed);
                    accumulator
                }
            };
        }
        (self.finish)(accumulator)
    }
}

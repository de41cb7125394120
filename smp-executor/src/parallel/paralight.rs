//! The pool as the back end of [paralight](::paralight)'s parallel iterators.
//!
//! A paralight iterator is a range of indices and a function for each of them; who goes over which indices is the pool's affair. Here
//! that is `drive` once more: the calling worker goes over them in order, and gives half of what is left away when somebody
//! idle asks and the rest is worth it. Only then does an accumulator end and another one begin, so that what an iterator makes
//! for each of its parts (`map_init`, `fold_per_thread`) is made once for the call and twice for each fork.
//!
//! # What holds
//!
//! * [`Rest`] owns indices that nobody has had. Each index is in one `Rest` from the beginning on; it leaves it when an accumulator is
//!   given it, or when the `Rest` is dropped, which cleans up what is left. So each index has its turn once, whatever panics
//!   and whatever branch of a fork is dropped unrun.
//! * The results lie side by side in the order of the indices.

use std::marker::PhantomData;
use std::mem;
use std::ops::{ControlFlow, Range};

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use paralight::iter::{Accumulator, ExactSizeAccumulator, GenericThreadPool, SourceCleanup};

use super::pace::Pace;
use crate::SmpExecutor;
use crate::context::current_worker;
use crate::fork::{is_asked, join};

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
        in_order(go_over(self, &search, Rest::new(input_len, cleanup)), reduce)
    }

    fn iter_pipeline<Output, Accum: Send>(
        self,
        input_len: usize,
        accum: impl Accumulator<usize, Accum> + Sync,
        reduce: impl ExactSizeAccumulator<Accum, Output>,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let parts = go_over(self, &Whole::new(accum), Rest::new(input_len, cleanup));
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
        in_order(go_over(self, &search, Rest::new(input_len, cleanup)), reduce)
    }

    fn iter_pipeline<Output, Accum: Send>(
        self,
        input_len: usize,
        accum: impl Accumulator<usize, Accum> + Sync,
        reduce: impl ExactSizeAccumulator<Accum, Output>,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let parts = go_over(self, &Whole::new(accum), Rest::new(input_len, cleanup));
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

/// Indices that nobody has had, of a source to clean them up.
struct Rest<'a, C: SourceCleanup> {
    range: Range<usize>,
    source: &'a C,
}

impl<'a, C: SourceCleanup> Rest<'a, C> {
    fn new(len: usize, source: &'a C) -> Self {
        Self { range: 0..len, source }
    }

    /// Keeps the first half.
    fn give_half(&mut self) -> Self {
        let middle = self.range.start + self.range.len() / 2;
        let second = mem::replace(&mut self.range.end, middle);
        Self { range: middle..second, source: self.source }
    }
}

impl<C: SourceCleanup> Drop for Rest<'_, C> {
    #[inline(always)]
    fn drop(&mut self) {
        if C::NEEDS_CLEANUP && !self.range.is_empty() {
            // SAFETY: the indices are below the source's length, and nobody has had them nor will.
            unsafe { self.source.cleanup_item_range(self.range.clone()) };
        }
    }
}

/// What is done with a stretch of indices.
trait Work: Sync {
    type Part: Send;

    /// Goes over indices as long as there are some.
    fn run<C: SourceCleanup>(&self, indices: Indices<'_, '_, C>) -> Self::Part;
}

/// A worker's stretch of indices.
struct Stretch<'a, C: SourceCleanup> {
    rest: Rest<'a, C>,
    pace: Pace,
    is_fork_due: bool,
}

impl<C: SourceCleanup> Stretch<'_, C> {
    /// Looks whether somebody asks. `begin..end` is the block that has been gone over. Returns where the next one ends, which is
    /// empty if half of the rest is to be given away, or nothing is left.
    #[inline(never)]
    fn next_block(&mut self, begin: usize, end: usize) -> usize {
        self.pace.ran(end - begin);
        let len = self.rest.range.end - end;
        self.is_fork_due |= is_asked() && self.pace.is_fork_due(len);
        if self.is_fork_due { end } else { end + self.pace.block().min(len) }
    }
}

/// The indices of a stretch, for an accumulator, up to where a fork is due.
///
/// What changes with each index is here and not in the stretch, so that it can be in registers.
struct Indices<'s, 'a, C: SourceCleanup> {
    next: usize,
    block_begin: usize,
    /// Up to here no look is due.
    block_end: usize,
    stretch: &'s mut Stretch<'a, C>,
}

impl<'s, 'a, C: SourceCleanup> Indices<'s, 'a, C> {
    fn new(stretch: &'s mut Stretch<'a, C>) -> Self {
        let begin = stretch.rest.range.start;
        Self { next: begin, block_begin: begin, block_end: begin, stretch }
    }
}

impl<C: SourceCleanup> Iterator for Indices<'_, '_, C> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.next == self.block_end {
            self.block_end = self.stretch.next_block(self.block_begin, self.block_end);
            self.block_begin = self.next;
            if self.next == self.block_end {
                return None;
            }
        }
        let index = self.next;
        self.next += 1;
        Some(index)
    }
}

impl<C: SourceCleanup> Drop for Indices<'_, '_, C> {
    #[inline(always)]
    fn drop(&mut self) {
        self.stretch.rest.range.start = self.next;
    }
}

/// Goes over all indices, perhaps with others.
fn go_over<P: Pool, W: Work, C: SourceCleanup + Sync>(
    pool: P,
    work: &W,
    rest: Rest<'_, C>,
) -> Vec<W::Part> {
    let pace = Pace::new(rest.range.len());
    pool.enter(move || run(work, rest, pace))
}

fn run<W: Work, C: SourceCleanup + Sync>(work: &W, rest: Rest<'_, C>, pace: Pace) -> Vec<W::Part> {
    let mut stretch = Stretch { rest, pace, is_fork_due: false };
    let part = work.run(Indices::new(&mut stretch));
    // What is left without a fork being due is not wanted any more, and is cleaned up with the stretch.
    if stretch.is_fork_due { fork(work, part, stretch) } else { vec![part] }
}

/// Goes over the rest with whoever takes half of it.
#[cold]
#[inline(never)]
fn fork<W: Work, C: SourceCleanup + Sync>(
    work: &W,
    done: W::Part,
    stretch: Stretch<'_, C>,
) -> Vec<W::Part> {
    let Stretch { rest: mut left, pace, .. } = stretch;
    let right = left.give_half();
    let here = current_worker();
    let (first, second) = (left.range.len(), right.range.len());
    let (left, right) = join(
        move || run(work, left, pace.after_fork(first, true)),
        move || run(work, right, pace.after_fork(second, current_worker() != here)),
    );
    let mut parts = Vec::with_capacity(1 + left.len() + right.len());
    parts.push(done);
    parts.extend(left);
    parts.extend(right);
    parts
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

    #[inline(always)]
    fn run<C: SourceCleanup>(&self, indices: Indices<'_, '_, C>) -> T {
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

    fn run<C: SourceCleanup>(&self, mut indices: Indices<'_, '_, C>) -> T {
        let mut accumulator = (self.init)();
        // Ordering: Relaxed. An old bound makes this worker do what is not wanted any more, and nothing else is published with it.
        while indices.next <= self.bound.load(Ordering::Relaxed) {
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

//! A worker's indices: gone over in order, and given away by halves.
//!
//! # Two ways to go over them
//!
//! One accumulator takes all indices of a stretch, and between two blocks the iterator that it pulls looks whether somebody asks: see
//! [`Indices`]. That look in the middle of the accumulator's loop costs about a nanosecond per index, because the compiler
//! neither unrolls nor vectorises such a loop.
//!
//! Where an index costs no more than a few of those, each block is given to an accumulator of its own as a plain range: see
//! [`Stretch::cut`]. The results of the blocks are kept, so that the blocks are longer where much is left. An accumulator may
//! be dear to make (`map_init`), which shows in the time of the blocks: then it is one for all indices again.

use std::marker::PhantomData;
use std::mem;
use std::ops::Range;

use paralight::iter::SourceCleanup;

use super::super::pace::Pace;
use crate::context::current_worker;
use crate::fork::{is_asked, join};

/// An index that costs no more than this is gone over in plain ranges.
const FINE_PS: u64 = 10_000;

/// A plain range is at most one part in so many of what is left, unless that is shorter than a block: so many times the logarithm of the
/// stretch is how many results there are to put together, and one in so many is what an idle worker waits for at most.
const CUTS: usize = 64;

/// So many blocks in a row, each dearer than the loop with the look, and there is one accumulator again. One alone may have lost its core.
const DEARER: u32 = 3;

/// Indices that nobody has had, of a source to clean them up.
pub(super) struct Rest<'a, C: SourceCleanup> {
    range: Range<usize>,
    source: &'a C,
}

impl<'a, C: SourceCleanup> Rest<'a, C> {
    pub(super) fn new(len: usize, source: &'a C) -> Self {
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
pub(super) trait Work: Sync {
    type Part: Send;
    /// Whether a block may have an accumulator of its own.
    const MAY_BE_CUT: bool;

    /// Goes over indices as long as there are some, and wanted.
    fn run<C: SourceCleanup, L: Look>(&self, indices: Indices<'_, '_, C, L>) -> Self::Part;
}

/// What comes after a stretch's last block so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// The next one, if any.
    Block,
    /// Half of the rest is to be given away.
    Fork,
    /// The rest is to be gone over in plain ranges.
    Cut,
}

/// A worker's stretch of indices.
struct Stretch<'a, C: SourceCleanup> {
    rest: Rest<'a, C>,
    pace: Pace,
    may_be_cut: bool,
    due: Due,
}

impl<C: SourceCleanup> Stretch<'_, C> {
    fn is_fork_due(&mut self, len: usize) -> bool {
        is_asked() && self.pace.is_fork_due(len)
    }

    fn is_cut_due(&self, len: usize) -> bool {
        let is_fine = || self.pace.item_ps().is_some_and(|cost| cost <= FINE_PS);
        self.may_be_cut && len > self.pace.block() && is_fine()
    }

    /// Looks whether somebody asks. `begin..end` is the block that has been gone over. Returns where the next one ends, which is
    /// empty if something else is due, or nothing is left.
    #[inline(never)]
    fn next_block(&mut self, begin: usize, end: usize) -> usize {
        self.pace.ran(end - begin);
        let len = self.rest.range.end - end;
        if self.due == Due::Block && self.is_fork_due(len) {
            self.due = Due::Fork;
        } else if self.due == Due::Block && self.is_cut_due(len) {
            self.due = Due::Cut;
        }
        if self.due == Due::Block { end + self.pace.block().min(len) } else { end }
    }

    /// Goes over the rest in plain ranges, until a fork is due, nothing is left or wanted, or that turns out to be dearer.
    fn cut<W: Work>(&mut self, work: &W, parts: &mut Vec<W::Part>) {
        let whole = self.pace.item_ps();
        let mut dearer = 0;
        while self.due == Due::Cut && !self.rest.range.is_empty() {
            let len = self.rest.range.len();
            if self.is_fork_due(len) {
                self.due = Due::Fork;
                return;
            }
            let block = self.pace.block().max(len / CUTS).min(len);
            let end = self.rest.range.start + block;
            parts.push(work.run(Indices::plain(self, end)));
            if self.rest.range.start != end {
                // What is left is not wanted any more.
                self.due = Due::Block;
                return;
            }
            self.pace.ran(block);
            dearer = if self.pace.item_ps() > whole { dearer + 1 } else { 0 };
            if dearer == DEARER {
                self.may_be_cut = false;
                self.due = Due::Block;
                parts.push(work.run(Indices::looking(self)));
            }
        }
    }
}

/// What happens at the end of a block.
pub(super) trait Look {
    const LOOKS: bool;
}

/// A look whether somebody asks, and on.
pub(super) struct Looking;

/// The end, without a look: the loop is one that the compiler knows.
pub(super) struct Plain;

impl Look for Looking {
    const LOOKS: bool = true;
}

impl Look for Plain {
    const LOOKS: bool = false;
}

/// Indices of a stretch, for an accumulator.
///
/// What changes with each index is here and not in the stretch, so that it can be in registers.
pub(super) struct Indices<'s, 'a, C: SourceCleanup, L> {
    next: usize,
    block_begin: usize,
    /// Up to here no look is due.
    block_end: usize,
    stretch: &'s mut Stretch<'a, C>,
    _look: PhantomData<L>,
}

impl<'s, 'a, C: SourceCleanup> Indices<'s, 'a, C, Looking> {
    fn looking(stretch: &'s mut Stretch<'a, C>) -> Self {
        let begin = stretch.rest.range.start;
        Self { next: begin, block_begin: begin, block_end: begin, stretch, _look: PhantomData }
    }
}

impl<'s, 'a, C: SourceCleanup> Indices<'s, 'a, C, Plain> {
    fn plain(stretch: &'s mut Stretch<'a, C>, end: usize) -> Self {
        let begin = stretch.rest.range.start;
        Self { next: begin, block_begin: begin, block_end: end, stretch, _look: PhantomData }
    }
}

impl<C: SourceCleanup, L> Indices<'_, '_, C, L> {
    /// The lowest index that has not been given.
    pub(super) fn position(&self) -> usize {
        self.next
    }
}

impl<C: SourceCleanup, L: Look> Iterator for Indices<'_, '_, C, L> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.next >= self.block_end {
            if !L::LOOKS {
                return None;
            }
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

impl<C: SourceCleanup, L> Drop for Indices<'_, '_, C, L> {
    #[inline(always)]
    fn drop(&mut self) {
        self.stretch.rest.range.start = self.next;
    }
}

/// Goes over all indices, perhaps with others. The results are in the order of the indices, and there is at least one if the work may
/// not be cut.
pub(super) fn go_over<W: Work, C: SourceCleanup + Sync>(
    work: &W,
    rest: Rest<'_, C>,
) -> Vec<W::Part> {
    let pace = Pace::new(rest.range.len());
    run(work, rest, pace, W::MAY_BE_CUT)
}

fn run<W: Work, C: SourceCleanup + Sync>(
    work: &W,
    rest: Rest<'_, C>,
    pace: Pace,
    may_be_cut: bool,
) -> Vec<W::Part> {
    let mut stretch = Stretch { rest, pace, may_be_cut, due: Due::Block };
    let mut parts = Vec::new();
    if stretch.is_cut_due(stretch.rest.range.len()) {
        stretch.due = Due::Cut;
    } else {
        parts.push(work.run(Indices::looking(&mut stretch)));
    }
    if stretch.due == Due::Cut {
        stretch.cut(work, &mut parts);
    }
    // What is left without a fork being due is not wanted any more, and is cleaned up with the stretch.
    if stretch.due == Due::Fork { fork(work, parts, stretch) } else { parts }
}

/// Goes over the rest with whoever takes half of it.
#[cold]
#[inline(never)]
fn fork<W: Work, C: SourceCleanup + Sync>(
    work: &W,
    mut parts: Vec<W::Part>,
    stretch: Stretch<'_, C>,
) -> Vec<W::Part> {
    let Stretch { rest: mut left, pace, may_be_cut, .. } = stretch;
    let right = left.give_half();
    let here = current_worker();
    let (first, second) = (left.range.len(), right.range.len());
    let (left, right) = join(
        move || run(work, left, pace.after_fork(first, true), may_be_cut),
        move || {
            let wanted = current_worker() != here;
            run(work, right, pace.after_fork(second, wanted), may_be_cut)
        },
    );
    parts.extend(left);
    parts.extend(right);
    parts
}

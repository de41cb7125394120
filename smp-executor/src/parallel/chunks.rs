//! Chunks of slices that can be cut in two, which those of the standard library cannot.

use super::splittable::Splittable;

/// Pieces of a slice; see [`chunks`].
///
/// # Examples
///
/// ```
/// use smp_executor::{Chunks, Splittable, chunks};
///
/// let list = [3, 1, 4, 1, 5];
/// let pairs: Chunks<'_, i32> = chunks(&list, 2);
/// assert_eq!(pairs.len(), 3);
/// assert!(pairs.into_iter().eq([&[3, 1][..], &[4, 1], &[5]]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a, T> {
    list: &'a [T],
    /// Not zero.
    size: usize,
}

/// Pieces of a slice that may be written to; see [`chunks_mut`].
///
/// # Examples
///
/// ```
/// use smp_executor::{ChunksMut, Splittable, chunks_mut, for_each};
///
/// let mut list = [1, 2, 3, 4, 5];
/// let pairs: ChunksMut<'_, i32> = chunks_mut(&mut list, 2);
/// let (left, right) = pairs.split_at(1);
/// for_each(left, |pair| pair.fill(0));
/// for_each(right, |pair| pair.fill(9));
/// assert_eq!(list, [0, 0, 9, 9, 9]);
/// ```
#[derive(Debug)]
pub struct ChunksMut<'a, T> {
    list: &'a mut [T],
    /// Not zero.
    size: usize,
}

/// The slice in pieces of `size` elements, the last one shorter if the length is no multiple of it; as
/// [`slice::chunks`], for [`for_each`](crate::for_each()) and [`map_reduce`](crate::map_reduce()).
///
/// # Panics
///
/// If `size` is zero.
///
/// # Examples
///
/// ```
/// use smp_executor::{chunks, map_reduce};
///
/// let list = [3, 1, 4, 1, 5];
/// let widest = map_reduce(chunks(&list, 2), || 0, |pair| pair.iter().sum(), i32::max);
/// assert_eq!(widest, 5);
/// ```
pub fn chunks<T>(list: &[T], size: usize) -> Chunks<'_, T> {
    assert_ne!(size, 0, "chunks have at least one element");
    Chunks { list, size }
}

/// As [`chunks`], to write to; as [`slice::chunks_mut`].
///
/// # Panics
///
/// If `size` is zero.
///
/// # Examples
///
/// ```
/// let mut list = [1, 2, 3, 4, 5];
/// smp_executor::for_each(smp_executor::chunks_mut(&mut list, 2), |pair| pair.reverse());
/// assert_eq!(list, [2, 1, 4, 3, 5]);
/// ```
pub fn chunks_mut<T>(list: &mut [T], size: usize) -> ChunksMut<'_, T> {
    assert_ne!(size, 0, "chunks have at least one element");
    ChunksMut { list, size }
}

/// Where `list` is cut after `index` chunks. The last chunk may be short, and a size be as large as a `usize`.
fn cut(list: usize, size: usize, index: usize) -> usize {
    size.saturating_mul(index).min(list)
}

impl<'a, T> IntoIterator for Chunks<'a, T> {
    type Item = &'a [T];
    type IntoIter = std::slice::Chunks<'a, T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.list.chunks(self.size)
    }
}

impl<T: Sync> Splittable for Chunks<'_, T> {
    #[inline]
    fn len(&self) -> usize {
        self.list.len().div_ceil(self.size)
    }

    #[inline]
    fn split_at(self, index: usize) -> (Self, Self) {
        let Self { list, size } = self;
        let (left, right) = list.split_at(cut(list.len(), size, index));
        (Self { list: left, size }, Self { list: right, size })
    }
}

impl<'a, T> IntoIterator for ChunksMut<'a, T> {
    type Item = &'a mut [T];
    type IntoIter = std::slice::ChunksMut<'a, T>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.list.chunks_mut(self.size)
    }
}

impl<T: Send> Splittable for ChunksMut<'_, T> {
    #[inline]
    fn len(&self) -> usize {
        self.list.len().div_ceil(self.size)
    }

    #[inline]
    fn split_at(self, index: usize) -> (Self, Self) {
        let Self { list, size } = self;
        let (left, right) = list.split_at_mut(cut(list.len(), size, index));
        (Self { list: left, size }, Self { list: right, size })
    }
}

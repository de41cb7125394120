//! What can be gone over in pieces.

use std::ops::Range;

/// A sequence that can be cut in two, so that two workers can go over it.
///
/// Implemented for ranges of integers, for slices, and for chunks of slices. An own type that implements it
/// (rows of a matrix, two slices side by side) keeps this promise: [`len`](Splittable::len) is the number of
/// items that its iteration yields, and the two parts of [`split_at`](Splittable::split_at), one after
/// the other, yield what the whole would have. All three should take constant time.
///
/// # Examples
///
/// ```
/// use std::iter::Zip;
/// use smp_executor::{Splittable, for_each};
///
/// /// Two slices of one length, side by side.
/// struct Pairs<'a>(&'a mut [f64], &'a [f64]);
///
/// impl<'a> IntoIterator for Pairs<'a> {
///     type Item = (&'a mut f64, &'a f64);
///     type IntoIter = Zip<std::slice::IterMut<'a, f64>, std::slice::Iter<'a, f64>>;
///
///     fn into_iter(self) -> Self::IntoIter {
///         self.0.iter_mut().zip(self.1)
///     }
/// }
///
/// impl Splittable for Pairs<'_> {
///     fn len(&self) -> usize {
///         self.0.len()
///     }
///
///     fn split_at(self, index: usize) -> (Self, Self) {
///         let (a, c) = self.0.split_at_mut(index);
///         let (b, d) = self.1.split_at(index);
///         (Pairs(a, b), Pairs(c, d))
///     }
/// }
///
/// let (mut sums, list) = ([1.0, 2.0], [0.5, 0.5]);
/// for_each(Pairs(&mut sums, &list), |(sum, value)| *sum += value);
/// assert_eq!(sums, [1.5, 2.5]);
/// ```
pub trait Splittable: IntoIterator + Send + Sized {
    /// How many items there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Splittable, chunks};
    ///
    /// assert_eq!((10..14_u64).len(), 4);
    /// assert_eq!(chunks(&[3, 1, 4, 1, 5], 2).len(), 3);
    /// ```
    fn len(&self) -> usize;

    /// The first `index` items, and the others. `index` is at most the length.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Splittable, chunks};
    ///
    /// assert_eq!((10..14_u64).split_at(1), (10..11, 11..14));
    ///
    /// let (left, right) = chunks(&[3, 1, 4, 1, 5], 2).split_at(2);
    /// assert!(left.into_iter().eq([[3, 1], [4, 1]]));
    /// assert!(right.into_iter().eq([[5]]));
    /// ```
    fn split_at(self, index: usize) -> (Self, Self);

    /// Whether there are no items.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Splittable, chunks};
    ///
    /// let chunks = chunks(&[3, 1, 4], 2);
    /// assert!(!chunks.is_empty());
    /// assert!(chunks.split_at(2).1.is_empty());
    /// ```
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What [`for_each`](crate::for_each()) and [`map_reduce`](crate::map_reduce()) take: a [`Splittable`], or a reference to
/// a vector or an array.
///
/// # Examples
///
/// ```
/// use smp_executor::{IntoSplittable, map_reduce};
///
/// /// The sum of any list that `map_reduce` takes.
/// fn sum<'a, L>(list: L) -> u64
/// where
///     L: IntoSplittable,
///     L::Splittable: IntoIterator<Item = &'a u64>,
/// {
///     map_reduce(list, || 0, |n| *n, |a, b| a + b)
/// }
///
/// assert_eq!(sum(&vec![1, 2, 3]), 6);
/// assert_eq!(sum(&[1, 2, 3][1..]), 5);
/// ```
pub trait IntoSplittable {
    /// The sequence it turns into.
    type Splittable: Splittable;

    /// Turns it into a sequence.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{IntoSplittable, Splittable};
    ///
    /// let list = vec![3, 1, 4];
    /// let (first, others) = (&list).into_splittable().split_at(1);
    /// assert_eq!((first, others), (&[3][..], &[1, 4][..]));
    /// ```
    fn into_splittable(self) -> Self::Splittable;
}

impl<S: Splittable> IntoSplittable for S {
    type Splittable = S;

    fn into_splittable(self) -> S {
        self
    }
}

/// References to what dereferences to a slice.
macro_rules! impl_for_lists {
    ($([$($generics:tt)*] $list:ty;)*) => {$(
        impl<'a, T: Sync, $($generics)*> IntoSplittable for &'a $list {
            type Splittable = &'a [T];

            fn into_splittable(self) -> &'a [T] {
                self
            }
        }

        impl<'a, T: Send, $($generics)*> IntoSplittable for &'a mut $list {
            type Splittable = &'a mut [T];

            fn into_splittable(self) -> &'a mut [T] {
                self
            }
        }
    )*};
}

impl_for_lists! {
    [] Vec<T>;
    [const N: usize] [T; N];
}

impl<T: Sync> Splittable for &[T] {
    #[inline]
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    #[inline]
    fn split_at(self, index: usize) -> (Self, Self) {
        self.split_at(index)
    }
}

impl<T: Send> Splittable for &mut [T] {
    #[inline]
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    #[inline]
    fn split_at(self, index: usize) -> (Self, Self) {
        self.split_at_mut(index)
    }
}

macro_rules! impl_for_ranges {
    ($($int:ty, $unsigned:ty;)*) => {$(
        /// # Panics
        ///
        /// If the range has more items than a `usize` can count, which takes a 32-bit machine.
        impl Splittable for Range<$int> {
            #[inline]
            fn len(&self) -> usize {
                if self.start >= self.end {
                    return 0;
                }
                // The difference of two signed integers may be too large for their type, not for the unsigned.
                let len = self.end.wrapping_sub(self.start) as $unsigned;
                usize::try_from(len).expect("a range has at most `usize::MAX` items")
            }

            #[inline]
            fn split_at(self, index: usize) -> (Self, Self) {
                // Wraps to the right place for the reason given at `len`.
                let middle = self.start.wrapping_add(index as $int);
                (self.start..middle, middle..self.end)
            }
        }
    )*};
}

impl_for_ranges! {
    u8, u8;
    u16, u16;
    u32, u32;
    u64, u64;
    usize, usize;
    i8, u8;
    i16, u16;
    i32, u32;
    i64, u64;
    isize, usize;
}

//! State that synchronises nothing, and therefore stays real under loom.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// A statistic: monotonic, eventually visible, never used to publish anything else.
///
/// # Examples
///
/// ```
/// use executor_common::sync::Counter;
///
/// let parks = Counter::new();
/// parks.add(2);
/// parks.add_owned(1);
/// assert_eq!(parks.get(), 3);
/// assert_eq!(parks.raise(2), 3);
/// ```
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::Counter;
    ///
    /// static PARKS: Counter = Counter::new();
    /// assert_eq!(PARKS.get(), 0);
    /// ```
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds, from any thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::Counter;
    ///
    /// let tasks = Counter::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| tasks.add(1));
    ///     scope.spawn(|| tasks.add(1));
    /// });
    /// assert_eq!(tasks.get(), 2);
    /// ```
    #[inline]
    pub fn add(&self, n: u64) {
        // Ordering: a statistic; nobody derives the visibility of other data from it.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds without a read-modify-write. Correct where one thread alone writes this counter; with two
    /// writers additions get lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::Counter;
    ///
    /// let parks = Counter::new(); // of one worker
    /// parks.add_owned(1);
    /// parks.add_owned(1);
    /// assert_eq!(parks.get(), 2);
    /// ```
    #[inline]
    pub fn add_owned(&self, n: u64) {
        // Ordering: as in `add`.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Overwrites, for gauges that one thread publishes.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::Counter;
    ///
    /// let depth = Counter::new();
    /// depth.set(7);
    /// depth.set(3);
    /// assert_eq!(depth.get(), 3);
    /// ```
    #[inline]
    pub fn set(&self, n: u64) {
        // Ordering: as in `add`.
        self.0.store(n, Ordering::Relaxed);
    }

    /// Overwrites a smaller value, from any thread. Returns what it is then.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::Counter;
    ///
    /// let longest_ns = Counter::new();
    /// assert_eq!(longest_ns.raise(7), 7);
    /// assert_eq!(longest_ns.raise(3), 7);
    /// ```
    #[inline]
    pub fn raise(&self, n: u64) -> u64 {
        // Ordering: as in `add`.
        self.0.fetch_max(n, Ordering::Relaxed).max(n)
    }

    /// The value now.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::Counter;
    ///
    /// let tasks = Counter::new();
    /// tasks.add(7);
    /// assert_eq!(tasks.get(), 7);
    /// ```
    #[inline]
    pub fn get(&self) -> u64 {
        // Ordering: as in `add`.
        self.0.load(Ordering::Relaxed)
    }
}

/// A process-wide source of numbers that are never handed out twice.
///
/// A thread takes [`UniqueIds::BLOCK`] of them at a time, so that a new id costs no read-modify-write
/// on a line that all cores share. Zero is never handed out.
///
/// # Examples
///
/// ```
/// use executor_common::sync::{IdBlock, UniqueIds};
///
/// static IDS: UniqueIds = UniqueIds::new();
/// thread_local! {
///     static BLOCK: IdBlock = const { IdBlock::new() };
/// }
///
/// let here = BLOCK.with(|block| IDS.next(block));
/// let there = std::thread::spawn(|| BLOCK.with(|block| IDS.next(block))).join().unwrap();
/// assert_ne!(here, there);
/// ```
#[derive(Debug)]
pub struct UniqueIds {
    next_block: AtomicU64,
}

/// The part of a block that a thread has not used up yet.
///
/// # Examples
///
/// ```
/// use executor_common::sync::{IdBlock, UniqueIds};
///
/// let ids = UniqueIds::new();
/// let block = IdBlock::new();
/// assert_eq!(ids.next(&block) + 1, ids.next(&block));
/// ```
#[derive(Debug)]
pub struct IdBlock {
    next: Cell<u64>,
    end: Cell<u64>,
}

impl IdBlock {
    /// An empty block: the first id comes from the shared source.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::{IdBlock, UniqueIds};
    ///
    /// let ids = UniqueIds::new();
    /// let first = ids.next(&IdBlock::new());
    /// assert_eq!(ids.next(&IdBlock::new()), first + UniqueIds::BLOCK);
    /// ```
    pub const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0) }
    }
}

impl Default for IdBlock {
    fn default() -> Self {
        Self::new()
    }
}

impl UniqueIds {
    /// How many ids a thread takes at a time.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::{IdBlock, UniqueIds};
    ///
    /// let ids = UniqueIds::new();
    /// let (first, second) = (IdBlock::new(), IdBlock::new());
    /// assert_eq!(ids.next(&second).abs_diff(ids.next(&first)), UniqueIds::BLOCK);
    /// ```
    pub const BLOCK: u64 = 1 << 12;

    /// Starts at 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::{IdBlock, UniqueIds};
    ///
    /// static IDS: UniqueIds = UniqueIds::new();
    /// assert_eq!(IDS.next(&IdBlock::new()), 1);
    /// ```
    pub const fn new() -> Self {
        Self { next_block: AtomicU64::new(1) }
    }

    /// The next id out of this thread's `block`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::{IdBlock, UniqueIds};
    ///
    /// let ids = UniqueIds::new();
    /// let block = IdBlock::new();
    /// assert_ne!(ids.next(&block), ids.next(&block));
    /// ```
    #[inline]
    pub fn next(&self, block: &IdBlock) -> u64 {
        let id = block.next.get();
        if id == block.end.get() {
            return self.refill(block);
        }
        block.next.set(id + 1);
        id
    }

    #[cold]
    fn refill(&self, block: &IdBlock) -> u64 {
        // Ordering: uniqueness follows from the atomicity of the addition alone.
        let id = self.next_block.fetch_add(Self::BLOCK, Ordering::Relaxed);
        block.next.set(id + 1);
        block.end.set(id + Self::BLOCK);
        id
    }

    /// The next id without a block, for rare callers.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::UniqueIds;
    ///
    /// let ids = UniqueIds::new();
    /// assert_ne!(ids.next_single(), ids.next_single());
    /// ```
    pub fn next_single(&self) -> u64 {
        // Ordering: as in `refill`.
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for UniqueIds {
    fn default() -> Self {
        Self::new()
    }
}

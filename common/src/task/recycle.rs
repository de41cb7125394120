//! Memory for cells, kept for the next task.
//!
//! A cell is often made on one thread and freed on another, which costs a general allocator more than everything else
//! about a small task. Here the memory of freed cells is kept in magazines (Bonwick and Adams, "Magazines and Vmem",
//! 2001):
//!
//! | level | holds, for each size class | access |
//! |---|---|---|
//! | thread | up to two magazines of [`MAGAZINE`] cells | no lock, no atomic |
//! | process | a depot: a region of [`REGION_BYTES`], and a list of free cells | a lock, once for a magazine |
//! | global allocator | what goes beyond | one allocation for a cell |
//!
//! A thread exchanges one magazine at a time and keeps room for two, so that after an exchange at least [`MAGAZINE`]
//! operations in either direction need no other. Cells that a worker frees come back this way to the threads that spawn.
//!
//! # Why a region
//!
//! A cell should begin at a cache line: then the state word and a small closure arrive together, and no two tasks share
//! a line. General allocators are bad at that (glibc takes 192 bytes and 190 ns for 64 aligned ones). So the first
//! cells of a class come out of one allocation, which the depot keeps. It is touched as far as it is used. When
//! more tasks are alive at once than it has room for, each further one is an ordinary allocation, aligned as such,
//! and can go back by itself: the depot passes on what would make its list longer than the region has cells.
//!
//! # What stays
//!
//! After a burst of any size: for each class at most two times [`REGION_BYTES`] and the list of it in the depot (in all but
//! strange orders of freeing one time), and what the living threads' magazines hold, at most 80 KiB a thread over
//! all classes. A thread that ends leaves its cells to the depot. The depot keeps what it has while the process lives.
//!
//! Cells of more than [`CLASSES`] lines use the global allocator alone; so do all in models, in interpreters, and under
//! `cfg(unpooled)`, which `.ci/sanitize` sets.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{MODEL, Mutex};

/// A cache line, in bytes.
const LINE: usize = 64;

/// One line to four lines.
const CLASSES: usize = 4;

/// Cells that change places at a time.
const MAGAZINE: usize = 64;

/// Memory of one class that is never given back.
const REGION_BYTES: usize = 1 << 20;

/// What a cell from outside of the region is aligned to: more costs extra in a general allocator.
const ALIGN: usize = 16;

/// A size class: so many cache lines, less one.
#[derive(Clone, Copy)]
struct Class(usize);

impl Class {
    /// None where the global allocator serves.
    const fn of(layout: Layout) -> Option<Self> {
        let lines = layout.size().div_ceil(LINE);
        // Interpreters, models and sanitizers find more mistakes where each cell is memory of its own.
        if MODEL
            || cfg!(any(miri, unpooled))
            || lines == 0
            || lines > CLASSES
            || layout.align() > ALIGN
        {
            return None;
        }
        Some(Self(lines - 1))
    }

    /// Bytes of a cell.
    const fn size(self) -> usize {
        LINE * (self.0 + 1)
    }

    /// How many cells the region has room for.
    const fn region_cells(self) -> usize {
        REGION_BYTES / self.size()
    }

    /// The layout of a cell from outside of the region.
    fn layout(self) -> Layout {
        layout(self.size(), ALIGN)
    }

    fn depot(self) -> &'static Depot {
        &DEPOTS[self.0]
    }
}

/// Memory for a `C`, not initialised. As `Box::new`, it ends the process if there is none.
#[inline]
pub(super) fn allocate<C>() -> NonNull<C> {
    let memory = match const { Class::of(Layout::new::<C>()) } {
        Some(class) => STACKS.with(|stacks| stacks[class.0].pop(class)),
        None => allocate_fresh(const { Layout::new::<C>() }),
    };
    memory.cast()
}

/// Takes back what [`allocate`] has handed out.
///
/// # Safety
///
/// `memory` comes from `allocate::<C>`, and is not used any more.
#[inline]
pub(super) unsafe fn deallocate<C>(memory: NonNull<C>) {
    let memory = Free(memory.cast());
    match const { Class::of(Layout::new::<C>()) } {
        Some(class) => STACKS.with(|stacks| stacks[class.0].push(class, memory)),
        // SAFETY: without a class it was allocated with this layout, and it is the caller's to free.
        None => unsafe { dealloc(memory.0.as_ptr(), const { Layout::new::<C>() }) },
    }
}

fn allocate_fresh(layout: Layout) -> NonNull<u8> {
    try_allocate(layout).unwrap_or_else(|| handle_alloc_error(layout))
}

fn try_allocate(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: a cell has a header, so that the size is not zero; a region's is not either.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory)
}

fn layout(size: usize, align: usize) -> Layout {
    match Layout::from_size_align(size, align) {
        Ok(layout) => layout,
        Err(_) => unreachable!("the constants above make layouts"),
    }
}

/// Memory for a cell of some class that nobody uses: a part of the class's region, or an allocation with the
/// class's layout.
struct Free(NonNull<u8>);

// SAFETY: whoever has it owns the memory, which belongs to no thread.
unsafe impl Send for Free {}

impl Free {
    /// Takes the cells out of a part of a thread's stack.
    fn all(cells: &[Cell<NonNull<u8>>]) -> impl Iterator<Item = Self> {
        cells.iter().map(|cell| Self(cell.get()))
    }
}

crate::sync::thread_local! {
    /// Has no destructor, so that an access asks for no registration. [`LEAVE`] has it instead.
    static STACKS: [Stack; CLASSES] = const { [const { Stack::new() }; CLASSES] };

    /// Gives the thread's cells to the depots when the thread ends.
    static LEAVE: Leave = const { Leave };
}

/// A thread's free cells of one class.
struct Stack {
    len: Cell<usize>,
    /// How many cells may be in: two magazines, or none on a thread that has not freed any yet, and on a thread
    /// whose destructors have run.
    limit: Cell<usize>,
    /// The first `len` are free cells of the class and this stack's; the others are nothing.
    cells: [Cell<NonNull<u8>>; 2 * MAGAZINE],
}

impl Stack {
    const fn new() -> Self {
        Self {
            len: Cell::new(0),
            limit: Cell::new(0),
            cells: [const { Cell::new(NonNull::dangling()) }; 2 * MAGAZINE],
        }
    }

    #[inline]
    fn pop(&self, class: Class) -> NonNull<u8> {
        let Some(len) = self.len.get().checked_sub(1) else { return self.refill(class) };
        self.len.set(len);
        self.cells[len].get()
    }

    #[inline]
    fn push(&self, class: Class, memory: Free) {
        let len = self.len.get();
        if len == self.limit.get() {
            return self.make_room(class, memory);
        }
        self.cells[len].set(memory.0);
        self.len.set(len + 1);
    }

    /// The stack is empty: gets a magazine from the depot, or a fresh cell.
    #[cold]
    fn refill(&self, class: Class) -> NonNull<u8> {
        let mut len = 0;
        if open_stacks() {
            class.depot().take(class, |memory| {
                self.cells[len].set(memory.0);
                len += 1;
            });
        }
        match len.checked_sub(1) {
            Some(last) => {
                self.len.set(last);
                self.cells[last].get()
            }
            None => allocate_fresh(class.layout()),
        }
    }

    /// The stack is full: the magazine that was not used for longest goes to the depot.
    #[cold]
    fn make_room(&self, class: Class, memory: Free) {
        if !open_stacks() {
            return class.depot().put(class, [memory]);
        }
        if self.len.get() == self.limit.get() {
            class.depot().put(class, Free::all(&self.cells[..MAGAZINE]));
            for (to, from) in self.cells.iter().zip(&self.cells[MAGAZINE..]) {
                to.set(from.get());
            }
            self.len.set(MAGAZINE);
        }
        self.push(class, memory);
    }
}

/// Lets cells in. False on a thread whose destructors have run, since nobody would take the cells out again.
fn open_stacks() -> bool {
    // The access registers the destructor.
    let is_open = LEAVE.try_with(|_| ()).is_ok();
    if is_open {
        STACKS.with(|stacks| stacks.iter().for_each(|stack| stack.limit.set(2 * MAGAZINE)));
    }
    is_open
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        STACKS.with(|stacks| {
            for (index, stack) in stacks.iter().enumerate() {
                stack.limit.set(0);
                let class = Class(index);
                let cells = &stack.cells[..stack.len.replace(0)];
                if !cells.is_empty() {
                    class.depot().put(class, Free::all(cells));
                }
            }
        });
    }
}

/// The free cells of one class that no thread has.
struct Depot {
    /// There is nothing to take, so that a look takes no lock.
    is_empty: AtomicBool,
    stock: Mutex<Stock>,
}

struct Stock {
    free: Vec<Free>,
    /// Made at the first use, if there is memory for it. Its first `carved` cells have been handed out, and are somewhere.
    region: Option<Region>,
    carved: usize,
}

/// [`REGION_BYTES`] that live as long as the process.
struct Region(NonNull<u8>);

// SAFETY: the memory belongs to no thread; its cells are handed out once each, under the depot's lock.
unsafe impl Send for Region {}

impl Stock {
    const fn new() -> Self {
        Self { free: Vec::new(), region: None, carved: 0 }
    }

    fn is_of_region(&self, memory: &Free) -> bool {
        self.region.as_ref().is_some_and(|region| {
            memory.0.addr().get().wrapping_sub(region.0.addr().get()) < REGION_BYTES
        })
    }

    /// Hands out a magazine of the region's cells, or what is left of it. Where there is no memory for a region, there may be
    /// some for a single cell: the region counts as used up then.
    fn carve(&mut self, class: Class, mut receive: impl FnMut(Free)) {
        if self.region.is_none() {
            self.region = try_allocate(layout(REGION_BYTES, LINE)).map(Region);
        }
        let Some(region) = &self.region else {
            self.carved = class.region_cells();
            return;
        };
        let end = class.region_cells().min(self.carved + MAGAZINE);
        // The last one is used first: the addresses ascend.
        for index in (self.carved..end).rev() {
            // SAFETY: the region has room for so many cells.
            receive(Free(unsafe { region.0.add(index * class.size()) }));
        }
        self.carved = end;
    }
}

crate::sync::shared_static! {
    static DEPOTS: [CachePadded<Depot>; CLASSES] = [
        CachePadded::new(Depot { is_empty: AtomicBool::new(false), stock: Mutex::new(Stock::new()) }),
        CachePadded::new(Depot { is_empty: AtomicBool::new(false), stock: Mutex::new(Stock::new()) }),
        CachePadded::new(Depot { is_empty: AtomicBool::new(false), stock: Mutex::new(Stock::new()) }),
        CachePadded::new(Depot { is_empty: AtomicBool::new(false), stock: Mutex::new(Stock::new()) }),
    ];
}

impl Depot {
    /// Takes cells in, no more than a stack has. Beyond its bound it passes on what the global allocator takes.
    fn put(&self, class: Class, cells: impl IntoIterator<Item = Free>) {
        // Freed without the lock.
        let mut surplus = [const { None }; 2 * MAGAZINE];
        let mut stock = self.stock.lock();
        for (cell, surplus) in cells.into_iter().zip(&mut surplus) {
            if stock.free.len() < class.region_cells() || stock.is_of_region(&cell) {
                stock.free.push(cell);
            } else {
                *surplus = Some(cell);
            }
        }
        // Ordering: Relaxed, a hint for `take`, which decides under the lock.
        self.is_empty.store(stock.free.is_empty(), Ordering::Relaxed);
        drop(stock);
        for cell in surplus.into_iter().flatten() {
            // SAFETY: not of the region, hence allocated with this layout; by the invariant of `Free`
            // nobody uses it.
            unsafe { dealloc(cell.0.as_ptr(), class.layout()) };
        }
    }

    /// Hands out a magazine, or what there is.
    fn take(&self, class: Class, receive: impl FnMut(Free)) {
        // Ordering: Relaxed; see `put`.
        if self.is_empty.load(Ordering::Relaxed) {
            return;
        }
        let mut stock = self.stock.lock();
        if stock.free.is_empty() {
            stock.carve(class, receive);
        } else {
            let rest = stock.free.len().saturating_sub(MAGAZINE);
            stock.free.drain(rest..).for_each(receive);
        }
        let is_empty = stock.free.is_empty() && stock.carved == class.region_cells();
        // Ordering: Relaxed; see `put`.
        self.is_empty.store(is_empty, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom), not(unpooled)))]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;
    use std::thread;

    /// Four lines: no cell of this crate's unit tests is as large, so that the depot is this test's alone.
    type Cell256 = MaybeUninit<[u64; 32]>;
    const CLASS: Class = Class(3);

    fn in_depot() -> usize {
        CLASS.depot().stock.lock().free.len()
    }

    fn is_of_region(cell: &Free) -> bool {
        CLASS.depot().stock.lock().is_of_region(cell)
    }

    /// Runs `f` on a thread of its own, with magazines of its own.
    fn elsewhere<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
        thread::spawn(f).join().unwrap()
    }

    fn free(cells: Vec<Free>) {
        for cell in cells {
            // SAFETY: `allocate` has handed it out for this type, and nobody uses it.
            unsafe { deallocate::<Cell256>(cell.0.cast()) };
        }
    }

    #[test]
    fn what_stays_is_bounded_and_a_thread_leaves_its_cells_behind() {
        let region = CLASS.region_cells();
        let mut cells = elsewhere(move || {
            (0..3 * region).map(|_| Free(allocate::<Cell256>().cast())).collect::<Vec<_>>()
        });
        assert_eq!(in_depot(), 0);
        let addresses: std::collections::BTreeSet<_> = cells.iter().map(|cell| cell.0).collect();
        assert_eq!(addresses.len(), 3 * region, "no cell is handed out twice");
        let others = cells.split_off(region);
        assert!(cells.iter().all(is_of_region), "the region is used up first");
        assert!(cells.iter().all(|cell| cell.0.addr().get().is_multiple_of(LINE)));
        assert!(!others.iter().any(is_of_region));

        let few = cells.split_off(region - MAGAZINE - 7);
        elsewhere(|| {
            free(few);
            assert_eq!(in_depot(), 0, "they are in the thread's own magazines");
        });
        assert_eq!(in_depot(), MAGAZINE + 7, "what the thread had left");
        elsewhere(|| free(others));
        assert_eq!(in_depot(), region, "the others went back to the allocator");
        elsewhere(|| free(cells));
        assert_eq!(in_depot(), 2 * region - MAGAZINE - 7, "the region's cells stay");
        elsewhere(|| {
            let before = in_depot();
            let cell = Free(allocate::<Cell256>().cast());
            assert_eq!(in_depot(), before - MAGAZINE, "a magazine at a time");
            free(vec![cell]);
        });
    }
}

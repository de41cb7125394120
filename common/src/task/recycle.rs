//! Memory for cells, kept for the next task.
//!
//! A cell is often made on one thread and freed on another, which costs a general allocator more than everything else
//! about a small task. Here the memory of freed cells is kept in magazines (Bonwick and Adams, "Magazines and Vmem",
//! 2001):
//!
//! | level | holds, for each size class | access |
//! |---|---|---|
//! | thread | up to two magazines of [`MAGAZINE`] cells | no lock, no atomic |
//! | process | a depot of at most [`DEPOT_BYTES`] | a lock, once for a magazine |
//! | global allocator | the rest | one allocation for a cell |
//!
//! A thread exchanges one magazine at a time and keeps room for two, so that after an exchange at least [`MAGAZINE`]
//! operations in either direction need no other. Cells that a worker frees come back this way to the threads that spawn.
//!
//! Each cell is an allocation of its own and can go back to the global allocator by itself: what does not fit into
//! the depot does so at once. A thread that ends leaves its cells to the depot. So after a burst of any size there
//! stay, for each class, the depot's [`DEPOT_BYTES`] and what the living threads' magazines hold (at most 80 KiB
//! a thread over all classes). Memory in the depot is not given back while the process lives.
//!
//! Classes are whole cache lines, and cells begin at one: the state word and a small closure arrive together, and no two
//! tasks share a line. Larger cells, and models, use the global allocator alone.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{LOOM, Mutex};

/// A cache line, in bytes.
const LINE: usize = 64;

/// One line to four lines.
const CLASSES: usize = 4;

/// Cells that change places at a time.
const MAGAZINE: usize = 64;

/// The most that the depot of one class keeps.
const DEPOT_BYTES: usize = 1 << 20;

/// A size class: so many cache lines, less one.
#[derive(Clone, Copy)]
struct Class(usize);

impl Class {
    /// None where the global allocator serves.
    const fn of(layout: Layout) -> Option<Self> {
        let lines = layout.size().div_ceil(LINE);
        // Interpreters and models find more mistakes where each cell is memory of its own.
        if LOOM || cfg!(miri) || lines == 0 || lines > CLASSES || layout.align() > LINE {
            return None;
        }
        Some(Self(lines - 1))
    }

    fn layout(self) -> Layout {
        match Layout::from_size_align(LINE * (self.0 + 1), LINE) {
            Ok(layout) => layout,
            Err(_) => unreachable!("a few lines are no overflow"),
        }
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
    // SAFETY: a cell has a header, so that the size is not zero.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Memory that nobody uses, of a class's layout and from the global allocator.
struct Free(NonNull<u8>);

// SAFETY: whoever has it owns the memory, which belongs to no thread.
unsafe impl Send for Free {}

impl Free {
    /// Back to the global allocator.
    fn dispose(self, class: Class) {
        // SAFETY: by the invariant of `Free` it was allocated with the class's layout; it ends here.
        unsafe { dealloc(self.0.as_ptr(), class.layout()) }
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
        if open_stacks() {
            let mut len = 0;
            class.depot().take(|memory| {
                self.cells[len].set(memory.0);
                len += 1;
            });
            if len > 0 {
                self.len.set(len - 1);
                return self.cells[len - 1].get();
            }
        }
        allocate_fresh(class.layout())
    }

    /// The stack is full: the magazine that was not used for longest goes to the depot.
    #[cold]
    fn make_room(&self, class: Class, memory: Free) {
        if !open_stacks() {
            return memory.dispose(class);
        }
        if self.len.get() == self.limit.get() {
            class.depot().put(class, self.cells[..MAGAZINE].iter().map(|cell| Free(cell.get())));
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
                for magazine in cells.chunks(MAGAZINE) {
                    class.depot().put(class, magazine.iter().map(|cell| Free(cell.get())));
                }
            }
        });
    }
}

/// The free cells of one class that no thread has.
struct Depot {
    /// How many are in, so that a look into an empty depot takes no lock.
    len: AtomicUsize,
    cells: Mutex<Vec<Free>>,
}

crate::sync::shared_static! {
    static DEPOTS: [CachePadded<Depot>; CLASSES] = [
        CachePadded::new(Depot { len: AtomicUsize::new(0), cells: Mutex::new(Vec::new()) }),
        CachePadded::new(Depot { len: AtomicUsize::new(0), cells: Mutex::new(Vec::new()) }),
        CachePadded::new(Depot { len: AtomicUsize::new(0), cells: Mutex::new(Vec::new()) }),
        CachePadded::new(Depot { len: AtomicUsize::new(0), cells: Mutex::new(Vec::new()) }),
    ];
}

impl Depot {
    /// Takes a magazine in, as far as there is room. The rest goes to the global allocator.
    fn put(&self, class: Class, mut magazine: impl ExactSizeIterator<Item = Free>) {
        let capacity = DEPOT_BYTES / class.layout().size();
        let mut cells = self.cells.lock();
        let room = capacity - cells.len();
        cells.extend(magazine.by_ref().take(room));
        // Ordering: Relaxed, a hint for `take`, which decides under the lock.
        self.len.store(cells.len(), Ordering::Relaxed);
        drop(cells);
        magazine.for_each(|memory| memory.dispose(class));
    }

    /// Takes a magazine out, or what there is.
    fn take(&self, receive: impl FnMut(Free)) {
        // Ordering: Relaxed; see `put`.
        if self.len.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut cells = self.cells.lock();
        let rest = cells.len().saturating_sub(MAGAZINE);
        cells.drain(rest..).for_each(receive);
        // Ordering: Relaxed; see `put`.
        self.len.store(rest, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;
    use std::thread;

    /// Four lines: no cell of this crate's unit tests is as large, so that the depot is this test's alone.
    type Cell256 = MaybeUninit<[u64; 32]>;

    fn in_depot() -> usize {
        DEPOTS[3].cells.lock().len()
    }

    #[test]
    fn the_depot_is_bounded_and_a_thread_leaves_its_cells_to_it() {
        let most = DEPOT_BYTES / 256;
        let made = thread::spawn(move || {
            (0..3 * most).map(|_| Free(allocate::<Cell256>().cast())).collect::<Vec<_>>()
        });
        let made = made.join().unwrap();
        assert!(made.iter().all(|cell| cell.0.addr().get().is_multiple_of(LINE)));
        assert_eq!(in_depot(), 0);
        let few = MAGAZINE + 7;
        let (few, many) = {
            let mut many = made;
            (many.split_off(many.len() - few), many)
        };
        let free = |cells: Vec<Free>| {
            for cell in cells {
                // SAFETY: `allocate` has handed it out for this type, and nobody uses it.
                unsafe { deallocate::<Cell256>(cell.0.cast()) };
            }
        };
        let count = few.len();
        thread::spawn(move || {
            free(few);
            assert_eq!(in_depot(), 0, "they are in the thread's own magazines");
        })
        .join()
        .unwrap();
        assert_eq!(in_depot(), count, "what the thread had left");
        thread::spawn(move || free(many)).join().unwrap();
        assert_eq!(in_depot(), most);
        thread::spawn(move || {
            let cell = allocate::<Cell256>();
            assert_eq!(in_depot(), most - MAGAZINE, "a magazine at a time");
            free(vec![Free(cell.cast())]);
        })
        .join()
        .unwrap();
        assert_eq!(in_depot(), most);
    }
}

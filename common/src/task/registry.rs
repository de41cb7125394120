//! The futures of an executor that have been suspended and are not finished.
//!
//! A task that has not been suspended yet waits in a queue, or is run by a worker, so that a shutdown finds it there. A
//! suspended future is in no queue: only wakers point to it, and those may be anywhere. Without the registry a shutdown
//! could not cancel it, and its handle would wait for ever.
//!
//! A future enters before its first suspension and leaves when it is done (`future.rs`). The list is intrusive, so that registering allocates nothing.

use crossbeam_utils::CachePadded;

use super::raw::RawTask;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The futures of one executor or role that have been suspended and are not done, each with one reference.
///
/// # Examples
///
/// ```
/// # use executor_common::Runnable;
/// use executor_common::sync::Arc;
/// use executor_common::{DomainId, Schedule, TaskRegistry, future_task};
///
/// # struct Queue(TaskRegistry);
/// # impl Schedule for Queue {
/// #     fn schedule(&self, task: Runnable) { drop(task) }
/// #     fn registry(&self) -> &TaskRegistry { &self.0 }
/// # }
/// let scheduler = Arc::new(Queue(TaskRegistry::new(1)));
/// let never = std::future::pending::<()>();
/// // SAFETY: `scheduler` lives to the end of this function, which runs the task; no thread enters the domain.
/// let (task, handle) = unsafe { future_task(DomainId::unique(), never, &scheduler) };
/// drop(task.run()); // it waits
/// assert_eq!(scheduler.registry().len(), 1);
/// assert_eq!(scheduler.registry().close(), 1);
/// assert!(handle.join().unwrap_err().is_cancelled());
/// ```
#[derive(Debug)]
pub struct TaskRegistry {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// Read without a lock as a hint; decided under the shards' locks.
    closed: AtomicBool,
}

/// A doubly linked list. Invariant: each task in it is alive, since the list holds a reference of it, and its
/// links are touched under this shard's lock alone.
#[derive(Debug, Default)]
struct Shard {
    head: Option<RawTask>,
    len: usize,
    closed: bool,
}

// SAFETY: a `RawTask` in a shard owns a reference of a cell whose shared parts may be used from any
// thread; the registry never touches work or output.
unsafe impl Send for Shard {}

/// A task's place in its shard.
#[derive(Debug)]
pub(crate) struct Links {
    previous: Option<RawTask>,
    next: Option<RawTask>,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { previous: None, next: None }
    }
}

/// # Safety
///
/// The caller holds the lock of the task's shard.
unsafe fn with_links<R>(task: RawTask, f: impl FnOnce(&mut Links) -> R) -> R {
    let Some(future) = task.future_header() else { unreachable!("only futures are registered") };
    future.links.with_mut(|links| {
        // SAFETY: the lock makes this the only access (invariant of `Shard`); the field is always
        // initialised, and the borrow ends with `f`.
        f(unsafe { &mut *links })
    })
}

impl TaskRegistry {
    /// An empty registry. More shards mean less contention between threads that spawn futures.
    ///
    /// # Panics
    ///
    /// If `shards` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskRegistry;
    ///
    /// let shards = std::thread::available_parallelism().map_or(1, usize::from);
    /// assert!(TaskRegistry::new(shards).is_empty());
    /// ```
    pub fn new(shards: usize) -> Self {
        assert!(shards > 0, "a registry needs a shard");
        let shards = (0..shards).map(|_| CachePadded::new(Mutex::new(Shard::default()))).collect();
        Self { shards, closed: AtomicBool::new(false) }
    }

    fn shard(&self, task: RawTask) -> &Mutex<Shard> {
        &self.shards[task.header().id.as_u64() as usize % self.shards.len()]
    }

    /// Takes in a task that is not in, with a reference of its own. False if the registry has been closed.
    pub(super) fn insert(&self, task: RawTask) -> bool {
        let mut shard = self.shard(task).lock();
        if shard.closed {
            return false;
        }
        task.header().state.add_reference();
        let head = shard.head.replace(task);
        // SAFETY: the shard is locked.
        unsafe { with_links(task, |links| *links = Links { previous: None, next: head }) };
        if let Some(head) = head {
            // SAFETY: the shard is locked.
            unsafe { with_links(head, |links| links.previous = Some(task)) };
        }
        shard.len += 1;
        true
    }

    /// Takes a task out, and hands its reference to the caller. False if it was not in.
    pub(super) fn remove(&self, task: RawTask) -> bool {
        self.shard(task).lock().unlink(task)
    }

    /// How many futures are in.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskRegistry;
    ///
    /// assert_eq!(TaskRegistry::new(1).len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len).sum()
    }

    /// Whether no future is in.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskRegistry;
    ///
    /// assert!(TaskRegistry::new(1).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().len == 0)
    }

    /// Whether [`TaskRegistry::close`] has begun.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskRegistry;
    ///
    /// let registry = TaskRegistry::new(1);
    /// assert!(!registry.is_closed());
    /// registry.close();
    /// assert!(registry.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        // Ordering: a hint; `insert` decides under the lock.
        self.closed.load(Ordering::Relaxed)
    }

    /// Lets nobody in any more and aborts everybody who is: suspended futures are scheduled to be
    /// cancelled. Returns how many were aborted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{Runnable, Schedule};
    /// use executor_common::sync::Arc;
    /// use executor_common::{DomainId, TaskRegistry, future_task};
    ///
    /// # struct Queue(TaskRegistry);
    /// # impl Schedule for Queue {
    /// #     fn schedule(&self, task: Runnable) { drop(task) }
    /// #     fn registry(&self) -> &TaskRegistry { &self.0 }
    /// # }
    /// let scheduler = Arc::new(Queue(TaskRegistry::new(1)));
    /// assert_eq!(scheduler.registry().close(), 0);
    /// // SAFETY: `scheduler` lives to the end of this function, which runs the task; no thread enters the domain.
    /// let (task, handle) = unsafe {
    ///     future_task(DomainId::unique(), std::future::pending::<()>(), &scheduler)
    /// };
    /// drop(task.run()); // it would wait, which is too late
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    pub fn close(&self) -> usize {
        // Ordering: as in `is_closed`.
        self.closed.store(true, Ordering::Relaxed);
        let mut aborted = 0;
        for shard in &self.shards {
            shard.lock().closed = true;
            loop {
                let Some(task) = shard.lock().pop() else { break };
                // Outside the lock: a scheduler that has ended drops the task right here.
                task.abort();
                task.release();
                aborted += 1;
            }
        }
        aborted
    }
}

impl Shard {
    /// Takes a task out; the list's reference is the caller's then. False if it was not in.
    fn unlink(&mut self, task: RawTask) -> bool {
        // SAFETY: the shard is locked, since it is borrowed mutably.
        let links = unsafe { with_links(task, |links| std::mem::replace(links, Links::new())) };
        match links.previous {
            // SAFETY: as above.
            Some(previous) => unsafe { with_links(previous, |l| l.next = links.next) },
            None if self.head == Some(task) => self.head = links.next,
            None => return false,
        }
        if let Some(next) = links.next {
            // SAFETY: as above.
            unsafe { with_links(next, |l| l.previous = links.previous) };
        }
        self.len -= 1;
        true
    }

    /// Takes any task out, with the list's reference.
    fn pop(&mut self) -> Option<RawTask> {
        let task = self.head?;
        self.unlink(task);
        Some(task)
    }
}

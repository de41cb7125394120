//! Spawns that borrow.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;

use executor_common::panic::{AbortOnUnwind, caught, contained, discard};
use executor_common::sync::Mutex;
use executor_common::{JoinHandle, Priority, scoped_closure_task};

use crate::SmpExecutor;
use crate::context;
use crate::shared::Shared;

/// Where borrowed tasks are spawned; see [`scope`].
pub struct Scope<'scope> {
    shared: &'scope Shared,
    tasks: Mutex<Tasks>,
    /// Invariant in `'scope`: a scope may not be used as one that lives longer, nor as one that lives shorter.
    _scope: PhantomData<fn(&'scope ()) -> &'scope ()>,
}

/// The tasks that may not be done yet.
struct Tasks {
    handles: Vec<JoinHandle<()>>,
    /// The first panic, in the order in which the scope came to know of them.
    panic: Option<Box<dyn Any + Send>>,
    /// When the list has grown to this length, handles of tasks that are done are let go.
    prune_at: usize,
}

/// Below this length pruning is not worth it.
const MIN_PRUNE: usize = 64;

/// Runs `f`, which may spawn tasks that borrow from outside the scope, and returns when they are all done.
///
/// `f` runs on the calling thread. While a worker waits at the end, it runs tasks of this very scope that nobody
/// has begun, and nothing else. On a thread that is no worker the tasks go to the
/// [global executor](SmpExecutor::global).
///
/// # Panics
///
/// With `f`'s panic, or else with the first of a task, after all tasks are done.
///
/// # Examples
///
/// ```
/// let mut halves = [1, 2, 3, 4];
/// let (left, right) = halves.split_at_mut(2);
/// smp_executor::scope(|s| {
///     s.spawn(|_| left.fill(0));
///     s.spawn(|_| right.fill(9));
/// });
/// assert_eq!(halves, [0, 0, 9, 9]);
/// ```
pub fn scope<'scope, F, R>(f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R,
{
    context::with_worker(|worker| match worker {
        // SAFETY: the worker's pool outlives this call, and `run` the scope's tasks; see there.
        Some(worker) => unsafe { run(worker.shared(), f) },
        None => SmpExecutor::global().scope(f),
    })
}

/// Opens a scope on `shared`.
///
/// # Safety
///
/// `shared` is alive until this function returns.
pub(crate) unsafe fn run<'scope, F, R>(shared: &Shared, f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R,
{
    // SAFETY: the reference is used by the scope alone, which ends with this function.
    let shared = unsafe { &*std::ptr::from_ref(shared) };
    let tasks = Tasks { handles: Vec::new(), panic: None, prune_at: MIN_PRUNE };
    let scope = Scope { shared, tasks: Mutex::new(tasks), _scope: PhantomData };
    // From here until all tasks are done this frame must not be left.
    let guard = AbortOnUnwind::new();
    let result = caught(|| f(&scope));
    let panic = scope.wait();
    guard.disarm();
    match (result, panic) {
        (Ok(result), None) => result,
        (Ok(result), Some(payload)) => {
            contained(|| drop(result));
            resume_unwind(payload)
        }
        (Err(payload), other) => {
            if let Some(other) = other {
                discard(other);
            }
            resume_unwind(payload)
        }
    }
}

impl<'scope> Scope<'scope> {
    /// Spawns a task that may borrow whatever outlives the scope, and may spawn into the scope itself.
    pub fn spawn<F>(&self, f: F)
    where
        F: FnOnce(&Scope<'scope>) + Send + 'scope,
    {
        let this = ScopeRef(std::ptr::from_ref(self).cast::<()>());
        let work = move || {
            // The whole reference moves in, not its field.
            let this = this;
            // SAFETY: the scope's frame is not left before this task is done, see `run`; `Scope` may be
            // shared between threads.
            let scope = unsafe { &*this.0.cast::<Scope<'scope>>() };
            f(scope);
        };
        // SAFETY: what `work` borrows outlives `'scope`, and `run` does not return before the handle has
        // reported completion.
        let (task, handle) = unsafe { scoped_closure_task(self.shared.domain, work) };
        self.tasks.lock().add(handle);
        self.shared.submit(Priority::Normal, task);
    }

    /// Waits for all tasks, those that tasks spawn included. Returns the first panic.
    fn wait(&self) -> Option<Box<dyn Any + Send>> {
        loop {
            // The youngest first: thieves take the oldest.
            let next = self.tasks.lock().handles.pop();
            let Some(handle) = next else { break };
            // On a worker of this pool a task that nobody has begun runs here.
            let result = handle.join();
            self.tasks.lock().note(result);
        }
        self.tasks.lock().panic.take()
    }
}

impl Tasks {
    fn add(&mut self, handle: JoinHandle<()>) {
        if self.handles.len() >= self.prune_at {
            self.prune();
        }
        self.handles.push(handle);
    }

    /// Lets go of tasks that are done, so that a scope of a million short tasks keeps a few of them.
    fn prune(&mut self) {
        let (done, open): (Vec<_>, Vec<_>) =
            self.handles.drain(..).partition(JoinHandle::is_finished);
        self.handles = open;
        for handle in done {
            self.note(handle.join());
        }
        self.prune_at = (self.handles.len() * 2).max(MIN_PRUNE);
    }

    fn note(&mut self, result: Result<(), executor_common::JoinError>) {
        // A pool that stops cancels tasks of open scopes; the scope's owner goes on without them.
        let Err(Ok(payload)) = result.map_err(executor_common::JoinError::try_into_panic) else {
            return;
        };
        match self.panic {
            None => self.panic = Some(payload),
            Some(_) => discard(payload),
        }
    }
}

/// The address of a scope, for a task.
struct ScopeRef(*const ());

// SAFETY: the task uses the address as `&Scope`, which may be shared between threads: the pool is, the
// list is under a lock, and handles of `()` are `Send`.
unsafe impl Send for ScopeRef {}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("open_tasks", &self.tasks.lock().handles.len()).finish()
    }
}

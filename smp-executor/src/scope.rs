//! Spawns that borrow.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::OnceLock;

use crossbeam_utils::CachePadded;
use executor_common::panic::{AbortOnUnwind, caught, contained, discard};
use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{Mutex, guarded};
use executor_common::{
    CancellationToken, JoinError, JoinHandle, Priority, TaskId, current_task, scoped_closure_task,
};

use crate::SmpExecutor;
use crate::context;
use crate::shared::Shared;
use crate::spawn::spawn_site;

/// Where borrowed tasks are spawned; see [`scope`].
///
/// # Cancellation
///
/// A scope can be cancelled: by [`cancel`](Scope::cancel), by its [`token`](Scope::token), by the parent that
/// [`scope_with_token`] gives it, and by a panic if [`cancel_on_panic`](Scope::cancel_on_panic) asked for that. Its
/// tasks that have not begun are then dropped unrun when their turn comes, and so are those that are spawned from
/// then on. Tasks that run are not interrupted; they can ask [`is_cancelled`](Scope::is_cancelled) or await the
/// token. The scope returns when all are done, as ever, and being cancelled is no error in itself.
///
/// # Examples
///
/// ```
/// // Several seek, the first to find something ends the search.
/// let list = [3, 1, 4, 1, 5, 9, 2, 6];
/// let found = std::sync::OnceLock::new();
/// smp_executor::scope(|s| {
///     for part in list.chunks(2) {
///         let found = &found;
///         s.spawn(move |s| {
///             if let Some(large) = part.iter().find(|&&n| n > 4) {
///                 let _ = found.set(*large);
///                 s.cancel();
///             }
///         });
///     }
/// });
/// assert!([5, 9, 6].contains(found.get().unwrap()));
/// ```
pub struct Scope<'scope> {
    shared: &'scope Shared,
    /// Made when somebody asks for it: as long as nobody does, a task pays one load of a word that stays as it is.
    token: OnceLock<CancellationToken>,
    cancels_on_panic: AtomicBool,
    /// Apart from the rest, which each task reads on whichever worker it runs.
    tasks: CachePadded<Mutex<Tasks>>,
    /// Invariant in `'scope`: a scope may not be used as one that lives longer, nor as one that lives shorter.
    _scope: PhantomData<fn(&'scope ()) -> &'scope ()>,
}

/// The tasks that may not be done yet.
struct Tasks {
    handles: Vec<JoinHandle<()>>,
    /// The task that panicked first.
    first_panic: Option<TaskId>,
    /// Its panic, or that of another one as long as it is not known.
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

/// As [`scope`], and cancelled with `parent`: its tasks that have not begun by then are dropped unrun. The scope's own
/// [token](Scope::token) is a child of `parent`, which is not cancelled with it.
///
/// # Panics
///
/// As [`scope`].
///
/// # Examples
///
/// ```
/// use smp_executor::{CancellationToken, scope_with_token};
///
/// let request = CancellationToken::new();
/// scope_with_token(&request, |s| {
///     s.spawn(|_| request.cancel());
///     s.spawn(|s| {
///         for _piece in 0..1000 {
///             if s.is_cancelled() {
///                 return; // nobody wants the rest
///             }
///         }
///     });
/// });
/// assert!(request.is_cancelled());
/// ```
pub fn scope_with_token<'scope, F, R>(parent: &CancellationToken, f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R,
{
    context::with_worker(|worker| match worker {
        // SAFETY: as in `scope`.
        Some(worker) => unsafe { run_with_token(worker.shared(), parent, f) },
        None => SmpExecutor::global().scope_with_token(parent, f),
    })
}

impl SmpExecutor {
    /// Opens a scope whose tasks run on this pool, and that is cancelled with `parent`; see [`scope_with_token`].
    ///
    /// # Panics
    ///
    /// As [`scope`].
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{CancellationToken, SmpExecutor};
    ///
    /// let executor = SmpExecutor::new()?;
    /// let request = CancellationToken::new();
    /// request.cancel();
    /// executor.scope_with_token(&request, |s| {
    ///     s.spawn(|_| unreachable!("the request is gone"));
    /// });
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn scope_with_token<'scope, F, R>(&self, parent: &CancellationToken, f: F) -> R
    where
        F: FnOnce(&Scope<'scope>) -> R,
    {
        // SAFETY: `self` keeps the pool alive during the call.
        unsafe { run_with_token(self.shared(), parent, f) }
    }
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
    // SAFETY: as the caller promises.
    unsafe { open(shared, OnceLock::new(), f) }
}

/// Opens a scope on `shared` below `parent`.
///
/// # Safety
///
/// As [`run`].
unsafe fn run_with_token<'scope, F, R>(shared: &Shared, parent: &CancellationToken, f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R,
{
    // SAFETY: as the caller promises.
    unsafe { open(shared, OnceLock::from(parent.child_token()), f) }
}

/// Opens a scope on `shared`.
///
/// # Safety
///
/// As [`run`].
unsafe fn open<'scope, F, R>(shared: &Shared, token: OnceLock<CancellationToken>, f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R,
{
    // SAFETY: the reference is used by the scope alone, which ends with this function.
    let shared = unsafe { &*std::ptr::from_ref(shared) };
    let tasks = Tasks { handles: Vec::new(), first_panic: None, panic: None, prune_at: MIN_PRUNE };
    let scope = Scope {
        shared,
        token,
        cancels_on_panic: AtomicBool::new(false),
        tasks: CachePadded::new(Mutex::new(tasks)),
        _scope: PhantomData,
    };
    // From here until all tasks are done this frame must not be left.
    let guard = AbortOnUnwind::new();
    let result = caught(|| f(&scope));
    if result.is_err() {
        scope.panicked();
    }
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
    /// Spawns a task that may borrow whatever outlives the scope, and may spawn into the scope itself. In a cancelled
    /// scope the closure is dropped at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let list = [[1, 2], [3, 4]];
    /// let sum = &AtomicU32::new(0);
    /// smp_executor::scope(|s| {
    ///     for row in &list {
    ///         s.spawn(move |s| {
    ///             // A task may spawn more of them.
    ///             for n in row {
    ///                 s.spawn(move |_| _ = sum.fetch_add(*n, Ordering::Relaxed));
    ///             }
    ///         });
    ///     }
    /// });
    /// assert_eq!(sum.load(Ordering::Relaxed), 10);
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn<F>(&self, f: F)
    where
        F: FnOnce(&Scope<'scope>) + Send + 'scope,
    {
        if self.is_cancelled() {
            return;
        }
        let this = ScopeRef(std::ptr::from_ref(self).cast::<()>());
        let work = move || {
            // The whole reference moves in, not its field.
            let this = this;
            // SAFETY: the scope's frame is not left before this task is done, see `run`; `Scope` may be
            // shared between threads.
            let scope = unsafe { &*this.0.cast::<Scope<'scope>>() };
            guarded(TellsOfPanic(scope), || {
                if !scope.is_cancelled() {
                    f(scope);
                }
            });
        };
        let _site = spawn_site(None, Priority::Normal).enter();
        // SAFETY: what `work` borrows outlives `'scope`, and `run` does not return before the handle has
        // reported completion.
        let (task, handle) = unsafe { scoped_closure_task(self.shared.domain, work) };
        self.tasks.lock().add(handle);
        self.shared.submit(Priority::Normal, task);
    }

    /// Cancels the scope: tasks that have not begun are dropped unrun.
    ///
    /// # Examples
    ///
    /// ```
    /// smp_executor::scope(|s| {
    ///     s.cancel();
    ///     s.spawn(|_| unreachable!("it is dropped at once"));
    ///     assert!(s.is_cancelled());
    /// });
    /// ```
    pub fn cancel(&self) {
        self.token().cancel();
    }

    /// Asks that the first panic, of a task or of the closure that [`scope`] was called with, cancels the scope.
    /// Panics that came before do not.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// let result = catch_unwind(AssertUnwindSafe(|| {
    ///     smp_executor::scope(|s| {
    ///         s.cancel_on_panic();
    ///         s.spawn(|s| {
    ///             for _piece in 0..1000 {
    ///                 if s.is_cancelled() {
    ///                     return; // nobody wants the rest
    ///                 }
    ///             }
    ///         });
    ///         s.spawn(|_| panic!("out of tea"));
    ///     })
    /// }));
    /// assert!(result.is_err());
    /// ```
    pub fn cancel_on_panic(&self) {
        // Ordering: Relaxed. Who spawns a task after this call hands it over with the task, and for those that
        // run already there is no before and after.
        self.cancels_on_panic.store(true, Ordering::Relaxed);
    }

    /// Whether the scope has been cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// smp_executor::scope(|s| {
    ///     assert!(!s.is_cancelled());
    ///     s.cancel();
    ///     assert!(s.is_cancelled());
    /// });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.token.get().is_some_and(CancellationToken::is_cancelled)
    }

    /// The scope's token: cancelled with the scope, and the scope with it. Futures and other scopes that are to end with
    /// this one can have it, or a child.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = smp_executor::scope(|s| {
    ///     let token = s.token();
    ///     s.cancel();
    ///     token
    /// });
    /// assert!(token.is_cancelled());
    /// ```
    pub fn token(&self) -> CancellationToken {
        self.token.get_or_init(CancellationToken::new).clone()
    }

    /// Somebody has panicked.
    fn panicked(&self) {
        // Ordering: see `cancel_on_panic`.
        if self.cancels_on_panic.load(Ordering::Relaxed) {
            self.cancel();
        }
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

    fn panicked_first(&mut self, task: Option<TaskId>) {
        self.first_panic = self.first_panic.or(task);
    }

    fn note(&mut self, result: Result<(), JoinError>) {
        let Err(error) = result else { return };
        let is_first = self.first_panic == Some(error.task_id());
        // A pool that stops cancels tasks of open scopes; the scope's owner goes on without them.
        let Ok(payload) = error.try_into_panic() else { return };
        let unwanted = if is_first || self.panic.is_none() {
            self.panic.replace(payload)
        } else {
            Some(payload)
        };
        if let Some(unwanted) = unwanted {
            discard(unwanted);
        }
    }
}

/// Dropped where a task unwinds: tells its scope at once, and not only when somebody asks for the task's result.
struct TellsOfPanic<'a, 'scope>(&'a Scope<'scope>);

impl Drop for TellsOfPanic<'_, '_> {
    fn drop(&mut self) {
        self.0.tasks.lock().panicked_first(current_task());
        self.0.panicked();
    }
}

/// The address of a scope, for a task.
struct ScopeRef(*const ());

// SAFETY: the task uses the address as `&Scope`, which may be shared between threads: the pool is, the
// list is under a lock, and handles of `()` are `Send`.
unsafe impl Send for ScopeRef {}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("open_tasks", &self.tasks.lock().handles.len())
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

//! Panics that no handle takes.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::id::TaskId;
use crate::panic::{caught, discard, payload_text};

/// What an executor does with the panic of a task whose handle is gone.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use executor_common::PanicHook;
///
/// let on_panic: PanicHook = Arc::new(|panic| eprintln!("{panic}"));
/// executor_common::enter_domain(executor_common::DomainId::unique(), Some(on_panic));
/// ```
pub type PanicHook = Arc<dyn Fn(TaskPanic) + Send + Sync>;

crate::sync::thread_local! {
    /// The hook of the executor that the calling thread works for.
    static HOOK: RefCell<Option<PanicHook>> = const { RefCell::new(None) };
}

/// Makes `hook` the one for panics on the calling thread.
pub(super) fn set_hook(hook: Option<PanicHook>) {
    HOOK.with(|current| *current.borrow_mut() = hook);
}

/// Runs `f` with `hook` as the one for panics on the calling thread.
pub(super) fn with_hook<R>(hook: Option<PanicHook>, f: impl FnOnce() -> R) -> R {
    /// Restores the thread's own hook, also while unwinding.
    struct Restore(Option<PanicHook>);

    impl Drop for Restore {
        fn drop(&mut self) {
            let own = self.0.take();
            let _ = HOOK.try_with(|current| current.replace(own));
        }
    }

    // During the thread's own destructors there is no hook to set, and panics go nowhere.
    let _restore = HOOK.try_with(|current| Restore(current.replace(hook))).ok();
    f()
}

/// A task's panic.
///
/// It keeps the hook of the executor on which it happened: the handle may be dropped much later, by any
/// thread, and the panic must not get lost then.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, mpsc};
/// use executor_common::{DomainId, TaskPanic, closure_task, enter_domain};
///
/// let (tell, told) = mpsc::channel();
/// let on_panic = move |panic: TaskPanic| tell.send(panic).unwrap();
/// let domain = DomainId::unique();
/// enter_domain(domain, Some(Arc::new(on_panic))); // as a worker does
/// let (task, handle) = closure_task(domain, || panic!("no disk"));
/// drop(handle); // nobody else asks
/// drop(task.run());
/// assert_eq!(told.recv().unwrap().message(), "no disk");
/// ```
pub struct TaskPanic {
    task: TaskId,
    payload: Box<dyn Any + Send>,
    hook: Option<PanicHook>,
}

impl TaskPanic {
    /// A panic that has just been caught on this thread.
    pub(super) fn catch(task: TaskId, payload: Box<dyn Any + Send>) -> Self {
        let hook = HOOK.try_with(|hook| hook.borrow().clone()).ok().flatten();
        Self { task, payload, hook }
    }

    /// Tells the hook. The hook is foreign code: its own panic ends here.
    pub(super) fn report(mut self) {
        let thrown = match self.hook.take() {
            Some(hook) => caught(move || hook(self)).err(),
            None => Some(self.payload),
        };
        if let Some(payload) = thrown {
            discard(payload);
        }
    }

    /// The task that panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskPanic;
    ///
    /// let on_panic = |panic: TaskPanic| {
    ///     println!("task {} has panicked", panic.task_id());
    /// };
    /// # let _: &dyn Fn(TaskPanic) = &on_panic;
    /// ```
    pub fn task_id(&self) -> TaskId {
        self.task
    }

    /// What the panic said, where it said something in text.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskPanic;
    ///
    /// let on_panic = |panic: TaskPanic| {
    ///     println!("it said {:?}", panic.message());
    /// };
    /// # let _: &dyn Fn(TaskPanic) = &on_panic;
    /// ```
    pub fn message(&self) -> &str {
        payload_text(&*self.payload)
    }

    /// The payload, for `std::panic::resume_unwind` elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TaskPanic;
    ///
    /// let on_panic = |panic: TaskPanic| {
    ///     let payload = panic.into_payload(); // of `panic!("text")`: a `&str`
    ///     assert!(payload.is::<&str>());
    /// };
    /// # let _: &dyn Fn(TaskPanic) = &on_panic;
    /// ```
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
    }
}

impl fmt::Display for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} panicked: {}", self.task, self.message())
    }
}

impl fmt::Debug for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskPanic({self})")
    }
}

//! Why a task has no output.

use std::any::Any;
use std::fmt;
use std::io;

use super::hook::TaskPanic;
use super::id::TaskId;

/// Why [`JoinHandle`](super::JoinHandle) has no output to give.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, closure_task};
///
/// let (runnable, handle) = closure_task(DomainId::unique(), || panic!("no disk"));
/// runnable.run();
/// let error = handle.join().unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().contains("no disk"));
/// ```
pub struct JoinError {
    id: TaskId,
    kind: Kind,
}

enum Kind {
    Cancelled,
    Expired,
    SelfJoin,
    Panic { text: Box<str>, payload: SyncPayload },
}

/// A panic payload that can be moved out and not looked at.
struct SyncPayload(Box<dyn Any + Send>);

// SAFETY: no method hands out `&Box<dyn Any + Send>` or looks through it; a shared reference to the
// wrapper can do nothing with the payload. Moving it out takes the wrapper by value, which needs `Send`.
unsafe impl Sync for SyncPayload {}

/// The part of a [`JoinError`] that the task's cell stores; the id is in its header.
///
/// One word: a panic is rare, and its text and payload must not make every cell larger.
pub(crate) enum Failure {
    Cancelled,
    Panic(Box<TaskPanic>),
}

impl Failure {
    /// A panic that has just been caught on this thread.
    #[cold]
    pub(super) fn panic(task: TaskId, payload: Box<dyn Any + Send>) -> Self {
        Self::Panic(Box::new(TaskPanic::catch(task, payload)))
    }
}

impl JoinError {
    pub(crate) fn new(id: TaskId, failure: Failure) -> Self {
        let kind = match failure {
            Failure::Cancelled => Kind::Cancelled,
            Failure::Panic(panic) => Kind::Panic {
                text: panic.message().into(),
                payload: SyncPayload(panic.into_payload()),
            },
        };
        Self { id, kind }
    }

    pub(super) fn expired(id: TaskId) -> Self {
        Self { id, kind: Kind::Expired }
    }

    pub(crate) fn self_join(id: TaskId) -> Self {
        Self { id, kind: Kind::SelfJoin }
    }

    /// True if the task panicked, while it ran or in a destructor.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// let error = spawn(|| panic!("out of tea")).join().unwrap_err();
    /// assert!(error.is_panic());
    /// assert!(error.to_string().contains("out of tea"));
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panic { .. })
    }

    /// True if the task was aborted, or its executor ended first.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// drop(waits_in_a_queue); // as an executor does that ends
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// True if the task was not started before its time to live had passed. It never ran.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::{DomainId, expiring_closure_task};
    ///
    /// let (task, handle) = expiring_closure_task(DomainId::unique(), Instant::now(), || 42);
    /// drop(task.run());
    /// assert!(handle.join().unwrap_err().is_expired());
    /// ```
    pub fn is_expired(&self) -> bool {
        matches!(self.kind, Kind::Expired)
    }

    /// True if the handle was waited on from within its own task, which could never have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor_common::{DomainId, JoinHandle, RunOutcome, closure_task};
    ///
    /// let (give, take) = mpsc::channel::<JoinHandle<()>>();
    /// let (task, handle) = closure_task(DomainId::unique(), move || {
    ///     let own = take.recv().unwrap();
    ///     assert!(own.join().unwrap_err().is_self_join());
    /// });
    /// give.send(handle).unwrap();
    /// assert!(matches!(task.run(), RunOutcome::Finished));
    /// ```
    pub fn is_self_join(&self) -> bool {
        matches!(self.kind, Kind::SelfJoin)
    }

    /// The panic's payload, for `std::panic::resume_unwind`.
    ///
    /// # Panics
    ///
    /// If the error is not a panic; [`JoinError::try_into_panic`] asks first.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// let error = spawn(|| panic!("out of tea")).join().unwrap_err();
    /// let payload = error.into_panic(); // for `std::panic::resume_unwind`, say
    /// assert_eq!(payload.downcast_ref(), Some(&"out of tea"));
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic on a JoinError that is no panic: {error}"),
        }
    }

    /// The panic's payload.
    ///
    /// # Errors
    ///
    /// The error itself, if it is not a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// drop(waits_in_a_queue);
    /// let error = handle.join().unwrap_err().try_into_panic().unwrap_err();
    /// assert!(error.is_cancelled());
    /// ```
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.kind {
            Kind::Panic { payload, .. } => Ok(payload.0),
            kind => Err(Self { kind, ..self }),
        }
    }

    /// The task that has no output.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// let id = handle.id();
    /// drop(waits_in_a_queue);
    /// assert_eq!(handle.join().unwrap_err().task_id(), id);
    /// ```
    pub fn task_id(&self) -> TaskId {
        self.id
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Cancelled => write!(f, "task {} was cancelled", self.id),
            Kind::Expired => write!(f, "task {} expired before it was started", self.id),
            Kind::SelfJoin => write!(f, "task {} was joined from within itself", self.id),
            Kind::Panic { text, .. } => write!(f, "task {} panicked: {text}", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        io::Error::other(error)
    }
}

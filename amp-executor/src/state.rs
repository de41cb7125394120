//! Values that are made on a worker, stay there, and are lent to its tasks.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::fmt;

use executor_common::panic::contained;

/// Makes a value on a worker; it is told the worker's core.
type Make = std::sync::Arc<dyn Fn(usize) -> Box<dyn Any> + Send + Sync>;

/// How the values of one role's workers are made. The makers are foreign code, and so is what they own.
#[derive(Clone, Default)]
pub(crate) struct StateMakers(Vec<(TypeId, Make)>);

impl StateMakers {
    /// A later maker of a type takes the place of an earlier one.
    pub(crate) fn add<S: 'static>(&mut self, make: impl Fn(usize) -> S + Send + Sync + 'static) {
        self.0.retain(|(of, _)| *of != TypeId::of::<S>());
        self.0.push((TypeId::of::<S>(), std::sync::Arc::new(move |core| Box::new(make(core)))));
    }

    pub(crate) fn types(&self) -> Vec<TypeId> {
        self.0.iter().map(|(of, _)| *of).collect()
    }
}

impl Drop for StateMakers {
    fn drop(&mut self) {
        for (_, make) in self.0.drain(..) {
            contained(|| drop(make));
        }
    }
}

impl fmt::Debug for StateMakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateMakers").field(&self.0.len()).finish()
    }
}

/// A value of this thread. `None` while a task has it.
struct Slot {
    of: TypeId,
    value: Option<Box<dyn Any>>,
}

executor_common::sync::thread_local! {
    static STATES: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

/// Makes the calling worker's values.
pub(crate) fn make(makers: &StateMakers, core: usize) {
    for (of, make) in &makers.0 {
        let value = make(core);
        STATES.with(|states| states.borrow_mut().push(Slot { of: *of, value: Some(value) }));
    }
}

/// Drops the calling worker's values, in the order in which they were made.
pub(crate) fn drop_all() {
    // One by one: two panics in one drop would end the process.
    for slot in STATES.with(RefCell::take) {
        contained(|| drop(slot));
    }
}

/// Takes a value out of its slot and puts it back at the end, also while unwinding.
struct Lent {
    place: usize,
    value: Option<Box<dyn Any>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let value = self.value.take();
        STATES.with(|states| {
            if let Some(slot) = states.borrow_mut().get_mut(self.place) {
                slot.value = value;
            }
        });
    }
}

/// Why a thread has no value to lend.
///
/// # Examples
///
/// ```
/// use amp_executor::{StateError, with_state};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let amp = AmpExecutor::builder()
///     .role(RoleConfig::new(IO).cores([core]))
///     .state(IO, |_core| 0_u64)
///     .build()?;
/// // This thread is no worker.
/// assert!(matches!(with_state(|n: &mut u64| *n), Err(StateError::NoState { .. })));
///
/// // This task has the value already.
/// let task = amp.role(IO)?.spawn(|| with_state(|_: &mut u64| with_state(|n: &mut u64| *n)))?;
/// assert!(matches!(task.join()??, Err(StateError::InUse { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The thread is no worker of a role with a value of this type.
    #[error("this thread has no state of type {type_name}")]
    NoState {
        /// The type.
        type_name: &'static str,
    },
    /// A task further out on this thread's stack has it.
    #[error("the state of type {type_name} is in use by a task that waits for this one")]
    InUse {
        /// The type.
        type_name: &'static str,
    },
}

/// Calls `f` with the calling worker's value of type `S`; see [`AmpBuilder::state`](crate::AmpBuilder::state).
///
/// For closures and futures that run on a role's worker anyway, such as timed tasks.
/// [`RoleHandle::with_state`](crate::RoleHandle::with_state) sends a closure there.
///
/// # Errors
///
/// [`StateError::NoState`] on threads that have no such value, [`StateError::InUse`] within a call of this function
/// for the same type.
///
/// # Panics
///
/// If `f` does. The value stays as it is then.
///
/// # Examples
///
/// ```
/// use amp_executor::{AmpExecutor, Role, RoleConfig, with_state};
///
/// const DB: Role = Role::new("db");
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let amp = AmpExecutor::builder()
///     .role(RoleConfig::new(DB).cores([core]))
///     .state(DB, |_core| Vec::<u64>::new())
///     .build()?;
/// let db = amp.role(DB)?;
/// db.with_state(|rows: &mut Vec<u64>| rows.push(7))?.join()?;
/// let rows = db.spawn(|| with_state(|rows: &mut Vec<u64>| rows.len()))?.join()??;
/// assert_eq!(rows, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn with_state<S: 'static, R>(f: impl FnOnce(&mut S) -> R) -> Result<R, StateError> {
    let type_name = std::any::type_name::<S>();
    let taken = STATES.try_with(|states| {
        let mut states = states.borrow_mut();
        let place = states.iter().position(|slot| slot.of == TypeId::of::<S>())?;
        Some(Lent { place, value: states[place].value.take() })
    });
    let Some(mut lent) = taken.ok().flatten() else {
        return Err(StateError::NoState { type_name });
    };
    let Some(value) = lent.value.as_mut() else {
        // The slot is empty, and stays so.
        return Err(StateError::InUse { type_name });
    };
    let Some(value) = value.downcast_mut::<S>() else { unreachable!("the slot is of this type") };
    Ok(f(value))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// On a thread with a number and a text.
    fn on_worker(f: impl FnOnce() + Send) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut makers = StateMakers::default();
                makers.add(|core| core as u64);
                makers.add(|core| format!("core {core}"));
                make(&makers, 7);
                f();
                drop_all();
            });
        });
    }

    #[test]
    fn each_type_has_a_value_of_its_own_which_stays() {
        on_worker(|| {
            assert_eq!(with_state(|n: &mut u64| std::mem::replace(n, 8)), Ok(7));
            assert_eq!(with_state(|n: &mut u64| *n), Ok(8));
            assert_eq!(with_state(|text: &mut String| text.clone()).unwrap(), "core 7");
            assert!(matches!(with_state(|_: &mut u8| ()), Err(StateError::NoState { .. })));
        });
        assert!(matches!(with_state(|_: &mut u64| ()), Err(StateError::NoState { .. })));
    }

    #[test]
    fn a_value_in_use_is_not_lent_again_and_comes_back_after_a_panic() {
        on_worker(|| {
            with_state(|_: &mut u64| {
                for _ in 0..2 {
                    assert!(matches!(with_state(|_: &mut u64| ()), Err(StateError::InUse { .. })));
                }
                assert!(with_state(|_: &mut String| ()).is_ok());
            })
            .unwrap();
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                with_state(|n: &mut u64| {
                    *n = 9;
                    panic!("on purpose");
                })
            }));
            assert!(panicked.is_err());
            assert_eq!(with_state(|n: &mut u64| *n), Ok(9));
        });
    }
}

//! Tasks that use what is kept on a core.

use std::any::TypeId;
use std::future::Future;

use executor_common::{JoinHandle, SpawnError};

use super::RoleHandle;
use crate::role::RoleState;
use crate::state;
use crate::wait::Refused;

impl RoleHandle {
    /// Spawns a closure that is given its worker's own value of type `S`, made by
    /// [`AmpBuilder::state`](crate::AmpBuilder::state) on that worker and never moved from it; waits for room as
    /// [`RoleHandle::spawn`] does. No lock is taken: a worker runs one closure at a time. On a role with several workers it is the
    /// value of whichever takes the task; [`RoleHandle::keyed`] and [`RoleHandle::on_core`] choose.
    ///
    /// A task that waits for another one in [`JoinHandle::join`] may run it in place. If both want the same value, the inner one panics.
    ///
    /// # Errors
    ///
    /// [`SpawnError::NoState`]: no such value was declared for the role. Else as [`RoleHandle::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// const DB: Role = Role::new("db");
    /// type Rows = HashMap<&'static str, u32>;
    /// # let cores = SystemCpus.allowed()?;
    /// let amp = AmpExecutor::builder()
    ///     .role(RoleConfig::new(DB).cores(cores.iter()))
    ///     .state(DB, |_core| Rows::new())
    ///     .build()?;
    /// let seven = amp.role(DB)?.keyed("customer 7");
    /// seven.with_state(|rows: &mut Rows| rows.insert("customer 7", 1))?.join()?;
    /// let row = seven.with_state(|rows: &mut Rows| rows["customer 7"])?;
    /// assert_eq!(row.join()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn with_state<S, F, T>(&self, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        S: 'static,
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        if !self.state.has_state(TypeId::of::<S>()) {
            let type_name = std::any::type_name::<S>();
            return Err(SpawnError::NoState { role: self.role(), type_name });
        }
        if self.lane.worker().is_none() && self.state.has_lenders() {
            // The value is here: a future comes home, whoever takes it.
            self.spawn_future(async { lent(f) })
        } else {
            self.spawn(|| lent(f))
        }
    }

    /// Spawns a future that is made on one of the role's workers, stays there, and need not be `Send`; waits for room as
    /// [`RoleHandle::spawn`] does. Whatever wakes it, it runs on that worker, in turns with the worker's other tasks: the one that this
    /// handle is for, or each in turn. A task of that very worker that waits for it in [`JoinHandle::join`] waits for ever; `.await` the
    /// handle instead.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::cell::Cell;
    /// # use std::rc::Rc;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig, yield_now};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const UI: Role = Role::new("ui");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(UI).cores([core])).build()?;
    /// let counted = amp.role(UI)?.spawn_local(|| async {
    ///     let count = Rc::new(Cell::new(0)); // not `Send`, and kept across an `.await`
    ///     yield_now().await;
    ///     count.set(count.get() + 1);
    ///     count.get()
    /// })?;
    /// assert_eq!(counted.join()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_local<M, F>(&self, make: M) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let terms = self.state.terms_for_one_worker(self.terms());
        let attempt = |make| RoleState::try_local(&self.state, terms, make);
        self.block_for_room(terms, None, make, attempt).map_err(Refused::into_spawn_error)
    }
}

/// Runs in the task: its panic is the task's.
fn lent<S: 'static, T>(f: impl FnOnce(&mut S) -> T) -> T {
    match state::with_state(f) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

//! What the workers' threads are like, and where they wait.

use std::sync::Arc;

use executor_common::{Reactor, Role};

use super::AmpBuilder;
use crate::placement::WorkerPlacement;

impl AmpBuilder {
    /// Called on each worker's thread before its first task. A panic of the hook is swallowed.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = amp_executor::AmpExecutor::builder().on_thread_start(|worker| println!("begins: {worker}"));
    /// ```
    pub fn on_thread_start(
        mut self,
        hook: impl Fn(&WorkerPlacement) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Called on each worker's thread after its last task. A panic of the hook is swallowed.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = amp_executor::AmpExecutor::builder().on_thread_stop(|worker| println!("ends: {worker}"));
    /// ```
    pub fn on_thread_stop(
        mut self,
        hook: impl Fn(&WorkerPlacement) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// The workers' stack size in bytes. The standard library's default if this is not called.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = amp_executor::AmpExecutor::builder().stack_size(8 << 20);
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// The workers of `role` wait in this reactor while they are idle: for sockets and timers of another library, and for tasks. Then no thread
    /// of that library stands between a socket and the worker whose task reads it.
    ///
    /// Such a worker does not spin ([`IdlePolicy::Park`](crate::IdlePolicy::Park)), since it would not see an event. While a task
    /// blocks it, the reactor stands still, unless the library has a thread of its own for that. A role has one reactor: the last one named.
    ///
    /// # Examples
    ///
    /// The features `async-io` and `tokio` have reactors. In a runtime of tokio's, its sockets and timers can be used as they are:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use amp_executor::{AmpExecutor, Role, RoleConfig};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).reactor(IO, runtime).build()?;
    /// let future = async { tokio::time::sleep(Duration::from_millis(1)).await };
    /// amp.role(IO)?.spawn_future(future)?.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reactor(mut self, role: Role, reactor: impl Reactor) -> Self {
        self.reactors.push((role, Arc::new(reactor)));
        self
    }
}

//! Roles as labels: the symmetric executor counts under them and does not route by them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_common::sync::{Counter, Mutex};
use executor_common::{Role, RoleMetrics};

/// The roles that a pool has been given so far.
#[derive(Default)]
pub(crate) struct Labels {
    labels: Mutex<Vec<Arc<Label>>>,
}

/// What is counted under one role.
pub(crate) struct Label {
    role: Role,
    admitted: Counter,
    steps: Counter,
    busy_ns: Counter,
}

impl Labels {
    /// The label of `role`, for one more task. Programs have a handful of roles, so that a list is fastest.
    pub(crate) fn admit(&self, role: Role) -> Arc<Label> {
        let mut labels = self.labels.lock();
        let label = match labels.iter().find(|label| label.role == role) {
            Some(label) => Arc::clone(label),
            None => {
                let label = Arc::new(Label {
                    role,
                    admitted: Counter::new(),
                    steps: Counter::new(),
                    busy_ns: Counter::new(),
                });
                labels.push(Arc::clone(&label));
                label
            }
        };
        label.admitted.add(1);
        label
    }

    pub(crate) fn snapshot(&self) -> Vec<RoleMetrics> {
        let labels = self.labels.lock();
        labels
            .iter()
            .map(|label| {
                let mut metrics = RoleMetrics::default();
                metrics.role = Some(label.role);
                metrics.admitted = label.admitted.get();
                metrics.tasks_run = label.steps.get();
                metrics.busy = Duration::from_nanos(label.busy_ns.get());
                metrics
            })
            .collect()
    }
}

impl Label {
    fn time<R>(&self, step: impl FnOnce() -> R) -> R {
        /// Counts also where the step panics.
        struct Timer<'a>(&'a Label, Instant);

        impl Drop for Timer<'_> {
            fn drop(&mut self) {
                self.0.steps.add(1);
                self.0.busy_ns.add(self.1.elapsed().as_nanos() as u64);
            }
        }

        let _timer = Timer(self, Instant::now());
        step()
    }

    /// `f`, counted.
    pub(crate) fn closure<T>(self: Arc<Self>, f: impl FnOnce() -> T) -> impl FnOnce() -> T {
        move || self.time(f)
    }

    /// `future`, each of its polls counted.
    pub(crate) async fn future<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| self.time(|| future.as_mut().poll(context))).await
    }
}

//! What the user wants to be told.

use std::fmt;

use executor_common::PanicHook;
use executor_common::panic::contained;

use crate::event::{Event, EventHook, report};
use crate::placement::WorkerPlacement;

/// A hook that is told about a worker. The standard library's `Arc`, as for `PanicHook`: loom's cannot hold a `dyn`,
/// and nothing is published through its count.
pub(crate) type ThreadHook = std::sync::Arc<dyn Fn(&WorkerPlacement) + Send + Sync>;

/// Foreign code: its panics end here, also those of what it owns.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_panic: Option<PanicHook>,
    pub(crate) on_event: Option<EventHook>,
    pub(crate) on_thread_start: Option<ThreadHook>,
    pub(crate) on_thread_stop: Option<ThreadHook>,
}

impl Hooks {
    pub(super) fn thread_starts(&self, placement: &WorkerPlacement) {
        tell(self.on_thread_start.as_ref(), placement);
    }

    pub(super) fn thread_stops(&self, placement: &WorkerPlacement) {
        tell(self.on_thread_stop.as_ref(), placement);
    }

    pub(crate) fn report(&self, event: &Event) {
        report(self.on_event.as_ref(), event);
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        // One by one: two panics in one drop would end the process.
        contained(|| drop(self.on_panic.take()));
        contained(|| drop(self.on_event.take()));
        contained(|| drop(self.on_thread_start.take()));
        contained(|| drop(self.on_thread_stop.take()));
    }
}

fn tell(hook: Option<&ThreadHook>, placement: &WorkerPlacement) {
    if let Some(hook) = hook {
        contained(|| hook(placement));
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_panic", &self.on_panic.is_some())
            .field("on_event", &self.on_event.is_some())
            .field("on_thread_start", &self.on_thread_start.is_some())
            .field("on_thread_stop", &self.on_thread_stop.is_some())
            .finish()
    }
}

//! A subscriber that writes down what tasks tell. For the tests of all three packages.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The fields of a span or event, as text.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// One task's span.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskTrace {
    pub(crate) fields: Fields,
    pub(crate) entered: usize,
    pub(crate) left: usize,
    pub(crate) closed: usize,
    /// The `op` of each event of its wakers.
    pub(crate) wakers: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<BTreeMap<u64, TaskTrace>>>);

struct Text<'a>(&'a mut Fields);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Recorder {
    /// The recorder of all threads. Once in a process, which has one global subscriber.
    #[allow(dead_code, reason = "one of the packages records the test's own thread alone")]
    pub(crate) fn of_all_threads() -> Self {
        let recorder = Self::default();
        let subscriber = tracing_subscriber::registry().with(recorder.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        recorder
    }

    /// The only task with this value in this field.
    #[track_caller]
    pub(crate) fn task(&self, field: &str, value: impl ToString) -> TaskTrace {
        let value = value.to_string();
        let tasks = self.0.lock().unwrap();
        let mut found = tasks.values().filter(|task| task.fields.get(field) == Some(&value));
        match (found.next(), found.next()) {
            (Some(task), None) => task.clone(),
            (None, _) => panic!("no task with {field} = {value} in {tasks:?}"),
            (Some(_), Some(_)) => panic!("two tasks with {field} = {value}"),
        }
    }

    fn with(&self, id: u64, f: impl FnOnce(&mut TaskTrace)) {
        if let Some(task) = self.0.lock().unwrap().get_mut(&id) {
            f(task);
        }
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        if (metadata.name(), metadata.target()) != ("runtime.spawn", "tokio::task") {
            return;
        }
        assert!(attributes.is_root(), "whoever spawns a task does not contain it");
        let mut task = TaskTrace::default();
        attributes.record(&mut Text(&mut task.fields));
        self.0.lock().unwrap().insert(id.into_u64(), task);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "tokio::task::waker" {
            return;
        }
        let mut fields = Fields::new();
        event.record(&mut Text(&mut fields));
        let id = fields["task.id"].parse().unwrap();
        self.with(id, |task| task.wakers.push(fields["op"].clone()));
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.with(id.into_u64(), |task| task.entered += 1);
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        self.with(id.into_u64(), |task| task.left += 1);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.with(id.into_u64(), |task| task.closed += 1);
    }
}

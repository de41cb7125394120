//! A trace in Chrome's format, by `tracing-chrome`, and a look at what is in it.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::set_global_default;
use tracing_chrome::{ChromeLayerBuilder, EventOrSpan, FlushGuard};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// What is recorded until it is finished.
pub(crate) struct Recording {
    path: PathBuf,
    writer: FlushGuard,
}

/// Records all spans of the process from now on.
pub(crate) fn record(path: impl AsRef<Path>) -> Result<Recording, Box<dyn Error>> {
    let path = path.as_ref().to_owned();
    let (layer, writer) = ChromeLayerBuilder::new()
        .writer(File::create(&path)?)
        .include_args(true)
        .name_fn(Box::new(|what| match what {
            EventOrSpan::Event(event) => event.metadata().name().to_owned(),
            EventOrSpan::Span(span) => match span.extensions().get::<Name>() {
                Some(Name(name)) => name.clone(),
                None => span.metadata().name().to_owned(),
            },
        }))
        .build();
    set_global_default(Registry::default().with(Names).with(layer))?;
    Ok(Recording { path, writer })
}

/// Bars are called after the task, or by the program's own `name`.
struct Names;

struct Name(String);

impl Visit for Name {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if ["task.name", "name"].contains(&field.name()) {
            self.0 = format!("{value:?}").trim_matches('"').to_owned();
        }
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Names {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut name = Name(String::new());
        attributes.record(&mut name);
        if let Some(span) = context.span(id).filter(|_| !name.0.is_empty()) {
            span.extensions_mut().insert(name);
        }
    }
}

/// The runs of closures and polls of futures that are in a file.
pub(crate) struct Timeline {
    runs: Vec<Run>,
}

pub(crate) struct Run {
    pub(crate) thread: String,
    /// The role's, the label's, or the executor's.
    name: String,
}

impl Recording {
    /// Ends the file, and reads it.
    pub(crate) fn finish(self) -> Result<Timeline, Box<dyn Error>> {
        drop(self.writer);
        let events: Vec<Value> = serde_json::from_slice(&fs::read(self.path)?)?;
        let of_kind = |kind: &'static str| events.iter().filter(move |event| event["ph"] == kind);
        let threads: HashMap<u64, &str> = of_kind("M")
            .filter_map(|event| Some((event["tid"].as_u64()?, event["args"]["name"].as_str()?)))
            .collect();
        let runs = of_kind("B").filter(|event| event["cat"] == "tokio::task").map(|event| {
            let thread = event["tid"].as_u64().and_then(|tid| threads.get(&tid)).unwrap_or(&"");
            let name = event["name"].as_str().unwrap_or_default();
            Run { thread: (*thread).to_owned(), name: name.to_owned() }
        });
        let (begun, ended) = (of_kind("B").count(), of_kind("E").count());
        assert_eq!(begun, ended, "each bar has an end");
        Ok(Timeline { runs: runs.collect() })
    }
}

impl Timeline {
    /// The runs of tasks of this name.
    pub(crate) fn runs_of(&self, name: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.name == name)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut threads: Vec<_> = self.runs.iter().map(|run| &run.thread).collect();
        threads.sort();
        threads.dedup();
        write!(f, "{} runs of tasks on {} threads", self.runs.len(), threads.len())
    }
}

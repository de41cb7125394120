//! What `cargo weaken` asks of a model: to run with one ordering weakened, and to say which operations it reaches.
//!
//! An ordering is a value at run time here, so one build serves every mutant. A *site* is the place of a call, as
//! `file:line:column`. The environment says what to do, and is read once:
//!
//! | variable | meaning |
//! |---|---|
//! | `WEAKEN_SITE` | the site whose ordering is replaced |
//! | `WEAKEN_ARGUMENT` | which of its orderings, from 0; the second one is that of a failed comparison |
//! | `WEAKEN_TO` | what takes its place: an ordering, or `None` for a fence that is gone |
//! | `WEAKEN_RECORD` | a file; a line is appended for each site when it is first reached |
//!
//! A line of the record is `file:line:column`, the operation and its orderings, with tabs between.

use std::collections::HashSet;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::panic::Location;
use std::sync::{Mutex, OnceLock};

use loom::sync::atomic::Ordering;

/// One ordering of one site, and what takes its place.
#[derive(Debug)]
struct Mutant {
    site: String,
    argument: usize,
    /// `None`: the fence is gone.
    to: Option<Ordering>,
}

/// The sites that have been reached.
#[derive(Debug)]
struct Record {
    file: File,
    seen: HashSet<Location<'static>>,
}

#[derive(Debug)]
struct Request {
    mutant: Option<Mutant>,
    record: Option<Mutex<Record>>,
}

/// The ordering of an operation that has one.
#[track_caller]
pub(super) fn one(operation: &str, ordering: Ordering) -> Ordering {
    let Some(request) = request() else { return ordering };
    let [ordering] = request.apply(operation, Location::caller(), [ordering]).map(expect_access);
    ordering
}

/// The orderings of an operation that has one for its success and one for its failure.
#[track_caller]
pub(super) fn two(operation: &str, success: Ordering, failure: Ordering) -> (Ordering, Ordering) {
    let Some(request) = request() else { return (success, failure) };
    let orderings = request.apply(operation, Location::caller(), [success, failure]);
    let [success, failure] = orderings.map(expect_access);
    (success, failure)
}

/// The ordering of a fence; none where the fence is gone.
#[track_caller]
pub(crate) fn fence(operation: &str, ordering: Ordering) -> Option<Ordering> {
    let Some(request) = request() else { return Some(ordering) };
    let [ordering] = request.apply(operation, Location::caller(), [ordering]);
    ordering
}

fn expect_access(ordering: Option<Ordering>) -> Ordering {
    ordering.expect("only a fence can be gone")
}

/// What the environment asks for, if anything.
fn request() -> Option<&'static Request> {
    static REQUEST: OnceLock<Option<Request>> = OnceLock::new();
    REQUEST.get_or_init(Request::from_environment).as_ref()
}

impl Request {
    fn from_environment() -> Option<Self> {
        let mutant = env::var("WEAKEN_SITE").ok().map(|site| Mutant {
            site,
            argument: expect_variable("WEAKEN_ARGUMENT").parse().expect("a position, from 0"),
            to: parse(&expect_variable("WEAKEN_TO")),
        });
        let record = env::var_os("WEAKEN_RECORD").map(|path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.expect("the record can be written");
            Mutex::new(Record { file, seen: HashSet::new() })
        });
        (mutant.is_some() || record.is_some()).then_some(Self { mutant, record })
    }

    fn apply<const ORDERINGS: usize>(
        &self,
        operation: &str,
        location: &'static Location<'static>,
        orderings: [Ordering; ORDERINGS],
    ) -> [Option<Ordering>; ORDERINGS] {
        if let Some(record) = &self.record {
            // A panic elsewhere does not spoil the record.
            let mut record = record.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            record.add(operation, location, &orderings);
        }
        let mut result = orderings.map(Some);
        if let Some(mutant) = self.mutant.as_ref().filter(|mutant| mutant.is_at(location)) {
            result[mutant.argument] = mutant.to;
        }
        result
    }
}

impl Mutant {
    fn is_at(&self, location: &Location<'_>) -> bool {
        let place = self.site.strip_prefix(location.file()).and_then(|rest| rest.strip_prefix(':'));
        let place = place.and_then(|place| place.split_once(':'));
        place.is_some_and(|(line, column)| {
            line.parse() == Ok(location.line()) && column.parse() == Ok(location.column())
        })
    }
}

impl Record {
    fn add(&mut self, operation: &str, location: &Location<'static>, orderings: &[Ordering]) {
        if self.seen.insert(*location) {
            let orderings: Vec<_> = orderings.iter().map(|it| format!("{it:?}")).collect();
            writeln!(self.file, "{location}\t{operation}\t{}", orderings.join(","))
                .expect("the record can be written");
        }
    }
}

fn expect_variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} belongs to WEAKEN_SITE"))
}

fn parse(ordering: &str) -> Option<Ordering> {
    match ordering {
        "Relaxed" => Some(Ordering::Relaxed),
        "Acquire" => Some(Ordering::Acquire),
        "Release" => Some(Ordering::Release),
        "AcqRel" => Some(Ordering::AcqRel),
        "None" => None,
        other => panic!("WEAKEN_TO={other}"),
    }
}

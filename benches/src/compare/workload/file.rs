//! Reads workload files.
//!
//! # The format
//!
//! A file is TOML. It declares classes of tasks, and layouts: executors with roles that are to run them. Fields that are not named here
//! are mistakes. Times are as in `"50us"`, `"1.5ms"`, `"2s"`; sizes as in `"64KiB"`, `"1MB"`, or a number of bytes; a part of
//! something is `"30%"` or `0.3`. Names consist of up to 64 ASCII letters, digits, `_`, `-` and `.`. The workload is called as its
//! file.
//!
//! | field | meaning | without it |
//! |---|---|---|
//! | `about` | one sentence: what this stands for | the file's name |
//! | `time` | requests arrive for so long in each turn, at most an hour | `"1s"` |
//! | `warm_up` | what arrives before that is run and not measured | a tenth of `time` |
//! | `seed` | what random choices follow from | 1 |
//! | `goal` | `"throughput"`, or `"p99 of tick"`: what the verdict is about | the first objective of the first class that has one, or else throughput |
//! | `[[class]]` | tasks of one kind | required |
//! | `[[layout]]` | an executor | those [below](#layouts) |
//!
//! # Classes
//!
//! A request of a class is a task of it, then the tasks that this spawns, then the task of the class `then`. The request ends with the
//! last of these tasks.
//!
//! | field | meaning | without it |
//! |---|---|---|
//! | `name` | unique | required |
//! | `role` | where it runs on the AMP executor; the others do not look at it | the class's name |
//! | `arrival` | when requests come | only other classes spawn it |
//! | `service` | what a task does | required |
//! | `spawns` | an array of `{ class = "query", count = 2, chance = "30%" }`: spawned together or not at all, when the task's own work is done | none; a `count` of 1, a `chance` of 100% |
//! | `then` | a class: one task of it runs when all that was spawned has ended | none |
//! | `deadline` | from the intended arrival to the end of the request; requests that miss it are counted | none |
//! | `slo` | one or several of `"p99 < 2ms"`: which percentile of the latency is to be below what. `p50`, `p90`, `p99`, `p99.9`, `p99.99`, `max` | none |
//! | `scales` | whether `sweep` changes its rate | `true` |
//!
//! | `arrival` | requests come |
//! |---|---|
//! | `{ closed = 64 }` | from 64 clients, each of which waits for its request before it sends the next one |
//! | `{ closed = "4 per core" }` | from so many clients for each worker of an executor with one worker per core |
//! | `{ regular = 1000 }` | at equal distances, 1,000 per second |
//! | `{ every = "1ms" }` | the same |
//! | `{ poisson = 2000 }` | independently of each other, 2,000 per second on average |
//! | `{ bursts = 100, every = "10ms" }` | 100 at once, every 10 ms |
//! | `{ bursts = 100, rate = 5000 }` | 100 at once, so often that it makes 5,000 per second |
//! | `{ trace = "times.txt" }` | at the times in a file: seconds after the start, one on each line, in ascending order; a `#` begins a comment |
//!
//! A rate is a number per second, or a share: with `"30%"`, the requests and all that they spawn take 30 % of the time of all
//! cores. With a rate, `factors = [1, 2, 1, 0.5], step = "250ms"` multiplies it by these in turn, each for so long.
//!
//! | `service` | a task |
//! |---|---|
//! | `{ fixed = "50us" }` | computes for this time |
//! | `{ exponential = "50us" }` | computes for an exponentially distributed time of this mean |
//! | `{ bimodal = ["10us", "1ms"], long = "1%" }` | computes for one of the two, in 1 % of the cases for the long one |
//! | `{ lognormal = "50us", sigma = 1.5 }` | computes for a time with this median, the logarithm of which has this standard deviation |
//! | `{ sha256 = "64KiB" }` | hashes so much; or what the task that spawned it has read |
//! | `{ zstd = "64KiB" }` | compresses a block of this size |
//! | `{ json = "16KiB" }` | parses a JSON text of about this size |
//! | `{ sort = 10000 }` | sorts so many numbers |
//! | `{ read = "data" }` | reads one file after the other below a directory, or always the same file. The path is relative to the workload file |
//! | `{ read = "dependencies" }` | the same with the sources of the crates that this workspace depends on |
//!
//! # Layouts
//!
//! | field | meaning | without it |
//! |---|---|---|
//! | `name` | unique | the executor's name |
//! | `executor` | `"smp"`, `"amp"`, `"rayon"`, `"tokio"` | required |
//! | `cores` | of `amp`: `{ realtime = 1, compute = "rest" }`, how many of the allowed CPUs each role gets | by demand |
//! | `roles` | of `amp`: `"realtime=1;compute=0"`, a role list with the numbers of CPUs, as in `AMP_ROLES` | by demand |
//!
//! With `cores`, the allowed CPUs are handed out in ascending order, in the order in which the roles are named: a number of them, a part
//! of them (`"25%"`, rounded, at least one), or with `"rest"` an equal part of what the others leave. A cgroup quota counts: there are no
//! more CPUs than an executor with one worker per core would use. Where there are too few CPUs, each role has at least one of its own; where there are more roles
//! than CPUs, they share them in turn, park when they are idle, and the layout is called oversubscribed. Instead of the number, a
//! table says more: `{ count = 1, idle = "spin", sched = "fifo:50", capacity = 4096, spin_window = "200us", lend_to = ["compute"] }`,
//! as in a [`RolePlan`](amp_executor::RolePlan)'s TOML. Here a role's capacity is 4096 unless it says otherwise.
//!
//! By demand means [`RolePlan::suggest`](amp_executor::RolePlan::suggest): roles of classes with a deadline or an objective are
//! latency-critical and get as many cores as they use to 70 %, if that is known, and one if it is not; the other roles share the rest by
//! what they want. A role whose demand is not known, because its clients send as much as can be run or because its service is a real
//! kernel, wants as much as the greatest of the others.
//!
//! A file without layouts has five: `smp`; `amp` by demand; `amp-lending`, the same where all roles lend to the one that wants most,
//! if that has no deadline or objective; `rayon`; `tokio`.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use amp_executor::Machine;
use toml::de::DeTable;

use super::arrival::Context;
use super::check::{default_goal, find, link};
use super::class::Entry;
use super::cores::usable_cpus;
use super::fields::{Field, Table};
use super::problem::{At, Problems, WorkloadError};
use super::suggested::Demand;
use super::tree::children_first;
use super::{Goal, Workload, layout};

/// The largest file that is read. Whoever gives a device or a database by mistake is told so.
const LARGEST_FILE: u64 = 1 << 20;

/// The most classes, and the most layouts.
const MOST_TABLES: usize = 256;

impl Workload {
    /// Reads a workload file for the machine that this process runs on. The format is described in [`mod@file`](self).
    ///
    /// # Errors
    ///
    /// The file cannot be read, or what is in it cannot be run. All mistakes that can be found are named, with line, column and
    /// field.
    pub fn from_file(path: &Path) -> Result<Self, WorkloadError> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
            .map_err(|error| WorkloadError::unreadable(path, error))?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(WorkloadError::unreadable(path, "it is larger than 1 MiB"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| WorkloadError::unreadable(path, error.utf8_error()))?;
        Self::from_toml(&text, path, &Machine::of_this_process())
    }

    /// Reads the text of a workload file for a machine. `origin` is what the file is called: in messages, as the workload's name, and
    /// for paths in it, which are relative to where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use amp_executor::Machine;
    /// use benches::compare::Workload;
    ///
    /// let text = r#"
    /// [[class]]
    /// name = "tick"
    /// arrival = { every = "1ms" }
    /// service = { fixed = "20us" }
    /// slo = "p99 < 500us"
    ///
    /// [[class]]
    /// name = "compute"
    /// arrival = { closed = 8 }
    /// service = { fixed = "1ms" }
    /// "#;
    /// let workload =
    ///     Workload::from_toml(text, Path::new("my.toml"), &Machine::of_this_process())?;
    /// assert_eq!(workload.name, "my");
    /// let names: Vec<_> = workload.layouts.iter().map(|layout| &layout.name).collect();
    /// assert_eq!(names, ["smp", "amp", "amp-lending", "rayon", "tokio"]);
    /// # Ok::<(), benches::compare::WorkloadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Workload::from_file`].
    pub fn from_toml(text: &str, origin: &Path, machine: &Machine) -> Result<Self, WorkloadError> {
        let problems = Problems::of(text);
        let (root, malformed) = DeTable::parse_recoverable(text);
        for error in &malformed {
            let span = error.span().unwrap_or(0..0);
            let reason = format!("no TOML: {}", error.message());
            problems.add(&At { field: String::new(), span }, reason);
        }
        let workload = if malformed.is_empty() {
            let at = At { field: String::new(), span: 0..0 };
            let root = Table::new(at, root.get_ref(), &problems);
            Some(read(root, origin, machine))
        } else {
            // What is left of such a text would be taken for something else.
            None
        };
        match workload {
            Some(workload) if problems.is_empty() => Ok(workload),
            _ => Err(problems.into_error(origin)),
        }
    }
}

fn read(root: Table<'_>, origin: &Path, machine: &Machine) -> Workload {
    let problems = root.problems;
    let name = origin.file_stem().unwrap_or(origin.as_os_str()).to_string_lossy().into_owned();
    let about = root.get("about").and_then(|field| field.text()).unwrap_or(&name).to_owned();
    let time = root.get("time").and_then(|field| field.time()).unwrap_or(Duration::from_secs(1));
    let warm_up = root.get("warm_up").and_then(|field| match field.time_or_zero()? {
        warm_up if warm_up < time => Some(warm_up),
        _ => field.refuse(format!("nothing is left to measure of {time:?}")),
    });
    let seed = root.get("seed").and_then(|field| field.whole(0, u64::MAX)).unwrap_or(1);

    let directory = origin.parent().unwrap_or(Path::new(""));
    let context = Context { time, workers: usable_cpus(machine).len().max(1), directory };
    let tables = root.need("class").and_then(|field| tables(&field)).unwrap_or_default();
    let entries: Vec<_> = tables.into_iter().map(|table| Entry::read(table, &context)).collect();
    let classes = link(&entries, &context, problems);
    let goal = root.get("goal").map(|field| read_goal(&field, &entries));
    let demand = problems.is_empty().then(|| {
        let order = children_first(&classes).expect("circles have been noted");
        Demand::of(&classes, &order, machine)
    });
    let layouts = layout::read(
        &root,
        &layout::Context { entries: &entries, machine, by_demand: demand.as_ref() },
    );
    let workload = Workload {
        name,
        given: origin.display().to_string(),
        about,
        time,
        warm_up: warm_up.unwrap_or(time / 10),
        seed,
        goal: goal.flatten().unwrap_or_else(|| default_goal(&classes)),
        classes,
        layouts,
    };
    root.end();
    workload
}

fn tables<'a>(field: &Field<'a>) -> Option<Vec<Table<'a>>> {
    let tables = field.named_tables()?;
    match tables.len() {
        0 => field.refuse("there is none"),
        1..=MOST_TABLES => Some(tables),
        count => field.refuse(format!("there are {count}, and there can be {MOST_TABLES}")),
    }
}

fn read_goal(field: &Field<'_>, entries: &[Entry<'_>]) -> Option<Goal> {
    let text = field.text()?;
    if text == "throughput" {
        return Some(Goal::Throughput);
    }
    let Some((percentile, class)) = text.split_once(" of ") else {
        return field
            .refuse(format!("{text:?} is neither \"throughput\" nor such as \"p99 of tick\""));
    };
    let percentile = field.percentile(percentile.trim())?;
    let class = find(entries, class.trim(), &field.at, field.problems)?;
    if entries[class].arrival.is_none() {
        return field.refuse("this class has no requests, since it has no `arrival`");
    }
    Some(Goal::Latency { class, percentile })
}

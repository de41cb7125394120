//! Who ran what when, written by the threads that run it.

use std::cell::RefCell;

use executor_common::sync::{Arc, Mutex};

/// Runs are noted in pieces of so many, so that no list is ever moved while somebody waits for the task.
const PIECE: usize = 8192;

/// What all threads that run tasks in one turn have noted.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    logs: Mutex<Vec<Arc<Log>>>,
}

/// What one thread has noted. Only that thread writes, until the turn is over.
#[derive(Debug)]
pub(crate) struct Log {
    /// The thread's name, or what it is called for want of one.
    pub(crate) thread: String,
    pub(crate) runs: Mutex<Vec<Vec<Run>>>,
    pub(crate) requests: Mutex<Vec<Vec<RequestEnd>>>,
}

/// One task's run. Times are nanoseconds since the turn's start; what came before it counts as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) class: u16,
    /// The CPU that it began on, where the system tells.
    pub(crate) cpu: Option<u16>,
    /// When it was spawned; of a request's first task, when the request was due.
    pub(crate) due_ns: u64,
    pub(crate) begin_ns: u64,
    pub(crate) end_ns: u64,
}

/// The end of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestEnd {
    pub(crate) class: u16,
    pub(crate) how: Ending,
    pub(crate) due_ns: u64,
    pub(crate) end_ns: u64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All its tasks have run.
    Done,
    /// The executor refused one of them.
    Refused,
    /// It had not ended when the turn was over.
    Overtaken,
}

thread_local! {
    /// The log of the turn that this thread runs tasks in.
    static LOG: RefCell<Option<(Arc<Recorder>, Arc<Log>)>> = const { RefCell::new(None) };
}

impl Recorder {
    /// Notes a run by the calling thread.
    pub(crate) fn run(self: &Arc<Self>, run: Run) {
        self.with_log(|log| push(&mut log.runs.lock(), run));
    }

    /// Notes the end of a request.
    pub(crate) fn request(self: &Arc<Self>, request: RequestEnd) {
        self.with_log(|log| push(&mut log.requests.lock(), request));
    }

    /// What has been noted, by the threads' names.
    pub(crate) fn logs(&self) -> Vec<Arc<Log>> {
        let mut logs = self.logs.lock().clone();
        logs.sort_by(|a, b| a.thread.cmp(&b.thread));
        logs
    }

    /// How many bytes of memory that has written to.
    pub(crate) fn bytes(&self) -> u64 {
        fn used<T>(pieces: &[Vec<T>]) -> usize {
            pieces.iter().map(|piece| piece.len() * size_of::<T>()).sum()
        }
        let of = |log: &Arc<Log>| used(&log.runs.lock()) + used(&log.requests.lock());
        self.logs.lock().iter().map(of).sum::<usize>() as u64
    }

    fn with_log(self: &Arc<Self>, f: impl FnOnce(&Log)) {
        LOG.with_borrow_mut(|slot| {
            match slot {
                Some((recorder, log)) if Arc::ptr_eq(recorder, self) => f(log),
                _ => {
                    let log = self.new_log();
                    f(&log);
                    *slot = Some((Arc::clone(self), log));
                }
            };
        });
    }

    fn new_log(&self) -> Arc<Log> {
        let mut logs = self.logs.lock();
        let current = std::thread::current();
        let name = current.name().unwrap_or("worker");
        // tokio calls all its workers the same, and rayon's have no name. Zeros in front, so that the order of the names is that of
        // the numbers.
        let is_namesake = |log: &&Arc<Log>| match log.thread.strip_prefix(name) {
            Some(number) => number.is_empty() || number.starts_with(' '),
            None => false,
        };
        let thread = match logs.iter().filter(is_namesake).count() {
            0 if current.name().is_some() => name.to_owned(),
            others => format!("{name} {others:03}"),
        };
        let log = Arc::new(Log { thread, runs: Mutex::default(), requests: Mutex::default() });
        logs.push(Arc::clone(&log));
        log
    }
}

impl Log {
    /// Its runs.
    pub(crate) fn all_runs(&self) -> Vec<Run> {
        self.runs.lock().concat()
    }

    /// Its requests.
    pub(crate) fn all_requests(&self) -> Vec<RequestEnd> {
        self.requests.lock().concat()
    }
}

fn push<T>(pieces: &mut Vec<Vec<T>>, value: T) {
    match pieces.last_mut().filter(|piece| piece.len() < PIECE) {
        Some(piece) => piece.push(value),
        None => {
            let mut piece = Vec::with_capacity(PIECE);
            piece.push(value);
            pieces.push(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_name_are_told_apart() {
        let recorder = Arc::new(Recorder::default());
        let note = |name: Option<&str>| {
            let recorder = Arc::clone(&recorder);
            let builder = std::thread::Builder::new();
            let builder = match name {
                Some(name) => builder.name(name.to_owned()),
                None => builder,
            };
            let run = Run { class: 0, cpu: None, due_ns: 0, begin_ns: 0, end_ns: 0 };
            builder.spawn(move || recorder.run(run)).unwrap().join().unwrap();
        };
        for name in [Some("rt"), Some("rt"), None, Some("smp-10"), None, Some("smp-1")] {
            note(name);
        }
        let names: Vec<_> = recorder.logs().iter().map(|log| log.thread.clone()).collect();
        assert_eq!(names, ["rt", "rt 001", "smp-1", "smp-10", "worker 000", "worker 001"]);
    }

    #[test]
    fn each_thread_has_a_log_of_its_own_in_each_turn() {
        let note = |recorder: &Arc<Recorder>, count: usize| {
            for begin in 0..count as u64 {
                let run = Run { class: 0, cpu: None, due_ns: 0, begin_ns: begin, end_ns: begin };
                recorder.run(run);
            }
        };
        let (first, second) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
        note(&first, PIECE + 1);
        note(&second, 1);
        std::thread::scope(|scope| {
            scope.spawn(|| note(&first, 2));
        });
        let mut counts: Vec<_> = first.logs().iter().map(|log| log.all_runs().len()).collect();
        counts.sort_unstable();
        assert_eq!(counts, [2, PIECE + 1]);
        assert_eq!(second.logs().len(), 1);
        assert_eq!(first.bytes(), ((PIECE + 3) * size_of::<Run>()) as u64);
    }
}

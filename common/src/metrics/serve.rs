//! Snapshots for other programs: a file that is replaced in each interval, in a place where they look.
//!
//! One JSON object in one line: `name`, `executor`, `pid`, `interval_ms`, and the snapshot under `metrics`. The file is there for as long
//! as the server lives; what a killed program has left can be told by its process id.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use serde::Serialize;

use super::snapshot::ExecutorMetrics;
use crate::sync::thread;

/// Where a program wants its snapshots to be, and where those who look for them look, if it is set.
const DIRECTORY_VARIABLE: &str = "EXECUTOR_METRICS_DIR";

/// Shows an executor's snapshots to other programs, such as `benches top`, until it is dropped. Present with the feature
/// `serve-metrics`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::{ExecutorMetrics, MetricsServer};
///
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// let interval = Duration::from_millis(250);
/// // Of a real one: `let handle = executor.handle();`, and then `move || handle.metrics()`.
/// let snapshot = ExecutorMetrics::default;
/// // Without a directory: `start`.
/// let server = MetricsServer::start_in(directory, "search", "smp", interval, snapshot)?;
/// assert!(std::fs::read_to_string(server.path())?.contains(r#""name":"search""#));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct MetricsServer {
    path: PathBuf,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Serialize)]
struct Served<'a> {
    name: &'a str,
    executor: &'a str,
    pid: u32,
    interval_ms: u64,
    metrics: ExecutorMetrics,
}

impl MetricsServer {
    /// Writes what `snapshot` gives into a file of its own in [`MetricsServer::directory`], now and after each `interval`, from a
    /// thread of its own, which sleeps in between. `executor` says what kind it is, `"smp"` or `"amp"`. A name stands for one executor of the
    /// process.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the thread cannot be started. What fails later is tried again in the next interval.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::{ExecutorMetrics, MetricsServer};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # // SAFETY: nobody else reads or writes the environment.
    /// # unsafe { std::env::set_var("EXECUTOR_METRICS_DIR", directory.path()) };
    /// let interval = Duration::from_millis(250);
    /// let server = MetricsServer::start("search", "smp", interval, ExecutorMetrics::default)?;
    /// assert!(server.path().starts_with(MetricsServer::directory()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start(
        name: &str,
        executor: &'static str,
        interval: Duration,
        snapshot: impl Fn() -> ExecutorMetrics + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_in(&Self::directory(), name, executor, interval, snapshot)
    }

    /// As [`MetricsServer::start`], in another directory, which is made if it is not there, for this user alone.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::{ExecutorMetrics, MetricsServer};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// let directory = directory.path().join("shown"); // is made
    /// let interval = Duration::from_millis(250);
    /// let snapshot = ExecutorMetrics::default;
    /// let server = MetricsServer::start_in(&directory, "search", "smp", interval, snapshot)?;
    /// assert_eq!(std::fs::read_dir(&directory)?.count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start_in(
        directory: &Path,
        name: &str,
        executor: &'static str,
        interval: Duration,
        snapshot: impl Fn() -> ExecutorMetrics + Send + 'static,
    ) -> io::Result<Self> {
        make_private(directory)?;
        let pid = std::process::id();
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = directory.join(format!("{pid}-{plain}.json"));
        let name = name.to_owned();
        let replace = {
            let path = path.clone();
            let interval_ms = interval.as_millis() as u64;
            move || {
                let metrics = snapshot();
                replace(&path, &Served { name: &name, executor, pid, interval_ms, metrics })
            }
        };
        replace()?;
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("metrics".into()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                // A full disk need not stay full.
                let _ = replace();
            }
        })?;
        Ok(Self { path, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the files are: in `$EXECUTOR_METRICS_DIR`, else in `executor-metrics` in the user's runtime directory or in the one for
    /// temporary files.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    /// use executor_common::MetricsServer;
    ///
    /// # // SAFETY: nobody else reads or writes the environment.
    /// # unsafe { std::env::set_var("EXECUTOR_METRICS_DIR", "/run/shown") };
    /// // After `export EXECUTOR_METRICS_DIR=/run/shown`:
    /// assert_eq!(MetricsServer::directory(), Path::new("/run/shown"));
    /// ```
    pub fn directory() -> PathBuf {
        if let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) {
            return directory.into();
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        runtime.unwrap_or_else(std::env::temp_dir).join("executor-metrics")
    }

    /// The file.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::{ExecutorMetrics, MetricsServer};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// let interval = Duration::from_millis(250);
    /// let snapshot = ExecutorMetrics::default;
    /// let server = MetricsServer::start_in(directory, "search", "smp", interval, snapshot)?;
    /// let path = server.path().to_owned();
    /// assert!(path.exists());
    /// drop(server);
    /// assert!(!path.exists());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic would be that of the program's own snapshot, and has been printed.
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Readers see the old line or the new one, never a part. The file beside it is made anew: if somebody else has left a link of its name
/// in a shared directory, this fails instead of following it.
fn replace(path: &Path, served: &Served<'_>) -> io::Result<()> {
    let mut beside = OsString::from(path);
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = File::create_new(&beside).and_then(|mut file| {
        let mut line = serde_json::to_vec(served)?;
        line.push(b'\n');
        file.write_all(&line)
    });
    match written {
        Ok(()) => fs::rename(&beside, path),
        Err(error) => {
            // What an earlier process of this id has left is in the way once.
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

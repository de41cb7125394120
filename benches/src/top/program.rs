//! What programs show of their executors.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

/// A program's line. What is not shown is not read, so that programs with other versions can be looked at too.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) executor: String,
    pub(super) pid: u32,
    pub(super) interval_ms: u64,
    pub(super) metrics: Snapshot,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Snapshot {
    pub(super) uptime: Duration,
    pub(super) workers: Vec<Worker>,
    pub(super) roles: Vec<Role>,
    pub(super) global_queue_depth: usize,
    pub(super) live_futures: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) role: Option<String>,
    pub(super) core: Option<usize>,
    pub(super) tasks_run: u64,
    pub(super) steals: u64,
    pub(super) parks: u64,
    pub(super) stalls: u64,
    pub(super) busy: Duration,
    pub(super) queue_depth: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) role: Option<String>,
    pub(super) workers: usize,
    pub(super) queue_depth: usize,
    pub(super) capacity: usize,
    pub(super) tasks_run: u64,
    pub(super) rejected: u64,
    pub(super) stalls: u64,
    pub(super) busy: Duration,
}

/// A program that has written nothing for so many of its intervals is gone. Those who are killed leave their file.
const SILENT_INTERVALS: u32 = 5;

/// Intervals may be short, and machines loaded.
const SILENT_AT_LEAST: Duration = Duration::from_secs(2);

impl Program {
    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    fn is_silent(&self, since: Duration) -> bool {
        since > (self.interval() * SILENT_INTERVALS).max(SILENT_AT_LEAST)
    }
}

/// The programs that show something in `directory`, by name and process. None if there is no such directory.
pub(super) fn running(directory: &Path) -> io::Result<Vec<Program>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut programs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // A program may end, and take its file with it, between the listing and the look; others may leave here what they want.
        if path.extension().is_some_and(|extension| extension == "json")
            && let Ok(written) = fs::metadata(&path).and_then(|file| file.modified())
            && let Ok(text) = fs::read(&path)
            && let Ok(program) = serde_json::from_slice::<Program>(&text)
            && !program.is_silent(SystemTime::now().duration_since(written).unwrap_or_default())
        {
            programs.push(program);
        }
    }
    programs.sort_by(|a, b| (&a.name, a.pid).cmp(&(&b.name, b.pid)));
    Ok(programs)
}

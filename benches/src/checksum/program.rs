//! The one program text: reads and hashes files on whichever executor it is given.
//!
//! # How memory stays bounded
//!
//! A file is read in chunks of [`CHUNK_BYTES`], and the next chunk is read while the present one is hashed,
//! so that no file holds more than two, however large it is. At most [`WINDOW`] files are under way, which
//! bounds the memory for contents on any executor: `2 * WINDOW * CHUNK_BYTES`, 64 MiB.
//!
//! An executor with bounded channels stays below that. Reading blocks in `spawn_in` while the hash channel is
//! full, so that what has been read and not hashed is the channel's capacity and what the workers have in
//! hand; a large file may have one chunk besides that it has read ahead.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use executor_common::sync::Arc;
use executor_common::{JoinError, JoinHandle, Role, Spawn, SpawnError, block_on};
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads files.
pub const READ: Role = Role::new("read");
/// Hashes what was read.
pub const HASH: Role = Role::new("hash");

/// How much of a file is read at a time.
pub const CHUNK_BYTES: usize = 128 * 1024;
/// How many files are under way at most.
pub const WINDOW: usize = 256;
/// How many files are started at a time. The submitting thread sleeps until there is room for all of them: woken
/// for each single one, it would cost the workers more than a small file does.
const BATCH: usize = WINDOW / 4;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// What became of a file.
#[derive(Debug)]
pub struct Outcome {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes and its digest, or why it could not be read.
    pub result: io::Result<(u64, Digest)>,
}

/// Why the program could not go on. That a file cannot be read is no reason.
#[derive(Debug)]
pub enum ProgramError {
    /// The executor took no task.
    Spawn(SpawnError),
    /// A task panicked or was cancelled.
    Join(JoinError),
}

impl std::fmt::Display for ProgramError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spawn(error) => write!(f, "a task was not taken: {error}"),
            Self::Join(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ProgramError {}

impl From<SpawnError> for ProgramError {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

impl From<JoinError> for ProgramError {
    fn from(error: JoinError) -> Self {
        Self::Join(error)
    }
}

/// Why a file has no digest.
enum Failure {
    File(io::Error),
    Program(ProgramError),
}

impl<E: Into<ProgramError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Program(error.into())
    }
}

/// Ends with the task that hashes the file's last chunk.
type Hashing = JoinHandle<(u64, Digest)>;
/// Ends with the task that reads the file's last chunk.
type Reading = JoinHandle<Result<Hashing, Failure>>;

/// What all tasks of one run share.
struct Job<E> {
    executor: Arc<E>,
    progress: ProgressBar,
}

/// Hashes `files` on `executor`, in tasks of the roles [`READ`] and [`HASH`]; `progress` counts bytes. The
/// outcomes are in the order of `files`.
///
/// Call it from a thread that is none of the executor's own: it blocks.
///
/// # Errors
///
/// [`ProgramError`]. Tasks that are under way then run on.
///
/// # Examples
///
/// ```
/// use benches::checksum::digest_files;
/// use executor_common::sync::Arc;
/// use indicatif::ProgressBar;
/// use smp_executor::SmpExecutor;
///
/// let executor = Arc::new(SmpExecutor::new()?);
/// let outcomes = digest_files(&executor, &["Cargo.toml".into()], &ProgressBar::hidden())?;
/// assert_eq!(outcomes.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn digest_files<E>(
    executor: &Arc<E>,
    files: &[PathBuf],
    progress: &ProgressBar,
) -> Result<Vec<Outcome>, ProgramError>
where
    E: Spawn + Send + Sync + 'static,
{
    let job = Arc::new(Job { executor: Arc::clone(executor), progress: progress.clone() });
    let window = Arc::new(Semaphore::new(WINDOW));
    let mut outcomes = Vec::with_capacity(files.len());
    let mut under_way: VecDeque<Reading> = VecDeque::new();
    for batch in files.chunks(BATCH) {
        let room = block_on(Arc::clone(&window).acquire_many_owned(batch.len() as u32));
        let mut room = room.unwrap_or_else(|_| unreachable!("nobody closes the window"));
        for path in batch {
            let place = room.split(1);
            let place = place.unwrap_or_else(|| unreachable!("there is one for each of the batch"));
            let reading = read_file(Arc::clone(&job), path.clone(), place);
            under_way.push_back(executor.spawn_future_in(READ, reading)?);
        }
        // What is done by now; the rest is waited for at the end.
        while under_way.front().is_some_and(JoinHandle::is_finished) {
            collect(files, &mut outcomes, &mut under_way)?;
        }
    }
    while !under_way.is_empty() {
        collect(files, &mut outcomes, &mut under_way)?;
    }
    Ok(outcomes)
}

/// Waits for the oldest file under way.
fn collect(
    files: &[PathBuf],
    outcomes: &mut Vec<Outcome>,
    under_way: &mut VecDeque<Reading>,
) -> Result<(), ProgramError> {
    let Some(reading) = under_way.pop_front() else { return Ok(()) };
    let result = match reading.join()? {
        Ok(hashing) => Ok(hashing.join()?),
        Err(Failure::File(error)) => Err(error),
        Err(Failure::Program(error)) => return Err(error),
    };
    outcomes.push(Outcome { path: files[outcomes.len()].clone(), result });
    Ok(())
}

/// Reads one file and has its chunks hashed, one after the other. A file of one chunk is never waited for.
async fn read_file<E>(
    job: Arc<Job<E>>,
    path: PathBuf,
    place: OwnedSemaphorePermit,
) -> Result<Hashing, Failure>
where
    E: Spawn + Send + Sync + 'static,
{
    let mut file = Source::open(&path).map_err(Failure::File)?;
    let mut chunk = file.next_chunk().map_err(Failure::File)?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    while chunk.len() == CHUNK_BYTES {
        bytes += chunk.len() as u64;
        let progress = Arc::clone(&job);
        let hashing = job.executor.spawn_in(HASH, move || {
            hasher.update(&chunk);
            progress.progress.inc(chunk.len() as u64);
            hasher
        })?;
        let next = file.next_chunk();
        hasher = hashing.await?;
        chunk = next.map_err(Failure::File)?;
    }
    bytes += chunk.len() as u64;
    let progress = Arc::clone(&job);
    Ok(job.executor.spawn_in(HASH, move || {
        hasher.update(&chunk);
        progress.progress.inc(chunk.len() as u64);
        drop(chunk);
        drop(place);
        (bytes, hasher.finalize().into())
    })?)
}

/// A file that is read chunk by chunk.
struct Source {
    file: File,
    left_bytes: u64,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let left_bytes = file.metadata()?.len();
        Ok(Self { file, left_bytes })
    }

    /// The next [`CHUNK_BYTES`]; less at the end of the file, and only there.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        // The length is a hint: a file may grow, and some special ones say zero. One byte more, so that the
        // read that finds the end needs no larger buffer.
        let expected = self.left_bytes.min(CHUNK_BYTES as u64) as usize + 1;
        let mut chunk = Vec::with_capacity(expected.min(CHUNK_BYTES));
        let read = (&mut self.file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        self.left_bytes = self.left_bytes.saturating_sub(read as u64);
        Ok(chunk)
    }
}

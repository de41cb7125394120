//! Reading files.

use std::fmt;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use indicatif::HumanCount;

/// At most so much of a file is read.
const READ_BYTES: u64 = 1 << 20;

/// So much is read beforehand.
const WARM_BYTES: u64 = 256 << 20;

/// Files, of which a task reads one.
#[derive(Debug)]
pub(super) struct Files {
    /// At least one. They could be read when they were looked at.
    readable: Vec<PathBuf>,
    /// How many more there are.
    unreadable: usize,
}

impl Files {
    /// Sorts out what is no file or cannot be read, and reads the others, so that they are in the page cache as far as that goes.
    ///
    /// # Errors
    ///
    /// None can be read; says why for the first one.
    pub(super) fn look_at(files: &[PathBuf]) -> anyhow::Result<Self> {
        let mut readable = Vec::with_capacity(files.len());
        let mut first_error = None;
        let mut bytes = 0;
        for path in files {
            let looked_at = if bytes < WARM_BYTES {
                read(path).map(|content| bytes += content.len() as u64)
            } else {
                open(path).map(drop)
            };
            match looked_at {
                Ok(()) => readable.push(path.clone()),
                Err(error) => {
                    first_error.get_or_insert((path, error));
                }
            }
        }
        if readable.is_empty() {
            let (path, error) = first_error.ok_or_else(|| anyhow!("no files"))?;
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
        Ok(Self { unreadable: files.len() - readable.len(), readable })
    }

    /// How many can be read.
    pub(super) fn len(&self) -> usize {
        self.readable.len()
    }

    /// The content of the file that this number chooses, up to 1 MiB of it. Nothing if it cannot be read any more.
    pub(super) fn read(&self, random: u64) -> Vec<u8> {
        let index = random % self.readable.len() as u64;
        black_box(read(&self.readable[index as usize]).unwrap_or_default())
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.readable.as_slice() {
            [file] => write!(f, "read of {}", file.display())?,
            files => write!(f, "read of one of {} files", HumanCount(files.len() as u64))?,
        }
        match self.unreadable {
            0 => Ok(()),
            unreadable => write!(f, ", {} more cannot be read", HumanCount(unreadable as u64)),
        }
    }
}

/// Of regular files only: others can block for ever.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let bytes = file.metadata()?.len().min(READ_BYTES);
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(READ_BYTES).read_to_end(&mut content)?;
    Ok(content)
}

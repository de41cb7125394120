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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn directory_of(contents: &[&[u8]]) -> (TempDir, Vec<PathBuf>) {
        let directory = tempfile::tempdir().unwrap();
        let paths = contents.iter().enumerate().map(|(index, content)| {
            let path = directory.path().join(format!("file {index}"));
            fs::write(&path, content).unwrap();
            path
        });
        let paths = paths.collect();
        (directory, paths)
    }

    #[test]
    fn a_number_chooses_a_file() {
        let (_directory, paths) = directory_of(&[b"zero", b"one", b""]);
        let files = Files::look_at(&paths).unwrap();
        assert_eq!(files.len(), 3);
        for random in (0..12).chain(u64::MAX - 12..=u64::MAX) {
            let expected: &[u8] = [b"zero".as_slice(), b"one", b""][(random % 3) as usize];
            assert_eq!(files.read(random), expected);
        }
        assert_eq!(files.to_string(), "read of one of 3 files");
    }

    #[test]
    fn at_most_a_mebibyte_is_read() {
        let long: Vec<u8> = (0..READ_BYTES + 1000).map(|index| index as u8).collect();
        let exact = &long[1..=READ_BYTES as usize];
        let (_directory, paths) = directory_of(&[&long, exact]);
        let files = Files::look_at(&paths).unwrap();
        assert!(files.read(0) == long[..READ_BYTES as usize]);
        assert!(files.read(1) == exact);
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_counted() {
        let (directory, mut paths) = directory_of(&[b"content"]);
        paths.insert(0, directory.path().join("absent"));
        paths.push(directory.path().to_owned());
        let files = Files::look_at(&paths).unwrap();
        assert_eq!(files.len(), 1);
        for random in 0..5 {
            assert_eq!(files.read(random), b"content");
        }
        let expected = format!("read of {}, 2 more cannot be read", paths[1].display());
        assert_eq!(files.to_string(), expected);
    }

    #[test]
    fn what_has_gone_since_is_empty() {
        let (directory, paths) = directory_of(&[b"content"]);
        let files = Files::look_at(&paths).unwrap();
        directory.close().unwrap();
        assert_eq!(files.read(0), b"");
    }

    #[test]
    fn nothing_that_can_be_read_is_an_error_that_names_the_first() {
        let (directory, _) = directory_of(&[]);
        let absent = directory.path().join("absent");
        let error = Files::look_at(&[absent.clone(), directory.path().to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", absent.display()));
        assert!(Files::look_at(&[]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_would_block_is_not_opened() {
        // Nobody writes to the other end of a socket, and opening it is an error too; the look at its kind comes first.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = open(&path).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file");
    }
}

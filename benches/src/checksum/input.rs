//! Which files there are to hash.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cargo_lock::Lockfile;
use cargo_metadata::MetadataCommand;
use walkdir::WalkDir;

/// This package's manifest, where the program was built.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// Where the files come from.
#[derive(Clone, Debug)]
pub struct Input {
    /// Directories, or single files.
    pub roots: Vec<PathBuf>,
    /// What they are, in words.
    pub description: String,
}

/// A file or directory that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its path, where it is known.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// The regular files below an input.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// In ascending order of the bytes of their paths.
    pub files: Vec<PathBuf>,
    /// What could not be looked into.
    pub unreadable: Vec<Unreadable>,
}

impl Input {
    /// A directory or a single file.
    ///
    /// # Errors
    ///
    /// It does not exist, cannot be looked at, or is neither.
    pub fn path(path: &Path) -> anyhow::Result<Self> {
        let metadata =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !metadata.is_dir() && !metadata.is_file() {
            bail!("{} is neither a directory nor a regular file", path.display());
        }
        Ok(Self { roots: vec![path.to_owned()], description: path.display().to_string() })
    }

    /// The sources of the crates that this workspace depends on, as cargo has them on disk. Nothing is
    /// downloaded.
    ///
    /// # Errors
    ///
    /// There are none; the text names `--path`.
    pub fn dependencies() -> anyhow::Result<Self> {
        if let Some(roots) = resolved_dependencies() {
            let description =
                format!("the sources of {} crates this workspace depends on", roots.len());
            return Ok(Self { roots, description });
        }
        // Some of them, those for tests alone say, may not have been downloaded: cargo then names none.
        let cache = home::cargo_home().context("cannot tell where cargo keeps its files")?;
        let cache = cache.join("registry").join("src");
        let roots = downloaded_crates(&cache, locked_crates().as_ref());
        if roots.is_empty() {
            bail!(
                "found no sources of dependencies with cargo or in {}; name a directory with --path",
                cache.display()
            );
        }
        let description = format!("the sources of {} crates in {}", roots.len(), cache.display());
        Ok(Self { roots, description })
    }

    /// Lists the regular files. Symbolic links below a root are not followed.
    pub fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for root in &self.roots {
            for entry in WalkDir::new(root) {
                match entry {
                    // A root that is a link to a file counts as that file.
                    Ok(entry) if entry.file_type().is_file() => {
                        listing.files.push(entry.into_path());
                    }
                    Ok(entry) if entry.depth() == 0 && entry.path().is_file() => {
                        listing.files.push(entry.into_path());
                    }
                    Ok(_) => {}
                    Err(error) => listing.unreadable.push(Unreadable {
                        path: error.path().unwrap_or(root).to_owned(),
                        reason: error.io_error().map_or_else(|| error.to_string(), text_of),
                    }),
                }
            }
        }
        listing.files.sort_by(|a, b| path_bytes(a).cmp(path_bytes(b)));
        listing.files.dedup();
        listing
    }
}

impl Unreadable {
    /// A file whose reading failed.
    pub fn new(path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), reason: text_of(error) }
    }
}

fn text_of(error: &io::Error) -> String {
    error.to_string()
}

/// A path as it stands in a list of digests.
pub(super) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// What cargo says: where each package outside the workspace is.
fn resolved_dependencies() -> Option<Vec<PathBuf>> {
    // Without a network, and without the packages that only other platforms need.
    let metadata = MetadataCommand::new()
        .manifest_path(MANIFEST)
        .other_options(
            ["--offline", "--locked", "--filter-platform", env!("TARGET_TRIPLE")].map(String::from),
        )
        .exec()
        .ok()?;
    let members: HashSet<_> = metadata.workspace_members.iter().collect();
    let roots: Vec<PathBuf> = metadata
        .packages
        .iter()
        .filter(|package| !members.contains(&package.id))
        .filter_map(|package| package.manifest_path.parent())
        .map(|directory| directory.as_std_path().to_owned())
        .collect();
    (!roots.is_empty()).then_some(roots)
}

/// What the lock file beside this package's workspace names, as directories are called in cargo's cache.
fn locked_crates() -> Option<HashSet<String>> {
    let lock = Path::new(MANIFEST).parent()?.parent()?.join("Cargo.lock");
    let lock = Lockfile::load(lock).ok()?;
    Some(lock.packages.iter().map(|each| format!("{}-{}", each.name, each.version)).collect())
}

/// The crates in cargo's cache: those `wanted`, or all.
fn downloaded_crates(cache: &Path, wanted: Option<&HashSet<String>>) -> Vec<PathBuf> {
    WalkDir::new(cache)
        .min_depth(2)
        .max_depth(2)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_dir())
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy();
            wanted.is_none_or(|wanted| wanted.contains(&*name))
        })
        .map(walkdir::DirEntry::into_path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn crates_in_the_cache_are_chosen_by_the_lock_file() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["a-1.0.0", "b-2.0.0"] {
            fs::create_dir_all(cache.path().join("index").join(name).join("src")).unwrap();
        }
        let wanted = HashSet::from(["b-2.0.0".to_owned()]);
        let chosen = downloaded_crates(cache.path(), Some(&wanted));
        assert_eq!(chosen, [cache.path().join("index/b-2.0.0")]);
        assert_eq!(downloaded_crates(cache.path(), None).len(), 2);
        assert!(downloaded_crates(&cache.path().join("absent"), None).is_empty());
    }

    #[test]
    fn the_lock_file_of_this_workspace_is_understood() {
        let locked = locked_crates().expect("the workspace has a lock file");
        assert!(locked.iter().any(|name| name.starts_with("sha2-")));
    }

    #[test]
    fn what_is_neither_file_nor_directory_is_refused() {
        let error = Input::path(Path::new("/no/such/place")).unwrap_err();
        assert!(error.to_string().contains("/no/such/place"));
        #[cfg(unix)]
        {
            let error = Input::path(Path::new("/dev/null")).unwrap_err();
            assert!(error.to_string().contains("neither"));
        }
    }
}

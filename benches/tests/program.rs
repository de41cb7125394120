//! The program itself, on both executors.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use benches::checksum::{CHUNK_BYTES, Digests, Input, Plan, Run, WINDOW, run_on_amp, run_on_smp};
use executor_common::cpu::{CpuControl, SystemCpus};
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

use support::{contents, plant, within_a_minute};

fn plan(workers: usize) -> Plan {
    Plan::first_core_reads(&SystemCpus.allowed().unwrap(), workers).unwrap()
}

/// One run on each executor, with one core and with two.
fn runs(files: &[PathBuf]) -> Vec<Run> {
    let bar = ProgressBar::hidden();
    let mut runs = Vec::new();
    for workers in [1, 2] {
        runs.push(run_on_smp(workers, files, &bar).unwrap());
        runs.push(run_on_amp(&plan(workers), files, &bar).unwrap());
    }
    runs
}

fn list(directory: &Path) -> Vec<PathBuf> {
    let listing = Input::path(directory).unwrap().list();
    assert_eq!(listing.unreadable, []);
    listing.files
}

#[test]
fn digests_are_those_of_the_contents_at_every_chunk_boundary() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let sizes =
            [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 2_000_003];
        let mut files = Vec::new();
        for size in sizes {
            let file = directory.path().join(size.to_string());
            fs::write(&file, contents(size)).unwrap();
            files.push(file);
        }
        for run in runs(&files) {
            for (outcome, size) in run.outcomes.iter().zip(sizes) {
                let (bytes, digest) = outcome.result.as_ref().unwrap();
                assert_eq!(*bytes, size as u64);
                assert_eq!(digest[..], Sha256::digest(contents(size))[..], "{size} bytes");
            }
            assert_eq!(run.outcomes.len(), sizes.len());
        }
    });
}

#[test]
fn a_file_that_is_gone_is_counted_and_the_others_are_hashed() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        plant(directory.path());
        let files = list(directory.path());
        // Between listing and reading: one file is gone, one has become a directory.
        let (gone, turned) = (directory.path().join("small"), directory.path().join("sub/7"));
        fs::remove_file(&gone).unwrap();
        fs::remove_file(&turned).unwrap();
        fs::create_dir(&turned).unwrap();
        for run in runs(&files) {
            let failed: Vec<_> = run
                .outcomes
                .iter()
                .filter(|each| each.result.is_err())
                .map(|each| &each.path)
                .collect();
            assert_eq!(failed, [&gone, &turned]);
            assert_eq!(run.files(), files.len() - 2);
            assert_eq!(Digests::of(&run.outcomes).len(), files.len() - 2);
        }
    });
}

#[test]
fn outcomes_are_in_the_order_of_the_files_and_links_are_not_followed() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        plant(directory.path());
        let files = list(directory.path());
        assert!(files.len() > WINDOW, "more files than may be under way");
        assert!(!files.iter().any(|file| file.ends_with("link") || file.ends_with("dangling")));
        let runs = runs(&files);
        for run in &runs {
            assert!(run.outcomes.iter().map(|outcome| &outcome.path).eq(&files));
            assert_eq!(Digests::of(&run.outcomes), Digests::of(&runs[0].outcomes));
        }
    });
}

#[test]
fn metrics_are_complete() {
    within_a_minute(|| {
        let directory = tempfile::tempdir().unwrap();
        let files: Vec<_> = (0..300).map(|n| directory.path().join(n.to_string())).collect();
        for file in &files {
            fs::write(file, contents(1000)).unwrap();
        }
        for run in runs(&files) {
            // One task reads a file of one chunk, another one hashes it.
            assert_eq!(run.metrics.tasks_run(), 600, "{}", run.executor);
            for role in [benches::checksum::READ, benches::checksum::HASH] {
                let role = run.metrics.role(role).expect("the role was used");
                assert_eq!(role.tasks_run, 300, "{}", run.executor);
            }
        }
    });
}

#[test]
fn nothing_is_a_valid_input() {
    within_a_minute(|| {
        for run in runs(&[]) {
            assert_eq!((run.files(), run.bytes(), run.outcomes.len()), (0, 0, 0));
        }
    });
}

#[test]
fn the_default_input_has_files() {
    within_a_minute(|| {
        let input = Input::dependencies().unwrap();
        let listing = input.list();
        assert!(listing.files.len() > 100, "{}: {}", input.description, listing.files.len());
        assert!(input.roots.iter().all(|root| !root.starts_with(env!("CARGO_MANIFEST_DIR"))));
    });
}

//! Running the program as a user does.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the program in a directory, to its end.
pub(crate) fn benches(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_benches"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

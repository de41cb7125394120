//! `cargo weaken`: weakens each ordering of the executors by one step, and looks for a model that fails.

// The command runs the models; it is none.
#![cfg_attr(any(loom, shuttle), allow(unused, reason = "its parts are not there in a model"))]

#[cfg(any(loom, shuttle))]
fn main() {}

#[cfg(not(any(loom, shuttle)))]
fn main() -> anyhow::Result<std::process::ExitCode> {
    loom_tests::weaken::command::run()
}

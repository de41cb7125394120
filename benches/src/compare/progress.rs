//! How far a run is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on the standard error stream, where that is a terminal.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of so many turns.
    pub(super) fn of(turns: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(turns as u64).with_style(style);
        // Drawn rarely: while a turn goes on the drawing thread is somebody else's work on the same cores.
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }

    /// What is being done.
    pub(super) fn say(&self, what: String) {
        self.0.set_message(what);
    }

    /// Writes something where the bar is not in the way.
    pub(super) fn hide<R>(&self, write: impl FnOnce() -> R) -> R {
        self.0.suspend(write)
    }

    /// So many more are to be done.
    pub(super) fn expect(&self, turns: usize) {
        self.0.inc_length(turns as u64);
    }

    /// One more is done.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

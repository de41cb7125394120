//! The options of everything in which peers take turns.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

/// Options of a measurement in which peers take turns.
#[derive(Clone, Debug, Args)]
pub struct TurnsArgs<K: ValueEnum + Send + Sync + 'static> {
    /// How often all peers take turns
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: usize,
    /// Only these peers [default: all that take part]
    #[arg(long, value_name = "PEER", value_delimiter = ',', value_enum)]
    pub peer: Vec<K>,
    /// As little as possible: shows that it runs, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// Ends with code 1 if a target is missed
    #[arg(long)]
    pub check: bool,
    /// Writes all values to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl<K: ValueEnum + Send + Sync + 'static> TurnsArgs<K> {
    /// How often, which is at least once.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn rounds(&self) -> anyhow::Result<usize> {
        ensure!(self.rounds > 0, "--rounds must be at least 1");
        Ok(self.rounds)
    }

    /// Who takes part: those asked for, or `all`.
    pub fn peers(&self, all: &[K]) -> Vec<K> {
        if self.peer.is_empty() { all.to_vec() } else { self.peer.clone() }
    }
}

/// The value of `--seconds`.
///
/// # Errors
///
/// It is less than `least`.
pub fn time_of(seconds: f64, least: Duration) -> anyhow::Result<Duration> {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| *time >= least);
    time.with_context(|| format!("--seconds must be at least {}", least.as_secs_f64()))
}

//! Which cores.

use std::fmt;
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, ensure};
use executor_common::cpu::{CpuControl, SystemCpus};

use crate::rounds::on_a_thread;

/// The sender's core and the receiver's, each with what came of a thread's attempt to bind itself to it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where messages come from.
    pub from: usize,
    /// Where they run.
    pub to: usize,
    /// How many this process may use.
    pub cores: usize,
    /// Why threads are not bound, where the system refuses.
    refused: Option<String>,
}

impl Place {
    /// The first and the last core that this process may use. They are the same where there is only one.
    ///
    /// # Errors
    ///
    /// The system does not say which cores this process may use.
    pub fn choose() -> anyhow::Result<Self> {
        let allowed = SystemCpus.allowed().context("the cores that this process may use")?;
        let (first, last) = (allowed.iter().next(), allowed.iter().last());
        let (from, to) = first.zip(last).context("this process may use no core")?;
        let tried = on_a_thread(|| bind(from).and_then(|()| bind(to)));
        let refused = tried.err().map(|error| format!("{error:#}"));
        Ok(Self { from, to, cores: allowed.len(), refused })
    }

    /// Whether sender and receiver have to share a core.
    pub fn is_shared(&self) -> bool {
        self.from == self.to
    }

    /// Whether the system lets threads be bound.
    pub fn binds(&self) -> bool {
        self.refused.is_none()
    }

    /// Binds the calling thread and reads back that it is, unless the system had refused that from the beginning.
    ///
    /// # Errors
    ///
    /// The system has changed its mind.
    pub fn bind(&self, core: usize) -> anyhow::Result<()> {
        if self.binds() { bind(core) } else { Ok(()) }
    }

    /// Starts a thread that is bound to the receiver's core before it runs `main`, and before this returns.
    pub(super) fn start(
        &self,
        main: impl FnOnce() + Send + 'static,
    ) -> anyhow::Result<JoinHandle<()>> {
        let (report, reported) = mpsc::sync_channel(1);
        let place = self.clone();
        let thread = std::thread::Builder::new().spawn(move || {
            let bound = place.bind(place.to);
            let is_bound = bound.is_ok();
            // The thread that waits for it does so until it comes.
            let _ = report.send(bound);
            if is_bound {
                main();
            }
        })?;
        reported.recv().context("the receiver's thread has ended")??;
        Ok(thread)
    }
}

fn bind(core: usize) -> anyhow::Result<()> {
    SystemCpus.pin(core).with_context(|| format!("core {core}"))?;
    let mask = SystemCpus.allowed()?;
    ensure!(mask.iter().eq([core]), "asked for core {core}, and the mask in force is {mask}");
    Ok(())
}

/// Two lines of a report's header.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cores          sender {}, receiver {}", self.from, self.to)?;
        match &self.refused {
            None => write!(f, "; pinned, as read back")?,
            Some(reason) => write!(f, "; NOT PINNED: {reason}")?,
        }
        if self.is_shared() {
            write!(
                f,
                "\n               OVERSUBSCRIBED: sender and receiver take turns on one core"
            )?;
        }
        Ok(())
    }
}

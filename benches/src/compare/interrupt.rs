//! Ctrl-C: what is under way ends, and what has been found is reported.

use std::process::exit;

use anyhow::Context;
use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody has asked for the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
}

impl Interrupt {
    /// One that Ctrl-C, or a request to terminate, raises. A second one ends the process at once.
    pub(crate) fn by_signal() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let raised = interrupt.clone();
        let handler = move || {
            if raised.raise() {
                exit(130);
            }
            eprintln!("interrupted: ending the turn, then reporting what there is");
        };
        ctrlc::set_handler(handler).context("Ctrl-C cannot be handled")?;
        Ok(interrupt)
    }

    /// Asks for the end. Returns whether somebody has done so before.
    pub(crate) fn raise(&self) -> bool {
        // Ordering: Relaxed; nothing is published by it.
        self.raised.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_raised(&self) -> bool {
        // Ordering: see `raise`.
        self.raised.load(Ordering::Relaxed)
    }
}

//! Tasks that somebody looks after.

use executor_common::JoinHandle;

use crate::ledger::Line;
use crate::random::{chance, pick};

/// A task, for whoever has spawned it.
#[derive(Debug)]
pub struct Child {
    handle: JoinHandle<()>,
    line: Line,
    kind: Kind,
}

/// What a task is, for whoever may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A closure that whoever waits for it may run.
    Closure,
    /// A closure for somebody who may be waiting himself.
    Elsewhere,
    /// A future that waits for nothing.
    Yielding,
    /// A future that waits for others.
    Waiting,
}

impl Kind {
    /// Whether a worker that waits for it, and nothing else, would get it done.
    pub fn is_for_workers(self) -> bool {
        matches!(self, Self::Closure | Self::Yielding)
    }

    fn is_closure(self) -> bool {
        matches!(self, Self::Closure | Self::Elsewhere)
    }
}

impl Child {
    /// What a spawn has returned.
    pub fn new(handle: JoinHandle<()>, line: Line, kind: Kind) -> Self {
        Self { handle, line, kind }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its handle, and its line.
    pub fn into_parts(self) -> (JoinHandle<()>, Line) {
        (self.handle, self.line)
    }

    /// Waits for it.
    pub fn join(self) {
        let result = self.handle.join();
        self.line.check(result, self.kind.is_closure());
    }

    /// Waits for it, unless a worker must not.
    pub fn join_on_worker(self) {
        if self.kind.is_for_workers() { self.join() } else { self.detach() }
    }

    /// Waits for it in a future.
    pub async fn wait(self) {
        let result = self.handle.await;
        self.line.check(result, self.kind.is_closure());
    }

    /// Cancels it, unless it is too late.
    pub fn abort(&self) {
        self.line.excuse();
        self.handle.abort_handle().abort();
    }

    /// Lets it go.
    pub fn detach(self) {
        drop(self.handle);
    }

    /// One of these: waits for it in this way, lets it go, aborts it.
    pub fn end(self, join: fn(Self)) {
        match pick(0..5) {
            0 => self.detach(),
            1 => {
                self.abort();
                if chance(2) { self.detach() } else { join(self) }
            }
            _ => join(self),
        }
    }

    /// As [`Child::end`], in a future.
    pub async fn end_in_future(self) {
        match pick(0..5) {
            0 => self.detach(),
            1 => {
                self.abort();
                self.wait().await;
            }
            _ => self.wait().await,
        }
    }
}

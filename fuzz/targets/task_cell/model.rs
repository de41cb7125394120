//! What must hold of a task.

use std::collections::VecDeque;

use arbitrary::Arbitrary;

/// What a task does when it is run.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Work {
    /// A closure that returns, or panics.
    Closure { panics: bool },
    /// A future that takes these turns, and then returns or panics.
    Future { turns: [Option<Turn>; 3], panics: bool },
}

/// What a future does in a poll after which it is pending.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Suspend,
    WakeSelf,
    AbortSelf,
}

/// How a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Output,
    Panic,
    Cancelled,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Queued,
    Suspended,
    Ended(End),
}

/// A task as its users see it: nothing here is taken from the cell.
#[derive(Clone, Debug)]
pub(super) struct Model {
    is_future: bool,
    turns: VecDeque<Turn>,
    panics: bool,
    /// Its destructor panics.
    bomb: bool,
    /// Its time is over before its first turn.
    expired: bool,
    state: State,
    aborted: bool,
    /// It has been suspended, and with that been registered, once.
    registered: bool,
    in_registry: bool,
    /// Nobody has dropped the handle or taken the output.
    has_handle: bool,
    /// The handle has given the output away, or was dropped and took it along.
    output_gone: bool,
    /// A panic went to the hook.
    reported: bool,
    /// Who is woken at the end: one of two wakers, or the one of a thread that gave up waiting.
    watcher: Option<Option<usize>>,
    wakes: [u64; 2],
}

impl Model {
    pub(super) fn new(work: Work, expired: bool, bomb: bool) -> Self {
        let (is_future, turns, panics) = match work {
            Work::Closure { panics } => (false, VecDeque::new(), panics),
            Work::Future { turns, panics } => (true, turns.into_iter().flatten().collect(), panics),
        };
        Self {
            is_future,
            turns,
            panics,
            bomb: bomb && !panics,
            expired,
            state: State::Queued,
            aborted: false,
            registered: false,
            in_registry: false,
            has_handle: true,
            output_gone: false,
            reported: false,
            watcher: None,
            wakes: [0; 2],
        }
    }

    pub(super) fn is_future(&self) -> bool {
        self.is_future
    }

    pub(super) fn turns(&self) -> VecDeque<Turn> {
        self.turns.clone()
    }

    pub(super) fn panics(&self) -> bool {
        self.panics
    }

    pub(super) fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            State::Queued | State::Suspended => None,
        }
    }

    pub(super) fn is_value_gone(&self) -> bool {
        match self.end() {
            Some(End::Output) => self.output_gone,
            Some(_) => true,
            None => false,
        }
    }

    pub(super) fn is_in_registry(&self) -> bool {
        self.in_registry
    }

    pub(super) fn is_reported(&self) -> bool {
        self.reported
    }

    pub(super) fn wakes(&self) -> [u64; 2] {
        self.wakes
    }

    /// An entry's turn comes. Returns the outcome's name.
    pub(super) fn run(&mut self, registry_closed: bool) -> &'static str {
        if self.state != State::Queued {
            return self.stale();
        }
        if self.aborted {
            return self.cancel();
        }
        if std::mem::take(&mut self.expired) {
            self.finish(if self.bomb { End::Panic } else { End::Expired });
            return "Expired";
        }
        match self.turns.pop_front() {
            Some(Turn::WakeSelf) => "Yielded",
            Some(Turn::AbortSelf) => self.cancel(),
            Some(Turn::Suspend) if registry_closed && !self.registered => self.cancel(),
            Some(Turn::Suspend) => {
                self.in_registry |= !self.registered;
                self.registered = true;
                self.state = State::Suspended;
                "Suspended"
            }
            None if self.panics || self.bomb => {
                self.finish(End::Panic);
                "Panicked"
            }
            None => {
                self.finish(End::Output);
                "Finished"
            }
        }
    }

    /// An entry is given up, or an aborted task's turn comes.
    pub(super) fn cancel(&mut self) -> &'static str {
        if self.state != State::Queued {
            return self.stale();
        }
        self.finish(if self.bomb { End::Panic } else { End::Cancelled });
        "Cancelled"
    }

    fn stale(&self) -> &'static str {
        if self.is_future { "StaleFuture" } else { "Stale" }
    }

    /// The handle runs the task, for as long as it can be run. The entries of the queue stay, and are void.
    pub(super) fn run_in_place(&mut self, registry_closed: bool) {
        while self.has_handle && self.state == State::Queued {
            self.run(registry_closed);
        }
    }

    fn finish(&mut self, end: End) {
        self.state = State::Ended(end);
        self.in_registry = false;
        if let Some(Some(watcher)) = self.watcher.take() {
            self.wakes[watcher] += 1;
        }
        if !self.has_handle {
            self.discard(end);
        }
    }

    /// Nobody takes what the task has ended with.
    fn discard(&mut self, end: End) {
        self.output_gone = true;
        self.reported |= end == End::Panic;
    }

    /// True if an entry is queued.
    pub(super) fn wake(&mut self) -> bool {
        let is_queued = self.state == State::Suspended;
        if is_queued {
            self.state = State::Queued;
        }
        is_queued
    }

    /// True if an entry is queued.
    pub(super) fn abort(&mut self) -> bool {
        self.aborted = true;
        self.wake()
    }

    /// Whether the task was in, and whether an entry is queued.
    pub(super) fn close_registry(&mut self) -> (bool, bool) {
        let was_in = std::mem::take(&mut self.in_registry);
        (was_in, was_in && self.abort())
    }

    /// The handle waits.
    pub(super) fn watch(&mut self, waker: Option<usize>) {
        self.watcher = Some(waker);
    }

    /// The handle takes the output.
    pub(super) fn take(&mut self) -> End {
        self.has_handle = false;
        self.output_gone = true;
        self.end().expect("a handle has no output before its task has ended")
    }

    pub(super) fn drop_handle(&mut self) {
        self.has_handle = false;
        self.watcher = None;
        if let Some(end) = self.end() {
            self.discard(end);
        }
    }
}

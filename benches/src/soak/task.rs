//! What a task does, and what its submitter keeps.

use std::future::Future;
use std::panic::panic_any;
use std::time::{Duration, Instant};

use executor_common::sync::hint;
use executor_common::{JoinError, JoinHandle};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::account::Account;
use super::judge::{Kind, Said, judge};
use super::slot::{Entry, Marks};
use super::state::Soak;

/// The payload of panics that are meant. The hook says nothing of them.
#[derive(Debug)]
pub(super) struct Planned;

/// Whose task it is.
#[derive(Clone, Copy, Debug)]
struct Owner {
    soak: &'static Soak,
    actor: &'static str,
    account: &'static Account,
    book: &'static Account,
    kind: Kind,
}

impl Owner {
    fn fault(&self, what: &str, entry: Entry) {
        let (marks, sums) = (entry.marks(), self.account.sums());
        self.soak.fault(format!(
            "{} of actor {}, number {}: {what} ({marks:?}; {sums:?})",
            match self.kind {
                Kind::Closure => "a closure",
                Kind::Future => "a future",
                Kind::Bomb => "a closure with a panicking destructor",
                Kind::Periodic => "a periodic closure",
            },
            self.actor,
            entry.number,
        ));
    }

    /// The task is over. Whoever calls this is the only one.
    fn settle(&self, entry: Entry, said: Said) {
        match judge(self.kind, entry.marks(), said) {
            Ok(fate) => {
                self.account.end(fate);
                self.book.end(fate);
                self.soak.slots.give_back(entry);
            }
            // The slot stays as it is, and both accounts lack the task.
            Err(what) => self.fault(&format!("{what}; its handle says {said:?}"), entry),
        }
    }
}

/// What the task carries: says that it begins, and that it is dropped.
#[derive(Debug)]
pub(super) struct Token {
    owner: Owner,
    entry: Entry,
}

impl Token {
    fn begin(&self) {
        if self.entry.begin().is_err() {
            self.owner.fault("it began after it was accounted for", self.entry);
        }
    }

    fn flag(&self, flag: u64) {
        if self.entry.flag(flag).is_err() {
            self.owner.fault("it went on after it was accounted for", self.entry);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        match self.entry.dropped() {
            Err(_) => self.owner.fault("it was dropped after it was accounted for", self.entry),
            Ok(marks) if marks.has(Marks::DETACHED) => {
                self.owner.settle(self.entry, Said::Nothing);
            }
            Ok(_) => {}
        }
    }
}

/// What the submitter keeps of a task, until it knows how the task ended.
#[derive(Debug)]
#[must_use = "a task that nobody settles is unaccounted for"]
pub(super) struct Pending {
    owner: Owner,
    entry: Entry,
}

impl Pending {
    /// What the task returns.
    pub(super) fn number(&self) -> u64 {
        self.entry.number
    }

    /// The handle has spoken.
    pub(super) fn settle(self, result: &Result<u64, JoinError>) {
        self.owner.settle(self.entry, Said::by(result, self.entry.number));
    }

    /// The executor has not taken the task, and it has been dropped.
    pub(super) fn refused(self) {
        self.owner.settle(self.entry, Said::Refused);
    }

    /// Nobody waits any more: the task settles itself when it is dropped.
    pub(super) fn detach(self) {
        match self.entry.flag(Marks::DETACHED) {
            Err(_) => self.owner.fault("it was accounted for, and somebody waited", self.entry),
            Ok(marks) if marks.drops() > 0 => self.owner.settle(self.entry, Said::Nothing),
            Ok(_) => {}
        }
    }

    /// Only the executor knows whether it took the task.
    pub(super) fn detach_loose(self) {
        self.owner.book.add_loose(1);
        self.detach();
    }

    /// Waits for the handle.
    pub(super) fn join(self, handle: JoinHandle<u64>) {
        let result = handle.join();
        self.settle(&result);
    }
}

/// Lets the task go if it is dropped before its handle has spoken: for futures that wait for others and may be cancelled.
#[derive(Debug)]
pub(super) struct LetGo {
    pending: Option<Pending>,
    loosely: bool,
}

impl LetGo {
    pub(super) fn new(pending: Pending) -> Self {
        Self { pending: Some(pending), loosely: false }
    }

    /// Where the task may not have been taken yet.
    pub(super) fn loosely(pending: Pending) -> Self {
        Self { pending: Some(pending), loosely: true }
    }

    /// The handle has spoken.
    pub(super) fn keep(mut self) -> Option<Pending> {
        self.pending.take()
    }
}

impl Drop for LetGo {
    fn drop(&mut self) {
        match self.pending.take() {
            Some(pending) if self.loosely => pending.detach_loose(),
            Some(pending) => pending.detach(),
            None => {}
        }
    }
}

/// A task that has been taken, with its handle.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) pending: Pending,
    pub(super) handle: JoinHandle<u64>,
}

impl Taken {
    pub(super) fn join(self) {
        self.pending.join(self.handle);
    }
}

/// How a thread is kept busy, or from being so.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stall {
    None,
    Spin(Duration),
    Sleep(Duration),
}

impl Stall {
    /// Mostly none, and now and then some milliseconds.
    pub(super) fn random(rng: &mut Pcg64Mcg) -> Self {
        let us = Duration::from_micros;
        match rng.random_range(0..1000_u32) {
            0..4 => Self::Spin(us(rng.random_range(500..4000))),
            4..24 => Self::Sleep(us(rng.random_range(100..4000))),
            24..200 => Self::Spin(us(rng.random_range(1..60))),
            _ => Self::None,
        }
    }

    pub(super) fn pass(self) {
        match self {
            Self::None => {}
            Self::Spin(time) => {
                let begin = Instant::now();
                while begin.elapsed() < time {
                    hint::spin_loop();
                }
            }
            Self::Sleep(time) => std::thread::sleep(time),
        }
    }
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_any(Planned);
        }
    }
}

/// What a task does.
#[derive(Debug)]
pub(super) struct Work {
    // Dropped in this order.
    token: Token,
    bomb: Option<Bomb>,
    stall: Stall,
    throws: bool,
}

impl Work {
    pub(super) fn run(self) -> u64 {
        let Self { token, bomb, stall, throws } = self;
        token.begin();
        stall.pass();
        if throws {
            token.flag(Marks::THROWS);
            panic_any(Planned);
        }
        token.flag(Marks::RETURNED);
        let number = token.entry.number;
        drop(token);
        drop(bomb);
        number
    }

    /// As [`run`](Self::run), with a wait in the middle.
    pub(super) async fn run_async(self, wait: impl Future<Output = ()>) -> u64 {
        // Kept across the wait, and dropped where the future is dropped.
        let Self { token, stall, throws, .. } = self;
        token.begin();
        wait.await;
        stall.pass();
        if throws {
            token.flag(Marks::THROWS);
            panic_any(Planned);
        }
        token.flag(Marks::RETURNED);
        token.entry.number
    }

    /// For a closure that runs again and again: its number of runs is the executor's to tell.
    pub(super) fn into_token(self) -> Token {
        self.token.flag(Marks::RETURNED);
        self.token
    }
}

/// Makes tasks, with a generator of its own. Tasks can have one, to make others.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) rng: Pcg64Mcg,
    pub(super) soak: &'static Soak,
    actor: &'static str,
    account: &'static Account,
}

impl Maker {
    pub(super) fn new(soak: &'static Soak, actor: &'static str, rng: Pcg64Mcg) -> Self {
        Self { rng, soak, actor, account: soak.account(actor) }
    }

    /// Another one, for a task.
    pub(super) fn fork(&mut self) -> Self {
        Self { rng: Pcg64Mcg::new(self.rng.random()), ..*self }
    }

    pub(super) fn actor(&self) -> &'static str {
        self.actor
    }

    pub(super) fn chance(&mut self, of_100: u32) -> bool {
        self.rng.random_range(0..100) < of_100
    }

    fn make(&mut self, book: &'static Account, kind: Kind) -> (Work, Pending) {
        let (soak, actor, account) = (self.soak, self.actor, self.account);
        let owner = Owner { soak, actor, account, book, kind };
        let entry = soak.slots.take();
        account.submit();
        book.submit();
        let throws = matches!(kind, Kind::Closure | Kind::Future) && self.chance(2);
        let bomb = if kind == Kind::Bomb { Some(Bomb) } else { None };
        let stall = Stall::random(&mut self.rng);
        (Work { token: Token { owner, entry }, bomb, stall, throws }, Pending { owner, entry })
    }

    pub(super) fn closure(&mut self, book: &'static Account) -> (Work, Pending) {
        self.make(book, Kind::Closure)
    }

    /// A closure that may carry something whose destructor panics: only for spawns that never drop it in the caller's hands.
    pub(super) fn closure_or_bomb(&mut self, book: &'static Account) -> (Work, Pending) {
        let kind = if self.chance(2) { Kind::Bomb } else { Kind::Closure };
        self.make(book, kind)
    }

    pub(super) fn future(&mut self, book: &'static Account) -> (Work, Pending) {
        self.make(book, Kind::Future)
    }

    pub(super) fn periodic(&mut self, book: &'static Account) -> (Work, Pending) {
        self.make(book, Kind::Periodic)
    }
}

//! Whether a task's end adds up.

use executor_common::JoinError;

use super::slot::Marks;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Ran,
    Panicked,
    Cancelled,
    Expired,
    Refused,
}

impl Fate {
    pub(super) const ALL: [Self; 5] =
        [Self::Ran, Self::Panicked, Self::Cancelled, Self::Expired, Self::Refused];
}

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Closure,
    /// May be cancelled after it has begun.
    Future,
    /// A closure that carries something whose destructor panics.
    Bomb,
    /// Runs any number of times.
    Periodic,
}

/// What the task's handle says, if anybody has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An output: the task's own, or another one.
    Output {
        own: bool,
    },
    Panicked,
    Cancelled,
    Expired,
    SelfJoin,
    /// The executor has not taken the task.
    Refused,
    /// Nobody has asked.
    Nothing,
}

impl Said {
    pub(super) fn by(result: &Result<u64, JoinError>, number: u64) -> Self {
        match result {
            Ok(output) => Self::Output { own: *output == number },
            Err(error) if error.is_panic() => Self::Panicked,
            Err(error) if error.is_cancelled() => Self::Cancelled,
            Err(error) if error.is_expired() => Self::Expired,
            Err(_) => Self::SelfJoin,
        }
    }
}

/// How the task ended, or what is wrong with that.
pub(super) fn judge(kind: Kind, marks: Marks, said: Said) -> Result<Fate, &'static str> {
    let (has_begun, has_returned) = (marks.runs() > 0, marks.has(Marks::RETURNED));
    match marks.drops() {
        0 if said == Said::Refused => return Err("refused, and not dropped"),
        0 => return Err("its end was reported, and it has not been dropped"),
        1 => {}
        _ => return Err("dropped more than once"),
    }
    if marks.runs() > 1 {
        return Err("ran more than once");
    }
    match said {
        Said::Output { own: false } => Err("its handle gave another task's output"),
        Said::Output { own: true } if kind == Kind::Bomb => {
            Err("its handle gave an output, and its destructor panicked")
        }
        Said::Output { own: true } if has_returned => Ok(Fate::Ran),
        Said::Output { own: true } => Err("its handle gave an output, and it has not returned"),
        Said::Panicked if marks.has(Marks::THROWS) && has_begun => Ok(Fate::Panicked),
        Said::Panicked if kind == Kind::Bomb && has_returned => Ok(Fate::Panicked),
        Said::Panicked if kind == Kind::Bomb && !has_begun => Ok(Fate::Cancelled),
        Said::Panicked => Err("its handle reported a panic that nobody had planned"),
        Said::Cancelled if kind == Kind::Bomb => {
            Err("its handle reported a cancellation, and its destructor panicked")
        }
        Said::Cancelled if kind == Kind::Periodic => Ok(Fate::Cancelled),
        Said::Cancelled if has_returned || marks.has(Marks::THROWS) => {
            Err("its handle reported a cancellation, and it has ended by itself")
        }
        Said::Cancelled if has_begun && kind != Kind::Future => {
            Err("its handle reported a cancellation, and it has begun")
        }
        Said::Cancelled => Ok(Fate::Cancelled),
        Said::Expired if has_begun => Err("its handle reported that it expired, and it has begun"),
        Said::Expired => Ok(Fate::Expired),
        Said::SelfJoin => Err("its handle took its waiter for the task itself"),
        Said::Refused if has_begun => Err("refused, and begun"),
        Said::Refused => Ok(Fate::Refused),
        Said::Nothing if !has_begun => Ok(Fate::Cancelled),
        Said::Nothing if marks.has(Marks::THROWS) => Ok(Fate::Panicked),
        Said::Nothing if has_returned && kind == Kind::Bomb => Ok(Fate::Panicked),
        Said::Nothing if has_returned => Ok(Fate::Ran),
        Said::Nothing if kind == Kind::Future => Ok(Fate::Cancelled),
        Said::Nothing => Err("dropped after it had begun and before it ended"),
    }
}

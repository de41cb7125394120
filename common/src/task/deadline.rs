//! Until when a task may start.
//!
//! A task with a time to live is not started after its deadline: at the first step of its closure, or before the first
//! poll of its future, the work is dropped, and the handle learns that the task has expired. Nothing looks at a
//! deadline before, and nothing after the first step: what has been started runs on.
//!
//! The deadline stands beside the work in the stage, and is the runner's with it. Most tasks have none: [`Never`] takes
//! no room, is asked at no price, and reads no clock.

use std::time::Instant;

use super::span::TaskSpan;
use crate::sync::now;

/// What a task's first step asks.
pub(super) trait Deadline {
    /// Whether the answer is ever yes.
    const EXPIRES: bool;

    /// Asked before each step: whether it would be the task's first, and comes too late.
    fn is_missed(&mut self) -> bool;
}

/// No deadline.
pub(super) struct Never;

impl Deadline for Never {
    const EXPIRES: bool = false;

    #[inline(always)]
    fn is_missed(&mut self) -> bool {
        false
    }
}

/// The first step must come before this instant. `None` from that step on.
pub(super) struct StartBefore(Option<Instant>);

impl StartBefore {
    pub(super) fn new(deadline: Instant) -> Self {
        Self(Some(deadline))
    }
}

impl Deadline for StartBefore {
    const EXPIRES: bool = true;

    #[inline]
    fn is_missed(&mut self) -> bool {
        self.0.take().is_some_and(|deadline| now() >= deadline)
    }
}

/// A closure or future, until when it may start, and what is told of its steps.
pub(super) struct Timed<W, D> {
    pub(super) work: W,
    pub(super) deadline: D,
    /// Dropped behind the work.
    pub(super) span: TaskSpan,
}

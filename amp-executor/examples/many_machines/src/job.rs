//! What there is to do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long a job takes.
const TIME: Duration = Duration::from_millis(20);

/// Does the job: the length of a Collatz sequence, and as much more computing as makes it worth a process.
pub(crate) fn work(number: u64) -> u64 {
    let begun = Instant::now();
    loop {
        let steps = collatz(number);
        if begun.elapsed() >= TIME {
            return steps;
        }
    }
}

pub(crate) fn collatz(mut n: u64) -> u64 {
    let mut steps = 0;
    while n > 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

/// A job's number, from a message.
pub(crate) fn number(payload: &[u8]) -> Result<u64> {
    std::str::from_utf8(payload)?.parse().context("a job is a number")
}

/// A result in a message: the job, what came of it, and which process it was.
pub(crate) fn to_text(number: u64, result: u64) -> String {
    format!("{number} {result} {}", std::process::id())
}

/// The reverse.
pub(crate) fn from_text(payload: &[u8]) -> Result<(u64, u64, u32)> {
    let text = std::str::from_utf8(payload)?;
    let mut words = text.split(' ');
    let mut next = || words.next().context("a result is three numbers");
    Ok((next()?.parse()?, next()?.parse()?, next()?.parse()?))
}

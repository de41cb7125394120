//! The role channel beside what one would write by hand: `benches role-latency`, `role-throughput`, `role-wake`.
//!
//! Every peer is one thread, bound to a core, that runs the closures that other threads send it. AMP gets them as
//! closures; the others as boxes, through a queue or channel with the same bound.
//!
//! | file | what it is |
//! |---|---|
//! | `latency` | one message at a time to a receiver that spins, and back |
//! | `throughput` | as many messages as go through, from 1, 2 and 8 producers |
//! | `wake` | one message, and bursts of them, to a receiver that sleeps |
//! | `consumer` | what a measurement calls |
//! | `amp`, `queues` | who implements it |
//! | `bare` | two threads and one word: the floors |
//! | `exchange` | a turn of one message at a time, for latency and wake |
//! | `place` | the cores, and whether threads are bound to them |
//! | `kind` | the peers' names |
//! | `verdict` | what is wanted, and what was reached |
//!
//! glommio is not there: it needs a C compiler and a crate whose licence this workspace does not accept.

mod amp;
mod bare;
mod consumer;
mod exchange;
mod kind;
pub mod latency;
mod place;
mod queues;
pub mod throughput;
mod verdict;
pub mod wake;

use std::io::Write;

use anyhow::ensure;

pub use consumer::{Answer, Consumer, Measurement, Producer, Setup, Waiting};
pub use exchange::{Exchange, Way, compute, open};
pub use kind::ChannelKind;
pub use place::Place;

use crate::rounds::{Percentiles, TurnsArgs, duration};

/// Who takes part: those asked for, or `all` that exist on this system.
fn peers(turns: &TurnsArgs<ChannelKind>, all: &[ChannelKind]) -> anyhow::Result<Vec<ChannelKind>> {
    for peer in &turns.peer {
        ensure!(all.contains(peer), "--peer: {peer} takes no part in this");
    }
    let mut peers = turns.peers(all);
    if cfg!(not(target_os = "linux")) {
        peers.retain(|peer| *peer != ChannelKind::Futex);
    }
    Ok(peers)
}

/// Five cells of a table.
fn write_percentiles(out: &mut impl Write, percentiles: Percentiles) -> anyhow::Result<()> {
    let Percentiles { p50, p90, p99, p999, max } = percentiles;
    for nanos in [p50, p90, p99, p999, max] {
        write!(out, " {} |", duration(nanos / 1e9))?;
    }
    Ok(())
}

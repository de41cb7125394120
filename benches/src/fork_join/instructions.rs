//! `benches instructions`: what a fork costs in instructions, which no other load on the machine can disturb.

use std::io::Write;

use clap::Args;

use super::fib::Fib;
use super::peer::PeerKind;
use crate::callgrind::instructions_of;

/// Between these two, what is paid once for a process and a pool cancels out.
const SIZES: [u64; 2] = [22, 27];

/// Options of `benches instructions`.
#[derive(Clone, Debug, Args)]
pub struct InstructionsArgs {
    /// Only these peers [default: all]
    #[arg(long, value_name = "PEER", value_delimiter = ',', value_enum)]
    pub peer: Vec<PeerKind>,
}

/// Counts the instructions of `fib` on each peer with one worker, by valgrind, which has to be installed.
///
/// # Errors
///
/// valgrind cannot be run, or says nothing that is understood.
pub fn run(args: &InstructionsArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let forks = Fib { n: SIZES[1] }.forks() - Fib { n: SIZES[0] }.forks();
    writeln!(out, "fib({}) less fib({}), one worker: {forks} forks\n", SIZES[1], SIZES[0])?;
    writeln!(out, "| peer | instructions per call that forks | above serial |\n|---|---|---|")?;
    let per_fork = |peer| -> anyhow::Result<f64> {
        Ok((collect(peer, SIZES[1])? - collect(peer, SIZES[0])?) / forks as f64)
    };
    let serial = per_fork(PeerKind::Serial)?;
    let peers = if args.peer.is_empty() { &PeerKind::ALL[..] } else { &args.peer };
    for peer in peers {
        let instructions = if *peer == PeerKind::Serial { serial } else { per_fork(*peer)? };
        writeln!(out, "| {peer} | {instructions:.1} | {:.1} |", instructions - serial)?;
        out.flush()?;
    }
    Ok(true)
}

/// Instructions of a whole run.
fn collect(peer: PeerKind, n: u64) -> anyhow::Result<f64> {
    let once = ["fork-join", "--once", "--filter", "fib", "--workers", "1"];
    instructions_of(&[&once[..], &["--peer", peer.name(), "--fib", &n.to_string()]].concat())
}

//! `benches spawn --instructions`: what a task costs in instructions.

use std::io::Write;

use super::PEERS;
use crate::callgrind::instructions_of;
use crate::peers::PoolKind;
use crate::rounds::AnyProgram;

/// Between these two numbers of tasks, what is paid once for a process and a pool cancels out.
const TASKS: [u64; 2] = [5_000, 15_000];

/// Counts the instructions of all threads for one task, on each peer with one worker, and writes a table.
///
/// valgrind lets one thread run at a time, and changes between them at intervals of its own: what a thread does while it waits
/// for another is in the figure. `chain`, where nobody waits, is the steadiest.
pub(super) fn run(
    programs: &[Box<dyn AnyProgram<PoolKind>>],
    peers: &[PoolKind],
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let peers: Vec<_> = PEERS.into_iter().filter(|peer| peers.contains(peer)).collect();
    writeln!(out, "{} less {} tasks, one worker: instructions for one task\n", TASKS[1], TASKS[0])?;
    write!(out, "| program |")?;
    for peer in &peers {
        write!(out, " {peer} |")?;
    }
    writeln!(out, "\n|{}", "---|".repeat(1 + peers.len()))?;
    for program in programs {
        write!(out, "| {} |", program.name())?;
        for peer in &peers {
            let collect = |tasks: u64| {
                let once = ["spawn", "--once", "--workers", "1", "--filter", &program.name()];
                let peer = ["--peer", peer.name(), "--tasks", &tasks.to_string()];
                instructions_of(&[&once[..], &peer].concat())
            };
            let instructions = collect(TASKS[1])? - collect(TASKS[0])?;
            write!(out, " {:.0} |", instructions / (TASKS[1] - TASKS[0]) as f64)?;
            out.flush()?;
        }
        writeln!(out)?;
    }
    Ok(true)
}

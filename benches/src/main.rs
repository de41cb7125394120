//! Runs one program on both executors, and says what that cost.

use std::io::Write;
use std::process::ExitCode;

use benches::role_channel::{latency, throughput, wake as role_wake};
use benches::{checksum, compare, fork_join, futures, idle, many_outside, noop, spawn, wake};
use benches::{iterators, lending, overload, pinning, realtime, soak, top};
use clap::{Parser, Subcommand};

/// Which executor suits a workload on this machine, the symmetric or the asymmetric one, and by how much.
///
/// Without a subcommand: `compare` with its options; all built-in workloads, about a minute.
///
/// Exit codes: 0 all is well, 1 digests differ or a target was missed, 2 wrong usage or an input/output error.
#[derive(Debug, Parser)]
#[command(name = "benches", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: compare::CompareArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs workloads on both executors, on rayon and on tokio, and says which one suits them
    Compare(compare::CompareArgs),
    /// Finds up to which load each executor does what is wanted, and where the asymmetric one begins to pay
    Sweep(compare::SweepArgs),
    /// Reads and hashes files with SHA-256 on both executors, from one program text
    Checksum(checksum::ChecksumArgs),
    /// Measures the CPU time that idle pools use
    Idle(idle::IdleArgs),
    /// Measures what forking costs, and how fast work is shared, beside rayon and chili
    ForkJoin(fork_join::ForkJoinArgs),
    /// Measures how long it takes from a fork to its start on another worker
    FirstSteal(fork_join::first_steal::FirstStealArgs),
    /// Measures `par_iter().map().filter().reduce()` on the symmetric executor, through paralight, beside rayon
    Iterators(iterators::IteratorsArgs),
    /// Measures what spawning closures costs, beside rayon, tokio, async-executor and a channel
    Spawn(spawn::SpawnArgs),
    /// Measures what futures cost, in tokio's seven shapes, beside tokio and async-executor
    Futures(futures::FuturesArgs),
    /// Measures how long a closure waits for a sleeping worker, and what waking it costs the caller
    Wake(wake::WakeArgs),
    /// Measures the CPU time of an empty job that comes every 10 ms, and every 1 ms
    Noop(noop::NoopArgs),
    /// Measures how 64 outside threads fare that spawn at once
    ManyOutside(many_outside::ManyOutsideArgs),
    /// Measures how long a message takes to a core that spins for it, and back, beside the peers
    RoleLatency(latency::LatencyArgs),
    /// Measures what a message to one core costs when as many are sent as go through, beside the peers
    RoleThroughput(throughput::ThroughputArgs),
    /// Measures how long a message takes to a core whose thread sleeps, and what bursts cost
    RoleWake(role_wake::WakeArgs),
    /// Measures how late a task is that comes at fixed instants, beside a load on all other cores
    Realtime(realtime::RealtimeArgs),
    /// Measures what a busy role gains when an idle one helps it, and what that costs
    Lending(lending::LendingArgs),
    /// Measures one program with its workers pinned and not pinned
    Pinning(pinning::PinningArgs),
    /// Offers a role more than it can run, and accounts for every task
    Overload(overload::OverloadArgs),
    /// Mixes everything on both executors at once for a long time, and accounts for every task
    ///
    /// Exit codes: 1 a task is unaccounted for, memory grows, or something is left behind; 2 a hang.
    Soak(soak::SoakArgs),
    /// Shows what running executors do at this moment, in bars
    Top(top::TopArgs),
    /// Counts the instructions of a fork, by valgrind's callgrind
    Instructions(fork_join::instructions::InstructionsArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let passed = match cli.command.unwrap_or(Command::Compare(cli.compare)) {
        Command::Compare(args) => compare::compare(&args, &mut out),
        Command::Sweep(args) => compare::sweep(&args, &mut out),
        Command::Checksum(args) => {
            checksum::run(&args, &mut out).map(|verdict| verdict == checksum::Verdict::Same)
        }
        Command::Idle(args) => idle::run(&args, &mut out),
        Command::ForkJoin(args) => fork_join::run(&args, &mut out),
        Command::FirstSteal(args) => fork_join::first_steal::run(&args, &mut out),
        Command::Iterators(args) => iterators::run(&args, &mut out),
        Command::Spawn(args) => spawn::run(&args, &mut out),
        Command::Futures(args) => futures::run(&args, &mut out),
        Command::Wake(args) => wake::run(&args, &mut out),
        Command::Noop(args) => noop::run(&args, &mut out),
        Command::ManyOutside(args) => many_outside::run(&args, &mut out),
        Command::RoleLatency(args) => latency::run(&args, &mut out),
        Command::RoleThroughput(args) => throughput::run(&args, &mut out),
        Command::RoleWake(args) => role_wake::run(&args, &mut out),
        Command::Realtime(args) => realtime::run(&args, &mut out),
        Command::Lending(args) => lending::run(&args, &mut out),
        Command::Pinning(args) => pinning::run(&args, &mut out),
        Command::Overload(args) => overload::run(&args, &mut out),
        Command::Soak(args) => soak::run(&args, &mut out),
        Command::Top(args) => top::run(&args, &mut out),
        Command::Instructions(args) => fork_join::instructions::run(&args, &mut out),
    };
    match passed.and_then(|passed| Ok(out.flush().map(|()| passed)?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
